"""The experiments that a device and an instrument offer."""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import jax.numpy as jnp
import numpy as np

from fitting.experiments.offered.experiment import Experiment
from fitting.experiments.offered.instrument import Instrument
from fitting.terms.spectrum import Spectrum
from fitting.terms.trace import Trace
from jaxmem.circuits import AbstractWaveform, PulseTrain, Step, Triangle, VoltageDrive
from jaxmem.devices import AbstractDevice
from jaxmem.output.numbers import engineering
from jaxmem.responses import linearize

KINDS = ("spectrum", "loop", "step", "pulses")
# How far the bias goes below and above where a branch is steep, in its widths, and in how many
# steps, about.
BELOW, ABOVE, BIASES = 8.0, 3.0, 12
# How far frequencies go beyond the device's own; a band has so many decades at least.
BEYOND, NARROWEST = 10.0, 2
# Periods of loops and lengths of steps in slowest time constants.
LOOPS, STEPS = (3.0, 30.0, 300.0), 6.0
PULSES, CORNER = 5, 1e-9
NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


def possible_experiments(
    device: AbstractDevice, instrument: Instrument | None = None, kinds: Sequence[str] = KINDS
) -> list[Experiment]:
    """Spectra at biases in all bands of whole decades; loops at three rates, steps and trains of
    pulses to three voltages.

    Voltages are applied ones. They go from below where the device is steep to where it saturates,
    or over the instrument's range, in round steps; frequencies from a tenth of the slowest to ten
    times the fastest of the device, within the instrument's. A voltage at which the device
    oscillates by itself is left out.

    **Arguments:**

    - `device`: a device with one equilibrium at each voltage.
    - `instrument`: ranges, times and noise. `kinds`: of "spectrum", "loop", "step", "pulses".

    **Raises:** `ValueError` for a kind that there is not, and a device that may rest in several
    states (give experiments of your own).
    """
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise ValueError(f"there is no experiment {unknown[0]!r}; there are {', '.join(KINDS)}")
    if device.curve is not None or not all(b.plain for b in device.branches.values()):
        raise ValueError(
            "this device may rest in several states at one voltage; give experiments of your own "
            "with measurements that say in which (branch=)"
        )
    told = instrument or Instrument()
    lags = {V: lags_at(device, V) for V in biases_of(device, told)}
    lags = {V: found for V, found in lags.items() if found is not None}
    if not lags:
        raise ValueError("the device oscillates at every voltage that was looked at; give others")
    slowest, fastest = max(s for s, _ in lags.values()), min(f for _, f in lags.values())
    found: list[Experiment] = []
    if "spectrum" in kinds:
        low = 10 ** math.floor(math.log10(1 / (2 * math.pi * slowest * BEYOND)))
        high = 10 ** math.ceil(math.log10(BEYOND / (2 * math.pi * fastest)))
        ends = max(low, told.freq[0]), min(high, told.freq[1])
        for V, (slow, _) in lags.items():
            found += spectra_at(V, ends, slow, told)
    biases = list(lags)
    tops = [biases[round(share * (len(biases) - 1))] for share in (0.5, 0.75, 1.0)]
    for top in dict.fromkeys(V for V in tops if V != 0):
        found += traces_to(top, slowest, fastest, told, kinds)
    if not found:
        raise ValueError("no experiment is left; allow other kinds, voltages or frequencies")
    return found


def biases_of(device: AbstractDevice, told: Instrument) -> list[float]:
    """Applied voltages in round steps [V]."""
    windows = [(float(c), float(w)) for c, w in device.windows()]
    if told.V is not None:
        low, high = told.V
    elif windows:
        at: Any = lambda u: float(u + device.R_s * device.steady_current(jnp.asarray(u)))
        low, high = min(c - BELOW * w for c, w in windows), max(c + ABOVE * w for c, w in windows)
        # A device that is steep at a positive voltage is not driven to negative ones.
        low = max(low, 0.0) if min(c for c, _ in windows) > 0 else low
        low, high = at(low), at(high)
    else:
        return [0.0]
    step = round_up((high - low) / BIASES)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, 2 - math.floor(math.log10(step)))
    return [round(k * step, digits) for k in range(first, last + 1)]


