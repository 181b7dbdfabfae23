"""
A thermal switch
================

A threshold switch of NbO2 that heats itself (after Slesazeck et al., *RSC Adv.* 2015, 5, 102318):
three states at one voltage, a falling part of the curve, and relaxation oscillations behind a
resistance. The equilibria are given over the temperature.
"""

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp

import jaxmem as jm
from jaxmem.plots import ANSWER, STIMULUS, Curve, Figure, Panel, PlotAxis, draw

switch = jm.ThermalSwitch(R_0=100.0, E_a=0.2, b=0.02, C_th=1e-14, R_th=1e6)
device = jm.Device(3e-12, {"switch": switch}, R_s=2e5)
s = jnp.linspace(0.01, 26, 800)
u, x = jax.vmap(switch.rest_curve)(s)
I = jax.vmap(switch.current)(u, x)
hopf = jm.hopf_points(device, drive="voltage")
V = float(jnp.nanmean(jnp.where(hopf.V > 0, hopf.V, jnp.nan)))
print(f"under {V:.2f} V through 200 kΩ, between the Hopf points at {hopf.V[hopf.V > 0]} V")
run = jm.solve(jm.Circuit(device, jm.VoltageDrive(jm.Step(V))), jnp.linspace(-5e-8, 1e-6, 4001))
crossing = [
    Curve(u, I, label="at rest", colour=ANSWER),
    Curve(u, (V - u) / 2e5, "dashed", label="load line", colour=STIMULUS),
]
panels = [
    Panel(
        crossing,
        PlotAxis("u", "V"),
        PlotAxis("I", "A", limits=(0, 4e-4)),
        "three states at one voltage",
    ),
    Panel(
        [Curve(run.t, run.u, colour=ANSWER)],
        PlotAxis("time", "s"),
        PlotAxis("u", "V"),
        f"under {V:.2f} V",
    ),
]
figure = draw(Figure([panels], (10, 3.8)))
