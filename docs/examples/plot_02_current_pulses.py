r"""
Figure 2: pulses of current into the 2D device
==============================================

The 13 panels are three families: a fast capacitor (a spike whose length is the delay), equal
times (a rounded peak or ringing), and a slow capacitor (a rise while the pulse is on and a
negative spike after it: the paper's action potential). :math:`[\tau_m, \tau_d, \Delta t]` is
written above each.
"""

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp

import jaxmem as jm
from jaxmem.plots import ANSWER, STIMULUS, Curve, Figure, Panel, PlotAxis, draw, grid

SETS = {
    "2b": (0.01, 50, 10),
    "2c": (0.01, 5, 10),
    "2e": (1, 1e4, 20),
    "2f": (1, 10, 20),
    "2h": (1, 1, 20),
    "2i": (10, 1e4, 10),
    "2k": (10, 20, 10),
    "2l": (10, 5, 30),
    "2m": (10, 2, 10),
}
panels = []
for name, (tau_m, tau_d, dt) in SETS.items():
    circuit = jm.Circuit(jm.paper_device(tau_m, tau_d), jm.CurrentDrive(jm.Pulse(6.0, dt)))
    run = jm.solve(circuit, jnp.linspace(-0.3 * dt, 2.5 * dt, 1500))
    marks = [Curve(run.t, run.I, colour=STIMULUS), Curve(run.t, run.u, colour=ANSWER)]
    title = f"{name}   [{tau_m:g}, {tau_d:g}, {dt:g}]"
    panels.append(Panel(marks, PlotAxis("t"), PlotAxis("I (grey), u"), title))
figure = draw(Figure(grid(panels, 3), (11, 9)))
