"""Samples at which the instrument limited the current.

A source that may give no more than its compliance holds the current there while the voltage goes
on. Such samples show the instrument and not the device. The signature is a corner: the current
stops moving within a sample, and the voltage does not. The rounded top of a loop, a saturating
device, a current source's step and the square current of a capacitor lack one or the other.
"""

import numpy as np

# Within this of its level the current of a plateau stays (share of the level).
FLAT = 0.003
# A plateau is at least so many samples.
LEAST_PLATEAU = 3
# The voltage moves on a plateau by at least this share of its whole range.
MOVES = 0.04
# Beyond a corner the current changes by so much more than what it does on the plateau (standard
# deviations; three samples on top of a parabola reach 18), than FLAT, and than its last digit.
SHARP, BEYOND, DIGITS = 20, 3, 2.5
# A voltage goes on if it keeps at least this share of its slope.
STRAIGHT = 0.25
# A current that comes to rest gently slows down from each few samples to the next: to this share.
GENTLE = 0.7
# A polarity whose extreme is below this share of the largest current has only a baseline.
BASELINE = 1e-3


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
        if level <= BASELINE * abs(I).max() or level <= 0:
            continue
        here = sign * I >= (1 - FLAT) * level
        # Between samples of a plateau noise may reach a little further down.
        runs = _runs(here, sign * I >= (1 - 2 * FLAT) * level)
        digit = _digit(I, runs)
        found = [r for r in runs if _is_plateau(sign * V, sign * I, level, *r, digit)]
        if found:
            # The instrument lets nothing pass, so that all samples at the level are its own.
            at |= here
            levels.append(sign * level)
        for a, b in found:
            at[a : b + 1] = True
    return at, levels


def beyond(I: np.ndarray, compliance: float) -> np.ndarray:
    """Which samples are at a compliance [A] that is known, within one per cent."""
    return abs(I) >= 0.99 * compliance


def _level(I: np.ndarray) -> float:
    """The current of a plateau at the top: the median there, because noise sets the maximum."""
    top = I.max()
    return float(np.median(I[I >= top - 2 * FLAT * abs(top)]))


def _runs(here: np.ndarray, near: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of each run of samples here, or near between two that are here."""
    index = np.flatnonzero(near)
    pieces = np.split(index, np.flatnonzero(np.diff(index) > 1) + 1)
    pieces = [piece[here[piece]] for piece in pieces]
    return [(int(p[0]), int(p[-1])) for p in pieces if len(p) >= LEAST_PLATEAU]


def _digit(I: np.ndarray, runs: list[tuple[int, int]]) -> float:
    """The last digit of a coarse current: its smallest step, if it often repeats elsewhere."""
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
    if moved < MOVES * np.ptp(V) or V[run].min() <= 0:
        return False
    # A corner is looked for within a thirtieth of the plateau, or two or three samples.
    far = max(2 if n < 6 else 3, n // 30)
    core = I[a + n // 10 : b + 1 - n // 10]
    least = max(SHARP * core.std(), BEYOND * FLAT * level, DIGITS * digit)
    # In either direction of time; where the recording begins or ends there is nothing to see.
    backwards = len(I) - 1 - b, len(I) - 1 - a
    sides = [(V, I, a, b), (V[::-1], I[::-1], *backwards)]
    seen = [side for side in sides if side[2] >= 2]
    return bool(seen) and all(_is_corner(*side, level - least, far) for side in seen)


def _is_corner(V, I, a: int, b: int, below: float, far: int) -> bool:
    """Whether the current has a corner where a plateau begins, at a, and the voltage none."""
    out = min(far, a - 1)
    if I[max(a - far, 0)] > below or V[max(a - far, 0)] >= V[a : b + 1].max():
        return False
    few = max(1, (b - a + 1) // 30)
    if a >= 3 * few:
        first, second, last = np.diff(I[a - 3 * few : a + 1 : few])
        if last < second < GENTLE * first:
            return False
    outside = (V[a - 1] - V[a - 1 - out]) / out
    into = min(far, (b - a + 1) // 3)
    # On a short plateau the voltage may turn at once: there the step onto it must do.
    inside = (V[a + into] - V[a]) / into if b - a >= 5 else V[a] - V[a - 1]
    return bool(min(outside, inside) > STRAIGHT * max(outside, inside))
