"""Options mean the same however a fit is specified, and whatever is fitted."""

import json

import numpy as np
import pytest
from listening import files_opened
from typer.testing import CliRunner

import jaxmem as jm
from benchmarks.problems.circuits_by_hand import TRUTHS, noisy
from fitting import write_spectra_csv
from fitting.examples import FOLDER
from jaxmem.apps.cli import app

pytestmark = pytest.mark.usefixtures("no_other_models", "not_rendered")
C_M, R_B, R_A, _ = TRUTHS[0]
BARE = ("--without", "lead,series")


def fit_(*options):
    return CliRunner().invoke(app, ["fit", *map(str, options)])


@pytest.fixture(scope="module")
def inductor(tmp_path_factory):
    """One spectrum of a chemical inductor in a file."""
    path = tmp_path_factory.mktemp("data") / "inductor.csv"
    write_spectra_csv(path, [noisy(TRUTHS[0], np.random.default_rng(3))])
    return path


@pytest.mark.slow
def test_what_is_fixed_leaves_the_verdict(tmp_path):
    """And the rival fit fixes it too."""
    model = ("--device", "3d", "--together", "--fix", "L_s=0")
    ran = fit_(FOLDER / "three_biases.csv", *model, "--out", tmp_path / "out")
    assert ran.exit_code == 0, ran.output
    record = json.loads((tmp_path / "out/fit.json").read_text())
    assert "L_s" not in [row["name"] for row in record["parameters"]]
    # These data have an inductance: without it neither model describes them, and this is said.
    assert record["describes"] == "no"
    assert record["verdict"].startswith("Neither the 2D nor the 3D model describes these data")
    assert record["verdict"] in ran.output


def test_a_parameter_that_the_rival_has_not_is_fixed_in_one_alone(inductor, tmp_path):
    spec = tmp_path / "fit.toml"
    spec.write_text(
        'device = "3d"\nwithout = ["lead", "series"]\nfixed = {tau_2 = 1e-9}\n'
        f'[[spectra]]\nfile = "{inductor.as_posix()}"\n'
    )
    ran = fit_(spec, "--out", tmp_path / "out")
    assert ran.exit_code == 0, ran.output
    record = json.loads((tmp_path / "out/fit.json").read_text())
    assert record["verdict"].count("with 4 parameters") == 2
    assert "tau_2" not in [row["name"] for row in record["parameters"]]


def test_elements_of_one_spectrum_are_fixed_and_ranged(inductor, tmp_path):
    spec = tmp_path / "fit.toml"
    data = f'[[spectra]]\nfile = "{inductor.as_posix()}"\n'
    model = 'without = ["lead", "series"]\n'
    ends = f"ranges = {{R_b = [{R_B / 2}, {2 * R_B}]}}\n"
    spec.write_text(f"{model}fixed = {{C_m = {C_M}}}\n{ends}{data}")
    ran = fit_(spec, "--out", tmp_path / "out")
    assert ran.exit_code == 0, ran.output
    record = json.loads((tmp_path / "out/fit.json").read_text())
    rows = {row["name"]: row for row in record["parameters"]}
    assert "C_m" not in rows and rows["R_b"]["value"] == pytest.approx(R_B, rel=0.02)
    assert float(jm.read_device(tmp_path / "out/device.toml").C_m) == C_M
    for wrong, words in (
        ("fixed = {tau_2 = 1.0}\n", "no parameter 'tau_2'"),
        ("ranges = {R_q = [1, 2]}\n", "'R_q' is not free"),
    ):
        spec.write_text(model + wrong + data)
        refused = fit_(spec, "--out", tmp_path / "no")
        assert refused.exit_code == 2 and words in refused.output, refused.output


def test_a_series_is_fixed_and_cannot_be_resumed(inductor, tmp_path):
    other = tmp_path / "other.csv"
    other.write_bytes(inductor.read_bytes())
    options = (*BARE, "--fix", f"R_b={R_B}", "--out", tmp_path / "out")
    refused = fit_(inductor, other, *options, "--resume")
    assert refused.exit_code == 2 and "nothing to resume" in refused.output
    ran = fit_(inductor, other, *options)
    assert ran.exit_code == 0, ran.output
    head = (tmp_path / "out/summary.csv").read_text().splitlines()[0]
    assert "C_m [F]" in head and "R_b" not in head


def test_a_file_is_opened_once(inductor, tmp_path, monkeypatch):
    opened = files_opened(monkeypatch)
    ran = fit_(inductor, "--device", "rc", *BARE, "--out", tmp_path / "out")
    assert ran.exit_code == 0, ran.output
    assert opened.count(str(inductor)) == 1


@pytest.mark.parametrize("option", [("--rate", "0.1"), ("--device", "2d"), ("--start", "rest")])
def test_beside_a_specification_every_option_is_refused(inductor, tmp_path, option):
    spec = tmp_path / "fit.toml"
    spec.write_text(f'[[spectra]]\nfile = "{inductor.as_posix()}"\n')
    ran = fit_(spec, *option, "--out", tmp_path / "out")
    assert ran.exit_code == 2 and "write options there" in ran.output
