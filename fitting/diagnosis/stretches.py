"""Where along a measurement chi2 sits: contiguous stretches of it."""

from typing import NamedTuple

import numpy as np

from fitting.terms.measurement import AbstractMeasurement
from jaxmem.output.numbers import engineering

# The longest stretch, as a share of a measurement, and the shares that are tried.
LONGEST = 0.2
SHARES = (0.0, 0.05, 0.1, LONGEST)


class Stretch(NamedTuple):
    """A contiguous part of a measurement.

    - `low`, `high`: its ends on the abscissa, in `unit`; `share`: of chi2 in it; `part`: its
      length as a share of the measurement's numbers. `rows`: of the residual.
    """

    low: float
    high: float
    unit: str
    share: float
    part: float
    rows: np.ndarray

    def __str__(self) -> str:
        low, high = (engineering(x, self.unit, 3) for x in (self.low, self.high))
        return low if low == high else f"{low} to {high}"


def sequence_lines(m: AbstractMeasurement, count: int) -> list[np.ndarray]:
    """The rows of each line of neighbours of a measurement with `count` residuals."""
    return [np.asarray(line, dtype=int) for line in m.sequences(np.arange(count))]


def heaviest(m: AbstractMeasurement, r: np.ndarray, lines: list[np.ndarray]) -> list[Stretch]:
    """The stretches that hold most of chi2, of several lengths, the shortest first.

    Lines over the same places, as the real and the imaginary part, are cut together.
    """
    x, unit = m.places, m.abscissa[1]
    together: dict[bytes, list[np.ndarray]] = {}
    for line in lines:
        together.setdefault(x[line].tobytes(), []).append(line)
    total, found = max(float(r @ r), 1e-300), []
    for share in SHARES:
        best = None
        for rows in map(np.stack, together.values()):
            longest = int(LONGEST * len(r) / len(rows))
            width = min(max(1, int(share * len(r) / len(rows))), longest, rows.shape[1])
            if width < 1:
                continue
            inside = np.convolve(np.sum(r[rows] ** 2, axis=0), np.ones(width), "valid")
            at = int(np.argmax(inside))
            if best is None or inside[at] > best[0]:
                best = float(inside[at]), rows[:, at : at + width]
        if best is not None and not (found and best[1].size == len(found[-1].rows)):
            ends = np.sort(x[best[1]].ravel())[[0, -1]]
            held, rows = best[0] / total, best[1].ravel()
            low, high = float(ends[0]), float(ends[1])
            found.append(Stretch(low, high, unit, held, rows.size / len(r), rows))
    return found
