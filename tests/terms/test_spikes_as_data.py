"""Measured features of spikes as a term: against scipy's integration, and in a specification."""

import equinox as eqx
import numpy as np
import pytest
from oracles.spiking import LETTERS, integrate
from scipy.optimize import brentq

import jaxmem as jm
from fitting import Free, MultiStart, Space, Spikes, absolute, estimated, fit, proportional
from fitting.examples import FOLDER
from fitting.study.loading import load_terms
from fitting.study.spec_file import read_spec, spec_to_toml

DEVICE = jm.Memristor3D(**LETTERS)


def growth(u):
    """The largest real part of the eigenvalues at rest at u, the Jacobian by hand, and I there."""
    p = LETTERS
    x = (u - p["V_T"]) / p["V_m"]
    f = 1 / (1 + np.exp(-x))
    J = np.array([
        [-1 / (p["R_b"] * p["C_m"]), -1 / p["C_m"], 0],
        [0, -1 / p["tau_d"], p["i_c0"] / p["tau_d"]],
        [f * (1 - f) / p["V_m"] / (f * p["tau_k"]), 0, -1 / (f * p["tau_k"])],
    ])  # fmt: skip
    return np.linalg.eigvals(J).real.max(), u / p["R_b"] + p["i_c0"] * f


def test_the_threshold_is_where_an_eigenvalue_crosses():
    u = brentq(lambda u: growth(u)[0], 0.5, 1.0, xtol=1e-14)
    I = growth(u)[1]
    term = Spikes(threshold=I, sigma=1e-3 * I)
    assert not term.cycle and term.points == 1
    assert abs(float(term.residual(DEVICE)[0])) < 1e-5
    # A device without feedback does not spike, and says so by NaN.
    mild = jm.Memristor3D(**(LETTERS | {"i_c0": 1e-3}))
    assert np.isnan(np.asarray(term.residual(mild))).all()


def test_a_program_may_take_the_measurement_as_an_argument():
    """A fit's does: nothing of a measurement is a number for NumPy any more, there."""
    term = Spikes(6.0, frequency=0.4, amplitude=1.0, threshold=2.1)
    shape = eqx.filter_eval_shape(lambda term, device: term.signal(device), term, DEVICE)
    assert shape.shape == (3,)


@pytest.mark.slow
def test_lags_are_found_from_the_spikes_that_scipy_integrates():
    run = integrate(LETTERS, lambda t: 6.0, [1.0, 0.0, 0.0], (0, 200.0), dense_output=True)
    t = np.linspace(150, 200, 200_001)
    u = run.sol(t)[0]
    up = t[1:][(u[:-1] < 1.0) & (u[1:] >= 1.0)]
    frequency, amplitude = 1 / np.mean(np.diff(up)), np.ptp(u)
    term = Spikes(6.0, frequency=frequency, amplitude=amplitude, sigma=proportional(1e-3))
    assert np.abs(np.asarray(term.residual(DEVICE))).max() < 0.1
    off = jm.Memristor3D(**(LETTERS | {"tau_d": 1.3, "tau_k": 0.8}))
    space = Space(*(Free(lambda d, n=n: getattr(d, n), name=n) for n in ("tau_d", "tau_k")))
    result = fit(term, off, space, starts=MultiStart(0))
    # A rate alone decides a parameter by its nature, and is no sample between others.
    assert not any(report.high_leverage for report in result.terms)
    np.testing.assert_allclose(result.values, [1.0, 1.0], rtol=2e-3)
    assert [r.kind for r in result.terms] == ["Spikes"] and result.terms[0].points == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (dict(I=1e-4), "give one at least of frequency"),
        (dict(frequency=50.0), "give the current I"),
        (dict(I=1e-4, frequency=-1.0), "positive and finite"),
        (dict(threshold=1e-4, sigma=estimated(absolute(1e-6))), "do not tell their noise"),
    ],
)
def test_wrong_calls_say_what_is_missing(given, words):
    with pytest.raises(ValueError, match=words):
        Spikes(**given)


def test_a_specification_may_hold_them(tmp_path):
    data = (FOLDER / "three_biases.csv").as_posix()
    path = tmp_path / "fit.toml"
    path.write_text(
        f'device = "3d"\n[[spectra]]\nfile = "{data}"\n'
        "[[spikes]]\nI = 1e-4\nfrequency = 50.0\nthreshold = 9e-5\nsigma = 0.02\n"
    )
    spec = read_spec(path)
    assert spec.joint
    term = load_terms(spec).terms[-1]
    assert term.features == ("frequency", "threshold") and term.I == 1e-4
    np.testing.assert_allclose(term.sigma, [1.0, 1.8e-6])
    (tmp_path / "again.toml").write_text(spec_to_toml(spec, tmp_path))
    assert read_spec(tmp_path / "again.toml").entries[-1].options == spec.entries[-1].options
