"""
Figure 5: where it oscillates, and spikes
=========================================

Rest is unstable where :math:`c_0 > c_1 c_2`, between two Hopf points. Under a constant current
from that window the device spikes for ever, with no circuit around it.
"""

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp

import jaxmem as jm
from jaxmem.plots import ANSWER, SHADES, STIMULUS, Curve, Figure, Panel, PlotAxis, Rule, draw

device = jm.paper_device(1.0, 1.0, 1.0)
hopf = jm.hopf_points(device)
u = jnp.linspace(0.7, 1.35, 601)
_, c2, c1, c0 = jax.vmap(lambda u: jm.linearize(device, u=u).polynomial())(u).T
marks = [
    Rule("x", float(hopf.u[0]), float(hopf.u[1])),
    Curve(u, c0, label="c0", colour=ANSWER),
    Curve(u, c1 * c2, label="c1 c2", colour=STIMULUS),
]
condition = Panel(marks, PlotAxis("u"), PlotAxis("", scale="log"), "5a   unstable where shaded")

spikes = []
for k, (level, colour) in enumerate(zip((0.95, 1.0, 1.1), SHADES, strict=True)):
    drive = jm.CurrentDrive(jm.Step(device.steady_current(level)))
    run = jm.solve(jm.Circuit(device, drive), jnp.linspace(-1, 30, 3101))
    spikes.append(Curve(run.t, run.u + 5 * k, label=f"I({level:g})", colour=colour))
waves = Panel(
    spikes, PlotAxis("t"), PlotAxis("u, each shifted by 5"), "5b   from rest", legend="upper right"
)
figure = draw(Figure([[condition, waves]], (11, 3.8)))
