"""
Figure 3: a step of voltage behind a resistance
===============================================

With :math:`R_s = 0.1` and :math:`V = 1.5` the current begins at :math:`V/R_s = 15`, charges the
capacitor, and comes to the rest where :math:`V = R_s I(u) + u`: 5.1652. It dips below on the way,
the deeper the later the slow current.
"""

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp

import jaxmem as jm
from jaxmem.plots import SHADES, Curve, Figure, Panel, PlotAxis, Rule, draw

SETS = ((0.01, 5.0, 20), (1.0, 1.0, 10), (10.0, 0.1, 10))
panels = []
for (tau_m, tau_d, end), colour in zip(SETS, SHADES, strict=True):
    device = jm.paper_device(tau_m, tau_d, R_s=0.1)
    t = jnp.concatenate([jnp.array([-0.05 * end, 0.0]), jnp.geomspace(1e-5, end, 2000)])
    run = jm.solve(jm.Circuit(device, jm.VoltageDrive(jm.Step(1.5))), t)
    rest = jm.operating_point(device, V=1.5).I
    marks = [Curve(run.t, run.I, colour=colour), Rule("y", float(rest), role="dotted")]
    panels.append(Panel(marks, PlotAxis("t"), PlotAxis("I"), f"[{tau_m:g}, {tau_d:g}]"))
figure = draw(Figure([panels], (11, 3.4)))
