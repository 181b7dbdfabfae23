"""`jaxmem export`: folders that simulators run, what is refused, and what a fit says of itself."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import jaxmem as jm
from benchmarks.oracles import simulators
from jaxmem.apps.cli import app
from jaxmem.apps.export import fit_notes


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def device(tmp_path):
    """A file of a device that spikes."""
    path = tmp_path / "device.toml"
    jm.write_device(path, jm.si_device())
    return path


@pytest.mark.skipif(simulators.ngspice() is None, reason="ngspice is not installed")
def test_the_folder_runs_as_it_is_and_holds_what_is_expected(device, tmp_path):
    out = tmp_path / "out"
    made = run("export", device, "--until", "0.01", "--out", out)
    assert made.exit_code == 0, made.output
    assert "ngspice -b bench.cir" in made.output and "not tested" in made.output
    names = {path.name for path in out.iterdir()}
    assert names >= {
        "memristor.lib", "memristor_ltspice.lib", "bench.cir", "bench_ltspice.cir", "expected.csv",
        "device.toml", "README.txt", "export.json",
    }  # fmt: skip
    simulators.run_ngspice(out)
    theirs = simulators.table(out / "transient.txt")
    ours = np.genfromtxt(out / "expected.csv", delimiter=",", names=True)
    u = np.interp(ours["t_s"], theirs["time"], theirs["v(a)"])
    assert np.max(np.abs(u - ours["u_V"])) < 1e-3 * np.ptp(ours["u_V"])
    again = run("export", device, "--out", out)
    assert again.exit_code == 2 and "exists" in again.output


@pytest.mark.slow
def test_verilog_a_and_csv(device, tmp_path):
    made = run("export", device, "--format", "verilog-a", "--name", "cell", "--until", "0.01",
               "--drive", "V = Triangle([0, 1], rate=200)", "--out", tmp_path / "va")  # fmt: skip
    assert made.exit_code == 0, made.output
    assert "module cell(p, n);" in (tmp_path / "va" / "cell.va").read_text()
    assert 'load "cell.va"' in (tmp_path / "va" / "bench.sim").read_text()
    made = run("export", device, "--format", "csv", "--out", tmp_path / "csv")
    assert made.exit_code == 0, made.output
    head, row = (tmp_path / "csv" / "elements.csv").read_text().splitlines()[:2]
    assert "R_a [ohm]" in head and len(row.split(",")) == len(head.split(","))
    refused = run("export", device, "--format", "csv", "--until", "1", "--out", tmp_path / "no")
    assert refused.exit_code == 2 and "test bench" in refused.output


def test_a_fit_says_in_the_netlist_what_it_does_not_know(tmp_path):
    fit = tmp_path / "fit"
    fit.mkdir()
    jm.write_device(fit / "device.toml", jm.si_device())
    record = {
        "describes": "no", "description": "Residuals have structure.",
        "parameters": [
            {"name": "V_T", "identifiable": False, "reasons": ["one bias"]},
            {"name": "R_b", "identifiable": True},
        ],
    }  # fmt: skip
    (fit / "fit.json").write_text(json.dumps(record))
    made = run("export", fit, "--until", "0.01", "--out", tmp_path / "out")
    assert made.exit_code == 0, made.output
    text = (tmp_path / "out" / "memristor.lib").read_text()
    assert "* From device.toml, sha256 " in text
    assert "does not describe" in text and "Residuals have structure." in text
    assert "V_T is not determined (one bias)" in text and "R_b is not" not in text
    assert fit_notes({"describes": "yes", "parameters": []}) == []


def test_folders_that_hold_no_device_are_refused(device, tmp_path):
    empty = tmp_path / "series"
    empty.mkdir()
    said = run("export", empty, "--out", tmp_path / "out")
    assert said.exit_code == 2 and "one of the folders in it" in said.output
    (empty / "circuit.toml").write_text("")
    said = run("export", empty, "--out", tmp_path / "out")
    assert said.exit_code == 2 and "of a circuit" in said.output
    said = run("export", device, "--name", "9 lives", "--out", tmp_path / "out")
    assert said.exit_code == 2 and "letters" in said.output
    said = run("export", tmp_path / "none.toml", "--out", tmp_path / "out")
    assert said.exit_code == 2 and not (tmp_path / "out").exists()
