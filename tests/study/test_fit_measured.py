"""Fits of measured perovskite spectra, against independent fits of them."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from listening import Heard

from benchmarks.problems.circuits_by_hand import SEED, SPACE, device, noisy
from fitting import MultiStart, Spectrum, element_model, fit, fit_series
from fitting.estimate.drift import trends
from fitting.estimate.series import outliers

# Measured spectra: index, and relative rms residual in per cent of four models as
# independent fits gave them.
TABLE = {
    ("l300", 0): (7.6, 5.3, 3.1, 2.6),
    ("l300", 24): (7.3, 6.8, 2.4, 1.9),
    ("d300", 0): (5.0, 4.0, 2.4, 2.1),
}


@pytest.fixture(scope="session")
def measured():
    from conftest import SHARED

    folder = SHARED / "data/perovskite_eis"
    if not folder.is_dir():
        pytest.skip("no measured spectra beside the checkout")

    def spectrum(cell, k, high=6e6):
        d = np.load(folder / f"pero_{cell}.npz")
        return Spectrum(d["freqs"], d["Re"][:, k] + 1j * d["Im"][:, k]).within(high=high)

    return spectrum


@pytest.mark.parametrize("cell, k", TABLE)
def test_measured_residuals_are_those_of_independent_fits(measured, cell, k):
    s = measured(cell, k)
    models = [("rc", ()), ("2d", ()), ("2d", ("cpe",)), ("2d", ("cpe", "polarisation"))]
    for (kind, add), want in zip(models, TABLE[cell, k], strict=True):
        model, space, box = element_model(kind, add, spectrum=s)
        result = fit(s, model, space, starts=MultiStart(box=box))
        assert 100 * result.relative_rms_residual <= want + 0.05, (kind, add)
        if add == ("cpe", "polarisation") and cell == "l300":
            # R_b runs off to infinity: a degenerate optimum.
            assert not result.identifiable[result.names.index("R_b")]
            assert any("R_b" in line for line in result.statements())
            assert result["R_b"] > 1e7


def test_the_first_measured_spectrum_in_numbers(measured):
    s = measured("l300", 0)
    model, space, box = element_model("2d", ("cpe",), spectrum=s)
    result = fit(s, model, space, starts=MultiStart(box=box))
    want = dict(R_s=41, n=0.957, R_b=12.5e3, tau_d=4.5e-3, R_a=36.7e3, L_d=166)
    for name, value in want.items():
        assert result[name] == pytest.approx(value, rel=0.02), name
    R_a, L = result.derived["R_a"], result.derived["L_d"]
    # Of independent residuals 8 and 13 %, as independent fits gave them; what is left has a
    # structure, and the intervals are wider.
    _, J = (a[0] for a in result.problem.inspect(result.z[None]))
    plain = result.noise**2 * np.linalg.inv(J.T @ J)
    g, tau = result.names.index("g"), result.names.index("tau_d")
    own = plain[g, g], plain[g, g] + plain[tau, tau] - 2 * plain[g, tau]
    assert np.sqrt(own) == pytest.approx([0.08, 0.13], abs=0.02)
    assert result.describes == "roughly"
    assert 0.1 < np.log(R_a.high / R_a.value) < 0.35
    assert 0.15 < np.log(L.high / L.value) < 0.6
    rows = {row["name"]: row for row in result.rows()}
    assert rows["R_a"]["unit"] == "ohm" and rows["tau_d"]["identifiable"]
    assert rows["R_b"]["low"] < rows["R_b"]["value"] < rows["R_b"]["high"]


@pytest.mark.slow
def test_without_the_lead_the_first_spectrum_fits_worse(measured):
    s = measured("l300", 0)
    model, space, box = element_model("2d", ("cpe",), spectrum=s, lead=False)
    result = fit(s, model, space, starts=MultiStart(box=box))
    assert 100 * result.relative_rms_residual == pytest.approx(3.9, abs=0.05)


@pytest.mark.parametrize("cell, k", TABLE)
def test_3d_is_not_identifiable_from_a_measured_spectrum(measured, cell, k):
    s = measured(cell, k)
    fits = {}
    for kind in ("2d", "3d"):
        model, space, box = element_model(kind, ("cpe",), spectrum=s)
        fits[kind] = fit(s, model, space, starts=MultiStart(box=box))
    three = fits["3d"]
    for name in ("tau_d", "tau_2"):
        assert not three.identifiable[three.names.index(name)]
    assert any(line.startswith("Not identifiable from these data") for line in three.statements())
    assert three.bic > fits["2d"].bic
    assert "Cannot tell 2D from 3D" in three.against(fits["2d"], "3D", "2D")


def test_a_series_and_its_outlier(measured):
    picked = list(range(24, 40))
    spectra = [measured("l300", k) for k in picked]
    heard = Heard()
    result = fit_series(spectra, partial(element_model, "2d", ("cpe",)), progress=heard)
    assert [picked[k] for k in np.flatnonzero(result.outlier)] == [30]
    assert any("neighbours" in reason for reason in result.reasons[6])
    R_a = np.array([f["R_a"] for f in result.fits])
    assert all(f.ok for f in result.fits)
    rest = np.delete(R_a, 6)
    assert rest.min() > 1.1e5 and rest.max() < 1.7e5
    done = [step[1] for step in heard.steps]
    assert done[-1] == heard.steps[-1][2] and done == sorted(done)


def test_outliers_are_neither_trends_nor_steps():
    rng = np.random.default_rng([SEED, 13])
    spectra, fits = [], []
    for k in range(20):
        R_b = 1e5 * 1.1**k * (3 if k > 12 else 1) * (0.2 if k == 6 else 1)
        truth = (1e-8, R_b, 2e4, 2e3)
        s = noisy(truth, rng)
        spectra.append(s)
        fits.append(fit(s, device(*truth), SPACE, starts=MultiStart(0)))
    outlier, reasons = outliers(spectra, fits)
    assert np.flatnonzero(outlier).tolist() == [6]
    assert any("R_b" in text for text in reasons[6])


def drifting(rate, n=14, bend=0.0):
    """A series an hour apart, in which R_a grows by `rate` in its logarithm each hour, or bends."""
    rng = np.random.default_rng([SEED, 14])
    for k in range(n):
        truth = (1e-8, 1e5, 2e4 * np.exp(rate * k + bend * k**2), 2e3)
        s = replace(noisy(truth, rng), time=3600.0 * k)
        yield s, fit(s, device(*truth), SPACE, starts=MultiStart(0))


@pytest.mark.parametrize(
    "rate", [-0.05, *(pytest.param(r, marks=pytest.mark.slow) for r in (0.0, 0.02))]
)
def test_a_drift_is_said_with_its_interval(rate):
    spectra, fits = zip(*drifting(rate), strict=True)
    found = {t.name: t for t in trends(spectra, fits, [False] * len(fits))}
    drift = found["R_a"]
    assert drift.low - 2e-3 < rate < drift.high + 2e-3 and drift.high - drift.low < 0.01
    assert drift.per == "hour" and drift.used == 14
    if rate:
        assert drift.present and drift.first == pytest.approx(2e4, rel=0.02)
        assert ("R_a rises by" if rate > 0 else "R_a falls by") in drift.statement()
    assert not drift.curved
    # What stays stays, and an outlier is left out.
    assert abs(found["C"].rate) < 2e-3
    assert trends(spectra, fits, [k == 3 for k in range(14)])[0].used == 13
    # Few spectra, or spectra at other biases, are no series in time.
    assert trends(spectra[:5], fits[:5], [False] * 5) == ()
    other = [replace(s, u=0.1 * k) for k, s in enumerate(spectra)]
    assert trends(other, fits, [False] * 14) == ()


@pytest.mark.slow
def test_a_drift_that_bends_is_no_straight_line():
    spectra, fits = zip(*drifting(0.0, n=40, bend=-1e-3), strict=True)
    drift = next(t for t in trends(spectra, fits, [False] * 40) if t.name == "R_a")
    assert drift.curved and "no straight line" in drift.statement()
