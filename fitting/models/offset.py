"""The current at no voltage that a steady curve or a loop shows: light, or an offset."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fitting.terms.measurement import Sizes

# So many samples on either side of 0 V make the line whose value there is the current.
NEAR = 4
# Beyond this many standard errors it is clear; of a loop both directions must show it, so that it
# exceeds what they differ by at least this often; and it is no rounding: this share of the largest.
CLEAR, BEYOND, LEAST = 6.0, 1.5, 1e-4
# 0 V is reached if it is missed by this share of the sweep.
EDGE = 0.02


class Offset(NamedTuple):
    """A current at 0 V [A], its standard error, and half of what two directions of a loop differ by
    there, zero of a steady curve."""

    current: float
    error: float
    half_width: float = 0.0


def offset_at_zero(V: Float[np.ndarray, "n"], current: Float[np.ndarray, "n"]) -> Offset | None:
    """The current at 0 V by a line through the nearest samples; None where 0 V was not reached.

    **Arguments:**

    - `V` [V], `current` [A]: of a steady curve, or one direction of a loop.
    """
    edge = EDGE * float(np.ptp(V)) if len(V) else 0.0
    if len(V) < 3 or not V.min() - edge <= 0 <= V.max() + edge:
        return None
    order = np.argsort(np.abs(V), kind="stable")
    reach = np.sort(np.abs(np.unique(V)))[: 2 * NEAR]
    near = order[np.abs(V[order]) <= reach[-1]] if len(reach) else order
    x, y = V[near], current[near]
    if np.ptp(x) == 0:
        error = float(np.std(y) / np.sqrt(len(y))) if len(y) > 1 else 0.0
        return Offset(float(np.mean(y)), error)
    # A parabola where there are enough samples: the curve bends near its threshold.
    degree = min(2, len(np.unique(x)) - 2) if len(x) > 4 else 1
    rows = np.vander(x / np.abs(x).max(), degree + 1, increasing=True)
    best, *_ = np.linalg.lstsq(rows, y, rcond=None)
    free = max(len(x) - degree - 1, 1)
    noise = np.sqrt(np.sum((y - rows @ best) ** 2) / free)
    error = float(noise * np.sqrt(np.linalg.pinv(rows.T @ rows)[0, 0]))
    return Offset(float(best[0]), error)


def offset_of(seen: Sizes) -> Offset | None:
    """The current at 0 V that a model without a source cannot have; None if none is clear.

    In the steady state a passive device takes power: I V >= 0. In a loop charge and memory lag:
    there both directions must show the current, and against the voltages that were swept, because
    memory keeps it with them.

    **Arguments:**

    - `seen`: what a measurement says of voltages and currents.
    """
    if not len(seen.I) or len(seen.I) != len(seen.V) or seen.drive == "current":
        return None
    largest = float(np.abs(seen.I).max())
    if not len(seen.t):
        found = offset_at_zero(seen.V, seen.I)
        if found is None or not _clear(found, largest):
            return None
        gives = (seen.V * seen.I < 0) & (seen.I * found.current > 0)
        return found if gives.any() else None
    t, first = np.unique(seen.t, return_index=True)
    if len(t) < 3:
        return None
    V, current = seen.V[first], seen.I[first]
    rate = np.gradient(V, t)
    ways = [offset_at_zero(V[w], current[w]) for w in (rate > 0, rate < 0) if w.any()]
    if len(ways) < 2 or any(way is None for way in ways):
        return None
    up, down = (way for way in ways if way is not None)
    mean, half = (up.current + down.current) / 2, abs(up.current - down.current) / 2
    found = Offset(mean, float(np.hypot(up.error, down.error) / 2), half)
    low, high = float(seen.V.min()), float(seen.V.max())
    if abs(low + high) > 0.1 * (high - low):
        way = np.sign(low + high)
    else:
        way = np.sign(seen.I[np.argmax(np.abs(seen.I))])
    against = mean * way < 0 and abs(mean) > BEYOND * half
    return found if against and _clear(found, largest) else None


def _clear(found: Offset, largest: float) -> bool:
    return abs(found.current) > max(CLEAR * found.error, LEAST * largest)
