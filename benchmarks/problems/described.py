"""Data of known circuits with noise of a known size, for models that are right and that are not.

Impedances are written by hand; devices in time are the package's own, with another model fitted.
"""

from functools import partial

import numpy as np

import jaxmem as jm
from benchmarks.problems import studies
from fitting import AbstractMeasurement, Noise, Spectrum, Trace, element_model, fit_many
from fitting.diagnosis.description import describe
from fitting.estimate.described import descriptions
from fitting.problem.noise import leverages
from fitting.problem.problem import Problem
from fitting.solvers.host_loop import HostLeastSquares

# What is drawn, and the model that is right for it.
RIGHT = {
    "2d": ("2d", ()),
    "3d": ("3d", ()),
    "cpe": ("2d", ("cpe",)),
    "two arcs": ("2d", ("polarisation",)),
}
# What is drawn, and a model that lacks what the first word says.
WRONG = {"missing arc": ("two arcs", "2d"), "missing lag": ("3d", "2d"), "drift": ("2d", "2d")}
# What instruments do to noise, samples apart: a moving average, or a filter of first order.
FILTERS = {
    "none": np.ones(1), "mean of 3": np.ones(3), "mean of 8": np.ones(8),
    "first order, 4": np.exp(-np.arange(24) / 4), "first order, 8": np.exp(-np.arange(48) / 8),
}  # fmt: skip
# In time: how the noise of a right model is, and what spoils a right model.
NOISES = ("white", "filtered", "quantised")
SPOILT = ("missing lag", "drift", "offset")
SAMPLES = 200
TWO = tuple(name for name in studies.LETTERS if name != "tau_k")


def draw(kind, rng):
    """Frequencies [Hz], impedance [ohm] and the circuit's values of a random device of a kind.

    Each arc lies within the band and a factor of five at least from the next.
    """
    U = rng.uniform
    R_b, tau = 10 ** U(2, 6), 10 ** U(-6, -4)
    v = {"R_b": R_b, "C_m": tau / R_b, "R_s": R_b * 10 ** U(-3, -1)}
    v |= {"g": 10 ** U(-0.7, 0.7) / R_b, "tau_d": tau * 10 ** U(1.5, 3)}
    slowest = v["tau_d"]
    if kind == "3d":
        v["tau_2"] = v["tau_d"] * 10 ** U(0.2, 1) * 0.3
        slowest = max(slowest, v["tau_2"])
    if kind == "cpe":
        n = U(0.8, 0.97)
        v |= {"n": n, "Q": tau**n / R_b}
        del v["C_m"]
    if kind == "two arcs":
        R_1 = R_b * 10 ** U(-0.5, 0.5)
        v |= {"R_1": R_1, "C_1": v["tau_d"] * 10 ** U(0.7, 1.5) / R_1}
        slowest = max(slowest, v["C_1"] * R_1)
    v["L_s"] = v["R_s"] * tau * 10 ** U(-3, -1.5)
    low, high = 1 / (2 * np.pi * slowest) / 10 ** U(0.5, 1), 10 ** U(0.7, 1.5) / (2 * np.pi * tau)
    points = int(np.clip(np.log10(high / low) * U(6, 12), 30, 80))
    freq = np.geomspace(low, high, points)
    return freq, impedance(freq, v), v


def impedance(freq, v):
    """Of the circuit with the values that `draw` gives."""
    s = 2j * np.pi * freq
    store = v["Q"] * s ** v["n"] if "n" in v else s * v["C_m"]
    slow = v["g"] / (1 + s * v["tau_d"]) / (1 + s * v.get("tau_2", 0.0))
    Y = store + 1 / v["R_b"] + slow
    if "R_1" in v:
        Y = Y + 1 / (v["R_1"] + 1 / (s * v["C_1"]))
    return v["R_s"] + s * v["L_s"] + 1 / Y


def noisy(freq, Z, level, rng):
    """A spectrum with noise of a standard deviation relative to |Z|."""
    kick = rng.standard_normal(freq.size) + 1j * rng.standard_normal(freq.size)
    return Spectrum(freq, Z + level * np.abs(Z) * kick)


def recipe(kind, add=()):
    """The element model, as `fit_many` and `fit_series` take it."""
    return partial(element_model, kind, add)


def in_search(coordinates, values):
    """The search vector of a circuit's values."""
    z = np.array([values[name] for name in coordinates.names])
    return np.where(coordinates.log, np.log(np.abs(z)), z)


def right_spectra(kind, count, seed):
    """Descriptions of spectra by the model that made them, the noise 0.1 to 2 %."""
    rng, spectra, values = np.random.default_rng([seed, 1]), [], []
    for _ in range(count):
        freq, Z, v = draw(kind, rng)
        spectra.append(noisy(freq, Z, 10 ** rng.uniform(-3, -1.7), rng))
        values.append(v)
    model, space, _ = recipe(*RIGHT[kind])(spectrum=spectra[0])
    c = space.resolve(model)
    starts = np.stack([in_search(c, v) for v in values])[:, None]
    return descriptions(fit_many(spectra, model, space, starts=starts), spectra, model, space)


