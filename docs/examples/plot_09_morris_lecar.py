"""
Morris-Lecar
============

Barnacle muscle: Morris and Lecar, *Biophys. J.* 1981, 35, 193, with the constants of Rinzel and
Ermentrout (1998). Units are mV, ms and µA/cm².
"""

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
from jax.nn import sigmoid

import jaxmem as jm
from jaxmem.plots import SHADES, Curve, Figure, Panel, PlotAxis, draw


class MorrisLecar(jm.AbstractBranch):
    """Ca at once, K with a lag."""

    states = ("w",)
    units = ("1",)
    g_Ca: jax.Array = jm.quantity("mS/cm2", "conductance for Ca")
    V3: jax.Array = jm.quantity("mV", "half opening of K")
    V4: jax.Array = jm.quantity("mV", "steepness of K")
    phi: jax.Array = jm.quantity("1/ms", "rate of K")

    def current(self, u, x):
        m = sigmoid((u + 1.2) / 9)
        return self.g_Ca * m * (u - 120) + 8 * x[0] * (u + 84) + 2 * (u + 60)

    def rates(self, u, x):
        return self.phi * jnp.cosh((u - self.V3) / (2 * self.V4)) * (self.rest(u) - x)

    def rest(self, u):
        return sigmoid(2 * (u - self.V3) / self.V4)[None]


device = jm.Device(20.0, {"membrane": MorrisLecar(4.4, 2.0, 30.0, 0.04)})
hopf = jm.hopf_points(device, u_range=(-80.0, 60.0))
n = int(hopf.found)
print("Hopf points at", hopf.I[:n], "l1", hopf.l1[:n])
waves = []
for I, colour in zip((80.0, 100.0, 150.0), SHADES, strict=True):
    run = jm.solve(jm.Circuit(device, jm.CurrentDrive(jm.Step(I))), jnp.linspace(-50, 500, 2201))
    waves.append(Curve(run.t, run.u, label=f"I = {I:g}", colour=colour))
panel = Panel(
    waves,
    PlotAxis("t / ms"),
    PlotAxis("u / mV", limits=(-75, 85)),
    "excitable, then repetitive",
    legend="upper right",
)
figure = draw(Figure([[panel]], (8, 3.8)))
