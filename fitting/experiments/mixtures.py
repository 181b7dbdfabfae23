"""How the time is best shared among experiments: a convex problem, then whole numbers."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from fitting.experiments.criteria import Objective

# Where the best mixture can gain no more than this in the criterion, its search ends.
CLOSE, MOST = 1e-3, 20_000
# Of sets whose standard deviations are up to this fraction wider the one of fewest experiments.
SIMPLER = 0.02


class Mixture(NamedTuple):
    """Shares of the time of the experiments, `(c,)`, the criterion there, and by how much a better
    mixture could be lower at most (the duality gap of the equivalence theorem)."""

    share: np.ndarray
    value: float
    gap: float


def best_mixture(
    objective: Objective, each: Float[np.ndarray, "k m p p"], time: Float[np.ndarray, "m"],
    budget: float,
) -> Mixture:  # fmt: skip
    """Shares w of a time budget T that make the criterion of M(w) = sum_c w_c (T/t_c) M_c least.

    By the multiplicative algorithm, w_c <- w_c g_c^a / sum of these, with g_c the gain per share:
    a = 1 for D, 1/2 else, which never goes up (Yu, Annals of Statistics 38, 1593, 2010).
    """
    rate = each * (budget / time)[:, None, None]
    # What tells nothing takes no part.
    there = np.flatnonzero(rate.any(axis=(0, 2, 3)))
    share = np.zeros(len(time))
    if not len(there):
        return Mixture(share, float(objective.value(rate.sum(axis=1))), 0.0)
    k, p = each.shape[0], each.shape[-1]
    part = np.ascontiguousarray(rate[:, there])
    flat = part.reshape(k, len(there), p * p)
    power = 1.0 if objective.criterion == "D" else 0.5
    w, gap = np.full(len(there), 1 / len(there)), np.inf
    for _ in range(MOST):
        M = (w @ flat).reshape(k, p, p)
        gain = objective.gains(M, part)
        # value(w*) >= value(w) - (max gain - w . gain) by convexity.
        gap = float(gain.max() - w @ gain)
        if gap < CLOSE:
            break
        w = w * gain**power
        w /= w.sum()
    share[there] = w
    return Mixture(share, float(objective.value((w @ flat).reshape(k, p, p))), gap)


def whole_numbers(
    objective: Objective, each: Float[np.ndarray, "k m p p"], time: Float[np.ndarray, "m"],
    budget: float, share: Float[np.ndarray, "m"],
) -> Int[np.ndarray, "m"]:  # fmt: skip
    """How often each experiment is made within the budget.

    The whole parts of the mixture, then whatever gains most per second, then exchanges of one for
    others as long as these gain; from the mixture and from nothing, the better of the two.
    """
    best, lowest = np.zeros(len(time), int), np.inf
    for begin in (np.floor(share * budget / time + 1e-9).astype(int), np.zeros(len(time), int)):
        counts = _exchanged(objective, each, time, budget, _filled(objective, each, time, budget,
                                                                   begin))  # fmt: skip
        value = _value(objective, each, counts)
        if value < lowest - 1e-9:
            best, lowest = counts, value
    return best


def simplified(
    objective: Objective, each: Float[np.ndarray, "k m p p"], time: Float[np.ndarray, "m"],
    budget: float, counts: Int[np.ndarray, "m"],
) -> Int[np.ndarray, "m"]:  # fmt: skip
    """With fewer different experiments: the time of one is given to another of the set, as long as
    standard deviations are at most 2 % wider than to begin with (by the criterion)."""
    allowed = _value(objective, each, counts) + objective.per_deviation * np.log1p(SIMPLER)
    while True:
        tried, lowest = None, np.inf
        for a in (chosen := np.flatnonzero(counts)):
            fewer = counts.copy()
            fewer[a] = 0
            left = budget * (1 + 1e-9) - fewer @ time
            for b in chosen[chosen != a]:
                moved = fewer.copy()
                moved[b] += int(left / time[b])
                value = _value(objective, each, moved)
                if value < lowest:
                    tried, lowest = moved, value
        if tried is None or lowest > allowed:
            return counts
        counts = tried


def _exchanged(objective, each, time, budget, counts):
    """One after the other is taken out and the time filled up again, while that gains."""
    value, better = _value(objective, each, counts), True
    while better:
        better = False
        for c in np.flatnonzero(counts):
            fewer = counts.copy()
            fewer[c] -= 1
            tried = _filled(objective, each, time, budget, fewer)
            lower = _value(objective, each, tried)
            if lower < value - 1e-6:
                counts, value, better = tried, lower, True
                break
    return counts


def _filled(objective, each, time, budget, counts):
    """With what gains most per second added as long as something fits in."""
    counts = counts.copy()
    left = budget * (1 + 1e-9) - counts @ time
    M = np.einsum("c,kcij->kij", counts, each)
    now = float(objective.value(M))
    while True:
        fits = np.flatnonzero(time <= left)
        if not len(fits):
            return counts
        after = objective.value(M[:, None] + each[:, fits])
        k = int(np.argmax((now - after) / time[fits]))
        if not now - after[k] > 1e-12:
            return counts
        counts[fits[k]] += 1
        left -= time[fits[k]]
        M, now = M + each[:, fits[k]], float(after[k])


def _value(objective, each, counts):
    return float(objective.value(np.einsum("c,kcij->kij", counts, each)))
