"""What data alone say of sizes: ohms, farads, volts and times, for where a search may start."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fitting.terms.curve import SteadyCurve
from fitting.terms.spectrum import Spectrum
from fitting.terms.trace import Trace
from jaxmem.circuits import VoltageDrive

Range = tuple[float, float]


class Seen(NamedTuple):
    """What a trace or a curve alone says of sizes: voltages, currents, and times in between."""

    voltages: np.ndarray
    currents: np.ndarray
    fastest: float
    slowest: float


class Scales(NamedTuple):
    """What the data alone say of sizes: |Z|, and the angular frequencies seen."""

    Z_max: float
    Z_end: float
    R_min: float
    slowest: float
    fastest: float
    apex: float

    @classmethod
    def of(cls, spectra: Sequence[Spectrum]) -> "Scales":
        if any(len(s.freq) == 0 for s in spectra):
            raise ValueError("a spectrum without points says nothing of where to start")
        omega = np.concatenate([s.omega for s in spectra])
        Z: Any = np.concatenate([s.Z for s in spectra])
        positive = Z.real[Z.real > 0]
        # The capacitive arc's apex; where there is none, the middle of what was seen.
        dips = Z.imag < 0
        apex = omega[dips][np.argmin(Z.imag[dips])] if dips.any() else np.sqrt(
            omega.min() * omega.max()
        )  # fmt: skip
        return cls(
            float(np.abs(Z).max()), float(np.abs(Z[np.argmax(omega)])),
            float(positive.min()) if positive.size else float(np.abs(Z).min()),
            float(omega.min()), float(omega.max()), float(apex),
        )  # fmt: skip

    @classmethod
    def in_time(cls, seen: Sequence[Seen]) -> "Scales":
        """From loops, steps and curves: chords for resistances, samples for times."""
        # With the origin: a step holds one current all the time.
        span = lambda x: float(np.ptp(np.append(x, 0.0)))
        R = [span(s.voltages) / span(s.currents) for s in seen if span(s.currents) > 0]
        if not R:
            raise ValueError("nothing says how large the currents are; give a term that does")
        moving = [s for s in seen if s.slowest > 0]
        slowest = 1 / max((s.slowest for s in moving), default=1.0)
        fastest = 1 / min((s.fastest for s in moving), default=1e-3)
        return cls(
            float(max(R)), float(min(R)), float(min(R)), float(slowest), float(fastest),
            float(np.sqrt(slowest * fastest)),
        )  # fmt: skip

    def resistance(self, low: float, high: float) -> Range:
        return low * self.Z_max, high * self.Z_max

    @property
    def time(self) -> Range:
        return 1 / self.fastest, 10 / self.slowest

    @property
    def capacitance(self) -> Range:
        middle = 1 / (self.apex * self.Z_max)
        return middle / 30, middle * 30


def seen_in(term: Trace | SteadyCurve) -> Seen:
    """Voltages [V], currents [A], shortest and longest time [s] (0 for a curve)."""
    if isinstance(term, SteadyCurve):
        if term.kind == "I":
            return Seen(term.observed, term.bias, 0.0, 0.0)
        return Seen(term.bias, term.observed, 0.0, 0.0)
    applied = np.asarray(term.drive.wave(term.t))
    used = term.used
    pair = (applied[used], term.observed[used])
    gaps = np.diff(np.unique(term.t))
    length = float(term.t[-1] - term.t[0])
    if isinstance(term.drive, VoltageDrive) and term.observe == "u":
        # Voltages only.
        return Seen(pair[1], np.zeros(0), float(gaps.min()), length)
    voltages, currents = pair if term.observe == "I" else pair[::-1]
    return Seen(voltages, currents, float(gaps.min()), length)
