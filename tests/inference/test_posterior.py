"""Posteriors against closed forms, and what they say where the data do not decide."""

import builtins
import math

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from listening import CtrlC, Heard
from oracles.linear_fits import curves, least_squares, linear
from scipy.stats import chi2, kstest, norm, t, truncnorm

import jaxmem as jm
from benchmarks.problems import calibration
from benchmarks.problems.circuits_by_hand import SPACE, TRUTHS, device, noisy
from fitting import (
    Free,
    MultiStart,
    Prior,
    Space,
    Spectrum,
    Trace,
    fit,
    hopf_window,
    interval,
    posterior,
    spike_frequency,
)
from fitting.inference.propagate import Summary


@pytest.fixture(scope="module")
def _sampler():
    pytest.importorskip("numpyro")


pytestmark = pytest.mark.usefixtures("_sampler")


def thinned(drawn, k, by=4):
    """Nearly independent draws of a coordinate."""
    return drawn.z[:, ::by, k].ravel()


def test_linear_gaussian_of_known_noise_is_the_closed_form():
    X, y, sigma = curves()
    best, covariance = least_squares(X, y, sigma)
    drawn = posterior(linear(X, y, sigma), prior=None)
    assert drawn.ok and drawn.informed.all() and drawn.z.shape == (4, 1000, 3)
    assert drawn.ess.min() > 1000
    for k, name in enumerate(drawn.names):
        error = math.sqrt(covariance[k, k])
        assert kstest(thinned(drawn, k), norm(best[k], error).cdf).pvalue > 1e-3
        low, high = drawn.interval(name)
        np.testing.assert_allclose([low, high], best[k] + 1.96 * error * np.array([-1, 1]),
                                   atol=0.15 * error)  # fmt: skip
    error = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(drawn.correlation, covariance / np.outer(error, error), atol=0.06)


@pytest.mark.slow
def test_unknown_noise_gives_students_distribution():
    X, y, _ = curves(n=9)
    best, unit = least_squares(X, y, 1.0)
    nu = len(y) - 3
    s2 = np.sum((y - X @ best) ** 2) / nu
    drawn = posterior(linear(X, y, None), prior=None)
    assert drawn.ok
    for k in range(3):
        law = t(nu, best[k], math.sqrt(s2 * unit[k, k]))
        assert kstest(thinned(drawn, k), law.cdf).pvalue > 1e-3


@pytest.mark.slow
def test_bounds_are_kept_and_the_prior_within_them_is_flat():
    X, y, sigma = curves()
    best, covariance = least_squares(X, y, sigma)
    error = math.sqrt(covariance[0, 0])
    # The optimum lies beyond the bound, so that the fit ends at it.
    low = float(best[0] + 0.5 * error)
    result = linear(X, y, sigma, low=(low, None, None))
    assert result.at_bound == ("a",)
    drawn = posterior(result, prior=None)
    assert drawn.values[..., 0].min() > low
    law = truncnorm(0.5, math.inf, best[0], error)
    assert kstest(thinned(drawn, 0), law.cdf).pvalue > 1e-3


