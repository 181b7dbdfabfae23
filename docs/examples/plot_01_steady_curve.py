"""
Figure 1a, b: the curve at rest
===============================

The steady current rises everywhere, and most steeply at the threshold, where the differential
resistance of the slow branch, :math:`R_a = V_m/(i_{c0} f (1 - f))`, is least. There is no
negative resistance.
"""

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp

import jaxmem as jm
from jaxmem.plots import ANSWER, STIMULUS, Curve, Figure, Panel, PlotAxis, draw

device = jm.paper_device(tau_m=0.01, tau_d=1.0)
u = jnp.linspace(0, 1.6, 801)
curve = jm.steady_curve(device, u)
R_a = jax.vmap(lambda u: jm.equivalent_circuit(device, jm.operating_point(device, u=u)).R_a)(u)

current = [
    Curve(u, curve.I, label="I", colour=ANSWER),
    Curve(u, u / device.R_b, "dashed", label="ohmic part", colour=STIMULUS),
]
panels = [
    Panel(current, PlotAxis("u"), PlotAxis("current"), "1a"),
    Panel([Curve(u, R_a, colour=ANSWER)], PlotAxis("u"), PlotAxis("$R_a$", scale="log"), "1b"),
]
figure = draw(Figure([panels], (9, 3.6)))
