"""`jaxmem fit`: what it writes of one spectrum, of several, and of several together."""

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

import jaxmem as jm
from benchmarks.problems.circuits_by_hand import TRUTHS, impedance, noisy
from fitting import read_spectra, write_spectra_csv
from fitting.examples import FOLDER
from jaxmem.apps.cli import app

pytestmark = pytest.mark.usefixtures("no_other_models", "not_rendered")
THREE = str(FOLDER / "three_biases.csv")


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def single(inductor):
    out = inductor.parent / "single"
    ran = run("fit", inductor, "--without", "lead,series", "--out", out, "--seed", 5)
    assert ran.exit_code == 0, ran.output
    return ran, out


def test_one_spectrum(single, inductor):
    ran, out = single
    assert str(out / "report.html") in ran.output
    record = json.loads((out / "fit.json").read_text())
    rows = {row["name"]: row for row in record["parameters"] + record["derived"]}
    C, R_b, R_a, L = TRUTHS[0]
    for name, true in (("C_m", C), ("R_b", R_b), ("R_a", R_a), ("L_d", L)):
        low, high = rows[name]["interval_68"]
        assert rows[name]["identifiable"] and low < rows[name]["value"] < high
        assert abs(np.log(rows[name]["value"] / true)) < 4 * np.log(high / rows[name]["value"])
    assert rows["R_b"]["unit"] == "ohm"
    # The residual as its definition says, from the columns that were written.
    data = np.genfromtxt(out / "data.csv", delimiter=",", names=True, encoding="utf-8")
    Z = data["Re_Z_ohm"] + 1j * data["Im_Z_ohm"]
    off = np.abs(data["Re_fit_ohm"] + 1j * data["Im_fit_ohm"] - Z) / np.abs(Z)
    residual = np.sqrt(np.sum(off**2) / (2 * len(Z)))
    assert record["relative_rms_residual"] == pytest.approx(residual, rel=1e-9)
    assert record["chi2"] == pytest.approx(np.sum(off**2), rel=1e-9)
    # Fitted is this circuit, by hand.
    best = [rows[n]["value"] for n in ("C_m", "R_b", "R_a", "L_d")]
    hand = impedance(data["freq_Hz"], *best)
    np.testing.assert_allclose(data["Re_fit_ohm"] + 1j * data["Im_fit_ohm"], hand, rtol=1e-9)
    origin = record["provenance"]
    assert origin["seed"] == 5 and origin["versions"]["jax"]
    assert origin["data"][0]["file"] == str(inductor) and len(origin["data"][0]["sha256"]) == 64
    assert record["spectra"][0]["relative_rms_residual"] == pytest.approx(residual, rel=1e-9)
    check = record["spectra"][0]["kramers_kronig"]
    assert check["passed"] and 0.003 < check["noise"] < 0.007
    assert record["flags"] == [] and "3D model is not identifiable" in record["verdict"]
    fitted = jm.read_device(out / "device.toml")
    assert float(fitted.C_m) == rows["C_m"]["value"]
    page = (out / "report.html").read_text()
    for words in ("<svg", "Nyquist", "Kramers-Kronig", "slow drift can pass", "68 % interval"):
        assert words in page
    assert "Traceback" not in page and (out / "spectra.png").stat().st_size > 10_000


def test_the_same_command_gives_the_same_numbers(single, inductor):
    _, out = single
    again = out.with_name("again")
    run("fit", inductor, "--without", "lead", "--without", "series", "--out", again, "--seed", 5)
    one, two = (json.loads((f / "fit.json").read_text()) for f in (out, again))
    assert one["parameters"] == two["parameters"] and one["chi2"] == two["chi2"]


