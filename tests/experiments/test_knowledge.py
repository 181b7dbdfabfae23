"""What is known: of a prior, of a fit and of its files; what is offered, and how long it takes."""

import json

import numpy as np
import pytest

import jaxmem as jm
from fitting import Free, Instrument, Space, Spectrum, fit, from_fit, from_prior
from fitting.experiments.knowledge import OPEN, from_record
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
    matrix = np.array(record["covariance"]["matrix"])
    matrix[0], matrix[:, 0] = 0, 0
    record["covariance"]["matrix"] = [
        [None if i == j == 0 else x for j, x in enumerate(row)] for i, row in enumerate(matrix)
    ]
    record["describes"] = "no"
    known = from_record(record, fitted.model)
    assert np.sqrt(known.covariance[0, 0]) == pytest.approx(OPEN)
    assert "leave R_b open" in known.remarks[0] and "does not describe" in known.remarks[1]
    del record["covariance"]
    with pytest.raises(ValueError, match="no covariance"):
        from_record(record, fitted.model)


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
