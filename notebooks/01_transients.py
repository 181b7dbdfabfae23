# %% [markdown]
# # 01 Transients
#
# A pulse of current into the paper's 2D device, in its own units: R_b = 1, i_c0 = 10, V_T = 1,
# V_m = 0.05. Change the numbers of the third cell and run again.

# %%
import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import jaxmem as jm
from jaxmem.plots.devices import ANSWER, SHADES, STIMULUS, time_axes

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
figure = Figure(figsize=(13, 3.9), layout="constrained")
left, middle, right = figure.subplots(1, 3)
time_axes(left, run.t, {"I": (run.I, STIMULUS), "u": (run.u, ANSWER)})
left.set_title(f"one device, [{tau_m:g}, {tau_d:g}, {dt:g}]")
left.legend(frameon=False)
for u, tau, colour in zip(family, np.asarray(delays), SHADES, strict=True):
    time_axes(middle, t, {f"tau_d = {tau:g}": (u, colour)})
middle.set_ylabel("u")
middle.set_title("a family by vmap")
middle.legend(frameon=False)
for loop, rate, colour in zip(loops, rates, SHADES, strict=True):
    right.plot(loop.V, loop.I, color=colour, label=f"rate {rate:g}")
right.set(xlabel="V", ylabel="I", title="loops under an ideal voltage")
right.legend(frameon=False)
figure.savefig("01_transients.png", dpi=120)
figure
