# %% [markdown]
# # 01 Transients
#
# A pulse of current into the paper's 2D device, in its own units: R_b = 1, i_c0 = 10, V_T = 1,
# V_m = 0.05. Change the numbers of the third cell and run again.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no lines of XLA's compiler

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np

import jaxmem as jm
from jaxmem.plots import ANSWER, SHADES, STIMULUS, Curve, Figure, Panel, PlotAxis, draw

# %% The numbers to move: [tau_m, tau_d, dt] of figure 2k, and the current
tau_m, tau_d, dt, I = 10.0, 20.0, 10.0, 6.0

# %% One transient
device = jm.paper_device(tau_m=tau_m, tau_d=tau_d)
circuit = jm.Circuit(device, jm.CurrentDrive(jm.Pulse(I, dt)))
t = jnp.linspace(-0.2 * dt, 6 * dt, 1500)
run = jm.solve(circuit, t)
print(f"u reaches {run.u.max():.4f} and falls to {run.u.min():.4f} after the pulse")

# %% [markdown]
# `solve` is a function of the device, so that `vmap` solves a family of devices in one call and
# `jacfwd` gives the derivative of anything that is seen.

# %% A family, and a derivative
delays = jnp.array([5.0, 20.0, 80.0])


def answer(tau_d):
    device = jm.paper_device(tau_m=tau_m, tau_d=tau_d)
    return jm.solve(jm.Circuit(device, jm.CurrentDrive(jm.Pulse(I, dt))), t).u


family = jax.vmap(answer)(delays)
slope = jax.jacfwd(lambda tau_d: answer(tau_d).min())(tau_d)
print(f"the negative spike changes by {slope:.5f} for each unit of tau_d")

# %% [markdown]
# Under an ideal voltage, R_s = 0, a triangle gives the loop that memristors are known by. A slow
# loop is capacitive at low voltage and inductive above (`jaxmem reproduce --panel b1`).

# %% Loops at three scan rates
rates = (1.0, 0.3, 0.1)
loops = []
for rate in rates:
    wave = jm.Triangle([0.0, 1.15, 0.0], rate=rate)
    times = jnp.linspace(0, 2.3 / rate, 1201)
    loops.append(jm.solve(jm.Circuit(jm.paper_device(0.05, 1.0), jm.VoltageDrive(wave)), times))

# %% What was seen
one = [
    Curve(run.t, run.I, label="I", colour=STIMULUS),
    Curve(run.t, run.u, label="u", colour=ANSWER),
]
several = [
    Curve(t, u, label=f"tau_d = {tau:g}", colour=colour)
    for u, tau, colour in zip(family, np.asarray(delays), SHADES, strict=True)
]
around = [
    Curve(loop.V, loop.I, label=f"rate {rate:g}", colour=colour)
    for loop, rate, colour in zip(loops, rates, SHADES, strict=True)
]
time = PlotAxis("t")
panels = [
    Panel(one, time, PlotAxis("I, u"), f"one device, [{tau_m:g}, {tau_d:g}, {dt:g}]"),
    Panel(several, time, PlotAxis("u"), "a family by vmap"),
    Panel(around, PlotAxis("V"), PlotAxis("I"), "loops under an ideal voltage"),
]
figure = draw(Figure([panels], (13, 3.9)))
figure.savefig("01_transients.png", dpi=120)
figure
