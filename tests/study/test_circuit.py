"""A circuit of the user's own: from its text to a report, and what it cannot be asked."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from fitting import Spectrum, fit, write_spectra_csv
from fitting.models.network import network_model
from fitting.problem.space import MultiStart
from fitting.study.spec import Spec, SpecError
from jaxmem.apps.cli import app
from jaxmem.networks import network_from_toml, read_network

runner = CliRunner()
FREQ = np.geomspace(1e6, 0.1, 50)


def two_arcs(seed, noise=3e-3):
    """R_s 50, then 2 kohm with Q 1e-7 and n 0.9, then 5 kohm with 20 uF; noise relative to |Z|."""
    s = 2j * np.pi * FREQ
    Z = 50 + 1 / (1 / 2e3 + 1e-7 * s**0.9) + 1 / (1 / 5e3 + 2e-5 * s)
    rng = np.random.default_rng(seed)
    off = rng.normal(size=FREQ.size) + 1j * rng.normal(size=FREQ.size)
    return Spectrum(FREQ, Z + noise * np.abs(Z) * off, sigma=noise * np.abs(Z))


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """The folder of a fit of two arcs, by the command line."""
    folder = tmp_path_factory.mktemp("circuit")
    write_spectra_csv(folder / "cell.csv", [two_arcs(1)])
    asked = ["fit", str(folder / "cell.csv"), "--circuit", "R(QR)(RC)", "--out"]
    done = runner.invoke(app, [*asked, str(folder / "out")])
    assert done.exit_code == 0, done.output
    return folder / "out"


def test_a_circuit_is_fitted_with_no_guess_from_the_user(fitted):
    record = json.loads((fitted / "fit.json").read_text())
    found = {p["name"]: p for p in record["parameters"]}
    truth = {"R1": 50, "Q1.Q": 1e-7, "Q1.n": 0.9, "R2": 2e3, "R3": 5e3, "C1": 2e-5}
    assert list(found) == list(truth)
    for name, value in truth.items():
        low, high = found[name]["interval_68"]
        assert abs(found[name]["value"] - value) < 2.5 * (high - low), name
    assert record["circuit"]["definitions"]["Q"] == "1/(Q s^n)"


def test_the_folder_holds_the_circuit_and_its_drawing(fitted):
    assert not (fitted / "device.toml").exists()
    network = network_from_toml((fitted / "circuit.toml").read_text())
    assert network.text == "R1-p(Q1,R2)-p(R3,C1)" and network.notation == "CDC"
    for name in ("circuit.png", "circuit.svg", "spectra.png", "fit.nc"):
        assert (fitted / name).stat().st_size > 0
    page = (fitted / "report.html").read_text()
    assert "R1-p(Q1,R2)-p(R3,C1)" in page and "1/(Q s^n)" in page


@pytest.mark.slow
def test_the_specification_and_the_circuit_file_do_it_again(fitted):
    again = fitted.parent / "again"
    assert runner.invoke(app, ["fit", str(fitted / "fit.toml"), "--out", str(again)]).exit_code == 0
    one, two = (json.loads((f / "fit.json").read_text())["parameters"] for f in (fitted, again))
    assert one == two
    asked = ["fit", str(fitted.parent / "cell.csv"), "--circuit", str(fitted / "circuit.toml")]
    other = fitted.parent / "from_file"
    done = runner.invoke(app, [*asked, "--starts", "1", "--out", str(other)])
    assert done.exit_code == 0, done.output
    three = json.loads((other / "fit.json").read_text())["parameters"]
    assert [p["value"] for p in three] == pytest.approx([p["value"] for p in one], rel=1e-5)


@pytest.mark.parametrize("command", [["simulate"], ["spike"]])
def test_a_circuit_is_refused_where_time_is_asked_for(fitted, command):
    drive = ["--drive", "I = Step(1e-6)"] if command == ["simulate"] else []
    asked = [*command, str(fitted / "circuit.toml"), *drive, "--out", str(fitted.parent / "x")]
    done = runner.invoke(app, asked)
    assert done.exit_code == 2
    assert "impedance" in done.output and "time" in done.output
    assert "Traceback" not in done.output


def test_a_chain_has_one_order_and_its_parameters_are_determined():
    text = "R-p(R,C)-p(R,C)"
    s = 2j * np.pi * FREQ
    Z = 50 + 2e3 / (1 + s * 2e3 * 1e-8) + 8e3 / (1 + s * 8e3 * 1e-5)
    rng = np.random.default_rng(5)
    Z = Z * (1 + 3e-3 * (rng.normal(size=s.size) + 1j * rng.normal(size=s.size)))
    setup = network_model(read_network(text), spectrum=Spectrum(FREQ, Z))
    found = fit(Spectrum(FREQ, Z), setup.model, setup.space, starts=MultiStart(32, setup.box))
    assert found.identifiable.all()
    assert found.values == pytest.approx([50, 2e3, 1e-8, 8e3, 1e-5], rel=0.02)
    assert found.searches.minima[0].starts > 16


@pytest.mark.quick
@pytest.mark.parametrize(
    ("said", "why"),
    [
        (dict(circuit="R-X"), "no element 'X'"),
        (dict(circuit="R-p(R,C)", add=["cpe"]), "leave out add"),
        (dict(circuit="R-p(R,C)", device="3d"), "leave out device"),
        (dict(circuit="R-p(R,C)", together=True), "no equation in time"),
        (dict(circuit="missing.toml"), "missing.toml"),
    ],
)
def test_what_a_circuit_cannot_be_is_said_before_anything_runs(said, why):
    with pytest.raises(SpecError, match=why):
        Spec.of(said)
