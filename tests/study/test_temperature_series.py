"""Spectra at several temperatures, said behind each file: in tables along them, and a workbook."""

import csv

import numpy as np
import pytest
from typer.testing import CliRunner

import jaxmem as jm
from fitting import Spectrum, write_spectra_csv
from fitting.study.describing import command_of
from fitting.study.spec import Entry, Spec
from fitting.study.spec_file import read_spec
from jaxmem.apps.cli import app

pytestmark = pytest.mark.usefixtures("not_rendered")

TEMPERATURES = (320.0, 280.0, 300.0)
BOLTZMANN = 8.617333e-5


def tau_d(temperature):
    """An activated time constant, 0.4 eV."""
    return 1e-2 * np.exp(0.4 / BOLTZMANN * (1 / temperature - 1 / 300))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("temperatures"), np.random.default_rng(2)
    freq = np.logspace(5, -1, 40)
    found = []
    for T in TEMPERATURES:
        device = jm.Memristor2D(
            R_b=1e4, C_m=1e-7, i_c0=5e-4, V_T=0.8, V_m=0.04, tau_d=tau_d(T), R_s=30.0
        )
        Z = np.asarray(device.impedance(2j * np.pi * freq, 0.75))
        noise = rng.normal(size=(2, 40))
        Z = Z + 0.001 * np.abs(Z) * (noise[0] + 1j * noise[1])
        found.append(folder / f"at_{T:.0f}.csv")
        write_spectra_csv(found[-1], [Spectrum(freq, Z)])
    return found


def test_a_series_along_the_temperature(files, tmp_path):
    pytest.importorskip("openpyxl")
    out = tmp_path / "out"
    said = [f"{file}:temperature={T!r}" for file, T in zip(files, TEMPERATURES, strict=True)]
    done = CliRunner().invoke(
        app, ["fit", *said, "--without", "lead", "--xlsx", "--starts", "4", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader((out / "by_temperature.csv").read_text().splitlines()))
    assert [float(r["temperature [K]"]) for r in rows] == sorted(TEMPERATURES)
    for r in rows:
        assert float(r["tau_d [s]"]) == pytest.approx(tau_d(float(r["temperature [K]"])), rel=0.03)
    assert [e.options["temperature"] for e in read_spec(out / "fit.toml").entries] == [
        *TEMPERATURES
    ]
    from openpyxl import load_workbook

    book = load_workbook(out / "tables.xlsx", read_only=True)
    assert "by_temperature" in book.sheetnames
    header, *cells = book["by_temperature"].iter_rows(values_only=True)
    at = header.index("tau_d [s]")
    assert [row[at] for row in cells] == pytest.approx([float(r["tau_d [s]"]) for r in rows])


@pytest.mark.quick
def test_the_command_that_is_shown_says_what_was_said_of_each_file(tmp_path):
    a, b, loop = (tmp_path / name for name in ("a.csv", "b.csv", "loop.csv"))
    spec = Spec(
        entries=(
            Entry("spectra", a, {"temperature": 280.0, "max_freq": 1e4, "weight": "unit"}),
            Entry("spectra", b, {"temperature": 300.0, "weight": "unit"}),
            Entry("trace", loop, {"freq": 10.0, "start": "periodic"}),
        )
    )
    command = command_of(spec)
    assert f"{a}:temperature=280,max_freq=10000 {b}:temperature=300 {loop} " in command
    assert "--weight unit" in command and "--loop-freq 10" in command
    assert "--start periodic" in command and command.count("weight") == 1


@pytest.mark.quick
def test_temperatures_that_are_none_are_refused(files, tmp_path):
    for said, words in (("-3", "must be positive"), ("cold", "a number")):
        done = CliRunner().invoke(
            app, ["fit", f"{files[0]}:temperature={said}", "--out", str(tmp_path / "out")]
        )
        assert done.exit_code == 2 and words in done.output, done.output
