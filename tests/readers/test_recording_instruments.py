"""Recordings as instruments write them. Each sample is synthetic and has the structure of an
export."""

import sys
import types

import numpy as np
import pytest
from readers.recording_files import CYCLE, NAMES, I, N, T, V, mpt, noted, rows, same

from fitting import ReadError, read_recordings

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("decimal", [".", ","])
def test_biologic_text(put, decimal):
    text = mpt(NAMES, 2 + 0 * T, T, V + 1, V, 1e3 * I, CYCLE, 41 + 0 * T, decimal=decimal)
    (r,) = read_recordings(put("a.mpt", text, "latin-1"))
    assert same(r)
    (r,) = read_recordings(put("b.mpt", mpt("time/s\tcontrol/V\t<I>/mA", T, V, 1e3 * I)))
    assert same(r)


def test_biologic_binary_comes_through_galvani(put, monkeypatch):
    names = ["time/s", "Ewe/V", "<I>/mA"]
    data = np.zeros(N, [(name, "<f8") for name in names])
    for name, values in zip(names, (T, V, 1e3 * I), strict=True):
        data[name] = values
    module = types.ModuleType("galvani.BioLogic")
    module.MPRfile = lambda file: types.SimpleNamespace(data=data)
    monkeypatch.setitem(sys.modules, "galvani", types.ModuleType("galvani"))
    monkeypatch.setitem(sys.modules, "galvani.BioLogic", module)
    assert same(read_recordings(put("a.mpr", b"BIO-LOGIC MODULAR FILE\x1a" + bytes(99)))[0])


def test_gamry_curves_are_cycles_of_one_recording(put):
    head = "\tPt\tT\tVf\tIm\tOver\n\t#\ts\tV vs. Ref.\tA\tbits\n"
    text = "EXPLAIN\nTAG\tCV\nOCVCURVE\tTABLE\t1\n\tPt\tT\tVf\n\t#\ts\tV\n\t0\t0\t0.1\n"
    for k, some in enumerate((slice(0, 25), slice(25, N))):
        body = rows(np.arange(N)[some], T[some], V[some], I[some], sep="\t")
        lines = "".join(f"\t{line}\t.....\n" for line in body.splitlines())
        text += f"CURVE{k + 1}\tTABLE\t{N}\n{head}{lines}"
    assert same(read_recordings(put("a.DTA", text))[0])
    with pytest.raises(ReadError, match="no table of voltages and currents, only OCVCURVE"):
        read_recordings(put("b.DTA", text[: text.index("CURVE1")]))


def test_versastudio_segments(put):
    names = "Segment #, Point #, E(V), I(A), Elapsed Time(s), Frequency(Hz), Z Real, Z Imag"
    text = "<Application>\nName=VersaStudio\n</Application>\n"
    for k in (1, 2):
        body = rows(k + 0 * T, T, V, k * I, T, 0 * T, 0 * T, 0 * T)
        text += f"<Segment{k}>\nDefinition={names}\n{body}</Segment{k}>\n"
    one, two = read_recordings(put("a.par", text))
    assert same(one) and same(two, I=2 * I) and (one.label, two.label) == ("a, 1", "a, 2")
    with pytest.raises(ReadError, match="use read_spectra"):
        read_recordings(put("b.par", text.replace(",0.0,0.0,0.0\n", ",5.0,1.0,2.0\n")))


def test_autolab_nova(put):
    text = "Time (s);WE(1).Potential (V);WE(1).Current (A);Index;Scan;Potential applied (V)\n"
    body = (T, V, I, np.arange(N), CYCLE, V + 1)
    (r,) = read_recordings(put("a.txt", text + rows(*body, sep=";", decimal=",")))
    assert same(r) and noted(r, "'Potential applied (V)' left out")


def test_ch_instruments_say_the_scan_rate_above_the_table(put):
    up = np.linspace(0, 1, N)
    head = "Cyclic Voltammetry\nInit E (V) = 0\nScan Rate (V/s) = 0.5\n\nPotential/V, "
    body = rows(up, 1e6 * I, sep=", ")
    (r,) = read_recordings(put("a.txt", head + "Current/1e-6A\n\n" + body))
    np.testing.assert_allclose(r.t, up / 0.5)
    np.testing.assert_allclose(r.I, I, rtol=1e-12)
    assert noted(r, "the scan rate is the one that stands above the table")
    twice = head.replace("Init", "Scan rate: 20 mV/s\nInit")
    with pytest.raises(ReadError, match="no column of times"):
        read_recordings(put("b.txt", twice + "Current/1e-6A\n\n" + body))
    (r,) = read_recordings(put("c.txt", head.replace("(V/s) = 0.5", "20 mV/s") + "I/A\n" + body))
    np.testing.assert_allclose(r.t, up / 0.02)


def test_keysight_data_name_and_value(put):
    head = f"SetupTitle, I/V Sweep\nTestParameter, V start, 0\nDimension1, {N}, {N}\n"
    body = head + "DataName, Time, V1, I1\n" + rows(["DataValue"] * N, T, V, I, sep=", ")
    assert same(read_recordings(put("a.csv", body))[0])
    one, two = read_recordings(put("b.csv", body + body.replace("DataValue", "DataValue")))
    assert same(one) and same(two) and (one.label, two.label) == ("b, 1", "b, 2")


def test_keithley_readings_whose_unit_stands_in_a_column(put):
    head = "Model,2450\nIndex,Reading,Unit,Math,Value,Unit,Source Limit,Date,Time,Relative Time\n"
    n, word = np.arange(N), lambda text: [text] * N
    limit = ["T" if k in (9, 10) else "F" for k in n]
    columns = (n, I, word("Amp DC"), word("F"), V, word("Volt DC"), limit, word("01/02/2024"))
    (r,) = read_recordings(put("a.csv", head + rows(*columns, word("10:11:12"), T)))
    assert same(r) and list(np.flatnonzero(~r.used)) == [9, 10]
    assert noted(r, "2 of 40 samples are not used: they are at the compliance, as the file says")
    swapped = (n, V, word("Volt DC"), word("F"), I, word("Amp DC"), limit, word("01/02/2024"))
    assert same(read_recordings(put("b.csv", head + rows(*swapped, word("10:11:12"), T)))[0])
    (r,) = read_recordings(put("c.csv", "Index,Timestamp (s),Reading,Source\n" + rows(n, T, I, V)))
    assert same(r) and noted(r, "Reading has no unit and is taken as the current [A]")
