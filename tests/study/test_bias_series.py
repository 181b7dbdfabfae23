"""A series over the bias, from files to a folder: order, tables, laws, start of a joint fit."""

import csv
import json
import re
import shlex
import shutil

import numpy as np
import pytest
from scipy.optimize import brentq
from typer.testing import CliRunner

from fitting import MultiStart, Spectrum, element_model, fit
from fitting.report.series_page import _exchanged
from fitting.study.spec_file import read_spec
from jaxmem.apps.cli import app
from jaxmem.devices import read_device

pytestmark = pytest.mark.usefixtures("not_rendered")

runner = CliRunner()
TRUTH = dict(R_b=1e4, C_m=1e-8, i_c0=5e-4, V_T=0.8, V_m=0.04, tau_d=2e-3, R_s=60.0)
BIASES = [0.75, 0.6, 0.9, 0.66, 0.84]


def impedance(V, freq):
    """Of the paper's 2D device at an applied voltage, written out."""
    p = TRUTH
    f = lambda u: 1 / (1 + np.exp(-(u - p["V_T"]) / p["V_m"]))
    gap = lambda u: u + p["R_s"] * (u / p["R_b"] + p["i_c0"] * f(u)) - V
    F = f(brentq(gap, -1, 2))
    s, g = 2j * np.pi * freq, p["i_c0"] / p["V_m"] * F * (1 - F)
    return p["R_s"] + 1 / (p["C_m"] * s + 1 / p["R_b"] + g / (1 + s * p["tau_d"]))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("bias"), np.random.default_rng([1706, 1])
    freq = np.geomspace(1, 1e6, 36)
    for k, V in enumerate(BIASES):
        Z = impedance(V, freq)
        Z = Z + 0.005 * np.abs(Z) * (rng.normal(size=36) + 1j * rng.normal(size=36))
        rows = np.c_[freq, Z.real, Z.imag]
        np.savetxt(folder / f"c{k}.csv", rows, delimiter=",", header="freq,re,im", comments="")
    return [str(folder / f"c{k}.csv") for k in range(5)]


def run(*arguments):
    return runner.invoke(app, ["fit", *map(str, arguments)])


def test_two_lags_that_only_their_exchange_leaves_open_are_told_from_unknown_ones():
    freq = np.geomspace(1, 1e6, 36)
    spectrum = Spectrum(freq, impedance(0.75, freq))
    setup = element_model("3d", spectrum=spectrum)
    found = fit(spectrum, setup.model, setup.space, starts=MultiStart(0), throw=False)
    assert "which of the two is which" in _exchanged([found], ["tau_d", "tau_2"])
    assert _exchanged([found], ["R_b"]) == ""


@pytest.fixture(scope="module")
def done(files, tmp_path_factory):
    out = tmp_path_factory.mktemp("done") / "out"
    done = run(*files, "--bias", ",".join(map(str, BIASES)), "--without", "lead", "--starts", 6,
               "--area", "0.1cm2", "--out", out)  # fmt: skip
    return out, done


@pytest.mark.slow
def test_a_series_over_the_bias_gives_the_device(files, done):
    out, done = done
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader((out / "by_bias.csv").read_text().splitlines()))
    assert [float(r["applied voltage [V]"]) for r in rows] == sorted(BIASES)
    assert [r["label"] for r in rows] == ["c1", "c3", "c0", "c4", "c2"]
    for r in rows:
        low, high = float(r["R_b low"]), float(r["R_b high"])
        assert low < float(r["R_b [ohm]"]) < high and high / low < 1.1
    # Per cm2 of a tenth of it: resistances a tenth, capacitances ten times.
    areas = csv.DictReader((out / "per_area.csv").read_text().splitlines())
    for r, a in zip(rows, areas, strict=True):
        assert float(a["R_b [ohm cm2]"]) == pytest.approx(0.1 * float(r["R_b [ohm]"]), rel=1e-9)
        assert float(a["C_m [F/cm2]"]) == pytest.approx(10 * float(r["C_m [F]"]), rel=1e-9)
    laws = {r["name"]: r for r in json.loads((out / "laws.json").read_text())["rows"]}
    for name in ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d"):
        row = laws[name]
        assert row["determined"] and abs(row["value"] - TRUTH[name]) < 2.5 * (
            row["high"] - row["low"]
        ), name
    assert (out / "laws.png").stat().st_size > 1000 and "law (7)" in (out / "laws.csv").read_text()
    page = (out / "report.html").read_text()
    assert "Parameters along the applied voltage" in page and "Per area" in page
    assert "per hour" not in done.output and not (out / "trends.csv").exists()
    # The specification of the series holds each bias.
    assert [e.options["bias"] for e in read_spec(out / "fit.toml").entries] == BIASES
    start = read_device(out / "start.toml")
    for name, truth in TRUTH.items():
        assert float(getattr(start, name)) == pytest.approx(truth, rel=0.05), name


@pytest.mark.slow
def test_the_command_that_is_printed_fits_one_device_from_there(files, done, tmp_path):
    out, done = done
    command = re.search(r"jaxmem (fit .*--together.*)", done.output)[1]
    joint = tmp_path / "joint"
    arguments = [*shlex.split(command), "--starts", "2", "--out", str(joint)]
    assert str(out / "start.toml") in arguments and f"{files[1]}:bias=0.6" in arguments
    again = runner.invoke(app, arguments)
    assert again.exit_code == 0, again.output
    device = read_device(joint / "device.toml")
    start = read_device(out / "start.toml")
    for name, truth in TRUTH.items():
        assert float(getattr(device, name)) == pytest.approx(truth, rel=0.02), name
        assert float(getattr(start, name)) == pytest.approx(truth, rel=0.05), name


@pytest.mark.quick
@pytest.mark.parametrize(
    "said, words",
    [
        (["--bias", "0.5,0.6"], "--bias has 2 numbers, and the files have 5 spectra (c0.csv 1"),
        (["--bias", "0.5,x"], "--bias wants a number, or one for each spectrum"),
        (["--bias", "0.5,nan,1,1,1"], "a list of finite numbers"),
        (["--add", "photocurrent"], "a constant current has no impedance"),
    ],
)
def test_biases_that_do_not_fit_are_refused(files, tmp_path, said, words):
    done = run(*files, *said, "--out", tmp_path / "out")
    assert done.exit_code == 2 and words in " ".join(done.output.split()), done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.quick
def test_a_list_and_a_bias_of_one_file_contradict(files, tmp_path):
    done = run(f"{files[0]}:bias=0.7", *files[1:], "--bias", "1,2,3,4", "--out", tmp_path / "out")
    assert done.exit_code == 2 and "either all in the list" in " ".join(done.output.split())


@pytest.mark.quick
def test_a_list_in_a_specification_is_of_the_spectra_of_its_file(files, tmp_path):
    from fitting.study.loading import load_terms

    shutil.copy(files[0], tmp_path / "a.csv")
    spec = tmp_path / "a.toml"
    spec.write_text('[[spectra]]\nfile = "a.csv"\nV = [0.5]\n')
    assert [m.fitted.bias for m in load_terms(read_spec(spec)).measured] == [("V", 0.5)]
    spec.write_text('[[spectra]]\nfile = "a.csv"\nV = [0.5, 0.6]\n')
    with pytest.raises(ValueError, match="2 biases for 1 spectra"):
        load_terms(read_spec(spec))