def test_of_a_spectrum_it_agrees_with_the_covariance_and_is_the_same_again(tmp_path):
    result = fit(noisy(TRUTHS[0], np.random.default_rng(0)), device(*TRUTHS[0]), SPACE,
                 starts=MultiStart(0))  # fmt: skip
    heard = Heard()
    drawn = posterior(result, seed=5, progress=heard)
    assert drawn.ok and drawn.informed.all() and len(heard.lines) == 6
    sd = drawn.flat.std(axis=0)
    np.testing.assert_allclose(sd, result.standard_errors, rtol=0.08)
    size = np.sqrt(np.diag(result.covariance))
    np.testing.assert_allclose(
        drawn.correlation, result.covariance / np.outer(size, size), atol=0.08
    )
    for name in result.names:
        np.testing.assert_allclose(
            np.ptp(drawn.interval(name)), np.ptp(interval(result, name)), rtol=0.12
        )
    again = posterior(result, seed=5)
    np.testing.assert_array_equal(drawn.z, again.z)
    assert (posterior(result, seed=6, draws=100, warmup=100).z[0, 0] != drawn.z[0, 0]).all()
    R_a = drawn.derived(_R_a, "ohm")
    np.testing.assert_allclose([R_a.low, R_a.high], interval(result, "R_a"), rtol=1e-3)
    assert "R_a: " in R_a.statement("R_a") and any(line.startswith("tau: ") for line in
                                                   drawn.statements())  # fmt: skip
    drawn.to_xarray().to_netcdf(tmp_path / "posterior.nc", engine="scipy")
    with xr.open_dataset(tmp_path / "posterior.nc", engine="scipy") as data:
        assert dict(data.sizes) == {"chain": 4, "draw": 1000}
        np.testing.assert_array_equal(data["tau"], drawn.values[..., result.names.index("tau")])
        assert data["tau"].attrs["units"] == "s" and "lag" in data["tau"].attrs["long_name"]
        assert data.attrs["seed"] == 5 and "numpyro" in data.attrs["versions"]
        assert data["diverging"].sum() == 0


def _R_a(device):
    return 1 / device.branches["slow"].g


@pytest.mark.slow
@pytest.mark.parametrize("said, honest", [(1.0, True), (0.4, False)])
def test_a_sample_of_the_calibration(said, honest):
    # The benchmark draws 200; noise that is said too small must be seen in a few.
    runs, ranks, square = 12, [], 0.0
    for k in range(runs):
        found, truth = calibration.drawn(np.random.default_rng([7, k]), k, said)
        assert found.ok, found
        ranks.append(calibration.ranks(found, truth))
        off = found.flat.mean(axis=0) - truth
        square += off @ np.linalg.solve(np.cov(found.flat.T), off)
    low, high = chi2(4 * runs).ppf([1e-3, 1 - 1e-3])
    assert (low < square < high) == honest
    if honest:
        shares = (np.array(ranks) + 0.5) / (calibration.RANKS + 1)
        assert min(kstest(row, "uniform").pvalue for row in shares.T) > 0.01 / 4


@pytest.mark.slow
def test_what_the_data_do_not_decide_is_wide_and_said():
    X, y, sigma = curves()
    X[:, 2] = X[:, 1]
    drawn = posterior(linear(X, y, sigma), prior=1.0)
    assert drawn.informed.tolist() == [True, False, False]
    # The sum is known, the difference is the prior's: 10 times the size of each.
    b, c = drawn.flat[:, 1], drawn.flat[:, 2]
    _, covariance = least_squares(X[:, :2], y, sigma)
    assert np.std(b + c) == pytest.approx(math.sqrt(covariance[1, 1]), rel=0.1)
    assert np.std(b) > 1 and drawn.interval("b") == (-math.inf, math.inf)
    words = " ".join(drawn.statements())
    assert "do not decide b, c" in words and "a: " in words and "b: " not in words
    # With a Prior of one's own, all is decided.
    fine = posterior(linear(X, y, sigma, terms=[Prior(_b, -1.0, 0.1)]))
    assert fine.ok and fine.informed.all()
    assert np.std(fine.flat[:, 1]) == pytest.approx(0.1, rel=0.1)


def _b(model):
    return model["b"]


def _around_the_bound():
    """A device whose i_c0 is known to a factor: some draws spike, and some do not."""
    truth = jm.Memristor3D(1.0, 1.0, 1.85, 1.0, 0.05, 1.0, 1.0)
    freq = np.geomspace(1e-2, 1e2, 12)
    Z = np.asarray(truth.impedance(jnp.asarray(2j * np.pi * freq), 0.7))
    sigma = 0.05 * np.abs(Z)
    kick = np.random.default_rng(2).normal(size=12) * sigma
    terms = [Spectrum(freq, Z + kick, u=0.7, sigma=sigma), Prior(_i_c0, 1.85, factor=1.5)]
    space = Space(Free(_i_c0, name="i_c0"))
    return posterior(fit(terms, truth, space, starts=MultiStart(0)), draws=100, warmup=100), truth


