"""Bootstrap against covariances in closed form, and against those of spectra and transients."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from listening import CtrlC, Heard
from oracles.linear_fits import curves, least_squares, linear

import jaxmem as jm
from benchmarks.problems.circuits_by_hand import SPACE, TRUTHS, device, noisy
from fitting import Free, MultiStart, Prior, Space, Trace, bootstrap, fit, interval


@pytest.mark.parametrize("kind", ["parametric", "residual"])
def test_linear_gaussian_has_the_covariance(kind):
    X, y, sigma = curves()
    result = linear(X, y, sigma)
    best, covariance = least_squares(X, y, sigma)
    found = bootstrap(result, 2000, kind=kind)
    assert found.failures == 0 and found.complete and found.z.shape == (2000, 3)
    if kind == "residual":
        # It draws the residuals that there are, whose spread is that of this sample.
        left = y - X @ best
        covariance = covariance * (left @ left) / (len(y) - 3) / sigma**2
    error = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(found.z.mean(axis=0), best, atol=0.1 * error.max())
    np.testing.assert_allclose(found.standard_errors, error, rtol=0.06)
    correlation = covariance / np.outer(error, error)
    np.testing.assert_allclose(np.corrcoef(found.z.T), correlation, atol=0.08)
    low, high = found.interval("a")
    assert high - low == pytest.approx(2 * 1.96 * error[0], rel=0.1)


def test_of_a_spectrum_it_agrees_with_the_covariance_and_is_the_same_again():
    result = fit(noisy(TRUTHS[0], np.random.default_rng(3)), device(*TRUTHS[0]), SPACE,
                 starts=MultiStart(0))  # fmt: skip
    found, again = (bootstrap(result, 300, seed=4) for _ in range(2))
    np.testing.assert_array_equal(found.z, again.z)
    assert found.failures == 0
    np.testing.assert_allclose(found.standard_errors, result.standard_errors, rtol=0.15)
    for name in result.names:
        low, high = found.interval(name)
        assert low < result[name] < high
        np.testing.assert_allclose(high - low, np.ptp(interval(result, name)), rtol=0.25)
    R_a = found.derived(lambda d: 1 / d.branches["slow"].g, "ohm")
    np.testing.assert_allclose(R_a.samples, 1 / found.values[:, result.names.index("g")])
    assert R_a.share == 1.0 and R_a.unit == "ohm" and R_a.low < result["R_a"] < R_a.high


def test_a_prior_is_drawn_like_an_earlier_measurement():
    X, y, sigma = curves()
    prior = Prior(_first, 1.0, 0.02)
    result = linear(X, y, sigma, terms=[prior])
    found = bootstrap(result, 1000, kind="residual")
    np.testing.assert_allclose(found.standard_errors[0], result.standard_errors[0], rtol=0.08)


def _first(model):
    return model["a"]


@pytest.mark.slow
def test_transients_are_refitted_one_by_one():
    truth = jm.paper_device()
    t = np.linspace(0, 4, 20)
    drive = jm.CurrentDrive(jm.Step(2.0))
    signal = np.asarray(jm.solve(jm.Circuit(truth, drive), t).V)
    noise = 0.01 * np.random.default_rng(5).normal(size=t.size)
    space = Space(Free(lambda d: d.R_b), Free(lambda d: d.C_m))
    result = fit(Trace(t, drive, signal + noise, sigma=0.01), truth, space, starts=MultiStart(0))
    heard = Heard()
    found = bootstrap(result, 40, progress=heard)
    assert found.failures == 0 and heard.lines[-1] == "40 of 40 refits"
    np.testing.assert_allclose(found.standard_errors, result.standard_errors, rtol=0.35)
    part = bootstrap(result, 40, progress=CtrlC(lambda line: line.startswith("5 ")))
    assert not part.complete and len(part.z) == 5
    np.testing.assert_array_equal(part.z, found.z[:5])


def test_what_cannot_be_identified_gets_no_interval():
    X, y, sigma = curves()
    X[:, 2] = X[:, 1]
    result = linear(X, y, sigma)
    found = bootstrap(result, 50)
    assert found.interval("b") == (-math.inf, math.inf)
    assert np.isfinite(found.interval("a")).all()


@pytest.mark.usefixtures("as_users_call")
def test_wrong_calls_say_what_to_do():
    result = linear(*curves())
    with pytest.raises(ValueError, match="parametric"):
        bootstrap(result, kind="wild")
    with pytest.raises(ValueError, match="at least 2"):
        bootstrap(result, 1)
    found = bootstrap(result, 10)
    with pytest.raises(KeyError, match="derived"):
        found.summary("R_a")
    with pytest.raises(ValueError, match="a number"):
        found.derived(lambda m: jnp.stack([m["a"], m["b"]]))