def wrong_spectra(kind, count, seed, times):
    """Descriptions by a wrong model, with noise such that it leaves `times` that noise."""
    rng, clean = np.random.default_rng([seed, 2]), []
    source, fitted = WRONG[kind]
    for _ in range(count):
        freq, Z, _ = draw(source, rng)
        if kind == "drift":
            Z = Z * (1 + rng.choice([-0.2, 0.2]) * np.linspace(0, 1, freq.size))
        clean.append(Spectrum(freq, Z))
    start = recipe(fitted)
    model, space, _ = start(spectrum=clean[0])
    first = fit_many(clean, model, space, starts=lambda spectrum: start(spectrum=spectrum))
    levels = first.relative_rms_residual / np.sqrt(times**2 - 1)
    spectra = [noisy(s.freq, s.Z, x, rng) for s, x in zip(clean, levels, strict=True)]
    found = fit_many(spectra, model, space, starts=first.z[:, None])
    return descriptions(found, spectra, model, space)


def draw_run(kind, rng, three):
    """A loop or a step of a random device, without noise, and the device."""
    truth = studies.draw_truth(rng)
    if not three:
        del truth["tau_k"]
    R_s = 1e-3 * truth["R_b"]
    device = (jm.Memristor3D if three else jm.Memristor2D)(**truth, R_s=R_s)
    taus = [truth["R_b"] * truth["C_m"], truth["tau_d"], truth.get("tau_k", 0.0)]
    if kind == "loop":
        top = truth["V_T"] + 4 * truth["V_m"]
        top = float(top + R_s * device.steady_current(top))
        wave = jm.Triangle([0.0, top], rate=2 * top / (5 * max(taus)))
        t, drive = np.linspace(0, float(wave.period), SAMPLES), jm.VoltageDrive(wave)
    else:
        level = float(device.steady_current(truth["V_T"] + rng.uniform(-1, 1) * truth["V_m"]))
        # With what was before the step, as it is recorded.
        t, start = np.linspace(0, 7 * max(taus), SAMPLES), 2 * max(taus)
        drive = jm.CurrentDrive(jm.Step(level, start=start))
    return studies.noisy_trace(rng, device, t, drive, size=0.0), device


def with_noise(trace, level, rng, kind="white"):
    """The trace with noise of `level` times its rms, as instruments have it."""
    size = level * np.sqrt(np.mean(trace.observed**2))
    kick = size * rng.standard_normal(SAMPLES + 2)
    if kind == "filtered":
        kick = np.convolve(kick, np.ones(3) / np.sqrt(3), "same")
    seen = trace.observed + kick[1:-1]
    return Trace(trace.t, trace.drive, 2 * size * np.round(seen / size / 2)
                 if kind == "quantised" else seen)  # fmt: skip


def of_run(trace, device, steps=40):
    """The description of a trace by a device, fitted from its own values, and the device."""
    names = studies.LETTERS if isinstance(device, jm.Memristor3D) else TWO
    problem = Problem.of(trace, device, studies.space_of(names))
    z = problem.coordinates.pack(device)
    lengths = problem.natural_lengths(z)
    end = HostLeastSquares(max_steps=steps).search(problem.on_host(), z, lengths)
    keep = problem.owner >= 0
    r, J = end.r[keep], end.J[keep]
    found = describe(trace, r, J, len(r) - float(leverages(J).sum()), problem.row_scale[keep])
    return found, problem.coordinates.unpack(end.z, device)


def right_runs(kind, count, seed, three):
    """Descriptions of loops or steps by the model that made them, the noises in turn."""
    rng, found = np.random.default_rng([seed, 3]), []
    for k in range(count):
        clean, device = draw_run(kind, rng, three)
        trace = with_noise(clean, 10 ** rng.uniform(-3, -1.7), rng, NOISES[k % len(NOISES)])
        found.append(of_run(trace, device)[0])
    return found


class Line(AbstractMeasurement):
    """A straight line through the origin, which needs no device."""

    x: np.ndarray
    observed: np.ndarray
    noise: Noise | None = None
    label: str = "line"
    unit: str = "V"

    def signal(self, model):
        return model * self.x

    @property
    def abscissa(self):
        return "abscissa", "s", self.x


def filtered_lines(kernel, samples, count, seed):
    """Descriptions of a straight line by a straight line, in noise that a filter has passed."""
    x, found = np.linspace(0.1, 1, samples), []
    kernel = kernel / np.sqrt(np.sum(kernel**2))
    for k in range(count):
        rng = np.random.default_rng([seed, 5, samples, kernel.size, k])
        noise = np.convolve(rng.normal(size=samples + kernel.size - 1), kernel, "valid")
        r = x * (x @ noise) / (x @ x) - noise
        size = np.sqrt(r @ r / (samples - 1))
        line = Line(x, 100 * x + noise, Noise(floor=1.0, known=False))
        found.append(describe(line, r / size, x[:, None] / size, samples - 1.0, size))
    return found


def wrong_runs(kind, spoilt, count, seed, times):
    """Descriptions of loops or steps by a 2D device, with noise as `wrong_spectra` has it."""
    rng, found = np.random.default_rng([seed, 4]), []
    while len(found) < count:
        clean, device = draw_run(kind, rng, spoilt == "missing lag")
        top = np.abs(clean.observed).max()
        if spoilt == "missing lag":
            letters = {name: getattr(device, name) for name in (*TWO, "R_s")}
            device = jm.Memristor2D(**letters | {"tau_d": device.tau_d + device.tau_k})
        else:
            ramp = np.linspace(0, 1, SAMPLES) if spoilt == "drift" else 1.0
            clean = Trace(clean.t, clean.drive, clean.observed + 0.2 * top * ramp)
        first, model = of_run(clean, device)
        left = first.share * top / np.sqrt(np.mean(clean.observed**2))
        if not 1e-3 < left < 0.3:
            # What the 2D device takes up, or is off altogether, says nothing here.
            continue
        trace = with_noise(clean, left / np.sqrt(times**2 - 1), rng)
        found.append(of_run(trace, model)[0])
    return found
