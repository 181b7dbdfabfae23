"""Profile likelihoods and intervals against closed forms, and what they say of what is open."""

import math

import numpy as np
import pytest
from listening import CtrlC
from oracles.linear_fits import curves, least_squares, linear
from scipy.stats import chi2

from benchmarks.problems.circuits_by_hand import SPACE, TRUTHS, device, impedance, noisy
from fitting import LeastSquares, MultiStart, Space, Spectrum, fit, interval, profile
from fitting.diagnosis.term_report import TermReport

ELEMENTS = ("C", "R_b", "g", "tau")


@pytest.mark.quick
@pytest.mark.parametrize("level", [0.6827, 0.95])
def test_linear_gaussian_of_known_noise_is_the_closed_form(level):
    X, y, sigma = curves()
    result = linear(X, y, sigma)
    best, covariance = least_squares(X, y, sigma)
    q = math.sqrt(chi2.ppf(level, 1))
    for k, name in enumerate(result.names):
        reach = q * math.sqrt(covariance[k, k])
        found = profile(result, name, level=level)
        assert found.closed == (True, True) and found.identifiable and found.complete
        np.testing.assert_allclose([found.low, found.high], best[k] + reach * np.array([-1, 1]),
                                   rtol=1e-4, atol=2e-3 * reach)  # fmt: skip
        # The whole curve is a parabola.
        want = (found.values - best[k]) ** 2 / covariance[k, k]
        np.testing.assert_allclose(found.increase, want, atol=2e-3)
        np.testing.assert_allclose(
            interval(result, name, level), best[k] + reach * np.array([-1, 1]), rtol=1e-6
        )


def test_an_interval_that_takes_alike_residuals_as_independent_says_so(monkeypatch):
    result = linear(*curves())
    found = profile(result, result.names[0], level=0.68)
    assert not found.widened and "too narrow" not in found.statement()
    monkeypatch.setattr(TermReport, "alike", property(lambda self: True))
    found = profile(result, result.names[0], level=0.68)
    assert found.widened and "widened for that" in found.statement()


def test_unknown_noise_gives_nearly_students_interval():
    X, y, _ = curves()
    result = linear(X, y, None)
    n, p = X.shape
    nu = n - p
    best, unit = least_squares(X, y, 1.0)
    error = math.sqrt(np.sum((y - X @ best) ** 2) / nu * unit[0, 0])
    found = profile(result, result.names[0])
    # nu ln(1 + t^2/nu) = q
    t = math.sqrt(nu * math.expm1(chi2.ppf(0.95, 1) / nu))
    np.testing.assert_allclose(found.high - best[0], t * error, rtol=5e-3)
    np.testing.assert_allclose(best[0] - found.low, t * error, rtol=5e-3)


def test_profile_of_a_spectrum_agrees_with_the_covariance_and_nothing_compiles():
    result = fit(noisy(TRUTHS[0], np.random.default_rng(0)), device(*TRUTHS[0]), SPACE,
                 starts=MultiStart(0))  # fmt: skip
    for name in (*ELEMENTS, "R_a", "L_d"):
        found = profile(result, name)
        low, high = interval(result, name)
        width = high - low
        assert abs(found.low - low) < 0.03 * width and abs(found.high - high) < 0.03 * width
        assert found.low < result[name] < found.high
        assert (np.diff(found.values) > 0).all() and "95 %" in found.statement()
    # R_a = 1/g: one profile follows from the other.
    g, R_a = profile(result, "g"), profile(result, "R_a")
    np.testing.assert_allclose([1 / g.high, 1 / g.low], [R_a.low, R_a.high], rtol=1e-5)
    corner = profile(result, "corner", of=("Hz", lambda d: 1 / d.branches["slow"].tau))
    tau = profile(result, "tau")
    np.testing.assert_allclose([corner.low, corner.high], [1 / tau.high, 1 / tau.low], rtol=1e-5)
    # The interval of the fit itself is that of one standard deviation.
    k = result.names.index("tau")
    np.testing.assert_allclose(
        interval(result, "tau", 0.682689), [result.low[k], result.high[k]], rtol=1e-6
    )


@pytest.mark.slow
def test_an_open_side_is_said():
    # A lag below what the data resolve: only that it is short can be said.
    known = Space(*(f for f in SPACE.frees if f.name != "R_b"))
    result = _short_lag(known)
    found = profile(result, "tau", decades=3)
    assert found.closed == (False, True) and not found.identifiable
    assert found.low == 0.0 and "no limit below" in found.statement()
    assert found.high > 1e-7
    # Two parameters of which only the sum is felt: no interval is given of either.
    X, y, sigma = curves()
    X[:, 2] = X[:, 1]
    result = linear(X, y, sigma)
    assert interval(result, "b") == (-math.inf, math.inf)
    found = profile(result, "b")
    assert found.closed == (False, False) and (found.low, found.high) == (-math.inf, math.inf)
    assert "no limit on either side" in found.statement()
    sums = profile(result, "sum", of=("1", lambda m: m["b"] + m["c"]))
    error = math.sqrt(least_squares(X[:, :2], y, sigma)[1][1, 1])
    assert sums.identifiable and sums.high - sums.low == pytest.approx(2 * 1.96 * error, rel=0.01)


def _short_lag(space):
    truth, freq = (1e-8, 1e5, 2e4, 2e4 * 1e-7), np.geomspace(1.0, 1e5, 60)
    rng = np.random.default_rng(1)
    Z = impedance(freq, *truth)
    sigma = 0.005 * np.abs(Z)
    Z = Z + sigma * (rng.normal(size=60) + 1j * rng.normal(size=60))
    return fit(Spectrum(freq, Z, sigma=sigma), device(*truth), space, starts=MultiStart(0),
               throw=False)  # fmt: skip


def test_bounds_end_a_walk():
    X, y, sigma = curves()
    best, covariance = least_squares(X, y, sigma)
    low = float(best[0] - 0.5 * math.sqrt(covariance[0, 0]))
    found = profile(linear(X, y, sigma, low=(low, None, None)), "a")
    assert found.closed == (False, True) and found.low == pytest.approx(low)
    assert "at most" in found.statement()


def test_ctrl_c_returns_what_was_found():
    X, y, sigma = curves()
    result = linear(X, y, sigma)
    third = CtrlC(lambda line: len(third.lines) == 3)
    found = profile(result, result.names[0], progress=third)
    assert not found.complete and not any(found.closed) and len(found.values) == 4
    assert "interrupted" in found.statement()


@pytest.mark.usefixtures("as_users_call")
def test_wrong_calls_say_what_to_do():
    X, y, sigma = curves()
    result = linear(X, y, sigma)
    with pytest.raises(KeyError, match="there are"):
        profile(result, "nothing")
    with pytest.raises(KeyError, match="there are"):
        interval(result, "nothing")
    with pytest.raises(ValueError, match="between 0 and 1"):
        profile(result, result.names[0], level=95)
    with pytest.raises(ValueError, match="points"):
        profile(result, result.names[0], points=1)
    unfinished = fit(
        noisy(TRUTHS[0], np.random.default_rng(0)), device(*(3 * x for x in TRUTHS[0])), SPACE,
        starts=MultiStart(0), solver=LeastSquares(max_steps=1), throw=False,
    )  # fmt: skip
    with pytest.raises(ValueError, match="did not end at an optimum"):
        profile(unfinished, "C")
