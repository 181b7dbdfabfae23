"""What is asked of a fit beyond the fit: answered in the folder, refused before the work begins."""

import csv
import json

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from fitting import Spectrum, write_spectra_csv
from fitting.examples import FOLDER
from fitting.study.spec_file import read_spec
from jaxmem.apps.cli import app

pytestmark = pytest.mark.usefixtures("not_rendered")

runner = CliRunner()
R_B, C_M, NOISE = 1e4, 1e-8, 0.01


@pytest.fixture(scope="module")
def circuit(tmp_path_factory):
    """A spectrum of R_b and C_m in parallel, in a file."""
    rng = np.random.default_rng(5)
    freq = np.geomspace(10.0, 1e5, 40)
    Z = 1 / (1 / R_B + 2j * np.pi * freq * C_M)
    kick = rng.normal(size=40) + 1j * rng.normal(size=40)
    path = tmp_path_factory.mktemp("asked") / "rc.csv"
    write_spectra_csv(path, [Spectrum(freq, Z + NOISE * np.abs(Z) * kick)])
    return path


def fit_(*options):
    return runner.invoke(app, ["fit", *map(str, options)])


@pytest.mark.slow
@pytest.mark.usefixtures("rendered")
def test_profiles_and_a_bootstrap_agree_with_the_covariance(circuit):
    out = circuit.parent / "out"
    model = ("--device", "rc", "--without", "lead,series", "--profile", "all", "--bootstrap", 200)
    done = fit_(circuit, *model, "--out", out)
    assert done.exit_code == 0, done.output
    assert "Profile likelihoods:" in done.output and "200 of 200 refits" in done.output
    record = json.loads((out / "fit.json").read_text())
    cov = np.diag(record["covariance"]["matrix"]) ** 0.5
    drawn = {row["name"]: row for row in record["bootstrap"]["rows"]}
    for row, p, error in zip(record["parameters"], record["profiles"]["rows"], cov, strict=True):
        assert p["name"] == row["name"] and p["closed"] == [True, True]
        for low, high in ((p["low"], p["high"]), drawn[p["name"]]["interval_95"]):
            width = np.log(high / low) / (2 * 1.96)
            assert width == pytest.approx(error, rel=0.25)
    with (out / "bootstrap.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["R_b_ohm", "C_m_F"] and len(rows) == 201
    page = (out / "report.html").read_text()
    assert "Profile likelihoods" in page and "Bootstrap" in page and "Posterior" not in page
    assert (out / "profiles.png").stat().st_size > 1000
    spec = read_spec(out / "fit.toml")
    assert spec.profile == ("all",) and spec.bootstrap == 200 and not spec.compare


@pytest.mark.quick
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--profile", "R_x"), "no profile of R_x; there are R_b, C_m"),
        (("--bootstrap", "3"), "take 20 or more"),
    ],
)
def test_what_cannot_be_answered_is_said_before_the_fit(circuit, options, words):
    out = circuit.parent / "refused"
    done = fit_(circuit, "--device", "rc", "--without", "lead,series", *options, "--out", out)
    assert done.exit_code == 2 and words in " ".join(done.output.split()) and not out.exists()


def test_several_devices_are_not_one(circuit):
    more = circuit.with_name("more.csv")
    more.write_bytes(circuit.read_bytes())
    done = fit_(circuit, more, "--device", "rc", "--compare", "--out", circuit.parent / "no")
    assert done.exit_code == 2 and "--together" in done.output


@pytest.mark.slow
def test_rivals_and_a_posterior(tmp_path):
    out = tmp_path / "out"
    model = ("--device", "3d", "--together", "--compare", "--posterior")
    done = fit_(FOLDER / "three_biases.csv", *model, "--out", out)
    assert done.exit_code == 0, done.output
    record = json.loads((out / "fit.json").read_text())
    assert (
        "behind a second lag (3D) explains the data better" in record["comparison"]["sentences"][0]
    )
    assert record["posterior"]["ok"]
    draws = xr.load_dataset(out / "posterior.nc", engine="scipy")
    for row, p in zip(record["posterior"]["rows"], record["parameters"], strict=True):
        low, high = row["interval_95"]
        assert low < p["value"] < high
        wide = p["interval_68"][1] - p["interval_68"][0]
        assert high - low == pytest.approx(1.96 * wide, rel=0.2)
        assert draws[row["name"]].shape == (4, 1000)
    assert "It oscillates under some constant current in" in done.output
    assert (out / "report.html").stat().st_size < 5e6
