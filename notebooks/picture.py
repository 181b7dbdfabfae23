# %% [markdown]
# # The README's picture
#
# A device that spikes under a constant current, its impedance at three biases, and the fit that
# recovers it from noisy spectra. Run by `make picture`.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no lines of XLA's compiler

import jax

jax.config.update("jax_enable_x64", True)

from pathlib import Path

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import jaxmem as jm
from fitting import MultiStart, fit, memristor_model
from fitting.examples import three_biases
from jaxmem.output.numbers import engineering
from jaxmem.plots import COLOURS, Curve, Panel, PlotAxis, draw_panel, nyquist_axes

# %%
spectra, truth = three_biases()
setup = memristor_model("3d", spectra)
found = fit(spectra, setup.model, setup.space, starts=MultiStart(24, setup.box))

figure = Figure(figsize=(11, 3.6), layout="constrained")
spikes, nyquist, table = figure.subplots(1, 3, width_ratios=(1.25, 1, 0.9))

# %% The fitted device, driven by a step of current
t = jnp.linspace(0, 0.12, 4001)
run = jm.solve(jm.Circuit(found.model, jm.CurrentDrive(jm.Step(2.2e-4))), t)
title = "the fitted device under 220 µA"
voltage = PlotAxis("voltage", "V")
draw_panel(spikes, Panel([Curve(run.t, run.u)], PlotAxis("time", "s"), voltage, title))

# %% The spectra that it was fitted to
marks = []
for s, colour in zip(spectra, COLOURS, strict=False):
    near = jm.linearize(found.model, V=s.V)
    Z = np.asarray(near.impedance(2 * np.pi * np.geomspace(s.freq.min(), s.freq.max(), 4000)))
    marks += [
        Curve(Z.real, -Z.imag, colour=colour),
        Curve(s.Z.real, -s.Z.imag, "data", label=f"{s.V:g} V", colour=colour),
    ]
draw_panel(nyquist, Panel(marks, title="synthetic spectra and fit", **nyquist_axes()))

# %% What came out, beside the truth
lines = [f"{'':6}{'fitted':>11}  {'true':>9}"]
for name, unit, value in zip(found.names, found.units, found.values, strict=True):
    true = engineering(float(getattr(truth, name)), unit)
    lines.append(f"{name:6}{engineering(value, unit):>11}  {true:>9}")
table.axis("off")
table.text(0, 0.95, "\n".join(lines), family="monospace", va="top", fontsize=10)
table.set_title("one device, nine parameters")

# %%
path = Path(__file__).with_name("picture.png")
figure.savefig(path, dpi=120)
print(path)
