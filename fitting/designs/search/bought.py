"""Designs of parts that are bought: values of a series, and the other knobs searched again."""

from bisect import bisect_left
from itertools import product

import numpy as np

from fitting.designs.goals.knob import SERIES
from fitting.designs.search.beginnings import wanted_intervals
from fitting.designs.search.gauss_newton import Ended, nearest
from fitting.designs.search.task import Task

# Of each part the value below and the one above are tried, of all parts together so many pairs.
MOST = 8
# Half the width of the range in which a value that is bought may move, so that there is one.
FIXED = 1e-9


def neighbours(value: float, series: str, low: float, high: float) -> list[float]:
    """The values of a series next to a value, nearest first, that lie in the range."""
    decades = range(int(np.floor(np.log10(value))) - 1, int(np.floor(np.log10(value))) + 2)
    known = [float(f"{number}e{k}") for k in decades for number in SERIES[series]]
    k = bisect_left(known, value * (1 - 1e-12))
    near = [v for v in known[max(k - 1, 0) : k + 1] if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]
    return sorted(near, key=lambda v: abs(np.log(v / value)))


def with_parts(task: Task, ended: Ended) -> list[Ended]:
    """From where a search ended, those with parts of their series in the place of its own.

    Empty where no value of a series lies next to it in the range, or none of them oscillates.
    """
    knobs = task.knobs
    parts = [k for k, series in enumerate(knobs.series) if series]
    near = [
        neighbours(
            knobs.now[k] * np.exp(ended.z[k]), knobs.series[k],
            knobs.now[k] * np.exp(knobs.low[k]), knobs.now[k] * np.exp(knobs.high[k]),
        )
        for k in parts
    ]  # fmt: skip
    found = []
    for values in list(product(*near))[:MOST]:
        low, high, z = knobs.low.copy(), knobs.high.copy(), ended.z.copy()
        fixed = np.log(np.array(values) / knobs.now[parts])
        z[parts], low[parts], high[parts] = fixed, fixed - FIXED, fixed + FIXED
        first = task.evaluate(z)
        if not first.finite:
            continue
        end = nearest(
            task.evaluate, z, (low, high), knobs.cost, wanted_intervals(task), first=first
        )
        end.z[parts] = fixed
        found.append(end)
    return found
