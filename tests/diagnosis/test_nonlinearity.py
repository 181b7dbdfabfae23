"""Where a likelihood bends, the linear law's intervals are withdrawn; where not, they stay."""

import jax.numpy as jnp
import numpy as np
import pytest
from interrupting import interrupt_at

from fitting import RESULTS, Free, Goal, MultiStart, Space, fit
from fitting.diagnosis.nonlinearity import find_nonlinearity
from fitting.estimate import outcome
from fitting.problem.problem import Problem

# Not zero, of which nobody could say what a long step is.
MODEL = {"a": jnp.asarray(0.8), "b": jnp.asarray(2.2)}
SPACE = Space(*(Free(lambda m, n=n: m[n], name=n, log=False) for n in MODEL))


def twice(fn, target, tolerance, integrates=False):
    """Two measurements that do not quite agree, together of that tolerance."""
    goal = lambda s: Goal(fn, target * s, tolerance * np.sqrt(2), integrates)
    return [goal(s) for s in (0.999, 1.001)]


def fit_of(curve, derived=None, integrates=False):
    """a is 1 +- 0.5, and b is 2 + curve(a - 1) +- 0.01."""
    narrow = lambda m: m["b"] - curve(m["a"] - 1)
    terms = [*twice(lambda m: m["a"], 1.0, 0.5), *twice(narrow, 2.0, 0.01, integrates)]
    return fit(terms, MODEL, SPACE, starts=MultiStart(0), derived=derived)


@pytest.mark.parametrize("integrates", [False, True])
def test_a_bent_valley_takes_the_interval_of_what_follows(integrates):
    """At the optimum the square has no slope: b is 2 +- 0.01 there, and 3 two errors off."""
    result = fit_of(jnp.square, {"double": ("V", lambda m: 2 * m["b"])}, integrates)
    np.testing.assert_allclose(result.values, [1.0, 2.0], atol=1e-3)
    np.testing.assert_allclose(result.standard_errors, [0.5, 0.01], rtol=1e-3)
    assert result.identifiable.tolist() == [True, False]
    assert "follows a" in result.parameters[1].reasons[0]
    assert not result.derived["double"].identifiable


@pytest.mark.parametrize("slope", [0.0, 3.0])
def test_a_straight_valley_keeps_its_intervals(slope):
    result = fit_of(lambda a: slope * a, {"sum": ("V", lambda m: 10 + m["b"])})
    assert result.identifiable.all() and result.derived["sum"].identifiable


def test_a_flat_likelihood_takes_its_own_interval():
    """tanh(2 a) = 0.9 +- 0.1: two linear errors above, chi2 has risen by less than 1 of 4."""
    terms = twice(lambda m: jnp.tanh(2 * m["a"]), 0.9, 0.1) + twice(lambda m: m["b"], 2.0, 0.1)
    result = fit(terms, MODEL, SPACE, starts=MultiStart(0))
    top = np.arctanh(0.9) / 2
    error = 0.1 / (2 * (1 - 0.9**2))
    assert result.values[0] == pytest.approx(top, rel=1e-3)
    assert result.standard_errors[0] == pytest.approx(error, rel=1e-2)
    rise = [((np.tanh(2 * (top + 2 * s * error)) - 0.9) / 0.1) ** 2 for s in (-1, 1)]
    assert rise[1] < 1.0 < 4.0 < rise[0]
    assert result.identifiable.tolist() == [False, True]
    assert "more slowly" in result.parameters[0].reasons[0]


@pytest.mark.parametrize("noise", [1e-2, 1.0, 1e2])
@pytest.mark.parametrize("wider", [jnp.sinh, lambda a: a])
def test_it_holds_in_any_unit_of_the_residuals_and_a_little_off_a_parabola(noise, wider):
    """Residuals of a scale that is not known, and a valley that is steeper than the law says."""
    off = lambda m: wider((m["a"] - 1) / 0.5) * 0.5
    narrow = lambda m: m["b"] - (m["a"] - 1) ** 2
    terms = [*twice(lambda m: 1 + off(m), 1.0, 0.5 / noise), *twice(narrow, 2.0, 0.01 / noise)]
    result = fit(terms, MODEL, SPACE, starts=MultiStart(0), throw=False)
    z, error = np.array([1.0, 2.0]), np.array([0.5, 0.01])
    found = find_nonlinearity(result.problem, z, result.chi2, error, np.ones(2), noise)
    assert list(found.reasons) == [1] and "follows a" in found.reasons[1]


def test_a_better_fit_on_the_way_is_said():
    """A second, deeper minimum of a beyond a barrier."""
    deep = lambda m: (
        jnp.where(m["a"] > 1.5, 1e-3, 1.0) * (m["a"] - 1.0 - (m["a"] > 1.5)) / 0.5 + 0.8
    )
    terms = [Goal(deep, 0.0, 1.0), *twice(lambda m: m["b"], 2.0, 0.01)]
    problem = fit(terms, MODEL, SPACE, starts=MultiStart(0), throw=False).problem
    z = np.array([1.0, 2.0])
    chi2 = float(problem.chi2(z[None])[0]) + 3.0
    found = find_nonlinearity(problem, z, chi2, np.array([0.5, 0.01]),
                 np.ones(2), 1.0)  # fmt: skip
    assert "better fit" in found.reasons[0]


@pytest.mark.parametrize("after", [1, 2, 3, 4, None])
def test_ctrl_c_while_the_intervals_are_tried_is_said(after, monkeypatch):
    """In a search from Python, at some look at the residuals, or in the compiled one."""

    def in_the_program(*arguments, **options):
        raise KeyboardInterrupt

    def armed(*arguments):
        if after:
            interrupt_at(monkeypatch, after)
        else:
            monkeypatch.setattr(Problem, "search", in_the_program)
        return find_nonlinearity(*arguments)

    monkeypatch.setattr(outcome, "find_nonlinearity", armed)
    result = fit_of(jnp.square, integrates=after is not None)
    assert result.result == RESULTS.interrupted
    np.testing.assert_allclose(result.values, [1.0, 2.0], atol=1e-3)
