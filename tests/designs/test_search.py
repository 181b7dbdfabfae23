"""The nearest point that meets goals: against closed forms and SciPy's SLSQP."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from fitting.designs.search.gauss_newton import Values, nearest

pytestmark = pytest.mark.quick


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_linear_goals_in_a_box_as_slsqp_has_them(seed, limits):
    """Two goals, five knobs of different cost; a quadratic problem, which SLSQP solves too."""
    rng = np.random.default_rng(seed)
    J, cost = rng.normal(size=(2, 5)), rng.uniform(0.2, 5, 5)
    inside = rng.uniform(-0.8, 0.8, 5)
    at = J @ inside
    low, high = at, at.copy()
    if limits:
        high = np.array([np.inf, at[1]])
    box = -np.ones(5), np.ones(5)
    evaluate = lambda z: Values(J @ z, J)
    found = nearest(evaluate, np.zeros(5), box, cost, (low, high))
    wants = [{"type": "eq" if lo == hi else "ineq", "fun": lambda z, k=k: J[k] @ z - at[k]}
             for k, (lo, hi) in enumerate(zip(low, high, strict=True))]  # fmt: skip
    truth = minimize(
        lambda z: 0.5 * cost @ z**2, inside, bounds=[(-1, 1)] * 5, constraints=wants,
        method="SLSQP", options={"ftol": 1e-14, "maxiter": 500},
    )  # fmt: skip
    if truth.success:
        assert 0.5 * cost @ found.z**2 == pytest.approx(truth.fun, rel=5e-3, abs=1e-6)
        np.testing.assert_allclose(np.minimum(J @ found.z - low, 0), 0, atol=5e-3)


def test_no_step_ends_where_there_is_nothing():
    """A hole lies on the way to the goal: the search ends at its edge, or behind it."""
    evaluate = lambda z: Values(
        np.array([z[0] - 2.0, z[1]]) * (np.nan if np.hypot(z[0] - 1.0, z[1]) < 0.6 else 1.0),
        np.eye(2),
    )
    box, goals = (np.full(2, -4.0), np.full(2, 4.0)), (np.zeros(2),) * 2
    for height, behind in ((0.2, False), (2.0, True)):
        found = nearest(evaluate, np.array([0.0, height]), box, np.full(2, 1e-3), goals)
        assert found.values.finite and np.hypot(found.z[0] - 1, found.z[1]) >= 0.6
        assert not behind or found.z == pytest.approx([2.0, 0.0], abs=1e-3)


def test_a_goal_out_of_reach_is_approached_as_far_as_the_box_goes():
    J = np.array([[1.0, 0.5]])
    box = -np.ones(2), np.ones(2)
    found = nearest(
        lambda z: Values(J @ z, J), np.zeros(2), box, np.ones(2), (np.full(1, 9.0),) * 2
    )
    np.testing.assert_allclose(found.z, [1, 1])


def test_limits_that_no_knob_moves_by_much_are_met():
    """A slope of 0.05: the cost pulls against it, and the goal holds all the same."""
    evaluate = lambda z: Values(0.05 * (0.5 - z), np.full((1, 1), -0.05))
    goals = np.full(1, -np.inf), np.full(1, -1e-3)
    found = nearest(evaluate, np.zeros(1), (-np.ones(1), np.ones(1)), np.full(1, 50.0), goals)
    assert found.z == pytest.approx([0.52], abs=1e-4)
