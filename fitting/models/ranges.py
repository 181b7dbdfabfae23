"""What data alone say of sizes: ohms, farads, volts and times, for where a search may start."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fitting.terms.measurement import Sizes

Range = tuple[float, float]


class Scales(NamedTuple):
    """What the data alone say of sizes: |Z|, and the angular frequencies seen."""

    Z_max: float
    Z_end: float
    R_min: float
    slowest: float
    fastest: float
    apex: float

    @classmethod
    def of_spectra(cls, seen: Sequence[Sizes]) -> "Scales":
        """From impedances."""
        if any(len(s.omega) == 0 for s in seen):
            raise ValueError("a spectrum without points says nothing of where to start")
        omega = np.concatenate([s.omega for s in seen])
        Z: Any = np.concatenate([s.Z for s in seen])
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
    def in_time(cls, seen: Sequence[Sizes]) -> "Scales":
        """From loops, steps and curves: chords for resistances, samples for times."""
        R = [chord(s) for s in seen if extent(s.I) > 0]
        if not R:
            raise ValueError(
                "nothing says how large the currents are; fit it together with a loop, a step or a "
                "spectrum of the same device"
            )
        moving = [s for s in seen if len(s.t) > 1]
        slowest = 1 / max((np.ptp(s.t) for s in moving), default=1.0)
        fastest = 1 / min((shortest(s) for s in moving), default=1e-3)
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


def extent(x: np.ndarray) -> float:
    """From end to end, with the origin: a step holds one current all the time."""
    return float(np.ptp(np.append(x, 0.0)))


def chord(seen: Sizes) -> float:
    """A resistance [ohm]: the extent of the voltages over that of the currents."""
    return extent(seen.V) / extent(seen.I)


def shortest(seen: Sizes) -> float:
    """The least time between two samples [s]."""
    return float(np.diff(np.unique(seen.t)).min())
