"""Each instrument's format is written here from a known impedance, and read."""

import sys
import types

import numpy as np
import pytest
from readers.spectrum_files import (
    FREQ,
    MPR,
    SAMPLES,
    Z,
    dta,
    mpr_bytes,
    mpt,
    par,
    parstat,
    same,
    zplot,
)

from fitting.readers import ReadError, read_spectra

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("name", SAMPLES)
def test_each_instrument_is_read(put, name):
    text, kind, value = SAMPLES[name]
    path = put(name, text)
    (s,) = read_spectra(path)
    assert same(s) and s.bias == (kind, value)
    assert s.source == str(path)


@pytest.mark.parametrize("name", ["a.mpt", "a.txt"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_biologic_text_keeps_the_dc_potential(put, name, decimal):
    (s,) = read_spectra(put(name, mpt(decimal=decimal), "latin-1"))
    assert same(s) and s.bias[0] == "V"
    assert abs(s.V - 0.3) <= 1.001e-6 and s.time == 0


def test_biologic_cycles_and_sweeps_are_spectra(put):
    freq, cycle, V = np.tile(FREQ, 2), np.repeat([1, 2], 19), np.repeat([0.1, 0.4], 19)
    both = np.concatenate([Z, 2 * Z])
    one, two = read_spectra(put("c.mpt", mpt(freq, both, V, cycle)))
    assert same(one) and same(two, 2 * Z)
    assert (one.label, two.label) == ("cycle 1", "cycle 2")
    assert one.V == pytest.approx(0.1, abs=2e-6) and two.V == pytest.approx(0.4, abs=2e-6)
    assert (one.time, two.time) == (0, 19)
    # The same without a count of cycles: the frequency jumps back to its start.
    one, two = read_spectra(put("s.mpt", mpt(freq, both, V)))
    assert same(one) and same(two, 2 * Z) and one.label == "s, sweep 1"
    assert two.V == pytest.approx(0.4, abs=2e-6)


def test_a_piece_of_a_sweep_behind_a_whole_one_is_left_out_with_a_warning(put):
    path = put("c.mpt", mpt(np.append(FREQ, FREQ[:2]), np.append(Z, Z[:2])))
    with pytest.warns(UserWarning, match="line 27: .* has 2 distinct frequencies; it is left out"):
        (s,) = read_spectra(path)
    assert same(s)


def test_biologic_without_frequency_is_refused_by_name(put):
    names = ["Ewe/V", "Re(Z)/Ohm", "-Im(Z)/Ohm", "|Z|/Ohm", "time/s", "<Ewe>/V"]
    with pytest.raises(ReadError, match=r"a\.mpt, line 7: no column for frequency"):
        read_spectra(put("a.mpt", mpt(names=names)))
    cv = "EC-Lab ASCII FILE\nNb header lines : 3\ntime/s\tEwe/V\t<I>/mA\n0\t0\t0\n1\t0,1\t2\n"
    with pytest.raises(ReadError, match=r"line 3: .*current-voltage trace"):
        read_spectra(put("cv.mpt", cv))


def test_gamry_tables_are_spectra_with_their_bias(put):
    tables = ((FREQ, Z, 0.3), (FREQ, 2 * Z, 0.5))
    one, two = read_spectra(put("g.DTA", dta(tables)))
    assert same(one) and same(two, 2 * Z) and (one.V, two.V) == (0.3, 0.5)
    assert one.label == "g, 1" and one.time is None


def test_an_aborted_gamry_run_gives_its_valid_points(put):
    path = put("a.DTA", dta(aborted=True, extra="\t19\t30\t0.05\t123\n"))
    with pytest.warns(UserWarning, match="aborted; its 19 valid points are read, 1 incomplete"):
        (s,) = read_spectra(path)
    assert same(s)
    # Without the abort flag a row that breaks off is an error.
    with pytest.raises(ReadError, match="line 31: the row has 4 cells where the header has 11"):
        read_spectra(put("b.DTA", dta(extra="\t19\t30\t0.05\t123\n")))
    short = dta(((FREQ[:3], Z[:3], 0.3),), aborted=True)
    with pytest.raises(ReadError, match="3 distinct frequencies"):
        read_spectra(put("c.DTA", short))


def test_a_gamry_file_without_impedances_says_what_it_has(put):
    text = dta(())
    with pytest.raises(ReadError, match="no table ZCURVE of impedances, only OCVCURVE"):
        read_spectra(put("ocv.DTA", text))


def test_versastudio_takes_the_segments_with_impedances(put):
    dc = (np.zeros(6), np.zeros(6) + 0j, 0.9)
    path = put("v.par", par((dc, (FREQ, Z, 0.25), (FREQ, 2 * Z, 0.5))))
    one, two = read_spectra(path)
    assert same(one) and same(two, 2 * Z) and (one.V, two.V) == (0.25, 0.5)
    with pytest.raises(ReadError, match="no segment has points with a frequency"):
        read_spectra(put("dc.par", par((dc,))))


def test_parstat_blocks_between_dc_rows_are_spectra(put):
    one, two = read_spectra(put("p.txt", parstat((0.4, 0.4))))
    assert same(one) and same(two)
    assert (one.V, two.V) == (0.4, 0.4) and (one.time, two.time) == (0, 1000)


def test_a_controlled_current_is_no_voltage(put):
    with pytest.warns(UserWarning, match="bias of a current-controlled run"):
        (s,) = read_spectra(put("i.z", zplot(kind="Control Current")))
    assert same(s) and s.bias == (None, 0.0)


def fake_galvani(monkeypatch, data):
    """A module in the place of galvani whose MPRfile has this data, or raises it."""

    class MPRfile:
        def __init__(self, file):
            assert file.read(22) == b"BIO-LOGIC MODULAR FILE"
            if isinstance(data, Exception):
                raise data
            self.data = data

    package, module = types.ModuleType("galvani"), types.ModuleType("galvani.BioLogic")
    module.MPRfile = MPRfile
    monkeypatch.setitem(sys.modules, "galvani", package)
    monkeypatch.setitem(sys.modules, "galvani.BioLogic", module)


def test_biologic_binary_comes_through_galvani(put, monkeypatch):
    names = ["freq/Hz", "Re(Z)/Ohm", "-Im(Z)/Ohm", "<Ewe>/V", "cycle number"]
    data = np.zeros(38, [(name, "<f8") for name in names])
    both = np.concatenate([Z, 2 * Z])
    columns = (np.tile(FREQ, 2), both.real, -both.imag, np.repeat([0.1, 0.2], 19))
    for name, values in zip(names, (*columns, np.repeat([1.0, 2.0], 19)), strict=True):
        data[name] = values
    fake_galvani(monkeypatch, data)
    one, two = read_spectra(put("a.mpr", MPR))
    assert same(one) and same(two, 2 * Z) and (one.V, two.V) == (0.1, 0.2)
    fake_galvani(monkeypatch, data[["Re(Z)/Ohm", "-Im(Z)/Ohm"]])
    with pytest.raises(ReadError, match="no column for frequency"):
        read_spectra(put("a.mpr", MPR))
    data["Re(Z)/Ohm"][4] = np.nan
    fake_galvani(monkeypatch, data)
    with pytest.raises(ReadError, match=r"a\.mpr, point 5: Re\(Z\)/Ohm is 'nan'"):
        read_spectra(put("a.mpr", MPR))
    fake_galvani(monkeypatch, AssertionError("broken"))
    with pytest.raises(ReadError, match="galvani could not read the file"):
        read_spectra(put("a.mpr", MPR))


def test_biologic_binary_without_galvani_says_what_to_install(put, monkeypatch):
    monkeypatch.setitem(sys.modules, "galvani", None)
    monkeypatch.setitem(sys.modules, "galvani.BioLogic", None)
    with pytest.raises(ReadError, match=r"pip install jaxmem\[formats\]"):
        read_spectra(put("a.mpr", MPR))


def test_biologic_binary_with_the_real_galvani(put):
    pytest.importorskip("galvani")
    (s,) = read_spectra(put("a.mpr", mpr_bytes()))
    assert same(s, rtol=1e-6)
