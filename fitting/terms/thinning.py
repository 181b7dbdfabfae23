"""Which samples of a long recording say the most, for a search that cannot wait for all of them."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from fitting.terms.measurement import AbstractMeasurement
from fitting.terms.term import On

# A change between two samples that is so much larger than the typical one, and than this share of
# the whole range, is an edge.
EDGE, SHARE_OF_RANGE = 20.0, 0.05


def telling_samples(
    most: int, t: Float[np.ndarray, " n"], *signals: Float[np.ndarray, " n"]
) -> Int[np.ndarray, " k"]:
    """The indices of at most so many samples that show what a recording does, ascending.

    The ends, the largest and the smallest value of each signal, and both sides of each edge are
    among them. The others lie evenly along the path that time and signals draw, each in units of
    its range, so that a steep part has more of them than a flat one.

    **Arguments:**

    - `most`: how many at most; 16 at least.
    - `t`: times [s], ascending. `signals`: what was applied, and what was observed.
    """
    n = len(t)
    if n <= most:
        return np.arange(n)
    kept = {0, n - 1}
    length = np.diff(t) / max(float(np.ptp(t)), 1e-300)
    for x in signals:
        size = float(np.ptp(x))
        if not size > 0:
            continue
        kept |= {int(np.argmin(x)), int(np.argmax(x))}
        step = np.abs(np.diff(x)) / size
        # What noise adds to the path it adds everywhere.
        length = np.hypot(length, step)
        edges = np.flatnonzero(step > max(EDGE * float(np.median(step)), SHARE_OF_RANGE))
        # The largest first, if there are too many.
        edges = edges[np.argsort(-step[edges], kind="stable")][: (most - 8) // (4 * len(signals))]
        kept |= {int(k) for k in edges} | {int(k) + 1 for k in edges}
    along = np.concatenate([[0.0], np.cumsum(length)])
    even = np.interp(np.linspace(0, along[-1], most - len(kept)), along, np.arange(n))
    return np.array(sorted(kept | {int(k) for k in np.rint(even)}))


def thinned(term: Any, most: int) -> Any:
    """A term with at most so many samples where it has more of them and integrates in time."""
    if isinstance(term, On):
        return dataclasses.replace(term, term=thinned(term.term, most))
    return term.thinned(most) if isinstance(term, AbstractMeasurement) else term
