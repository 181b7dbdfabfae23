"""A measurement that a user writes: charge against voltage, fitted with a spectrum."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import jaxmem as jm
from fitting import AbstractMeasurement, Free, Noise, Space, Spectrum, bootstrap, fit
from fitting.report.export import write_tables
from fitting.report.page import write_fit
from fitting.terms.checked import Checked
from fitting.terms.linear_kk import kramers_kronig
from tests.charge_curve import ChargeCurve

TRUTH = dict(C_m=2e-8, R_b=1e4)


def device(C_m, R_b):
    return jm.Device(C_m, {"leak": jm.Leak(R_b)})


SPACE = Space(Free(lambda d: d.C_m), Free(lambda d: d.branches["leak"].R_b, name="R_b"))


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(5)
    freq = np.geomspace(10, 1e5, 30)
    Z = 1 / (2j * np.pi * freq * TRUTH["C_m"] + 1 / TRUTH["R_b"])
    Z = Z * (1 + 0.01 * (rng.normal(size=30) + 1j * rng.normal(size=30)))
    V = np.linspace(0.1, 1.0, 40)
    charge = ChargeCurve(V, TRUTH["C_m"] * V * (1 + 0.002 * rng.normal(size=40)))
    spectrum = Spectrum(freq, Z)
    start = device(1e-8, 3e4)
    return spectrum, charge, fit([spectrum, charge], start, SPACE), fit(spectrum, start, SPACE)


def test_its_noise_is_found_and_it_counts(fitted):
    _, _, both, alone = fitted
    report = both.terms[1]
    assert (report.kind, report.name, report.unit) == ("ChargeCurve", "charge", "C")
    assert report.estimated and report.points == 40
    # Given as no noise at all, it is found: 0.2 %, in units of the assumed 1 %.
    assert report.scale == pytest.approx(0.2, rel=0.4)
    assert both.terms[0].scale == pytest.approx(0.01, rel=0.3)
    assert both.standard_errors[0] == pytest.approx(0.002 / np.sqrt(40), rel=0.4)
    assert alone.standard_errors[0] > 3 * both.standard_errors[0]
    assert abs(np.log(both["C_m"] / TRUTH["C_m"])) < 4 * both.standard_errors[0]
    assert report.runs_p > 1e-3


def test_it_is_resampled(fitted):
    drawn = bootstrap(fitted[2], 40, seed=1)
    assert drawn.failures == 0
    np.testing.assert_allclose(drawn.standard_errors, fitted[2].standard_errors, rtol=0.5)


def test_it_is_reported(fitted, tmp_path):
    spectrum, charge, both, _ = fitted
    checked = [
        Checked(spectrum, np.ones(30, bool), spectrum, kramers_kronig(spectrum)),
        Checked(charge, charge.fitted, charge),
    ]
    write_fit(tmp_path, both, checked, words="R-C", provenance={})
    record = json.loads((tmp_path / "fit.json").read_text())
    assert [t["name"] for t in record["terms"]] == ["spectrum", "charge"]
    rows = (tmp_path / "samples.csv").read_text().splitlines()
    assert rows[0].startswith("t_s,applied,observed,fit,used") and len(rows) == 41
    assert float(rows[1].split(",")[1]) == charge.V[0] and rows[1].endswith("charge,charge")
    with xr.open_dataset(tmp_path / "fit.nc", engine="scipy") as data:
        np.testing.assert_array_equal(data["charge_curve_1_observed"], charge.observed)
        assert data["charge_curve_1_fit"].attrs["units"] == "C"
    page = (tmp_path / "report.html").read_text()
    assert "charge" in page and (tmp_path / "traces.png").is_file()


class Decay(AbstractMeasurement):
    """The voltage that is left at times after the terminals were opened at 1 V."""

    t: np.ndarray
    observed: np.ndarray
    noise: Noise | None = None
    label: str = "decay"
    unit: str = "V"

    def signal(self, model):
        return jnp.exp(-jnp.asarray(self.t) / (model.C_m * model.branches["leak"].R_b))

    @property
    def abscissa(self):
        return "time", "s", self.t


def test_times_are_times_by_whatever_name(tmp_path):
    decay = Decay(np.array([0.0, 1e-4]), np.array([1.0, 0.6]))
    signal = np.asarray(decay.signal(device(**TRUTH)))
    write_tables(tmp_path, [(Checked(decay, decay.fitted, decay), signal)])
    _, first, second = (tmp_path / "samples.csv").read_text().splitlines()
    assert first.split(",") == ["0.0", "", "1.0", "1.0", "1", "decay", "decay"]
    assert second.split(",")[:3] == ["0.0001", "", "0.6"]
