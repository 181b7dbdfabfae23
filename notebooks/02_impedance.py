# %% [markdown]
# # 02 Impedance
#
# The chemical inductor: a device linearised at a bias, its spectrum and its elements, and where it
# turns from capacitive to inductive.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no lines of XLA's compiler

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np

import jaxmem as jm
from jaxmem.output.numbers import engineering
from jaxmem.plots import SHADES, Curve, Figure, Panel, PlotAxis, Rule, draw, nyquist_axes

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
freq = omega / (2 * np.pi)
plane, bode = [], []
for Z, bias, colour in zip(spectra, biases, SHADES, strict=True):
    plane.append(Curve(Z.real, -Z.imag, label=f"u = {bias:g} V", colour=colour))
    bode.append(Curve(freq, jnp.abs(Z), colour=colour))
crossing = [Curve(u, along), Rule("y", 0.0), Rule("x", float(crossover), role="dotted")]
panels = [
    Panel(plane, title="Nyquist", **nyquist_axes()),
    Panel(bode, PlotAxis("frequency", "Hz", "log"), PlotAxis("|Z|", "ohm", "log"), "Bode"),
    Panel(
        crossing,
        PlotAxis("u", "V"),
        PlotAxis("low-frequency capacitance", "F", limits=(-5e-7, 1.3e-7)),
        "capacitive above zero, inductive below",
    ),
]
figure = draw(Figure([panels], (13, 4.0)))
figure.savefig("02_impedance.png", dpi=120)
figure
