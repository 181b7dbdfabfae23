# %% [markdown]
# # 02 Impedance
#
# The chemical inductor: a device linearised at a bias, its spectrum and its elements, and where it
# turns from capacitive to inductive.

# %%
import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

import jaxmem as jm
from jaxmem.output.numbers import engineering
from jaxmem.plots.devices import COLOURS, SHADES, engineering_axis, nyquist_axes

# %% The device and the biases: numbers to move
device = jm.si_device(tau_d=2e-2, tau_k=1e-3)  # plausible SI values, not measured
biases = (0.44, 0.56, 0.64)
omega = 2 * np.pi * jnp.geomspace(1e-1, 1e5, 600)

# %% Spectra and elements
spectra = [jm.linearize(device, u=u).impedance(omega) for u in biases]
print(f"{'u':>8}{'R_a':>12}{'L_d':>12}{'L_k':>12}{'C_lf':>12}")
for u in biases:
    e = jm.equivalent_circuit(device, jm.operating_point(device, u=u))
    row = zip((u, e.R_a, e.L_d, e.L_k, e.C_lf), ("V", "ohm", "H", "H", "F"), strict=True)
    print("".join(f"{engineering(float(x), unit, 3):>12}" for x, unit in row))

# %% [markdown]
# The low-frequency capacitance C_lf = C_m - (tau_d + f tau_k)/R_a is what a slow loop sees. Its
# zero is the crossover; Newton's method on it is one line, because it has a derivative.

# %% The crossover


def C_lf(u):
    return jm.equivalent_circuit(device, jm.operating_point(device, u=u)).C_lf


crossover = 0.5
for _ in range(30):
    crossover = crossover - C_lf(crossover) / jax.grad(C_lf)(crossover)
print(f"capacitive below u = {crossover:.4f} V, inductive above")

# %% What was seen
u = jnp.linspace(0.3, 0.75, 400)
along = jax.vmap(C_lf)(u)
figure = Figure(figsize=(13, 4.0), layout="constrained")
plane, bode, crossing = figure.subplots(1, 3)
for Z, bias, colour in zip(spectra, biases, SHADES, strict=True):
    plane.plot(Z.real, -Z.imag, color=colour, label=f"u = {bias:g} V")
    bode.loglog(omega / (2 * np.pi), jnp.abs(Z), color=colour)
nyquist_axes(plane)
plane.legend(frameon=False)
plane.set_title("Nyquist")
engineering_axis(bode, "x", "frequency", "Hz")
engineering_axis(bode, "y", "|Z|", "ohm")
bode.xaxis.set_major_locator(LogLocator(numticks=4))
bode.set_title("Bode")
crossing.plot(u, along, color=COLOURS[0])
crossing.axhline(0, color="0.6", lw=0.8)
crossing.axvline(float(crossover), color="0.6", lw=0.8, ls=":")
crossing.set_ylim(-5e-7, 1.3e-7)
engineering_axis(crossing, "x", "u", "V")
engineering_axis(crossing, "y", "low-frequency capacitance", "F")
crossing.set_title("capacitive above zero, inductive below")
figure.savefig("02_impedance.png", dpi=120)
figure
