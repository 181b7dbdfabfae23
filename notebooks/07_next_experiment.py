# %% [markdown]
# # The next experiment
#
# Which spectra determine a device best in twenty minutes? What is known before is a prior; then a
# first measurement is simulated and fitted, and the same question is asked of the fit. At the end:
# what tells a second lag from none.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no lines of XLA's compiler

import jax

jax.config.update("jax_enable_x64", True)
import numpy as np

import jaxmem as jm
from fitting import Instrument, Spectrum, fit, from_prior, next_experiment, possible_experiments
from fitting.experiments.expected_signals import information_of
from fitting.experiments.memristor_rivals import rival_models
from fitting.experiments.telling_apart import tell_apart
from jaxmem.plots import COLOURS, GREY, PALE, Curve, Figure, Panel, PlotAxis, draw

# %% [markdown]
# ## What is known, and what can be measured
#
# Move these numbers, and run again.

# %%
# A hundred times slower than `si_device`, as halide perovskites are.
fast = jm.si_device()
device = jm.si_device(C_m=100 * fast.C_m, tau_d=100 * fast.tau_d, tau_k=100 * fast.tau_k)
known = from_prior(device, {"V_T": 0.05}, unnamed=0.3)  # 30 % of each number, 5 % of V_T
instrument = Instrument(V=(0.5, 0.95), freq=(0.1, 1e4), impedance=0.01)
offered = possible_experiments(device, instrument, ["spectrum"])
print(len(offered), "spectra, as", offered[0].words, "in", round(offered[0].time, 1), "s")

# %%
plan = next_experiment(known, 1200.0, experiments=offered)
print(*plan.sentences(), sep="\n")

# %% [markdown]
# ## Evenly spaced biases in the same time

# %%
whole = [e for e in offered if e.band == (0.1, 1e4)]
even = whole[::2]
times = 1200.0 / sum(e.time for e in even)
M = times * information_of(even, device, known.space, known.z[None])[0].sum(axis=0)
size = np.where(known.coordinates.log, 1.0, np.abs(known.z))
spaced = np.sqrt(np.diag(np.linalg.inv(known.precision + M))) / size
print(f"{len(even)} biases, {times:.3g} times each")
for name, after in (("evenly spaced", spaced), ("chosen", plan.after)):
    print(f"{name}: {100 * np.exp(np.mean(np.log(after))):.3g} % in the geometric mean")

# %% [markdown]
# ## After the first measurement
#
# Of the first line of the plan the data are simulated and fitted; what they leave open is a factor
# of ten each way. The next experiment is that which knows it.

# %%
rng = np.random.default_rng(0)
first = plan.measures[0].experiment
freq = first.measurement.freq[first.rows[: len(first.measurement.freq)]]
Z = np.asarray(jm.linearize(device, V=first.V).impedance(2 * np.pi * freq))
Z = Z + 0.01 * np.abs(Z) * (rng.normal(size=freq.size) + 1j * rng.normal(size=freq.size))
found = fit(Spectrum(freq, Z, V=first.V), device, known.space, starts=2)
print(*found.statements()[-3:], sep="\n")
then = next_experiment(found, 600.0, experiments=offered)
print(*then.sentences(), sep="\n")

# %% [markdown]
# ## Is there a second lag?

# %%
(apart,) = tell_apart(rival_models(device)[:1], offered, 600.0)
print(*apart.sentences(), sep="\n")


# %% What was seen
def sizes(plans, names):
    """Standard deviations in per cent, a row for each parameter."""
    rows = np.arange(len(names))[::-1]
    marks = [Curve(100 * plan.before, rows, role="ring", colour=GREY, label="before")]
    for k, (label, after) in enumerate(plans):
        marks.append(Curve(100 * after, rows, role="mark", colour=COLOURS[k], label=label))
    axis = PlotAxis(names=names[::-1], limits=(-0.6, len(names) + 1.2))
    return Panel(marks, PlotAxis("standard deviation  (%)", scale="log"), axis, "20 min")


line = lambda e, **more: Curve([e.V, e.V], list(e.band), **more)
shown = [line(e, role="line", size=6, colour=PALE) for e in whole]
shown += [line(m.experiment, role="line", size=2.5) for m in plan.measures]
where = Panel(shown, PlotAxis("applied V", "V"), PlotAxis("frequency", "Hz", "log"), "chosen")
left = sizes([("chosen", plan.after), ("evenly spaced", spaced)], plan.names)
figure = draw(Figure([[left, where]], (11, 3.9)))
figure.savefig("07_next_experiment.png", dpi=120)
figure
