"""One experiment that could be made: what it would measure, and how long it takes."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fitting.terms.measurement import AbstractMeasurement
from fitting.terms.spectrum import Spectrum


@dataclass(frozen=True, eq=False)
class Experiment:
    """A measurement that could be made, with numbers that are not known yet.

    - `words`: what is to be done, "0.90 V from 1 Hz to 100 kHz".
    - `measurement`: a term whose `observed` are placeholders. Several experiments may share one.
    - `time`: how long it takes [s].
    - `relative`, `floor`: its noise: the standard deviation of a number is `relative` times |Z| of
      a spectrum, times the root mean square of anything else, and `floor` [its unit] in quadrature.
    - `used`: which of the measurement's numbers it has, shape `(n,)`; None: all.
    - `kind`: "spectrum", "loop", "step", "pulses", or a word of one's own. `V`: the largest applied
      voltage [V]. `band`: the frequencies [Hz]; of a trace 1/duration and 1/shortest step.
    """

    words: str
    measurement: AbstractMeasurement
    time: float
    relative: float = 0.01
    floor: float = 0.0
    used: np.ndarray | None = field(default=None, repr=False)
    kind: str = "own"
    V: float = np.nan
    band: tuple[float, float] = (np.nan, np.nan)

    def __post_init__(self):
        if not (np.isfinite(self.time) and self.time > 0):
            raise ValueError(f"{self.words}: its time must be positive, got {self.time:g} s")
        if not self.relative >= 0 or not self.floor >= 0 or self.relative + self.floor == 0:
            raise ValueError(f"{self.words}: it must have some noise")

    def sigma(self, signal: np.ndarray) -> np.ndarray:
        """Standard deviations of all numbers of the measurement, from the model's values."""
        if isinstance(self.measurement, Spectrum):
            size: Any = self.measurement.magnitude(signal)
        else:
            size = np.sqrt(np.mean(signal**2))
        return np.broadcast_to(np.hypot(self.relative * size, self.floor), signal.shape)

    @property
    def rows(self) -> np.ndarray:
        """Which numbers it has, shape `(n,)`."""
        n = len(self.measurement.observed)
        return np.ones(n, bool) if self.used is None else self.used
