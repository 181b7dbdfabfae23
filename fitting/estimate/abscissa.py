"""Along what a series of spectra goes: a bias, a temperature, a time, or the order it came in."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from fitting.terms.spectrum import Spectrum

# What jitters by less than these (a share of the largest, and volts or kelvins) is held, not swept.
HELD_SHARE, HELD_VOLTS, HELD_KELVINS = 0.01, 5e-3, 2.0
BIASES = {
    "u": ("voltage over the memristor", "V"),
    "V": ("applied voltage", "V"),
    "I": ("current", "A"),
}


class Abscissa(NamedTuple):
    """What changes from spectrum to spectrum.

    - `name`: `"bias"`, `"temperature"`, `"time"`, or `"spectrum"` where nothing is known;
      `words`, `unit`: for axes and tables. `values`: of each spectrum, in their order.
    """

    name: str
    words: str
    unit: str
    values: Float[np.ndarray, "n"]

    @property
    def swept(self) -> bool:
        """Whether it is a quantity that was set, so that the order of measuring says nothing."""
        return self.name in ("bias", "temperature")

    @property
    def order(self) -> Int[np.ndarray, "n"]:
        """The spectra along it: sorted where it was set, as they came where it was not."""
        if self.swept:
            return np.argsort(self.values, kind="stable")
        return np.arange(len(self.values))


def abscissa_of(spectra: Sequence[Spectrum]) -> Abscissa:
    """Along what a series goes: biases of one kind that differ, else temperatures, else times.

    What was held and read back with a jitter (a hundredth, or 5 mV, or 2 K) was not swept. Times
    must be known of all spectra and differ.
    """
    kinds = {s.bias[0] for s in spectra}
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind is not None:
        values = np.array([s.bias[1] for s in spectra], dtype=float)
        held = HELD_SHARE * np.abs(values).max()
        if np.ptp(values) > (held if kind == "I" else max(held, HELD_VOLTS)):
            return Abscissa("bias", *BIASES[kind], values)
    temperatures = [s.temperature for s in spectra]
    if all(t is not None for t in temperatures):
        values = np.array(temperatures, dtype=float)
        if np.ptp(values) > HELD_KELVINS:
            return Abscissa("temperature", "temperature", "K", values)
    times = [s.time for s in spectra]
    if all(t is not None for t in times) and len(set(times)) == len(times):
        return Abscissa("time", "time", "s", np.array(times, dtype=float))
    return Abscissa("spectrum", "spectrum", "", np.arange(len(spectra), dtype=float))
