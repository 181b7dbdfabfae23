"""The nearest point at which functions have given values, inside a box: Gauss and Newton's steps
as bounded linear least squares.

    minimise  1/2 sum c_k z_k^2 + 1/2 W^2 sum_j (r_j(z) - s_j)^2,   s_j within the goal's interval

A goal with a limit has a slack s_j of its own, which is bounded as knobs are. Fewer goals than
knobs are no difficulty: the first sum decides.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import lsq_linear

# Weights of the goals, one after the other: a cost whose slope is one per unit of ln p moves a goal
# by 1/W^2. The first leaves room to turn, the last meets goals that no knob moves by much.
WEIGHTS = (100.0, 1e4)
# The longest step in ln p, the shortest, and how much of what was predicted it has to gain.
LONGEST, SHORTEST, ENOUGH = 1.0, 1e-4, 0.05
# A step that would gain less than this share is the last.
GAIN = 1e-3


class Values(NamedTuple):
    """Coordinates r of the goals at z, shape `(m,)`, and their slopes, `(m, p)`; NaN where there is
    no oscillation."""

    r: np.ndarray
    J: np.ndarray

    @property
    def finite(self) -> bool:
        return bool(np.all(np.isfinite(self.r)) and np.all(np.isfinite(self.J)))


class Ended(NamedTuple):
    """Where a search ended: z, the values there, what it minimised, and how many evaluations."""

    z: np.ndarray
    values: Values
    merit: float
    evaluations: int


def distances(r: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """How far each coordinate is from its interval, with its sign."""
    return np.maximum(r - high, 0.0) - np.maximum(low - r, 0.0)


def nearest(
    evaluate: Callable[[np.ndarray], Values],
    z: np.ndarray,
    box: tuple[np.ndarray, np.ndarray],
    cost: np.ndarray,
    goals: tuple[np.ndarray, np.ndarray],
    most: int = 30,
    first: Values | None = None,
) -> Ended:
    """Go from z, where the values are finite, to the nearest point that meets the goals.

    Only ratios of costs matter. Steps are kept in a box round z that shrinks where the values do
    not follow their slopes, or cannot be had, so that none ends where there is no oscillation.
    """
    cost = cost / np.max(cost)
    values, count = first or evaluate(z), 1
    for weight in WEIGHTS:
        z, values, now, used = _descend(evaluate, z, values, box, cost, goals, weight, most - count)
        count += used
    return Ended(z, values, now, count)


def _descend(evaluate, z, values, box, cost, goals, weight, most):
    """With one weight of the goals: where it ended, and how many evaluations it took."""
    low, high = goals
    merit = lambda z, r: 0.5 * (cost @ z**2 + weight**2 * np.sum(distances(r, low, high) ** 2))
    now, reach, count = merit(z, values.r), LONGEST, 0
    while count < most and reach > SHORTEST:
        new = _step(z, values, box, cost, goals, weight, reach)
        predicted = now - merit(new, values.r + values.J @ (new - z))
        if predicted <= GAIN * now * min(1.0, reach):
            break
        at = evaluate(new)
        count += 1
        gained = now - merit(new, at.r) if at.finite else -np.inf
        if gained < ENOUGH * predicted:
            reach = 0.3 * min(reach, float(np.max(np.abs(new - z))))
            continue
        if gained > 0.7 * predicted:
            reach = min(2 * reach, LONGEST)
        z, values, now = new, at, now - gained
    return z, values, now, count


def _step(z, values, box, cost, goals, weight, reach):
    """The minimum with the goals linearised, within the box and within `reach` of z."""
    (low, high), p, m = goals, z.size, values.r.size
    slack = np.flatnonzero(low < high)
    A = np.zeros((p + m, p + slack.size))
    A[:p, :p] = np.diag(np.sqrt(cost))
    A[p:, :p] = weight * values.J
    A[p + slack, p + np.arange(slack.size)] = -weight
    target = np.where(low < high, 0.0, low)
    b = np.concatenate([np.zeros(p), weight * (values.J @ z - values.r + target)])
    ends = [
        np.concatenate([np.maximum(box[0], z - reach), low[slack]]),
        np.concatenate([np.minimum(box[1], z + reach), high[slack]]),
    ]
    found = lsq_linear(A, b, ends, method="bvls" if np.all(np.isfinite(ends)) else "trf").x[:p]
    return np.clip(found, ends[0][:p], ends[1][:p])
