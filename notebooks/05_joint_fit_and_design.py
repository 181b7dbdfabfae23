# %% [markdown]
# # One parameter set from everything, and the device that you want
#
# Spectra, loops and a step of one device are fitted together; what the data cannot say is said. The
# same act designs: a goal is a term like a measurement. The data here are synthetic.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no lines of XLA's compiler

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jaxmem as jm
from fitting import Free, Goal, MultiStart, Prior, Space, Spectrum, Trace, fit, memristor_model
from fitting.report.figures.spectra import impedance_figure
from fitting.report.figures.traces import rows_figure
from jaxmem.plots import draw

# %% [markdown]
# ## Measurements of a device that nobody knows
#
# Move these numbers, and run again.

# %%
truth = jm.si_device(R_b=12e3, i_c0=4e-4, V_T=0.75, V_m=0.05, tau_d=3e-3, tau_k=8e-3, R_s=60.0)
noise = 0.01
rng = np.random.default_rng(1)

freq = np.geomspace(0.3, 1e6, 40)
spectra = []
for u in (0.65, 0.75, 0.85):
    Z = np.asarray(truth.impedance(jnp.asarray(2j * np.pi * freq), u))
    kick = rng.normal(size=40) + 1j * rng.normal(size=40)
    spectra.append(Spectrum(freq, Z + noise * np.abs(Z) * kick, u=u, label=f"u = {u:.2f} V"))


def measured(drive, t, label):
    run = jm.solve(jm.Circuit(truth, drive), t)
    signal = np.asarray(run.I if isinstance(drive, jm.VoltageDrive) else run.V)
    size = noise * np.sqrt(np.mean(signal**2))
    return Trace(t, drive, signal + size * rng.normal(size=len(t)), label=label)


traces = []
for rate in (5.0, 50.0):
    wave = jm.Triangle([0.0, 1.0], rate=rate)
    times = np.linspace(0, 2.0 / rate, 64)
    traces.append(measured(jm.VoltageDrive(wave), times, f"loop at {rate:g} V/s"))
step = jm.CurrentDrive(jm.Step(1.2e-4))
traces.append(measured(step, np.linspace(0, 0.08, 64), "step to 120 µA"))

# %% [markdown]
# ## One device for all of them
#
# Where to start is read off the data. The noise of each term is found by the fit.

# %%
terms = [*spectra, *traces]
start = memristor_model("3d", terms, lead=False)
result = fit(terms, start.model, start.space, starts=MultiStart(64, start.box))
for row in result.rows():
    ends = "not identifiable"
    if row["identifiable"]:
        ends = f"{row['low']:.4g} to {row['high']:.4g}"
    print(f"{row['name']:>6} = {row['value']:.4g} {row['unit']}  ({ends})")
print(*result.statements(), sep="\n")

# %%
draw(impedance_figure(spectra, result.model)).savefig("05_spectra.png", dpi=110)
rows = [trace.figure_row(trace.signal(result.model)) for trace in traces]
draw(rows_figure(rows)).savefig("05_traces.png", dpi=110)

# %% [markdown]
# ## The device that spikes at 50 Hz at 115 µA, with a soft onset, close to a given one
#
# Today's device begins to spike at 121 µA, and at 300 Hz. Priors keep each parameter near today's
# value, within a factor of two; the goals are where it begins to spike, how wide the window is, and
# how fast it spikes. The last one integrates in time (a limit cycle), so the others lead there.

# %%
today = jm.si_device()
I, wanted = 115e-6, 50.0
print("today:", jm.hopf_points(today).I[:2], "A")


def onset(device):
    return jnp.log(jm.hopf_points(device).I[0] / I)


def width(device):
    points = jm.hopf_points(device)
    return jnp.log(points.I[1] / points.I[0])


def frequency(device):
    return 1 / jm.limit_cycle(jm.Circuit(device, jm.CurrentDrive(jm.Constant(I)))).period


def pace(device):
    return jnp.log(jm.hopf_points(device).omega[0] / (2 * jnp.pi * wanted))


letters = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k")
free = Space(*(Free(lambda d, n=n: getattr(d, n), name=n) for n in letters))
near = [Prior(lambda d, n=n: getattr(d, n), float(getattr(today, n)), factor=2.0) for n in letters]
goals = [
    Goal(onset, np.log(0.95), 0.01), Goal(width, np.log(4.0), 0.2), Goal(pace, 0.1, 0.1),
    Goal(frequency, wanted, 0.25, integrates=True),
]  # fmt: skip
design = fit([*goals, *near], today, free, starts=MultiStart(0))
points = jm.hopf_points(design.model)
print(f"spikes at {float(frequency(design.model)):.2f} Hz at {I * 1e6:.0f} µA")
print(f"window {points.I[0] * 1e6:.1f} to {points.I[1] * 1e6:.1f} µA; l1 = {points.l1[0]:.3g} < 0")
for name, value in zip(design.names, design.values, strict=True):
    print(f"{name:>6}: {value / float(getattr(today, name)):.2f} times today's")

# %%
t = jnp.linspace(0, 0.3, 3001)
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained", sharey=True)
for ax, device, name in ((axes[0], today, "today's"), (axes[1], design.model, "designed")):
    run = jm.solve(jm.Circuit(device, jm.CurrentDrive(jm.Step(I))), t)
    ax.plot(1e3 * t, run.u, lw=1.2)
    ax.set(title=f"{name} at {I * 1e6:.0f} µA", xlabel="time  (ms)")
    ax.grid(alpha=0.25, lw=0.5)
axes[0].set_ylabel("u  (V)")
figure.savefig("05_joint_fit_and_design.png", dpi=110)
