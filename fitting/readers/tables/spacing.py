"""Frequencies and times that do not fit between their neighbours: a digit may be wrong there."""

import numpy as np

# An axis is even if this share of its steps is the typical one within a tolerance, which lies
# between these and is so many times what nine of ten steps keep to.
_SHARE, _LEAST, _LARGEST, _TIMES = 0.85, 1e-3, 0.02, 6.0
# More points than these make a grid of another kind, and fewer show none.
_MOST, _FEWEST = 2, 8


def off_grid(x: np.ndarray) -> np.ndarray:
    """The indices of points that break the order or the even spacing that all others keep.

    A point is named if the step to it and the step from it are both odd, and are two typical steps
    together; or if it alone goes against the direction. Points that are missing are not.

    **Arguments:**

    - `x`: a time, or the logarithm of a frequency, shape (n,).
    """
    step = np.diff(x)
    if len(step) < _FEWEST:
        return np.zeros(0, int)
    typical = float(np.median(step))
    if typical == 0:
        return np.zeros(0, int)
    step = step / typical
    spread = float(np.quantile(abs(step - 1), 0.9))
    tolerance = float(np.clip(_TIMES * spread, _LEAST, _LARGEST))
    even = abs(step - 1) <= tolerance
    pair = step[:-1] + step[1:]
    back = (step[:-1] < 0) | (step[1:] < 0)
    # Two equal times are the two sides of a jump, and a frequency that comes again a replicate.
    twice = (step[:-1] == 0) | (step[1:] == 0)
    # The neighbours of a point that goes back are in order themselves.
    found = back & (pair > 0) & ((step < 0).sum() <= _MOST)
    if even.mean() >= _SHARE:
        found |= ~even[:-1] & ~even[1:] & (abs(pair - 2) <= 2 * tolerance)
    at = np.flatnonzero(found & ~twice) + 1
    # Of two neighbours, one of which broke the order, the one off the line through the others.
    if len(at) == 2 and at[1] == at[0] + 1:
        line = np.polynomial.Polynomial.fit(np.delete(np.arange(len(x)), at), np.delete(x, at), 3)
        at = at[[int(np.argmax(abs(x[at] - line(at))))]]
    # Without them the others are in order; a step over half of the axis begins another sweep.
    kept = np.diff(np.delete(x, at)) / typical
    ordered = (kept >= 0) | (abs(kept * typical) > 0.5 * np.ptp(np.delete(x, at)))
    return at if len(at) <= _MOST and ordered.all() else np.zeros(0, int)
