"""The times of a recording: as measured, from the scan rate, or from the frequency."""

import re
from itertools import pairwise

import numpy as np

from fitting.readers.source import Source

_RATE = re.compile(
    r"(?i:scan ?rate)\s*[(\[]?(?P<one>(?:m?V/s)?)[)\]]?\s*[:=,;\t]?\s*"
    r"(?P<value>\d+\.?\d*(?:[eE][-+]?\d+)?)\s*[(\[]?(?P<two>(?:m?V/s)?)"
)


def continued(
    source: Source, t: np.ndarray, cycle: np.ndarray, lines: np.ndarray, notes: list[str]
) -> np.ndarray:
    """Times [s] that never fall: a clock that restarts with each cycle is made to go on.

    **Raises:** `ReadError` with the line where the time falls otherwise.
    """
    back = np.flatnonzero(np.diff(t) < 0) + 1
    if not len(back):
        return t
    rising = np.diff(t)[np.diff(t) > 0]
    half = 0.5 * float(np.median(rising)) if len(rising) else 0.0
    restarts = (abs(t[back] - t[0]) <= half) | (
        (cycle[back] != cycle[back - 1]) & (t[back] <= t[0] + half)
    )
    edges = np.concatenate([[0], back, [len(t)]])
    long_enough = np.diff(edges) >= 3
    good = restarts & long_enough[1:] & long_enough[:-1]
    if not good.all():
        at = back[int(np.argmin(good))]
        raise source.error(
            f"the time goes back from {t[at - 1]:g} s to {t[at]:g} s; sort the rows by time, and "
            "tell measurements apart by a column `run`",
            int(lines[at]),
        )
    pieces, end = [t[: back[0]]], t[back[0] - 1]
    for a, b in pairwise(edges[1:]):
        # The time from the last sample of a cycle to the next cycle is not recorded: the first step
        # of the next cycle is taken.
        pieces.append(end + (t[a + 1] - t[a]) + (t[a:b] - t[a]))
        end = pieces[-1][-1]
    notes.append(
        f"the time starts again {len(back)} times and is made to go on from cycle to cycle"
    )
    return np.concatenate(pieces)


def said_rate(above: list[str]) -> float | None:
    """The scan rate [V/s] that stands above a table once: `Scan Rate (V/s) = 0.1`, `50 mV/s`."""
    found = {
        float(match["value"]) * (1e-3 if "m" in match["one"] + match["two"] else 1.0)
        for match in map(_RATE.search, above)
        if match and match["one"] + match["two"]
    }
    return found.pop() if len(found) == 1 and min(found) > 0 else None


def by_rate(V: np.ndarray, rate: float, notes: list[str]) -> np.ndarray:
    """Times [s] of a sweep at a scan rate [V/s]: the path of the voltage over the rate."""
    step = np.diff(V)
    moved = step[step != 0]
    if not len(moved):
        notes.append("the voltage never moves, so that all times are equal by the scan rate")
    turns = int((np.diff(np.sign(moved)) != 0).sum())
    if turns > max(8, 0.1 * len(V)):
        notes.append(
            f"the voltage turns {turns} times, as noise does, and each turn takes time by the "
            "scan rate; give freq= in its place"
        )
    still = int((step == 0).sum())
    if still:
        notes.append(f"the voltage stands still at {still} steps, which take no time by the rate")
    notes.append(f"times are computed from the scan rate of {rate:g} V/s")
    return np.concatenate([[0.0], np.cumsum(abs(step))]) / rate


def by_frequency(cycle: np.ndarray, freq: float, notes: list[str]) -> np.ndarray:
    """Times [s] of evenly spaced points: those of each cycle are one whole period 1/freq [Hz]."""
    edges = np.concatenate([[0], np.flatnonzero(cycle[1:] != cycle[:-1]) + 1, [len(cycle)]])
    phase = [k + np.arange(b - a) / (b - a) for k, (a, b) in enumerate(pairwise(edges))]
    many = f"each of {len(phase)} cycles is" if len(phase) > 1 else f"the {len(cycle)} points are"
    notes.append(f"times are computed from the frequency: {many} one period of {1 / freq:g} s")
    return np.concatenate(phase) / freq
