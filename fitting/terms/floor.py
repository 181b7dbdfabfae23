"""How large the noise of a measurement is as the data tell it, without the model."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

GIVEN, REPLICATES = "the noise that was given", "replicates"
CAUSAL, NEIGHBOURS = "the linear Kramers-Kronig residual", "the scatter of neighbouring samples"
# A line of fewer numbers says nothing of the scatter of neighbours.
FEWEST = 12
# Neighbours up to this many samples apart may say the same, because an instrument filters.
STRIDES = (1, 2, 4, 8, 16, 32, 64)
# But not further than this part of a line.
FILTERED = 25
# The scatter at twice the distance is at most this factor larger where noise has become white,
# and 1/sqrt(n) more for n numbers.
WHITE = 1.15
# Of the sizes of second differences the inner three quarters count, because edges are no noise;
# their mean square is 0.3686 of the whole for normal numbers, and 6 times the variance.
INNER, SECOND = 0.75, math.sqrt(6.0 * 0.3686)
# What data contradict themselves by counts up to this factor of their noise.
AT_MOST = 1.6


class Floor(NamedTuple):
    """The smallest residual that a model can be asked for.

    - `size`: standard deviation of a residual, in those of the measurement's weights.
    - `freedom`: degrees of freedom of that number, infinite where it was given. `source`: where
      it is from, in words.
    - `stride`: how many samples apart noise is independent.
    - `rows`: what the floor's own fit leaves, shape `(n,)`, where it is one.
    - `consistent`: False where the data contradict themselves.
    - `ample`: how large the noise can be at most if an instrument's filter has made neighbours
      alike; 0 of a floor that no filter bears on.
    """

    size: float
    freedom: float
    source: str
    stride: int = 1
    rows: np.ndarray | None = None
    consistent: bool = True
    ample: float = 0.0

    @classmethod
    def of_rows(
        cls, rows: np.ndarray, freedom: float, ratio: float, least: float, consistent: bool
    ) -> "Floor":
        """Of a fit of another family that leaves `rows`.

        **Arguments:**

        - `rows`, `freedom`: what it leaves, shape `(n,)`, and its degrees of freedom.
        - `ratio`: the noise alone over what it leaves.
        - `least`: the smallest size that counts. `consistent`: see `Floor`.
        """
        size = float(np.sqrt(np.sum(rows**2) / freedom))
        size = max(min(size, AT_MOST * ratio * size), least)
        return cls(size, freedom, CAUSAL, 1, rows, consistent)

    def without(self, keep: np.ndarray) -> "Floor":
        """Of the numbers that are kept, shape `(n,)`, True or False."""
        if self.rows is None:
            return self
        freedom = max(self.freedom - float(np.sum(~keep)), 1.0)
        size = float(np.sqrt(np.sum(self.rows[keep] ** 2) / freedom))
        return self._replace(size=min(size, self.size), freedom=freedom, rows=self.rows[keep])


def of_replicates(places: Sequence[np.ndarray], lines: Sequence[np.ndarray]) -> Floor | None:
    """The scatter among numbers of a line at one place, where there are ten more than places.

    **Arguments:**

    - `places`, `lines`: of each line of neighbours the abscissa and the residuals.
    """
    square, freedom = 0.0, 0
    for x, r in zip(places, lines, strict=True):
        _, group, count = np.unique(x, return_inverse=True, return_counts=True)
        square += float(np.sum((r - (np.bincount(group, r) / count)[group]) ** 2))
        freedom += len(x) - len(count)
    if freedom < 10 or square == 0:
        return None
    return Floor(math.sqrt(square / freedom), float(freedom), REPLICATES)


def of_neighbours(lines: Sequence[np.ndarray]) -> Floor | None:
    """The scatter of second differences, at the distance from which on noise is white.

    An instrument's filter makes neighbours alike, so that the scatter grows with their distance,
    from the shortest on, and then no more. What a wrong model leaves grows on: then the nearest
    neighbours count, and `ample` says how large noise can be at the most. Where the scatter has not
    grown over two distances in turn, what grows beyond them is no filter's.
    """
    lines = [line for line in lines if len(line) >= FEWEST]
    if not lines:
        return None
    total, longest = sum(map(len, lines)), max(map(len, lines))
    strides = [k for k in STRIDES if k == 1 or k * FILTERED <= longest]
    size = [_second(lines, k) for k in (*strides, 2 * strides[-1])]
    white = lambda k: size[k + 1] <= (WHITE + 1 / math.sqrt(total / strides[k])) * size[k]
    chosen = next((k for k in range(len(strides)) if white(k)), 0)
    stride = strides[chosen]
    here = size[chosen] if chosen == 0 else math.hypot(*size[chosen : chosen + 2]) / math.sqrt(2)
    n = len(strides)
    settled = next((k for k in range(n) if all(map(white, range(k, min(k + 2, n))))), n)
    ample = max(here, *size[: min(settled + 2, n)])
    # Of the inner second differences, against the mean square of independent numbers.
    return Floor(here, max(0.3 * total / stride, 1.0), NEIGHBOURS, stride, ample=ample)


def quantum(observed: np.ndarray) -> float:
    """The step of numbers that are rounded to few digits; 0 where most of them differ."""
    levels = np.unique(observed)
    if len(levels) < 2 or len(levels) > 0.7 * len(observed):
        return 0.0
    steps = np.diff(levels)
    return float(steps[steps > 1e-9 * np.abs(levels).max()].min(initial=np.inf))


def _second(lines, k: int) -> float:
    off = [x[2 * k :] - 2 * x[k:-k] + x[: -2 * k] for x in lines if len(x) > 6 * k]
    every = np.abs(np.concatenate(off))
    inner = every[every <= np.quantile(every, INNER)]
    return float(np.sqrt(np.mean(inner**2))) / SECOND
