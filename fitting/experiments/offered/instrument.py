"""What an instrument does, and how long it takes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Instrument:
    """Ranges, times and noise of what would be measured.

    - `V`: the least and the largest voltage that may be applied [V]; None: where the device is
      steep.
    - `freq`: the lowest and the highest frequency [Hz]; `per_decade`: points in a decade.
    - `periods`, `least`: a point of a spectrum takes so many periods, and so long at least [s].
    - `settling`: before a measurement begins the device settles at its bias for so many of its
      slowest time constants; `between`: what passes between two measurements besides [s].
    - `sampling`: shortest time between two samples of a trace [s]; `samples`: of one trace.
    - `impedance`: noise of Re Z and of Im Z, as a fraction of |Z|. `current`: noise of a sample, as
      a fraction of the root mean square of its trace.
    """

    V: tuple[float, float] | None = None
    freq: tuple[float, float] = (1e-2, 1e6)
    per_decade: int = 7
    periods: float = 3.0
    least: float = 0.1
    settling: float = 5.0
    between: float = 5.0
    sampling: float = 1e-5
    samples: int = 120
    impedance: float = 0.01
    current: float = 0.01

    def __post_init__(self):
        low, high = self.freq
        if not 0 < low < high < math.inf:
            raise ValueError(f"instrument: frequencies {low:g} to {high:g} Hz are no range")
        if self.V is not None and not self.V[0] < self.V[1]:
            raise ValueError(f"instrument: voltages {self.V[0]:g} to {self.V[1]:g} V are no range")
        for name in ("periods", "sampling", "impedance", "current"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"instrument: {name} must be positive")
        for name in ("least", "settling", "between"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"instrument: {name} must not be negative")
        if self.per_decade < 1 or self.samples < 20:
            raise ValueError("instrument: give at least 1 point a decade, and 20 samples")

    def frequencies(self, low: float, high: float) -> np.ndarray:
        """Points from `low` to `high` [Hz], evenly over the logarithm, both ends included."""
        decades = math.log10(high / low)
        return np.geomspace(low, high, round(decades * self.per_decade) + 1)

    def time_of_spectrum(self, freq: Sequence[float] | np.ndarray, slowest: float) -> float:
        """The time between, settling, then max(periods/f, least) a point; `slowest`: the longest
        time constant [s]."""
        points = np.maximum(self.periods / np.asarray(freq), self.least)
        return float(self.between + self.settling * slowest + np.sum(points))

    def time_of_trace(self, duration: float, slowest: float) -> float:
        """The time between, settling, and as long as it lasts [s]."""
        return self.between + self.settling * slowest + duration
