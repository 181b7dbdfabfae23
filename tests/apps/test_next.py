"""`jaxmem next`: of a device and a prior, of a fit's folder; what it refuses."""

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

import jaxmem as jm
from fitting import Free, Space, Spectrum, fit, from_fit
from fitting.report.export import fit_record, plain
from jaxmem.apps.cli import app
from jaxmem.apps.experimenting import read_knowledge, read_prior
from jaxmem.apps.next_options import seconds_of

pytestmark = pytest.mark.usefixtures("not_rendered")
DEVICE = jm.si_device()


def run(*arguments):
    return CliRunner().invoke(app, ["next", *(str(a) for a in arguments)])


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    path = tmp_path_factory.mktemp("device") / "device.toml"
    jm.write_device(path, DEVICE)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A fit of one spectrum, as files."""
    path = tmp_path_factory.mktemp("fit")
    freq, rng = np.geomspace(1, 1e5, 24), np.random.default_rng(0)
    Z = np.asarray(jm.linearize(DEVICE, u=0.8).impedance(2 * np.pi * freq))
    noise = 0.02 * np.abs(Z) * (rng.normal(size=24) + 1j * rng.normal(size=24))
    space = Space(Free(lambda d: d.R_b), Free(lambda d: d.C_m), Free(lambda d: d.tau_d))
    found = fit(Spectrum(freq, Z + noise, V=0.8), DEVICE, space, starts=2)
    (path / "fit.json").write_text(json.dumps(fit_record(found, [])))
    jm.write_device(path / "device.toml", found.model)
    return path, found


def test_of_a_device_and_a_prior(device, tmp_path):
    out = tmp_path / "next"
    asked = (device, "--prior", "0.2", "--budget", "1min", "--measure", "spectrum", "--freq",
             "10:1e5", "--voltage", "0.6:0.9", "--for", "V_m,tau_d", "--out", out)  # fmt: skip
    ran = run(*asked)
    assert ran.exit_code == 0, ran.output
    assert " from 20 % to " in ran.output and ran.output.rstrip().endswith("next.html")
    record = json.loads((out / "next.json").read_text())
    assert [q["name"] for q in record["quantities"]] == ["V_m", "tau_d"]
    assert record["budget_s"] == 60.0 and record["time_s"] <= 60.0
    rows = list(csv.DictReader((out / "next.csv").read_text().splitlines()))
    assert len(rows) == len(record["measure"]) and all(0.6 <= float(r["V"]) <= 0.9 for r in rows)
    after = float(rows[-1]["V_m_deviation_after"])
    assert after == pytest.approx(record["quantities"][0]["after"], rel=1e-12)
    page = (out / "next.html").read_text()
    assert rows[0]["measure"] in page and "Told" not in page and "nan" not in page
    assert run(*asked).exit_code == 2


def test_a_fits_folder_is_what_the_fit_knows(folder):
    path, found = folder
    known, files = read_knowledge(path, None)
    np.testing.assert_allclose(known.covariance, from_fit(found).covariance, rtol=1e-6)
    assert known.relative_noise["spectra"] == pytest.approx(plain(found.relative_rms_residual))
    assert [f.name for f in files] == ["device.toml", "fit.json"]
    of_json, files = read_knowledge(path / "fit.json", None)
    np.testing.assert_array_equal(of_json.covariance, known.covariance)
    assert [f.name for f in files] == ["fit.json"]
    for source in (path, path / "fit.json"):
        with pytest.raises(ValueError, match="leave out --prior"):
            read_knowledge(source, 0.2)


@pytest.mark.quick
def test_what_makes_no_sense_is_refused(device, tmp_path):
    for arguments, said in [
        ((device, "--budget", "1min"), "give --prior 0.2"),
        ((device, "--budget", "soon", "--prior", "0.2"), "--budget wants a time"),
        ((device, "--budget", "1min", "--prior", "V_m"), "--prior wants 0.2"),
        ((device, "--budget", "1min", "--prior", "V_x=1"), "no uncertain parameter V_x"),
        ((device, "--budget", "1min", "--prior", "0.2", "--voltage", "high"), "LOW:HIGH"),
        ((device, "--budget", "1min", "--prior", "0.2", "--measure", "loops"), "no experiment"),
        ((tmp_path / "none.toml", "--budget", "1min"), "no such file"),
        ((tmp_path, "--budget", "1min"), "no device.toml"),
    ]:
        ran = run(*arguments, "--out", tmp_path / "out")
        assert ran.exit_code == 2 and said in ran.output.replace("\n", " "), ran.output
    assert not (tmp_path / "out").exists()


@pytest.mark.quick
def test_a_prior_is_a_number_names_or_a_file(tmp_path):
    assert read_prior([]) is None and read_prior(["0.3"]) == 0.3
    assert read_prior(["V_m=0.1,tau_d=1", "R_b=0"]) == {"V_m": 0.1, "tau_d": 1.0, "R_b": 0.0}
    file = tmp_path / "prior.toml"
    file.write_text("V_m = 0.1\nR_b = 0.3\n")
    assert read_prior([str(file), "R_b=0.2"]) == {"V_m": 0.1, "R_b": 0.2}
    with pytest.raises(ValueError, match="one number for all"):
        read_prior(["0.1", "V_m=0.2"])
    file.write_text('V_m = "much"\n')
    with pytest.raises(ValueError, match="wants a number"):
        read_prior([str(file)])


@pytest.mark.quick
def test_times_as_they_are_typed():
    assert [seconds_of(t) for t in ("90", "90s", "1.5min", "2 h", "1d")] == [
        90, 90, 90, 7200, 86400
    ]  # fmt: skip
    for wrong in ("", "0", "-5", "1 week", "1.2.3"):
        with pytest.raises(ValueError, match="--budget wants"):
            seconds_of(wrong)