def test_descent_finds_the_same_optimum(single, inductor):
    _, out = single
    other = out.with_name("descent")
    ran = run(
        "fit", inductor, "--without", "lead,series", "--out", other, "--solver", "descent",
        "--optimiser", "adabelief(b1=0.9)", "--schedule", "cosine_decay_schedule", "--rate", 0.3,
        "--steps", 3000, "--starts", 8,
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    one, two = (json.loads((f / "fit.json").read_text()) for f in (out, other))
    assert two["chi2"] == pytest.approx(one["chi2"], rel=0.01)


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """One device fitted to the bundled spectra at three biases."""
    out = tmp_path_factory.mktemp("together") / "fit"
    ran = run("fit", THREE, "--device", "3d", "--together", "--starts", 24, "--out", out)
    assert ran.exit_code == 0, ran.output
    return ran, out


def test_three_biases_together_are_identifiable(together):
    ran, out = together
    assert "The 3D model is identifiable from these data" in ran.output
    record = json.loads((out / "fit.json").read_text())
    truth = jm.read_device(FOLDER / "three_biases.toml")
    assert len(record["parameters"]) == 9
    for row in record["parameters"]:
        assert row["identifiable"]
        error = np.log(row["interval_68"][1] / row["value"])
        if row["name"] == "V_T":
            error = (row["interval_68"][1] - row["value"]) / row["value"]
        true = float(getattr(truth, row["name"]))
        assert abs(row["value"] / true - 1) < 4 * error, row
    assert {s["bias"]["value"] for s in record["spectra"]} == {0.68, 0.76, 0.90}
    assert record["spectra"][0]["elements"]["R_a"] == pytest.approx(870, rel=0.05)


@pytest.mark.slow
def test_a_fit_is_asked_whether_it_spikes(together, tmp_path, single):
    ran = run("spike", together[1] / "fit.json", "--out", tmp_path / "spike")
    assert ran.exit_code == 0, ran.output
    record = json.loads((tmp_path / "spike/spike.json").read_text())
    truth = jm.hopf_points(jm.read_device(FOLDER / "three_biases.toml"))
    assert record["answers"][0]["spikes"] == (int(truth.found) > 0)
    sure = record["chances"][0]
    assert sure["open"] == [] and sure["low"] == sure["high"]
    assert f"with probability {sure['low']:.2g}" in " ".join(ran.output.split())
    assert sure["low"] == (1.0 if int(truth.found) else 0.0)
    if int(truth.found):
        width = sure["onset"][1] - sure["onset"][0]
        assert sure["onset"][0] - width < float(truth.I[0]) < sure["onset"][1] + width
    # Elements of one spectrum say nothing of other biases.
    ran = run("spike", single[1] / "fit.json", "--out", tmp_path / "no")
    assert ran.exit_code == 2 and "--together" in ran.output


@pytest.mark.slow
def test_several_spectra_and_force(tmp_path):
    rng = np.random.default_rng(4)
    spectra = []
    for k in range(8):
        C, R_b, R_a, L = TRUTHS[0]
        spectra.append(
            noisy((C, R_b * 1.1**k * (0.2 if k == 4 else 1), R_a, L), rng, time=60.0 * k)
        )
    write_spectra_csv(tmp_path / "run.csv", spectra)
    out = tmp_path / "series"
    arguments = ("fit", tmp_path / "run.csv", THREE, "--without", "lead,series", "--out", out)
    ran = run(*arguments)
    assert ran.exit_code == 0, ran.output
    assert "Outlier, run 4" in ran.output and "--together" in ran.output
    rows = list(csv.DictReader((out / "summary.csv").read_text().splitlines()))
    assert len(rows) == 11 and [r["label"] for r in rows][:2] == ["run[0]", "run[1]"]
    assert [r["spectrum"] for r in rows if r["outlier"] == "1"] == ["4"]
    assert float(rows[6]["R_b [ohm]"]) == pytest.approx(1e5 * 1.1**6, rel=0.02)
    assert rows[8]["bias"] == "V" and float(rows[8]["bias_value"]) == 0.68
    for k in range(11):
        assert (out / f"spectra/{k:02d}/report.html").is_file()

    refused = run(*arguments)
    assert refused.exit_code == 2 and "--force" in refused.output
    mine = out / "my notes.txt"
    mine.write_text("mine")
    (out / "spectra/00/also.txt").write_text("mine")
    # A file of the user's where a result goes is kept under another name.
    own = out / "spectra/0/fit.json"
    own.parent.mkdir()
    own.write_text("mine")
    few = run("fit", THREE, "--device", "rc", "--out", out, "--force")
    assert few.exit_code == 0 and "was not written by this program" in few.output, few.output
    assert (out / "spectra/0/fit.kept.json").read_text() == "mine"
    # The earlier results are gone, the user's files are not.
    assert mine.read_text() == "mine" and (out / "spectra/00/also.txt").exists()
    assert not (out / "spectra/10").exists()
    assert len(list(csv.DictReader((out / "summary.csv").read_text().splitlines()))) == 3


def test_a_device_of_a_file_is_fitted(inductor, tmp_path):
    C, R_b, R_a, L = TRUTHS[0]
    near = jm.Device(
        3 * C, {"leak": jm.Leak(R_b / 2), "own": jm.SlowConductance(0.5 / R_a, 2 * L / R_a)}
    )
    jm.write_device(tmp_path / "near.toml", near)
    ran = run("fit", inductor, "--device", tmp_path / "near.toml", "--out", tmp_path / "out")
    assert ran.exit_code == 0, ran.output
    fitted = jm.read_device(tmp_path / "out/device.toml")
    assert float(fitted.branches["own"].R_a) == pytest.approx(R_a, rel=0.03)
    assert float(fitted.R_s) == 0.0
    assert "branches.own.tau" in (tmp_path / "out/report.html").read_text()
    refused = run("fit", inductor, "--device", "none.toml", "--out", tmp_path / "no")
    assert refused.exit_code == 2 and "no such file" in refused.output


def test_replicates_are_kept(inductor, tmp_path):
    s = read_spectra(inductor)[0]
    text = inductor.read_text().splitlines()
    twice = tmp_path / "twice.csv"
    twice.write_text("\n".join([text[0], *[line for line in text[1:] for _ in range(2)]]) + "\n")
    ran = run("fit", twice, "--without", "lead,series", "--out", tmp_path / "out")
    assert ran.exit_code == 0, ran.output
    record = json.loads((tmp_path / "out/fit.json").read_text())
    assert record["spectra"][0]["points"] == 2 * len(s.freq)


def test_frequency_limits_and_points_left_out(inductor, tmp_path):
    s = read_spectra(inductor)[0]
    top = float(np.sort(s.freq)[-4])
    ran = run("fit", inductor, "--device", "rc", "--max-freq", top, "--out", tmp_path / "out")
    assert ran.exit_code == 0, ran.output
    data = np.genfromtxt(tmp_path / "out/data.csv", delimiter=",", names=True, encoding="utf-8")
    assert len(data) == len(s.freq) and data["used"].sum() == len(s.freq) - 3
    record = json.loads((tmp_path / "out/fit.json").read_text())
    assert record["numbers"] == 2 * (len(s.freq) - 3)


@pytest.mark.slow
@pytest.mark.usefixtures("rendered")
def test_any_name_of_a_file_can_be_drawn(inductor, tmp_path):
    """A $ begins a formula in matplotlib, and a font need not have every letter."""
    path = tmp_path / r"$cell_$^{\x 电池 & <b>.csv"
    path.write_text(inductor.read_text())
    ran = run("fit", path, "--device", "rc", "--out", tmp_path / "$out")
    assert ran.exit_code == 0 and "could not" not in ran.output, ran.output
    assert (tmp_path / "$out/spectra.png").stat().st_size > 10_000
