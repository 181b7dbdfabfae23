"""Samples at which the instrument limited the current.

A voltage source that reaches its current compliance holds the current there while the voltage
that it asks for goes on. Such samples show the instrument and not the device. They are recognised
by a corner: from one sample to the next the current stops changing, and the voltage does not.
The rounded top of a loop and a device that saturates have no corner of the current; the step of a
current source and the square current of a capacitor have a corner of the voltage as well.
"""

import numpy as np

# The current of a plateau stays within this share of its level.
PLATEAU_TOLERANCE = 0.003
# A plateau has at least so many samples.
LEAST_PLATEAU = 3
# On a plateau the voltage changes by at least this share of its whole range.
LEAST_VOLTAGE_SHARE = 0.04
# Outside of a corner the current is lower by at least so many times its standard deviation on the
# plateau (three samples on top of a parabola reach 18), PLATEAU_TOLERANCE, and its last digit.
CORNER_OVER_SCATTER, CORNER_OVER_TOLERANCE, CORNER_OVER_DIGIT = 20, 3, 2.5
# The voltage goes straight on if its slopes before and after the corner have at least this ratio.
LEAST_SLOPE_RATIO = 0.25
# A device that saturates slows down gradually: of three rises of its current, over equal numbers of
# samples, the second is below this share of the first, and the third below the second.
GRADUAL_SLOWING = 0.7
# Where a polarity reaches less than this share of the largest current, it is only an offset.
LEAST_LEVEL = 1e-3


def at_compliance(V: np.ndarray, I: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Which samples are at the compliance, found by its plateaus, and the levels found.

    **Arguments:**

    - `V`: voltage [V], shape (n,), of one recording in the order of time.
    - `I`: current [A], shape (n,).

    **Returns:** a mask of shape (n,), and the level [A] for each polarity that has one.

    A plateau is found where the current is largest in its polarity. Where the voltage stands
    still as well (a pulse, or a measured voltage that the instrument holds) none is found: then
    the compliance must be given.
    """
    at, levels = np.zeros(len(I), bool), []
    for sign in (1.0, -1.0):
        level = _level(sign * I)
        if level <= LEAST_LEVEL * abs(I).max() or level <= 0:
            continue
        here = sign * I >= (1 - PLATEAU_TOLERANCE) * level
        # A single sample may lie a little lower, by noise, and the plateau goes on behind it.
        runs = _runs(here, sign * I >= (1 - 2 * PLATEAU_TOLERANCE) * level)
        digit = _digit(I, runs)
        found = [r for r in runs if _is_plateau(sign * V, sign * I, level, *r, digit)]
        if found:
            # The instrument never exceeds its compliance, so all other samples at that level are at
            # the compliance too.
            at |= here
            levels.append(sign * level)
        for a, b in found:
            at[a : b + 1] = True
    return at, levels


def beyond(I: np.ndarray, compliance: float) -> np.ndarray:
    """Which samples are at a compliance [A] that is known, within one per cent."""
    return abs(I) >= 0.99 * compliance


def _level(I: np.ndarray) -> float:
    """The level of a plateau at the top: the median of the highest samples, because the maximum is
    set by noise."""
    top = I.max()
    return float(np.median(I[I >= top - 2 * PLATEAU_TOLERANCE * abs(top)]))


def _runs(here: np.ndarray, near: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of each run of samples that are `here`; in between, `near` is enough."""
    index = np.flatnonzero(near)
    pieces = np.split(index, np.flatnonzero(np.diff(index) > 1) + 1)
    pieces = [piece[here[piece]] for piece in pieces]
    return [(int(p[0]), int(p[-1])) for p in pieces if len(p) >= LEAST_PLATEAU]


def _digit(I: np.ndarray, runs: list[tuple[int, int]]) -> float:
    """The step [A] of a current recorded with few digits, else 0.

    Few digits show in neighbours that are equal, outside of the `runs`.
    """
    outside = np.ones(len(I), bool)
    for a, b in runs:
        outside[a : b + 1] = False
    step = abs(np.diff(I))
    pairs = outside[1:] & outside[:-1]
    if (step[pairs] == 0).sum() <= 0.1 * pairs.sum():
        return 0.0
    return float(np.min(step[step > 0], initial=np.inf))


def _is_plateau(V, I, level: float, a: int, b: int, digit: float) -> bool:
    """Whether samples a to b, the highest of a positive current, are a plateau with corners."""
    n = b - a + 1
    run = slice(a, b + 1)
    moved = np.ptp(V[run])
    # A source limits the current in the direction of its voltage.
    if moved < LEAST_VOLTAGE_SHARE * np.ptp(V) or V[run].min() <= 0:
        return False
    # The current must have fallen within a thirtieth of the plateau, at least two or three samples.
    far = max(2 if n < 6 else 3, n // 30)
    core = I[a + n // 10 : b + 1 - n // 10]
    tolerance = CORNER_OVER_TOLERANCE * PLATEAU_TOLERANCE * level
    least = max(CORNER_OVER_SCATTER * core.std(), tolerance, CORNER_OVER_DIGIT * digit)
    # The end is a corner if time runs backwards. Where a recording begins or ends with the plateau,
    # there is nothing to compare with.
    backwards = len(I) - 1 - b, len(I) - 1 - a
    sides = [(V, I, a, b), (V[::-1], I[::-1], *backwards)]
    seen = [side for side in sides if side[2] >= 2]
    return bool(seen) and all(_is_corner(*side, level - least, far) for side in seen)


def _is_corner(V, I, a: int, b: int, below: float, far: int) -> bool:
    """Whether, where a plateau begins at `a`, the current has a corner and the voltage has none."""
    out = min(far, a - 1)
    if I[max(a - far, 0)] > below or V[max(a - far, 0)] >= V[a : b + 1].max():
        return False
    few = max(1, (b - a + 1) // 30)
    if a >= 3 * few:
        first, second, last = np.diff(I[a - 3 * few : a + 1 : few])
        if last < second < GRADUAL_SLOWING * first:
            return False
    outside = (V[a - 1] - V[a - 1 - out]) / out
    into = min(far, (b - a + 1) // 3)
    # On a short plateau the voltage may turn soon: there the step onto the plateau is taken.
    inside = (V[a + into] - V[a]) / into if b - a >= 5 else V[a] - V[a - 1]
    return bool(min(outside, inside) > LEAST_SLOPE_RATIO * max(outside, inside))
