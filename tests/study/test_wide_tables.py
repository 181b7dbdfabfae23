"""Tables for other programs: read back from the text for Origin and from the workbook."""

import csv
import importlib.util
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from fitting import Spectrum, write_spectra_csv
from jaxmem.apps.cli import app
from jaxmem.output.workbook import write_workbook

pytestmark = pytest.mark.usefixtures("not_rendered")

runner = CliRunner()
needs_openpyxl = pytest.mark.skipif(
    importlib.util.find_spec("openpyxl") is None, reason="openpyxl is not installed"
)
BLOCK = 8


def spectrum(n, seed, **more):
    freq = np.geomspace(1e5, 1.0, n)
    rng = np.random.default_rng(seed)
    Z = 50 + 2e3 / (1 + 2j * np.pi * freq * 2e3 * 1e-7)
    return Spectrum(freq, Z * (1 + 2e-3 * (rng.normal(size=n) + 1j * rng.normal(size=n))), **more)


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """Two spectra of different lengths, fitted by the command line; and its folder."""
    folder = tmp_path_factory.mktemp("wide")
    for name, s in (("=a.csv", spectrum(20, 0, V=0.5)), ("b.csv", spectrum(26, 1))):
        write_spectra_csv(folder / name, [s])
    xlsx = ["--xlsx"] if importlib.util.find_spec("openpyxl") else []
    asked = ["--circuit", "R-p(R,C)", "--starts", "8", "--drop", "#1", *xlsx]
    files = [str(folder / name) for name in ("=a.csv", "b.csv")]
    done = runner.invoke(app, ["fit", *files, *asked, "--out", str(folder / "out")])
    assert done.exit_code == 0, done.output
    return folder / "out"


def blocks(rows):
    """Long names, units, comments and numbers of each block."""
    names, units, comments, *numbers = rows
    assert {len(row) for row in rows} == {len(names)} and len(names) % BLOCK == 0
    found = []
    for k in range(0, len(names), BLOCK):
        cut = slice(k, k + BLOCK)
        own = [row[cut] for row in numbers if row[cut][0] not in ("", None)]
        found.append((names[cut], units[cut], set(comments[cut]), np.array(own, dtype=float)))
    return found


def check(found, folder, digits=0.0):
    first, second = found
    names = ["Frequency", "Re Z", "Im Z", "Re Z fit", "Im Z fit", "Re residual", "Im residual",
             "used"]  # fmt: skip
    for names_, units, *_ in found:
        assert list(names_) == names
        assert [u or "" for u in units] == ["Hz", *["ohm"] * 4, *["% of |Z|"] * 2, ""]
    assert first[2] == {"=a, V = 0.5 V"} and second[2] == {"b"}
    assert len(first[3]) == 20 and len(second[3]) == 26
    for k, (_, _, _, numbers) in enumerate(found):
        freq, a, b, c, d, e, f, used = numbers.T
        data = spectrum(len(freq), k)
        np.testing.assert_allclose(freq, data.freq, rtol=digits)
        np.testing.assert_allclose(a + 1j * b, data.Z, rtol=digits)
        with (folder / "spectra" / str(k) / "circuit.toml").open() as file:
            values = dict(
                line.split(" = ") for line in file.read().split("[values]\n")[1].splitlines()
            )
        R1, R2, C1 = (float(values[n]) for n in ("R1", "R2", "C1"))
        Z = R1 + R2 / (1 + 2j * np.pi * freq * R2 * C1)
        np.testing.assert_allclose(c + 1j * d, Z, rtol=1e-9)
        np.testing.assert_allclose(e + 1j * f, 100 * (data.Z - Z) / abs(data.Z), atol=1e-8)
        assert used.tolist() == [0, *[1] * (len(freq) - 1)]


def test_the_table_for_origin_has_a_block_for_each_spectrum(series):
    with (series / "origin.csv").open(newline="", encoding="utf-8") as file:
        check(blocks(list(csv.reader(file))), series)
    with (series / "spectra" / "1" / "origin.csv").open(newline="", encoding="utf-8") as file:
        assert len(blocks(list(csv.reader(file)))) == 1


@needs_openpyxl
def test_the_workbook_has_the_same_numbers_and_the_parameters(series):
    from openpyxl import load_workbook

    book = load_workbook(series / "tables.xlsx")
    assert book.sheetnames == ["spectra", "parameters"]
    check(blocks([list(row) for row in book["spectra"].iter_rows(values_only=True)]), series, 1e-14)
    head, *rows = ([*row] for row in book["parameters"].iter_rows(values_only=True))
    assert len(rows) == 2 and rows[0][head.index("label")] == "=a"
    for k, row in enumerate(rows):
        record = json.loads((series / "spectra" / str(k) / "fit.json").read_text())
        for p in record["parameters"]:
            assert row[head.index(f"{p['name']} [{p['unit']}]")] == pytest.approx(
                p["value"], rel=1e-14
            )
    # A label that looks like a formula is text.
    assert book["spectra"]["A3"].data_type == "s" and book["spectra"].freeze_panes == "A4"


@needs_openpyxl
def test_what_no_cell_holds_is_left_out(tmp_path):
    from openpyxl import load_workbook

    rows = [["a\x01b", "=1+1"], [float("nan"), None], [1.5, 2]]
    write_workbook(tmp_path / "a.xlsx", {"s": rows})
    read = [
        list(row) for row in load_workbook(tmp_path / "a.xlsx")["s"].iter_rows(values_only=True)
    ]
    assert read == [["ab", "=1+1"], [None, None], [1.5, 2]]


@pytest.mark.quick
def test_without_the_library_it_is_said_before_any_work(tmp_path, monkeypatch):
    write_spectra_csv(tmp_path / "a.csv", [spectrum(20, 0)])
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *a: None if name == "openpyxl" else found(name, *a),
    )
    asked = ["fit", str(tmp_path / "a.csv"), "--xlsx", "--out", str(tmp_path / "out")]
    refused = runner.invoke(app, asked)
    assert refused.exit_code == 2 and 'pip install "jaxmem[xlsx]"' in refused.output
    assert not (tmp_path / "out").exists()
