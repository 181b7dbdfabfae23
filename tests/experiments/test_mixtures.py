"""The best shares of a time: the equivalence theorem, SciPy, all sets of a small problem."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from fitting.experiments.criteria import Objective
from fitting.experiments.mixtures import best_mixture, simplified, whole_numbers

pytestmark = pytest.mark.quick


def drawn(seed, points=1, candidates=8, p=3, rows=2):
    """Information matrices of rank `rows`, times, and the slopes of all parameters."""
    rng = np.random.default_rng(seed)
    J = rng.normal(size=(points, candidates, rows, p)) * 10 ** rng.uniform(
        -1, 1, (candidates, 1, 1)
    )
    slopes = np.broadcast_to(np.eye(p), (points, p, p))
    return np.swapaxes(J, 2, 3) @ J, rng.uniform(1, 5, candidates), slopes


seeds = st.integers(0, 10_000)


@given(seeds, st.sampled_from("DA"), st.integers(1, 3))
def test_the_equivalence_theorem_holds(seed, criterion, points):
    """Nowhere is the gain per second above the mean, on which the support lies; without a prior and
    of one point that mean is p (D) or 1 (A)."""
    each, time, slopes = drawn(seed, points)
    objective = Objective(criterion, 1e-9 * np.eye(3), slopes)
    found = best_mixture(objective, each, time, 60.0)
    assert found.share.sum() == pytest.approx(1) and (found.share >= 0).all()
    rate = each * (60.0 / time)[:, None, None]
    gain = objective.gains(np.einsum("c,kcij->kij", found.share, rate), rate)
    limit = 3.0 if criterion == "D" else 1.0
    assert gain.max() <= limit + 2e-3 and found.gap <= 1e-3
    assert gain[found.share > 0.05] == pytest.approx(limit, abs=0.05)


@pytest.mark.parametrize("criterion", ["D", "A"])
@pytest.mark.parametrize("points", [1, 3])
def test_scipy_finds_no_better_mixture(criterion, points):
    each, time, slopes = drawn(3, points)
    objective = Objective(criterion, np.diag([2.0, 0.5, 1.0]), slopes)
    found = best_mixture(objective, each, time, 20.0)
    rate = each * (20.0 / time)[:, None, None]

    def value(w):
        """Written anew, by eigenvalues."""
        M = np.diag([2.0, 0.5, 1.0]) + np.einsum("c,kcij->kij", w, rate)
        roots = np.linalg.eigvalsh(M)
        return np.mean(-np.log(roots).sum(1) if criterion == "D" else np.log((1 / roots).sum(1)))

    best = minimize(
        value, np.full(8, 1 / 8), bounds=[(0, 1)] * 8, method="SLSQP",
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"maxiter": 500, "ftol": 1e-12},
    )  # fmt: skip
    assert value(found.share) == pytest.approx(found.value, abs=1e-9)
    assert best.fun >= found.value - found.gap - 1e-6
    assert found.value <= best.fun + 2e-3


@given(seeds, st.sampled_from("DA"))
def test_gains_are_slopes_and_the_criterion_is_convex(seed, criterion):
    each, _, _ = drawn(seed, 2)
    slopes = np.random.default_rng(seed + 1).normal(size=(2, 2, 3))
    objective = Objective(criterion, np.eye(3), slopes)
    M, N = each[:, 0] + each[:, 1], each[:, 2]
    at = lambda s: float(objective.value(M + s * N))
    difference = (at(1e-5) - at(-1e-5)) / 2e-5
    assert objective.gains(M, each[:, 2:3])[0] == pytest.approx(-difference, rel=1e-4, abs=1e-7)
    assert at(0.5) <= (at(0.0) + at(1.0)) / 2 + 1e-12


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("criterion", ["D", "A"])
def test_whole_numbers_are_the_best_or_nearly(seed, criterion):
    """All sets of four experiments within the time are looked at."""
    each, time, slopes = drawn(seed, candidates=4)
    objective = Objective(criterion, np.eye(3), slopes)
    share = best_mixture(objective, each, time, 15.0).share
    counts = whole_numbers(objective, each, time, 15.0, share)
    assert counts @ time <= 15.0 * (1 + 1e-9)
    value = lambda n: float(objective.value(np.einsum("c,kcij->kij", np.asarray(n), each)))
    sets = product(*(range(int(15.0 / t) + 1) for t in time))
    best = min(value(n) for n in sets if np.asarray(n) @ time <= 15.0)
    assert value(counts) <= best + 0.02 * objective.per_deviation
    fewer = simplified(objective, each, time, 15.0, counts)
    assert fewer @ time <= 15.0 * (1 + 1e-9)
    assert (fewer > 0).sum() <= (counts > 0).sum()
    assert value(fewer) <= value(counts) + 0.02 * objective.per_deviation


@given(seeds, st.floats(1.1, 4.0))
def test_more_time_is_never_worse(seed, more):
    each, time, slopes = drawn(seed, 2)
    objective = Objective("D", np.eye(3), slopes)
    short, long = (best_mixture(objective, each, time, T) for T in (10.0, 10.0 * more))
    assert long.value <= short.value + 1e-3


def test_what_tells_nothing_gets_no_time():
    each, time, slopes = drawn(0)
    each[:, 2:] = 0
    objective = Objective("D", np.eye(3), slopes)
    found = best_mixture(objective, each, time, 10.0)
    assert (found.share[2:] == 0).all()
    nothing = best_mixture(objective, 0 * each, time, 10.0)
    assert (nothing.share == 0).all() and nothing.value == pytest.approx(0)
    assert (whole_numbers(objective, 0 * each, time, 10.0, nothing.share) == 0).all()