def _i_c0(device):
    return device.i_c0


@pytest.mark.slow
def test_the_window_of_oscillation_over_the_draws():
    drawn, _ = _around_the_bound()
    window = drawn.derived(hopf_window(), {"low": "A", "high": "A", "frequency": "Hz"})
    has = np.isfinite(window["low"].samples)
    assert window["low"].share == has.mean() and 0.05 < has.mean() < 0.95
    # The loop gain grows with i_c0.
    i_c0 = drawn.values.ravel()
    assert i_c0[has].min() > i_c0[~has].max()
    assert (window["low"].samples[has] <= window["high"].samples[has]).all()
    assert window["frequency"].unit == "Hz" and "have one" in window["low"].statement("onset")


@pytest.mark.slow
def test_the_frequency_of_spikes_over_the_draws():
    drawn, truth = _around_the_bound()
    I = float(truth.steady_current(1.0))
    few = drawn._replace(z=drawn.z[:, :4])
    found = few.derived(spike_frequency(I), "Hz")
    for value, i_c0 in zip(found.samples, few.values.ravel(), strict=True):
        other = jm.Memristor3D(1.0, 1.0, i_c0, 1.0, 0.05, 1.0, 1.0)
        circuit = jm.Circuit(other, jm.CurrentDrive(jm.Constant(I)))
        want = 1 / float(jm.limit_cycle(circuit, throw=False).period)
        np.testing.assert_allclose(value, want, rtol=1e-6)


def test_a_spread_says_how_often_there_is_something():
    rare = Summary.of(np.array([np.nan] * 99 + [1.0]), "Hz")
    assert rare.share == 0.01 and math.isnan(rare.low)
    assert "1 % of the samples" in rare.statement("frequency")
    half = Summary.of(np.append([np.nan] * 50, np.linspace(0, 1, 50)), "Hz", 0.9)
    assert half.median == pytest.approx(0.5) and "50 %" in half.statement("frequency")


@pytest.mark.slow
def test_transients_have_a_posterior():
    truth = jm.paper_device()
    times = np.linspace(0, 4, 20)
    drive = jm.CurrentDrive(jm.Step(2.0))
    signal = np.asarray(jm.solve(jm.Circuit(truth, drive), times).V)
    noise = 0.01 * np.random.default_rng(5).normal(size=times.size)
    space = Space(Free(lambda d: d.R_b), Free(lambda d: d.C_m))
    trace = Trace(times, drive, signal + noise, sigma=0.01)
    result = fit(trace, truth, space, starts=MultiStart(0))
    drawn = posterior(result, draws=250, warmup=100, chains=2)
    assert drawn.ok
    np.testing.assert_allclose(drawn.flat.std(axis=0), result.standard_errors, rtol=0.25)


def test_ctrl_c_returns_the_draws_until_then():
    stop = CtrlC(lambda line: "500 of" in line)
    drawn = posterior(linear(*curves()), warmup=250, progress=stop)
    assert not drawn.complete and not drawn.ok and drawn.z.shape == (4, 250, 3)
    assert "interrupted" in drawn.statements()[0]


def test_without_numpyro_it_says_what_to_install(monkeypatch):
    known = builtins.__import__

    def missing(name, *args, **kwargs):
        if name.split(".")[0] == "numpyro":
            raise ImportError(f"No module named {name!r}")
        return known(name, *args, **kwargs)

    result = linear(*curves())
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r'pip install "jaxmem\[bayes\]"'):
        posterior(result)


def test_wrong_calls_say_what_to_do():
    result = linear(*curves())
    with pytest.raises(ValueError, match="draws"):
        posterior(result, draws=0)
    with pytest.raises(ValueError, match="decades"):
        posterior(result, prior=-1.0)
    with pytest.raises(ValueError, match="patience"):
        posterior(result, patience=-1)
