"""What is known: of a prior, of a fit and of its files; what is offered, and how long it takes."""

import json

import numpy as np
import pytest

import jaxmem as jm
from fitting import Free, Instrument, Space, Spectrum, fit, from_fit, from_prior
from fitting.experiments.broad_prior import OPEN, information_from, inverted, with_broad_prior
from fitting.experiments.knowledge import from_record
from fitting.experiments.offered.possible import biases_of, possible_experiments, round_up
from fitting.report.export import fit_record

pytestmark = pytest.mark.quick


def test_a_prior_is_relative():
    device = jm.si_device()
    known = from_prior(device, {"V_m": 0.1, "C_m": 0.0})
    names = known.coordinates.names
    assert "C_m" not in names and "R_s" not in names
    sd = dict(zip(names, np.sqrt(np.diag(known.covariance)), strict=True))
    assert sd["V_m"] == pytest.approx(0.1) and sd["tau_d"] == pytest.approx(0.5)
    assert sd["V_T"] == pytest.approx(0.5 * float(device.V_T))
    draws = known.draws(400, 0)
    assert draws.shape == (401, 6) and np.array_equal(draws[0], known.z)
    np.testing.assert_allclose(draws[1:].std(axis=0), list(sd.values()), rtol=0.15)


@pytest.mark.parametrize(
    "prior, said",
    [({"V_x": 0.1}, "no uncertain parameter V_x"), (-0.1, "relative"), (0.0, "is known")],
)
def test_a_prior_that_makes_no_sense_is_refused(prior, said):
    with pytest.raises(ValueError, match=said):
        from_prior(jm.si_device(), prior)


@pytest.fixture(scope="module")
def fitted():
    """Of two biases that do not saturate: i_c0 and V_T are one number."""
    device = jm.Memristor2D(1e4, 1e-7, 1e-3, 0.8, 0.05, 1e-2)
    freq = np.geomspace(1, 1e5, 20)
    spectra = []
    rng = np.random.default_rng(0)
    for u in (0.2, 0.3, 0.4):
        Z = np.asarray(jm.linearize(device, u=u).impedance(2 * np.pi * freq))
        noise = 0.01 * np.abs(Z) * (rng.normal(size=20) + 1j * rng.normal(size=20))
        spectra.append(Spectrum(freq, Z + noise, u=u))
    space = Space(*(Free(lambda d, n=n: getattr(d, n)) for n in ("R_b", "C_m", "V_m", "i_c0")))
    return fit(spectra, device, space, starts=2)


def test_a_fit_its_record_and_its_covariance_agree(fitted):
    known = from_fit(fitted)
    assert known.coordinates.names == fitted.names
    np.testing.assert_allclose(known.z, fitted.z, rtol=1e-9)
    # Noise of both parts is 1 % of |Z|.
    assert known.relative_noise["spectra"] == pytest.approx(0.01, rel=0.2)
    record = json.loads(json.dumps(fit_record(fitted, [])))
    again = from_record(record, fitted.model)
    np.testing.assert_allclose(again.covariance, known.covariance, rtol=1e-6)
    fine = np.sqrt(np.diag(fitted.covariance)) < 0.1
    own = np.sqrt(np.diag(known.covariance))
    np.testing.assert_allclose(own[fine], np.sqrt(np.diag(fitted.covariance))[fine], rtol=0.05)
    assert (own < OPEN).all()


def test_what_a_record_leaves_open_is_a_decade(fitted):
    record = json.loads(json.dumps(fit_record(fitted, [])))
    del record["covariance"]["information"]
    matrix = np.array(record["covariance"]["matrix"])
    matrix[0], matrix[:, 0] = 0, 0
    record["covariance"]["matrix"] = [
        [None if i == j == 0 else x for j, x in enumerate(row)] for i, row in enumerate(matrix)
    ]
    record["describes"] = "no"
    known = from_record(record, fitted.model)
    assert np.sqrt(known.covariance[0, 0]) == pytest.approx(OPEN)
    assert "leaves R_b open" in known.remarks[0] and "does not describe" in known.remarks[1]
    del record["covariance"]
    with pytest.raises(ValueError, match="no covariance"):
        from_record(record, fitted.model)


@pytest.fixture(scope="module")
def without_series_resistance():
    """A 2D device in the middle of its onset, with R_s free though there is none."""
    device = jm.Memristor2D(1e4, 1e-7, 1e-3, 0.8, 0.05, 1e-2)
    freq, rng, spectra = np.geomspace(1, 1e5, 20), np.random.default_rng(1), []
    for u in (0.6, 0.75, 0.9):
        Z = np.asarray(jm.linearize(device, u=u).impedance(2 * np.pi * freq))
        noise = 0.01 * np.abs(Z) * (rng.normal(size=20) + 1j * rng.normal(size=20))
        spectra.append(Spectrum(freq, Z + noise, u=u))
    names = ("R_b", "C_m", "V_m", "i_c0", "tau_d", "R_s")
    space = Space(*(Free(lambda d, n=n: getattr(d, n), log=True) for n in names))
    return fit(spectra, jm.Memristor2D(1e4, 1e-7, 1e-3, 0.8, 0.05, 1e-2, 1e-8), space, starts=1)


