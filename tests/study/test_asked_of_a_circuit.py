"""Weights, values, fixings and ranges, from the command line to the result."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from fitting import MultiStart, Spectrum, fit_many, write_spectra_csv
from fitting.models.network import network_model
from fitting.study.loading import load_terms
from fitting.study.spec import Entry, Spec, SpecError
from jaxmem.apps.cli import app
from jaxmem.networks import read_network, written_circuit

pytestmark = pytest.mark.usefixtures("not_rendered")

FREQ = np.geomspace(1e5, 0.1, 40)
runner = CliRunner()


def cell(seed=0, R=(50.0, 2e3, 8e3), C=(1e-7, 1e-4)):
    """A chain R-p(R,C)-p(R,C) with 0.3 % noise."""
    s, rng = 2j * np.pi * FREQ, np.random.default_rng(seed)
    Z = R[0] + R[1] / (1 + s * R[1] * C[0]) + R[2] / (1 + s * R[2] * C[1])
    return Spectrum(FREQ, Z * (1 + 3e-3 * (rng.normal(size=40) + 1j * rng.normal(size=40))))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("asked") / "cell.csv"
    write_spectra_csv(path, [cell()])
    return path


def fitted(file, out, *asked, name=""):
    asked = asked if file.suffix == ".toml" else (*asked, "--starts", "16")
    done = runner.invoke(app, ["fit", f"{file}{name}", *asked, "--out", str(out)])
    assert done.exit_code == 0, done.output
    record = json.loads((out / "fit.json").read_text())
    return record, {p["name"]: p["value"] for p in record["parameters"]}, done.output


@pytest.mark.slow
def test_values_in_a_code_are_start_fixing_and_limits(file, tmp_path):
    text = "R{R=60F:s}(R{R=1e3/1e2/1.5e3}C)(R{:slow}C)"
    record, values, _ = fitted(file, tmp_path / "out", "--circuit", text)
    assert set(values) == {"R1", "C1", "R_slow", "C2"}
    assert record["circuit"]["held"] == {"R_s": 60.0}
    # The best R1 without limits is 2 kohm.
    assert values["R1"] == pytest.approx(1.5e3) and record["at_bound"] == ["R1"]
    assert "R_s = 60" in (tmp_path / "out" / "report.html").read_text()
    again, more, _ = fitted(tmp_path / "out" / "fit.toml", tmp_path / "again")
    assert again["circuit"]["held"] == {"R_s": 60.0} and more == values


def test_a_circuit_of_impedance_py_takes_fix_and_range(file, tmp_path):
    asked = ["--circuit", "R0-p(R1,C1)-p(R2,C2)", "--fix", "R0=50", "--range", "R1=1e3:1e4"]
    record, values, _ = fitted(file, tmp_path / "out", *asked)
    assert record["circuit"]["held"] == {"R0": 50.0}
    assert values == pytest.approx({"R1": 2e3, "C1": 1e-7, "R2": 8e3, "C2": 1e-4}, rel=0.02)
    assert "ranges = {R1 = [1000.0, 10000.0]}" in (tmp_path / "out" / "fit.toml").read_text()
    wrong = runner.invoke(app, ["fit", str(file), "--range", "R1=5", "--out", str(tmp_path / "x")])
    assert wrong.exit_code == 2 and "--range wants NAME=LOW:HIGH" in wrong.output


def test_an_exponent_of_theory_may_be_held_elsewhere():
    setup = network_model(read_network("W-R"), spectrum=cell())
    assert setup.space.names(setup.model) == ("W1", "R1")
    circuit = written_circuit("W{Y=1e-3,n=0.5}R")
    setup = network_model(circuit.network, spectrum=cell(), given=circuit.given)
    assert setup.space.names(setup.model) == ("W1.Y", "W1.n", "R1")


def test_weights_are_said_once_or_for_a_file(file, tmp_path):
    chain = ["--circuit", "R-p(R,C)-p(R,C)"]
    plain, a, _ = fitted(file, tmp_path / "a", *chain)
    unit, b, _ = fitted(file, tmp_path / "b", *chain, "--weight", "unit")
    own, c, _ = fitted(file, tmp_path / "c", *chain, name=":weight=unit")
    assert [r["spectra"][0]["weighting"] for r in (plain, unit, own)] == ["modulus", "unit", "unit"]
    assert b == c and a != b
    assert 'weight = "unit"' in (tmp_path / "b" / "fit.toml").read_text()
    assert "Weights: unit." in (tmp_path / "b" / "report.html").read_text()


def test_weights_that_a_file_cannot_have(file, tmp_path):
    refused = runner.invoke(
        app, ["fit", str(file), "--weight", "sigma", "--out", str(tmp_path / "x")]
    )
    assert refused.exit_code == 2 and "wants a column of standard deviations" in refused.output
    with pytest.raises(SpecError, match="weight and sigma both say how large the noise is"):
        Entry("spectra", None, {"file": "a.csv", "weight": "unit", "sigma": 1.0})


def test_what_proportional_weights_do_to_a_zero_is_said(tmp_path):
    s = cell()
    Z = np.array(s.Z)
    Z[0] = Z[0].real + 1e-3j
    write_spectra_csv(tmp_path / "a.csv", [Spectrum(FREQ, Z)])
    loaded = load_terms(
        Spec.of({}, [Entry("spectra", tmp_path / "a.csv", {"weight": "proportional"})])
    )
    assert any("proportional weights: Im Z is 1/" in note for note in loaded.notes)
    assert loaded.terms[0].weighting == "proportional"
    Z[0] = Z[0].real
    write_spectra_csv(tmp_path / "b.csv", [Spectrum(FREQ, Z)])
    with pytest.raises(ValueError, match="Im Z is 0 at 100000 Hz"):
        load_terms(Spec.of({}, [Entry("spectra", tmp_path / "b.csv", {"weight": "proportional"})]))


def test_parts_of_a_chain_do_not_swap_along_a_series():
    spectra = [cell(k, C=(1e-7, 1e-4 / (1 + k))) for k in range(6)]
    setup = network_model(read_network("R-p(R,C)-p(R,C)"), spectrum=spectra[0])
    found = fit_many(spectra, setup.model, setup.space, starts=MultiStart(12, setup.box))
    assert found.identifiable.all()
    tau = found["R2"] * found["C1"], found["R3"] * found["C2"]
    assert (tau[0] < tau[1]).all()
    assert found["R2"] == pytest.approx(np.full(6, 2e3), rel=0.03)
    assert found["C2"] == pytest.approx(1e-4 / np.arange(1, 7), rel=0.03)
    # Each interval belongs to its value: those of the slow arc hold its own truth.
    error = np.log(found["R3"] / 8e3) / found.standard_errors[:, found.names.index("R3")]
    assert (np.abs(error) < 4).all()
