r"""
Loops, capacitive and inductive
===============================

Slow loops cross where the low-frequency capacitance :math:`C_{lf} = C_m - (\tau_d + f\tau_k)/R_a`
is zero: capacitive below, inductive above. The slower the loop, the nearer. See
:doc:`/how-to/capacitive-or-inductive`.
"""

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp

import jaxmem as jm
from jaxmem.plots import SHADES, Curve, Figure, Panel, PlotAxis, Rule, draw

device = jm.paper_device(tau_m=0.01, tau_d=1.0)
loops, widths = [], []
for rate, colour in zip((0.04, 0.02, 0.01), SHADES, strict=True):
    half = jnp.linspace(0, 0.8, 601)
    t = jnp.concatenate([half, 1.6 - half[::-1][1:]]) / rate
    run = jm.solve(jm.Circuit(device, jm.VoltageDrive(jm.Triangle([0.0, 0.8, 0.0], rate=rate))), t)
    up, down = run.I[1:600], run.I[601:-1][::-1]
    loops.append(Curve(run.V[1:-1], run.I[1:-1], label=f"rate {rate:g}", colour=colour))
    widths.append(
        Curve(half[1:600], (up - down) / (2 * rate), label=f"rate {rate:g}", colour=colour)
    )
C_lf = jax.vmap(lambda u: jm.equivalent_circuit(device, jm.operating_point(device, u=u)).C_lf)(half)
widths += [Curve(half, C_lf, "dashed", label="C_lf"), Rule("y", 0.0)]
panels = [
    Panel(loops, PlotAxis("V"), PlotAxis("I"), "loops under an ideal voltage"),
    Panel(
        widths,
        PlotAxis("V", limits=(0.3, 0.6)),
        PlotAxis("width / 2 rate", limits=(-0.04, 0.013)),
        "capacitive above zero, inductive below",
        legend="lower left",
    ),
]
figure = draw(Figure([panels], (11, 3.8)))
