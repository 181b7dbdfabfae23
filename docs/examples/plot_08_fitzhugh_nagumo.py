"""
FitzHugh-Nagumo
===============

Another oscillator as a branch of one's own: FitzHugh, *Biophys. J.* 1961, 1, 445. The branch says
its current, its rates and its rest; Hopf points, cycles and transients follow.
"""

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp

import jaxmem as jm
from jaxmem.plots import ANSWER, BLACK, Curve, Figure, Panel, PlotAxis, draw


class FitzHughNagumo(jm.AbstractBranch):
    """i = u^3/3 - u + w, dw/dt = eps (u + a - b w)."""

    states = ("w",)
    units = ("A",)
    a: jax.Array = jm.quantity("V", "offset")
    b: jax.Array = jm.quantity("V/A", "slope")
    eps: jax.Array = jm.quantity("A/(V s)", "rate")

    def current(self, u, x):
        return u**3 / 3 - u + x[0]

    def rates(self, u, x):
        return self.eps * (u + self.a - self.b * x)

    def rest(self, u):
        return ((u + self.a) / self.b)[None]


device = jm.Device(1.0, {"membrane": FitzHughNagumo(0.7, 0.8, 0.08)})
hopf = jm.hopf_points(device, u_range=(-3.0, 3.0))
print("Hopf points at", hopf.I[:2])
run = jm.solve(jm.Circuit(device, jm.CurrentDrive(jm.Step(0.5))), jnp.linspace(-10, 150, 3201))
u = jnp.linspace(-2.2, 2.2, 200)
plane = [
    Curve(u, 0.5 + u - u**3 / 3, "dashed", label="du/dt = 0", colour=BLACK),
    Curve(u, (u + 0.7) / 0.8, "dotted", label="dw/dt = 0", colour=BLACK),
    Curve(run.u, run.x[:, 0], colour=ANSWER),
]
panels = [
    Panel([Curve(run.t, run.u, colour=ANSWER)], PlotAxis("t"), PlotAxis("u"), "under I = 0.5"),
    Panel(plane, PlotAxis("u"), PlotAxis("w", limits=(-1, 2.5)), "phase plane"),
]
figure = draw(Figure([panels], (10, 3.8)))
