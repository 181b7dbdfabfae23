# %% [markdown]
# # The README's picture
#
# A device that spikes under a constant current, its impedance at three biases, and the fit that
# recovers it from noisy spectra. Run by `make picture`.

# %%
import jax

jax.config.update("jax_enable_x64", True)

from pathlib import Path

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

import jaxmem as jm
from fitting import MultiStart, fit, memristor_model
from fitting.examples import three_biases
from jaxmem.output.numbers import engineering
from jaxmem.plots.devices import COLOURS, engineering_axis

# %%
spectra, truth = three_biases()
setup = memristor_model("3d", spectra)
found = fit(spectra, setup.model, setup.space, starts=MultiStart(24, setup.box))

figure = Figure(figsize=(11, 3.6), layout="constrained")
spikes, nyquist, table = figure.subplots(1, 3, width_ratios=(1.25, 1, 0.9))

# %% The fitted device, driven by a step of current
t = jnp.linspace(0, 0.12, 4001)
run = jm.solve(jm.Circuit(found.model, jm.CurrentDrive(jm.Step(2.2e-4))), t)
spikes.plot(run.t, run.u, color=COLOURS[0])
engineering_axis(spikes, "x", "time", "s")
engineering_axis(spikes, "y", "voltage", "V")
spikes.xaxis.set_major_locator(MaxNLocator(4))
spikes.set_title("the fitted device under 220 µA")

# %% The spectra that it was fitted to
for s, colour in zip(spectra, COLOURS, strict=False):
    near = jm.linearize(found.model, V=s.V)
    Z = np.asarray(near.impedance(2 * np.pi * np.geomspace(s.freq.min(), s.freq.max(), 4000)))
    nyquist.plot(Z.real, -Z.imag, color=colour, lw=1.2)
    nyquist.plot(s.Z.real, -s.Z.imag, "o", color=colour, ms=3.5, label=f"{s.V:g} V")
nyquist.set_aspect("equal", adjustable="datalim")
engineering_axis(nyquist, "x", "Re Z", "ohm")
engineering_axis(nyquist, "y", "-Im Z", "ohm")
nyquist.xaxis.set_major_locator(MaxNLocator(4))
nyquist.legend(frameon=False, fontsize="small")
nyquist.set_title("synthetic spectra and fit")

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