def test_one_open_parameter_hides_no_other(without_series_resistance):
    found = without_series_resistance
    own = np.sqrt(np.diag(found.covariance))
    open_ = np.array(found.names) == "R_s"
    assert own[open_] > 1e3 and (own[~open_] < 0.1).all()
    record = json.loads(json.dumps(fit_record(found, [])))
    older = json.loads(json.dumps(record))
    del older["covariance"]["information"]
    for known in (from_fit(found), *(from_record(r, found.model) for r in (record, older))):
        sd = np.sqrt(np.diag(known.covariance))
        np.testing.assert_allclose(sd[~open_], own[~open_], rtol=0.02)
        assert sd[open_] == pytest.approx(OPEN, rel=1e-3)
        assert len(known.remarks) == 1 and known.remarks[0].startswith("The fit leaves R_s open: ")
        np.testing.assert_allclose(known.precision @ known.covariance, np.eye(6), atol=1e-6)


def test_an_older_fit_that_lost_what_it_knew_says_so(fitted):
    record = json.loads(json.dumps(fit_record(fitted, [])))
    del record["covariance"]["information"]
    matrix = np.array(record["covariance"]["matrix"])
    matrix[:2], matrix[:, :2] = 0, 0
    record["covariance"]["matrix"] = [
        [None if i == j < 2 else x for j, x in enumerate(row)] for i, row in enumerate(matrix)
    ]
    known = from_record(record, fitted.model)
    assert "leaves R_b, C_m open" in known.remarks[0] and "older version" in known.remarks[1]
    record["covariance"]["information"] = [[None] * 4] * 4
    with pytest.raises(ValueError, match="gaps"):
        from_record(record, fitted.model)


def test_what_a_record_holds_is_the_inverse_of_its_covariance(fitted):
    held = fit_record(fitted, [])["covariance"]
    np.testing.assert_allclose(np.linalg.inv(held["information"]), held["matrix"], rtol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_precisions_add(seed):
    rng = np.random.default_rng(seed)
    J, lengths = rng.normal(size=(9, 4)), rng.uniform(0.1, 2.0, 4)
    prior = np.diag(1 / (np.log(10) * lengths) ** 2)
    covariance, left_open = with_broad_prior(J.T @ J, lengths)
    np.testing.assert_allclose(covariance, np.linalg.inv(J.T @ J + prior), rtol=1e-10)
    np.testing.assert_allclose(inverted(covariance), J.T @ J + prior, rtol=1e-8, atol=1e-10)
    assert not left_open.any()
    information, whole = information_from(np.linalg.inv(J.T @ J))
    np.testing.assert_allclose(information, J.T @ J, rtol=1e-8, atol=1e-10)
    assert whole


def test_of_two_that_are_felt_together_only_that_is_kept():
    """ln a + ln b is known to 1e-5, ln a - ln b not at all, a third to 1e-7."""
    J = np.diag([1.0, 1.0, 1e7])
    J[0, :2], J[1, :2] = 1e5, 0.0
    covariance, left_open = with_broad_prior(J.T @ J, np.ones(3))
    assert left_open.tolist() == [True, True, False]
    together = np.array([1.0, 1.0, 0.0])
    assert np.sqrt(together @ covariance @ together) == pytest.approx(1e-5, rel=1e-3)
    apart = np.array([1.0, -1.0, 0.0])
    assert np.sqrt(apart @ covariance @ apart) == pytest.approx(np.sqrt(2) * OPEN, rel=1e-6)
    assert np.sqrt(covariance[2, 2]) == pytest.approx(1e-7, rel=1e-6)
    # Of a covariance alone as much as its digits hold, and that is said.
    lost, whole = information_from(np.array([[1e20, -1e20], [-1e20, 1e20]]))
    assert not whole and np.isfinite(lost).all()


def test_draws_keep_what_is_known_together(fitted):
    """i_c0 against V_m: each is capped, and what the data say of both holds in each draw."""
    known = from_fit(fitted)
    axes = np.linalg.eigh(known.covariance)
    steps = (known.draws(300, 0, most=0.02) - known.z)[1:] @ axes[1]
    np.testing.assert_allclose(steps.std(axis=0), np.minimum(np.sqrt(axes[0]), 0.02), rtol=0.15)


def test_what_is_offered_takes_the_time_of_its_periods():
    told = Instrument(freq=(0.1, 1e4), periods=2, least=0.0, settling=0.0, between=7.0)
    device = jm.si_device()
    offered = possible_experiments(device, told, ["spectrum"])
    for e in offered[::7]:
        freq = e.measurement.freq[e.rows[: len(e.measurement.freq)]]
        assert e.time == pytest.approx(7.0 + sum(2 / f for f in freq))
    biases = sorted({e.V for e in offered})
    assert biases[-1] > float(device.V_T) and np.ptp(np.diff(biases)) < 1e-9
    assert len({(e.V, e.band) for e in offered}) == len(offered)


@pytest.mark.parametrize("x", [0.011, 1.0, 1.01, 2.2, 3.0, 9.9, 12345.0])
def test_round_numbers(x):
    assert x <= round_up(x) < 2.6 * x and f"{round_up(x):.0e}"[0] in "125"


def test_a_voltage_that_is_allowed_is_not_left(as_users_call):
    told = Instrument(V=(0.3, 0.7))
    assert biases_of(jm.si_device(), told)[0] >= 0.3 and biases_of(jm.si_device(), told)[-1] <= 0.7
    with pytest.raises(ValueError, match="no range"):
        Instrument(V=(0.7, 0.3))
    with pytest.raises(ValueError, match="no experiment 'spectra'"):
        possible_experiments(jm.si_device(), told, ["spectra"])
