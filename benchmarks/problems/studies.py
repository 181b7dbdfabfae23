"""Synthetic studies of a known truth: spectra, loops and a step of one device, with noise."""

import jax.numpy as jnp
import numpy as np

import jaxmem as jm
from benchmarks.problems.drawn_devices import LETTERS
from fitting import Free, MultiStart, Space, Spectrum, Trace, estimated, proportional
from fitting.terms.noise_model import Noise

NOISE = 0.01
SAMPLES = 64


def _decades(rng, low, high):
    return float(10 ** rng.uniform(np.log10(low), np.log10(high)))


def draw_truth(rng, *, gain=(1.0, 30.0)) -> dict[str, float]:
    """Letters of a 3D device over decades, behind a series resistance; it does not spike."""
    R_b, V_T = _decades(rng, 1e3, 1e6), rng.uniform(0.3, 1.5)
    V_m = V_T * _decades(rng, 0.05, 0.15)
    slowest = _decades(rng, 1e-4, 1e1)
    taus = slowest * 10 ** rng.uniform(-2.5, 0, 3)
    return dict(
        R_b=R_b, C_m=taus[0] / R_b, i_c0=_decades(rng, *gain) * V_m / R_b, V_T=V_T, V_m=V_m,
        tau_d=taus[1], tau_k=taus[2],
    )  # fmt: skip


def device_of(truth) -> jm.Memristor3D:
    """The 3D device with these letters, behind R_b/1000."""
    return jm.Memristor3D(**truth, R_s=1e-3 * truth["R_b"])


def noisy_spectrum(rng, device, u, freq, size=NOISE, sigma=None):
    """A spectrum at u with proportional noise of Re Z and of Im Z."""
    Z = np.asarray(device.impedance(jnp.asarray(2j * np.pi * freq), u))
    kick = rng.normal(size=len(freq)) + 1j * rng.normal(size=len(freq))
    return Spectrum(freq, Z + size * np.abs(Z) * kick, u=u, sigma=sigma, label=f"u = {u:.3g} V")


def noisy_trace(rng, device, t, drive, size=NOISE, sigma=None, label=""):
    """A trace from rest with noise of `size` times the rms of the signal."""
    run = jm.solve(jm.Circuit(device, drive), t, rtol=1e-8, atol=1e-8)
    signal = np.asarray(run.I if isinstance(drive, jm.VoltageDrive) else run.V)
    scale = size * np.sqrt(np.mean(signal**2))
    noise = None if sigma is None else sigma(scale)
    return Trace(t, drive, signal + scale * rng.normal(size=len(t)), sigma=noise, label=label)


def draw_study(rng, *, gain=(1.0, 30.0), wrong=None):
    """Terms, the truth as a device: 3 spectra, loops at 2 scan rates, a current step, 1 % noise.

    `wrong`: for each term, the factor by which the noise that is given is wrong; it is then to be
    estimated. Without it, nothing is said of the noise.
    """
    truth = draw_truth(rng, gain=gain)
    device = device_of(truth)
    V_T, V_m = truth["V_T"], truth["V_m"]
    taus = [truth["R_b"] * truth["C_m"], truth["tau_d"], truth["tau_k"]]
    freq = np.geomspace(0.03 / max(taus), 3 / min(taus), 40) / (2 * np.pi)
    factor = iter(wrong) if wrong is not None else iter([None] * 6)
    spectra = [
        noisy_spectrum(rng, device, V_T + x * V_m, freq, sigma=None if (w := next(factor)) is None
                       else estimated(proportional(NOISE * w)))
        for x in (-2.0, 0.0, 2.0)
    ]  # fmt: skip
    given = lambda w: None if w is None else lambda s: Noise(floor=float(s * w), known=False)
    top, traces = V_T + 5 * V_m, []
    top = float(top + 1e-3 * truth["R_b"] * device.steady_current(top))
    for slow in (3.0, 60.0):
        wave = jm.Triangle([0.0, top], rate=2 * top / (slow * max(taus)))
        t = np.linspace(0, float(wave.period), SAMPLES)
        traces.append(noisy_trace(rng, device, t, jm.VoltageDrive(wave), sigma=given(next(factor)),
                                  label=f"loop, {slow:g} of the slowest time"))  # fmt: skip
    level = float(device.steady_current(V_T))
    t = np.linspace(0, 5 * max(taus), SAMPLES)
    step = jm.CurrentDrive(jm.Step(level))
    traces.append(noisy_trace(rng, device, t, step, sigma=given(next(factor)), label="step"))
    return [*spectra, *traces], device


def part_of_a_study(kind, seed, k):
    """Spectra, a loop or a pulse alone, or the loops and the step; and the truth."""
    rng = np.random.default_rng([seed, 77, k])
    terms, device = draw_study(rng)
    if kind == "pulse":
        level = float(device.steady_current(device.V_T + 2 * device.V_m))
        length = 5 * max(float(device.tau_d), float(device.tau_k))
        t = np.linspace(0, 2 * length, SAMPLES)
        drive = jm.CurrentDrive(jm.Pulse(level, length))
        return rng, [noisy_trace(rng, device, t, drive)], device
    parts = {"spectra": slice(0, 3), "loop": slice(3, 4), "loops and step": slice(3, 6)}
    return rng, terms[parts[kind]], device


def truth_of(result, device):
    """The truth in search coordinates."""
    return result.problem.coordinates.to_search(
        [float(getattr(device, name)) for name in result.names]
    )


def space_of(names=LETTERS) -> Space:
    """The paper's letters free."""
    return Space(*(Free(lambda d, n=n: getattr(d, n), name=n) for n in names))


SPACE = space_of()


def starts_around(rng, device, n=64, factor=10.0):
    """Starts within a factor of the truth for each letter, V_T too; the model is one of them."""
    box = {}
    for name in LETTERS:
        low = float(getattr(device, name)) / factor
        box[name] = (low, low * factor**2)
    return MultiStart(n, box, own=False)