def lags_at(device: AbstractDevice, V: float) -> tuple[float, float] | None:
    """The slowest and the fastest time constant at a constant voltage [s]; None if unstable."""
    at = linearize(device, V=V)
    if float(device.R_s) > 0:
        rates: Any = np.asarray(at.eigenvalues("voltage"))
    else:
        # u is imposed; R_b C_m is left, which a spectrum shows.
        A = np.asarray(at.jacobian)
        rates = np.append(np.linalg.eigvals(A[1:, 1:]), A[0, 0])
    if not np.isfinite(rates).all() or (rates.real >= 0).any():
        return None
    return float(1 / np.abs(rates.real).min()), float(1 / np.abs(rates).max())


def spectra_at(
    V: float, ends: tuple[float, float], slowest: float, told: Instrument
) -> list[Experiment]:
    """Spectra at a bias [V] in all bands of whole decades between two frequencies [Hz].

    They share the measurement over the whole band.
    """
    freq = told.frequencies(*ends)
    whole = Spectrum(freq, np.ones(len(freq), complex), V=V, sigma=1.0, label=f"{V:.4g} V")
    decades = max(1, round(math.log10(ends[1] / ends[0])))
    cuts = np.geomspace(*ends, decades + 1)
    found = []
    for i, j in combinations(range(decades + 1), 2):
        if j - i < min(NARROWEST, decades):
            continue
        used = (freq >= cuts[i] * (1 - 1e-9)) & (freq <= cuts[j] * (1 + 1e-9))
        band = float(cuts[i]), float(cuts[j])
        words = f"{voltage(V)} from {engineering(band[0], 'Hz', 3)} to " + (
            engineering(band[1], "Hz", 3)
        )
        time = told.time_of_spectrum(freq[used], slowest)
        found.append(
            Experiment(words, whole, time, told.impedance, used=np.tile(used, 2), kind="spectrum",
                       V=V, band=band)
        )  # fmt: skip
    return found


def traces_to(
    top: float, slowest: float, fastest: float, told: Instrument, kinds: Sequence[str]
) -> list[Experiment]:
    """Loops, a step and a train of pulses from 0 V, and the current under them."""
    made: list[tuple[str, str, AbstractWaveform, np.ndarray]] = []
    least = told.samples * told.sampling
    if "loop" in kinds:
        rates = {round_up(2 * abs(top) / max(n * slowest, least)) for n in LOOPS}
        for rate in sorted(rates, reverse=True):
            t = np.linspace(0, 2 * abs(top) / rate, told.samples + 1)[1:]
            words = f"a loop from 0 to {voltage(top)} at {engineering(rate, 'V/s', 3)}"
            made.append(("loop", words, _wave(Triangle, [0.0, top], rate), t))
    end = max(STEPS * slowest, least)
    first = min(max(told.sampling, 0.3 * fastest), end / 10)
    after = np.geomspace(first, end, told.samples)
    if "step" in kinds:
        words = f"a step from 0 to {voltage(top)} for {engineering(end, 's', 2)}"
        made.append(("step", words, _wave(Step, top), after))
    if "pulses" in kinds:
        width = max(slowest, least / (2 * PULSES))
        each = np.geomspace(max(told.sampling, CORNER * width), width * (1 - 1e-6),
                            max(told.samples // (2 * PULSES), 4))  # fmt: skip
        t = (np.arange(2 * PULSES)[:, None] * width + each).ravel()
        words = (
            f"{PULSES} pulses from 0 to {voltage(top)} of {engineering(width, 's', 2)} each and "
            "as far apart"
        )
        wave = _wave(PulseTrain, top, width, 2 * width, PULSES)
        made.append(("pulses", words, wave, t))
    return [_trace(kind, words, wave, t, top, slowest, told) for kind, words, wave, t in made]


def _wave(kind: type[AbstractWaveform], *numbers: Any) -> AbstractWaveform:
    return kind(*numbers)


def _trace(kind, words, wave, t, top, slowest, told) -> Experiment:
    trace: Any = Trace(t, VoltageDrive(wave), np.zeros(len(t)), sigma=1.0, label=words)
    time = told.time_of_trace(float(t[-1]), slowest)
    band = 1 / float(t[-1] - t[0]), 1 / float(np.diff(t).min())
    return Experiment(words, trace, time, told.current, kind=kind, V=top, band=band)


def round_up(x: float) -> float:
    """The next of 1, 2, 2.5, 5, 10, ... times a power of ten."""
    power = 10.0 ** math.floor(math.log10(x))
    return next(n for n in NICE if n * power >= x * (1 - 1e-9)) * power


def voltage(V: float) -> str:
    """0.90 V."""
    return f"{V:.2f} V" if abs(V) >= 0.1 and round(V, 2) == round(V, 6) else engineering(V, "V", 4)
