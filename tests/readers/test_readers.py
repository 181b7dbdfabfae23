"""Every format is written here from a known impedance, and read; the real files beside them."""

import io
import sys
import types
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fitting.readers import ReadError, read_spectra, write_spectra_csv
from fitting.terms.spectrum import Spectrum

# What a reader assumes it says in a warning; the tests that expect one ask for it.
pytestmark = pytest.mark.filterwarnings("error")

FREQ = np.logspace(5, -1, 19)


def impedance(freq, R_s=40.0, R_b=12e3, C=1e-8, R_a=30e3, L=150.0):
    """An inductive loop below 5 Hz, capacitive above."""
    s = 2j * np.pi * freq
    return R_s + 1 / (C * s + 1 / R_b + 1 / (R_a + L * s))


Z = impedance(FREQ)


@pytest.fixture
def put(tmp_path):
    """Write a file and give its path."""

    def put(name, content, encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return put


def same(spectrum, Z=Z, freq=FREQ, rtol=1e-9):
    np.testing.assert_allclose(spectrum.freq, freq, rtol=rtol)
    np.testing.assert_allclose(spectrum.Z, Z, rtol=rtol)
    return True


def rows(*columns, sep=",", decimal="."):
    lines = (sep.join(repr(float(v)) for v in row) for row in zip(*columns, strict=True))
    return "\n".join(line.replace(".", decimal) for line in lines) + "\n"


# One sample of each instrument, with the structure of its export and another impedance inside.


def mpt(freq=FREQ, Z=Z, V=0.3, cycle=1, head=7, decimal=".", names=None):
    """EC-Lab: a counted preamble, -Im(Z), measured <Ewe> that scatters by microvolts."""
    names = names or ["freq/Hz", "Re(Z)/Ohm", "-Im(Z)/Ohm", "|Z|/Ohm", "time/s", "<Ewe>/V"]
    names = [*names, "<I>/mA", "Cs/µF", "cycle number", "Im(Y)/Ohm-1", ""]
    n = np.arange(len(freq))
    cycle = np.broadcast_to(cycle, freq.shape)
    V = np.broadcast_to(V, freq.shape) + 1e-6 * (-1.0) ** n
    body = rows(
        *(freq, Z.real, -Z.imag, abs(Z), 5 + n, V, 0 * n, 0 * n, cycle, (1 / Z).imag),
        sep="\t",
        decimal=decimal,
    )
    top = ["EC-Lab ASCII FILE", f"Nb header lines : {head}", "", "fi\t1,000", "Potentio EIS", ""]
    top += ["x"] * (head - 7)
    return "\r\n".join([*top, "\t".join(names), *body.splitlines(), ""])


def dta(tables=((FREQ, Z, 0.3),), aborted=False, extra="", decimal="."):
    """Gamry: an OCV table of no interest, then tables of impedances with names and units."""
    text = "EXPLAIN\nTAG\tEISPOT\nVDC\tPOTEN\t5.00000E-001\tT\tDC &Voltage (V)\n"
    text += "OCVCURVE\tTABLE\t2\n\tPt\tT\tVf\n\t#\ts\tV vs. Ref.\n\t0\t0.1\t0.2\n\t1\t0.2\t0.2\n"
    for freq, Z, V in tables:
        text += (
            "ZCURVE\tTABLE\n\tPt\tTime\tFreq\tZreal\tZimag\tZsig\tZmod\tZphz\tIdc\tVdc\tIERange\n"
        )
        text += "\t#\ts\tHz\tohm\tohm\tV\tohm\t°\tA\tV\t#\n"
        n = np.arange(len(freq))
        phase = np.angle(Z, deg=True)
        body = (n, n + 2, freq, Z.real, Z.imag, 0 * n + 1, abs(Z), phase, 1e-6 + 0 * n, V + 0 * n)
        lines = rows(*body, 0 * n + 8, sep="\t", decimal=decimal).splitlines()
        text += "".join(f"\t{line}\n" for line in lines)
    text += extra
    if aborted:
        text += (
            "EXPERIMENTABORTED\tTOGGLE\tT\tExperiment Aborted\nFRACURVE\tTABLE\t1\n\tPt\n\t#\n\t0\n"
        )
    return text


def autolab():
    """Autolab, as written for ZView: names quoted as a whole, numbers separated by commas."""
    zero = 0 * FREQ
    body = rows(FREQ, zero, zero, zero, Z.real, Z.imag, zero, zero, zero)
    names = "\"  Freq (Hz)    Ampl     Bias   Time(Sec)   Z'(a)    Z''(b)    GD   Err   Range\""
    return f'"Z60W Data File: Version 1.1"\n""\n0,2,0,1,0.1,10000\n{len(FREQ)}\n{names}\n{body}'


def chi():
    """CH Instruments: prose, names, an empty line; Z/ohm is the modulus."""
    body = rows(FREQ, Z.real, Z.imag, abs(Z), np.angle(Z, deg=True)).replace(",", ", ")
    return (
        "Feb. 20, 2020   15:55:08\nA.C. Impedance\nInit E (V) = 0\nHigh Frequency (Hz) = 2e+6\n"
        f"Low Frequency (Hz) = 0.1\n\nFreq/Hz, Z'/ohm, Z\"/ohm, Z/ohm, Phase/deg\n\n{body}"
    )


def parstat(V=(0.4,)):
    """Parstat: dc rows of frequency zero before each spectrum, all in one table."""
    text = (
        "Potential (V)\tCurrent (A)\tElapsed Time (s)\tFrequency (Hz)\tZre (ohms)\tZim (ohms)\t\n"
    )
    zero = np.zeros(3)
    for k, v in enumerate(V):
        t = 1000.0 * k
        text += rows(zero + 0.1 * k, zero, t + np.arange(3), zero, zero, zero, sep="\t")
        n = np.arange(len(FREQ))
        text += rows(v + 0 * n, 0 * n, t + 10 + n, FREQ, Z.real, Z.imag, sep="\t")
    return text


def powersuite():
    return "Frequency\t Zre\t Zimg\r\r\n" + rows(FREQ, Z.real, Z.imag, sep="\t ").replace(
        "\n", "\r\r\n"
    )


def par(segments=((FREQ, Z, 0.25),)):
    """VersaStudio: tags, `key=value`, and points under Definition=; segments may be dc."""
    text = "<Application>\nName=VersaStudio\n</Application>\n<Action1>\nSegments=1\n</Action1>\n"
    names = "Segment #, Point #, E(V), I(A), Elapsed Time(s), Status, E Applied(V), Frequency(Hz)"
    names += ", E Real, E Imag, Z Real, Z Imag, Z2 Real, Z2 Imag, 0"
    for k, (freq, Z, V) in enumerate(segments):
        zero, n = np.zeros(len(freq)), np.arange(len(freq))
        body = rows(
            *(zero + k, n, zero + V, zero - 3e-6, n + 1.8, zero, zero, freq),
            *(zero + 7, zero + 7, Z.real, Z.imag, zero, zero),
        )
        text += f"<Segment{k + 1}>\nType=2\nDefinition={names}\n{body}</Segment{k + 1}>\n"
    return text + "<Graph1>\nAnalysis=0\n</Graph1>\n"


def zplot(comments=True, bias=0.2, kind="Control Voltage"):
    n = np.arange(len(FREQ))
    columns = (FREQ, 0.01 + 0 * n, bias + 0 * n, 1.5 + n, Z.real, Z.imag, 0 * n, 0 * n, 3 + 0 * n)
    if not comments:
        names = "\"  Freq(Hz)    Ampl     Bias   Time(Sec)   Z'(a)    Z''(b)    GD   Err   Range\""
        top = f'"ZPlotW Data File: Version 3.2c"\n"Raw Data"\n"{kind}"\n"Frequency"\n'
        return f"{top}0,3,0,1,300000,0.005\n79\n{names}\n{rows(*columns).replace(',', ', ')}"
    top = (
        f"ZPLOT2 ASCII\n  Experiment Type:      Sweep Frequency, {kind}\n  Begin Experiment:   0\n"
    )
    top += "    Potential-DC:             0\n    vs Freq-Initial:          300000\n"
    names = "  Freq(Hz)\tAmpl\tBias\tTime(Sec)\tZ'(a)\tZ''(b)\tGD\tErr\tRange\n"
    return f"{top}  Data Points:    19\n{names}  End Comments\n{rows(*columns, sep=chr(9))}"


SAMPLES = {
    "gamry.DTA": (dta(), "V", 0.3),
    "gamry_comma.DTA": (dta(decimal=","), "V", 0.3),
    "autolab.txt": (autolab(), None, 0.0),
    "chi.txt": (chi(), None, 0.0),
    "parstat.txt": (parstat(), "V", 0.4),
    "powersuite.txt": (powersuite(), None, 0.0),
    "versastudio.par": (par(), "V", 0.25),
    "zplot.z": (zplot(), "V", 0.2),
    "zplot_bare.z": (zplot(comments=False), "V", 0.2),
}


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


MPR = b"BIO-LOGIC MODULAR FILE\x1a" + bytes(100)


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


def mpr_bytes():
    """The layout of EC-Lab 11: a magic line, a module of settings, a module of points."""

    def module(name, content):
        head = b"MODULE" + name.ljust(10) + name.ljust(25) + np.uint32(len(content)).tobytes()
        return head + np.uint32(0).tobytes() + b"06/01/20" + content

    # Columns 32, 37 and 38 are frequency, Re Z and -Im Z, each a float32.
    points = np.stack([FREQ, Z.real, -Z.imag], axis=1).astype("<f4").tobytes()
    head = np.uint32(len(FREQ)).tobytes() + bytes([3, 32, 37, 38])
    content = head.ljust(100, b"\0") + points
    magic = b"BIO-LOGIC MODULAR FILE\x1a" + b" " * 25 + b"\0" * 4
    return magic + module(b"VMP Set", bytes(10)) + module(b"VMP data", content)


# Delimited text of any make.

PLAIN = (FREQ, Z.real, Z.imag)
HEADERS = {
    "freq_Hz,Re_Z_ohm,Im_Z_ohm": PLAIN,
    "Frequency (Hz),Z' (Ω),-Z'' (Ω)": (FREQ, Z.real, -Z.imag),
    "freq / Hz,Z' / Ohm,−Z″ / Ohm": (FREQ, Z.real, -Z.imag),
    "f [kHz],Zreal [kohm],-Zimag [kohm]": (FREQ / 1e3, Z.real / 1e3, -Z.imag / 1e3),
    "freq (MHz),Re(Z) (MOhm),-Im(Z) (MOhm)": (FREQ / 1e6, Z.real / 1e6, -Z.imag / 1e6),
    "freq mHz,Re Z mOhm,Im Z mOhm": (FREQ * 1e3, Z.real * 1e3, Z.imag * 1e3),
    "omega (rad/s),R,X": (2 * np.pi * FREQ, Z.real, Z.imag),
    "ω,Re,neg_Im": (2 * np.pi * FREQ, Z.real, -Z.imag),
    "omega_rad_s,Zre,Zim": (2 * np.pi * FREQ, Z.real, Z.imag),
    "Frequency (rad s-1),Zre,Zim": (2 * np.pi * FREQ, Z.real, Z.imag),
    "freq,|Z| (kΩ),Phase (deg)": (FREQ, abs(Z) / 1e3, np.angle(Z, deg=True)),
    "freq,Zmod/ohm,-Phase/°": (FREQ, abs(Z), -np.angle(Z, deg=True)),
    "freq,mag,theta [rad]": (FREQ, abs(Z), np.angle(Z)),
    "freq,Z,phase": (FREQ, abs(Z), np.angle(Z, deg=True)),
    "freq_Hz,omega,Re,Im": (FREQ, 2 * np.pi * FREQ, Z.real, Z.imag),
    "point,Im,freq,Re(Y)/S,Re,time/s": (FREQ, Z.imag, FREQ, FREQ, Z.real, FREQ),
}


@pytest.mark.parametrize("header", HEADERS)
def test_headers_tell_order_units_and_sign(put, header):
    for name in ("a.csv", "a.txt", "a.dat"):
        (s,) = read_spectra(put(name, f"{header}\n{rows(*HEADERS[header])}"))
        assert same(s) and s.bias == (None, 0.0)


LAYOUTS = [(sep, ".") for sep in (",", ";", "\t", " ", "   ", ", ", " ; ")]
LAYOUTS += [(sep, ",") for sep in (";", "\t", " ", "   ", " ; ")]


@pytest.mark.parametrize("sep, decimal", LAYOUTS)
@pytest.mark.parametrize("header", [True, False])
def test_delimiters_and_decimal_signs(put, sep, decimal, header):
    names = sep.join(["freq_Hz", "Re_Z_ohm", "Im_Z_ohm"]) + "\n" if header else ""
    (s,) = read_spectra(put("a.txt", names + rows(*PLAIN, sep=sep, decimal=decimal)))
    assert same(s)


def test_quoted_cells(put):
    lines = ["freq,Re,Im", *rows(*PLAIN).splitlines()]
    text = "\n".join(", ".join(f'"{cell}"' for cell in line.split(",")) for line in lines)
    assert same(read_spectra(put("a.csv", text))[0])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\r\r\n"])
def test_encodings_and_line_ends(put, encoding, newline):
    text = "# Gerät: Müller µ\nfreq_Hz;Re_Z_ohm;-Im_Z_ohm\n" + rows(FREQ, Z.real, -Z.imag, sep=";")
    (s,) = read_spectra(put("a.csv", text.replace("\n", newline), encoding))
    assert same(s)


def test_utf16_without_a_mark(put):
    text = "freq_Hz,Re_Z_ohm,Im_Z_ohm\n" + rows(*PLAIN)
    for encoding in ("utf-16-le", "utf-16-be"):
        assert same(read_spectra(put("a.csv", text, encoding))[0])


def test_prose_comments_blank_lines_and_a_line_of_units(put):
    body = rows(FREQ / 1e3, Z.real, Z.imag).splitlines()
    body.insert(5, "# a remark")
    body.insert(9, "")
    text = "Sample 7, measured on 3 May\n\n# freq,Zreal,Zimag\nkHz,Ohm,Ohm\n" + "\n".join(body)
    assert same(read_spectra(put("a.csv", text))[0])


def test_a_lower_case_m_is_milli_with_a_warning(put):
    path = put("a.csv", "freq (mhz),Re,Im\n" + rows(FREQ * 1e3, Z.real, Z.imag))
    with pytest.warns(UserWarning, match="'mhz' is taken as milli"):
        assert same(read_spectra(path)[0])


def test_an_area_in_the_unit_is_remarked(put):
    path = put("a.csv", "freq,Re (ohm cm2),-Im (ohm cm2)\n" + rows(FREQ, Z.real, -Z.imag))
    with pytest.warns(UserWarning, match="times an area") as seen:
        assert same(read_spectra(path)[0])
    assert len(seen) == 2


def test_a_phase_without_unit_is_refused_where_it_may_be_either(put):
    path = put("a.csv", "freq,|Z|,phase\n" + rows(FREQ, abs(Z), np.angle(Z)))
    with pytest.raises(ReadError, match="degrees or radians"):
        read_spectra(path)


@pytest.mark.parametrize("header", ["freq_Hz,Zre,Zim\n", "", "freq,|Z|/ohm,phase/deg\n"])
def test_a_doubtful_sign_is_kept_and_remarked(put, header):
    wrong = Z.conj()[Z.imag < 0]
    freq = FREQ[Z.imag < 0]
    polar = "|Z|" in header
    pair = (abs(wrong), np.angle(wrong, deg=True)) if polar else (wrong.real, wrong.imag)
    path = put("a.csv", header + rows(freq, *pair))
    n = len(freq)
    with pytest.warns(UserWarning, match=rf"inductive\) at {n} of {n} points.*-Im_Z_ohm"):
        (s,) = read_spectra(path)
    assert same(s, wrong, freq)
    # A minus sign in the header leaves no doubt, whatever comes out.
    if not polar:
        (s,) = read_spectra(put("b.csv", "freq,Re,-Im\n" + rows(freq, wrong.real, -wrong.imag)))
        assert same(s, wrong, freq)


def test_three_bare_columns_that_may_be_a_trace_are_remarked(put):
    t = np.arange(1.0, 20.0)
    with pytest.warns(UserWarning, match="evenly spaced as times are"):
        read_spectra(put("a.csv", rows(t, t, -t)))


def test_replicates_are_kept(put):
    freq, twice = np.repeat(FREQ, 2), np.repeat(Z, 2)
    freq, twice = np.append(freq, FREQ), np.append(twice, 2 * Z)
    (s,) = read_spectra(put("a.csv", rows(freq, twice.real, twice.imag)))
    assert same(s, twice, freq)


# What tells spectra apart.


@pytest.mark.parametrize(
    "name, factor, kind",
    [
        ("V_V", 1, "V"),
        ("u_V", 1, "u"),
        ("I_A", 1, "I"),
        ("bias (mV)", 1e3, "V"),
        ("bias_mA", 1e3, "I"),
        ("I/µA", 1e6, "I"),
        ("U/V", 1, "V"),
        ("Potential [V]", 1, "V"),
    ],
)
def test_a_bias_column_makes_spectra(put, name, factor, kind):
    bias = np.repeat([0.1, 0.3, -0.2], len(FREQ))
    three = np.concatenate([Z, 2 * Z, 3 * Z])
    text = f"freq_Hz,Re_Z_ohm,Im_Z_ohm,{name}\n"
    text += rows(np.tile(FREQ, 3), three.real, three.imag, bias * factor)
    spectra = read_spectra(put("a.csv", text))
    for k, (s, value) in enumerate(zip(spectra, (0.1, 0.3, -0.2), strict=True)):
        assert same(s, (k + 1) * Z)
        assert s.bias[0] == kind and s.bias[1] == pytest.approx(value, rel=1e-12)
    # In any order of the rows.
    lines = text.splitlines()
    mixed = [lines[0]] + [line for k in range(19) for line in lines[1 + k :: 19]]
    for k, s in enumerate(read_spectra(put("b.csv", "\n".join(mixed)))):
        assert same(s, (k + 1) * Z)


@pytest.mark.parametrize("name", ["label", "spectrum", "cycle", "Sample"])
def test_a_label_or_a_counter_makes_spectra(put, name):
    lines = [line + ",2" for line in rows(*PLAIN).splitlines()]
    lines += [line + ",1" for line in rows(FREQ, 2 * Z.real, 2 * Z.imag).splitlines()]
    one, two = read_spectra(put("a.csv", f"freq,Re,Im,{name}\n" + "\n".join(lines)))
    assert same(one) and same(two, 2 * Z)
    labels = {"label": ("2", "1"), "Sample": ("2", "1"), "spectrum": ("", "")}
    assert (one.label, two.label) == labels.get(name, ("cycle 2", "cycle 1"))


def test_times_and_temperatures_are_kept_and_tell_spectra_apart(put):
    twice = np.concatenate([Z, 2 * Z])
    times, celsius = np.repeat([0.0, 0.5], 19), np.repeat([25.0, 30.0], 19)
    text = "freq,Re,Im,t (h),T (°C)\n" + rows(
        np.tile(FREQ, 2), twice.real, twice.imag, times, celsius
    )
    one, two = read_spectra(put("a.csv", text))
    assert (one.time, two.time) == (0, 1800) and same(two, 2 * Z)
    assert (one.temperature, two.temperature) == pytest.approx((298.15, 303.15))


def test_a_header_that_comes_again_begins_a_spectrum(put):
    text = "freq,Re,Im\nHz,ohm,ohm\n"
    again = text + rows(*PLAIN) + text + rows(FREQ, 2 * Z.real, 2 * Z.imag)
    one, two = read_spectra(put("a.csv", again))
    assert same(one) and same(two, 2 * Z)


def test_a_measured_bias_is_one_median_and_its_drift_is_remarked(put):
    V = 0.3 + 1e-4 * np.sin(np.arange(19.0))
    (s,) = read_spectra(put("a.csv", "freq,Re,Im,V\n" + rows(*PLAIN, V)))
    assert same(s) and s.V == np.median(V)
    path = put("b.csv", "freq,Re,Im,V\n" + rows(*PLAIN, np.linspace(0, 0.1, 19)))
    with pytest.warns(UserWarning, match="V moves from 0 to 0.1 within one spectrum"):
        assert read_spectra(path)[0].V == pytest.approx(0.05)


def test_a_bias_that_drifts_in_steps_is_not_three_biases(put):
    V = np.repeat([0.3, 0.301, 0.302], [6, 6, 7])
    (s,) = read_spectra(put("a.csv", "freq,Re,Im,V\n" + rows(*PLAIN, V)))
    assert same(s) and s.V == 0.301


@pytest.mark.parametrize("name", ["measurement", "label"])
def test_a_column_that_counts_points_is_no_label(put, name):
    (s,) = read_spectra(put("a.csv", f"freq,Re,Im,{name}\n" + rows(*PLAIN, np.arange(19))))
    assert same(s) and s.label == ""


def test_a_temperature_below_absolute_zero_is_no_temperature(put):
    text = "freq,Re,Im,Temp (degC)\n" + rows(*PLAIN, 0 * FREQ - 327.67)
    assert read_spectra(put("a.csv", text))[0].temperature is None


def test_a_short_spectrum_among_whole_ones_is_named(put):
    text = "freq,Re,Im,V\n" + rows(*PLAIN, 0.1 + 0 * FREQ)
    text += rows(FREQ[:3], Z.real[:3], Z.imag[:3], np.full(3, 0.2))
    with pytest.raises(ReadError, match="line 21: the spectrum has 3 distinct frequencies"):
        read_spectra(put("a.csv", text))


def test_bias_overrides_the_file(put):
    for name in ("gamry.DTA", "chi.txt"):
        (s,) = read_spectra(put(name, SAMPLES[name][0]), bias=0.75)
        assert s.bias == ("V", 0.75)
    text = "freq,Re,Im,I_A\n" + rows(*PLAIN, 0.1 + 0 * FREQ)
    assert read_spectra(put("a.csv", text), bias=0)[0].bias == ("V", 0.0)
    with pytest.raises(ValueError, match="finite voltage"):
        read_spectra(put("a.csv", text), bias=float("nan"))


# NumPy archives.


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "arrays",
    [
        {"freqs": FREQ, "Re": Z.real, "Im": Z.imag},
        {"f": FREQ, "Z": Z},
        {"omega": 2 * np.pi * FREQ, "Z_ohm": Z},
        {"freq_kHz": FREQ / 1e3, "Zre": Z.real, "-Im": -Z.imag, "jsc": np.zeros(3)},
        {"frequency": FREQ, "mod": abs(Z), "phase_rad": np.angle(Z)},
        {"freq": FREQ, "Z": np.stack([Z], axis=1), "V": np.array([0.3])},
    ],
)
def test_npz_of_the_usual_keys(put, arrays):
    (s,) = read_spectra(put("a.npz", npz(**arrays)))
    assert same(s) and s.bias == (("V", 0.3) if "V" in arrays else (None, 0.0))


def test_npz_of_several_spectra(put):
    several = np.stack([Z, 2 * Z, 3 * Z], axis=1)
    for Zs in (several, several.T):
        data = npz(freq=FREQ, Z=Zs, u=[0.1, 0.2, 0.3], t_hours=[1, 2, 4], T_K=[300, 301, 302])
        spectra = read_spectra(put("a.npz", data))
        assert [s.u for s in spectra] == [0.1, 0.2, 0.3]
        assert [s.time for s in spectra] == [0, 3600, 10800]
        assert [s.temperature for s in spectra] == [300, 301, 302]
        assert all(same(s, (k + 1) * Z) for k, s in enumerate(spectra))
        assert [s.label for s in spectra] == ["a, 0", "a, 1", "a, 2"]


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"Re": Z.real, "Im": Z.imag}, "no array for frequency; the keys are Re, Im"),
        ({"freq": FREQ, "Re": Z.real}, "no array for the impedance"),
        ({"freq": FREQ, "Re": Z.real, "Im": Z.imag[:5]}, "one shape"),
        ({"freq": FREQ[:5], "Z": Z}, "shape .* for 5 frequencies"),
        ({"freq": FREQ - 10, "Z": Z}, "positive"),
        ({"freq": FREQ, "Z": np.where(FREQ > 2, Z, np.nan)}, r"index \(15, 0\) is not finite"),
        ({"freq": FREQ[:3], "Z": Z[:3]}, "3 distinct frequencies"),
        ({"freq": FREQ.astype(str), "Z": Z}, "real numbers"),
        ({"freq": FREQ, "Z": Z, "V": [0.1, 0.2]}, "each of the 1 spectra"),
        ({"freq": FREQ, "Z": Z, "f": FREQ}, "mean the same"),
        ({"freq": FREQ, "Z": Z.astype(object)}, "no whole .npz archive"),
        ({}, "no array for frequency; the keys are none"),
    ],
)
def test_bad_npz_is_refused_in_words(put, arrays, message):
    with pytest.raises(ReadError, match=message):
        read_spectra(put("a.npz", npz(**arrays)))


# What is refused, and how it is said.


def csv_lines(**changes):
    lines = ["freq_Hz,Re_Z_ohm,Im_Z_ohm", *rows(*PLAIN).splitlines()]
    for at, line in changes.items():
        lines[int(at[1:]) - 1] = line
    return "\n".join(lines) + "\n"


REFUSED = {
    "empty.csv": ("", r"the file is empty"),
    "blank.csv": ("\n \n\n", r"the file is empty"),
    "nan.csv": (csv_lines(L7="10,nan,-3"), r"line 7: Re_Z_ohm is 'nan', not a finite number"),
    "text.csv": (csv_lines(L9="10,5,high"), r"line 9: Im_Z_ohm is 'high'"),
    "text_first.csv": (csv_lines(L2="10,5,high"), r"line 2: Im_Z_ohm is 'high'"),
    "inf.csv": (csv_lines(L3="1e999,5,-1"), r"line 3: freq_Hz is '1e999'"),
    "empty_cell.csv": (csv_lines(L4="10,,-1"), r"line 4: Re_Z_ohm is ''"),
    "short_row.csv": (csv_lines(L4="10,2"), r"line 4: the row has 2 cells where .* 3"),
    "long_row.csv": (csv_lines(L4="10,2,3,4"), r"line 4: the row has 4 cells where .* has 3"),
    "footer.csv": (csv_lines() + "end of data\n", r"line 21: 'end of data' is no row"),
    "zero.csv": (csv_lines(L5="0,5,-1"), r"line 5: the frequency is 0 Hz, not positive"),
    "negative.csv": (csv_lines(L6="-10,5,-1"), r"line 6: the frequency is -10 Hz"),
    "header.csv": ("freq_Hz,Re_Z_ohm,Im_Z_ohm\n", r"line 1: the file has a header and no data"),
    "three.csv": ("\n".join(csv_lines().split("\n")[:4]), r"line 2: .* has 3 distinct freq"),
    "pipes.csv": (csv_lines().replace(",", "|"), r"no table of numbers found; separate"),
    "one.csv": (rows(FREQ), r"line 1: only one column of numbers"),
    "iv.csv": (rows(FREQ, FREQ), r"line 1: two columns .* current-voltage trace"),
    "tvi.csv": ("t_s,V_V,I_A\n" + rows(*PLAIN), r"line 1: no column .* current-voltage trace"),
    "tvi_bare.csv": (
        rows(np.arange(9), np.arange(9), np.arange(9)),
        r"line 1: .*read_trace",
    ),
    "no_im.csv": ("freq,Re\n" + rows(FREQ, Z.real), r"line 1: no column for Im Z .* 'freq', 'Re'"),
    "no_re.csv": ("f,a,-Im\n" + rows(*PLAIN), r"line 1: no column for Re Z .*'a'"),
    "unknown_blank.csv": ("a,b,c\n\n" + rows(*PLAIN), r"line 1: no column for frequency"),
    "unknown.csv": ("a,b,c\n" + rows(*PLAIN), r"line 1: no column for frequency .* and Re Z"),
    "admittance.csv": ("freq,Re (S),Im (S)\n" + rows(*PLAIN), r"no column for Re Z"),
    "many.csv": (rows(*PLAIN, Z.real), r"line 1: 4 columns of numbers have no names"),
    "bare_text.csv": (rows(*PLAIN) + "1,2,x\n", r"line 20: Im Z is 'x'"),
    "bare_first.csv": ("1,x,2\n" + rows(*PLAIN), r"line 1: Re Z is 'x'"),
    "twice.csv": ("freq,Re,Z',Im\n" + rows(*PLAIN, Z.imag), r"'Re' and .* mean the same"),
    "two_signs.csv": ("freq;Re;Im\n1,5;2.5;3\n" * 5, r"line 2: freq is '1,5'.* one decimal sign"),
    "bias.csv": ("freq,Re,Im,V\n" + rows(*PLAIN, Z.real) + "1,2,-3,off\n", r"line 21: V is 'off'"),
    "modulus.csv": ("freq,|Z|,phase/deg\n" + "1,-2,3\n" * 5, r"line 2: \|Z\| is negative"),
    "dc.csv": ("time/s,V,freq,Re,Im\n" + "1,0,0,0,0\n" * 5, r"no row has a frequency"),
    "picture.png": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, r"binary file"),
    "array.npy": (b"\x93NUMPY\x01\x00v\x00{'descr'}" + bytes(200), r"binary file"),
    "cut.npz": (npz(freq=FREQ, Z=Z)[:-60], r"no whole .npz archive of numbers"),
    "fake.npz": (b"freq,Re,Im\n1,2,3\n", r"no whole .npz archive"),
    "book.xlsx": (b"PK\x03\x04xl/workbook.xml" + bytes(99), r"Excel workbook; save"),
    "header.mpt": (mpt().split("freq/Hz")[0], r"line 7: the header should have 7 lines"),
    "nodata.mpt": (mpt(FREQ[:0], Z[:0], 0.0), r"line 7: the file has a header and no data"),
    "count.mpt": ("EC-Lab ASCII FILE\nfreq/Hz\n1\n", r"Nb header lines"),
    "cut.mpt": (mpt()[:-150], r"line 25: the row has 8 cells where the header has 10"),
    "cut.DTA": ("EXPLAIN\nZCURVE\tTABLE\n\tPt", r"line 2: the file ends within the header"),
    "nopoints.DTA": (dta(((FREQ[:0], Z[:0], 0.0),)), r"line 9: the table has no points"),
    "cut.par": ("<Application>\n</Application>\n<Segment1>\n", r"line 3: .* Definition="),
    "none.par": ("<Application>\n</Application>\n", r"no <Segment> with points"),
    "text.par": (par().replace("100000.0,", "abc,", 1), r"line 10: Frequency\(Hz\) is 'abc'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_files_are_refused_in_one_sentence(put, name):
    content, message = REFUSED[name]
    path = put(name, content)
    with pytest.raises(ReadError, match=message) as caught:
        read_spectra(path)
    said = str(caught.value)
    assert said.startswith(str(path)) and "\n" not in said and not said.endswith(".")


def test_a_path_that_is_no_file_is_refused(tmp_path):
    with pytest.raises(ReadError, match=r"none\.csv: there is no such file"):
        read_spectra(tmp_path / "none.csv")
    with pytest.raises(ReadError, match="this is a folder"):
        read_spectra(str(tmp_path))
    with pytest.raises(ReadError, match="cannot be opened"):
        read_spectra("a\0b.csv")


# Writing, and nothing but spectra or ReadError.

# Each example writes its file anew, so that one folder serves them all.
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
FINITE = st.floats(-1e150, 1e150)
LABELS = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=12)


@st.composite
def any_spectra(draw):
    spectra = []
    for _ in range(draw(st.integers(1, 3))):
        freq = draw(st.lists(st.floats(1e-9, 1e15), min_size=4, max_size=7, unique=True))
        freq += draw(st.lists(st.sampled_from(freq), max_size=2))
        n = len(freq)
        pair = st.lists(FINITE, min_size=n, max_size=n)
        kind = draw(st.sampled_from([None, "u", "V", "I"]))
        sigma = st.lists(st.floats(1e-9, 1e9), min_size=n, max_size=n)
        spectra.append(
            Spectrum(
                freq,
                np.array(draw(pair)) + 1j * np.array(draw(pair)),
                **({} if kind is None else {kind: draw(FINITE)}),
                sigma=draw(st.none() | st.floats(1e-9, 1e9) | sigma),
                label=draw(LABELS),
                time=draw(st.none() | FINITE),
                temperature=draw(st.none() | st.floats(1, 1e4)),
            )
        )
    return spectra


@given(any_spectra())
@SAME_FOLDER
def test_writing_and_reading_is_exact(tmp_path, spectra):
    path = tmp_path / "s.csv"
    write_spectra_csv(path, spectra)
    back = read_spectra(path)
    assert len(back) == len(spectra)
    for a, b in zip(spectra, back, strict=True):
        assert np.array_equal(a.freq, b.freq) and np.array_equal(a.Z, b.Z)
        assert a.bias == b.bias and a.label == b.label
        assert (a.time, a.temperature) == (b.time, b.temperature)
        assert (a.sigma is None) == (b.sigma is None)
        if a.sigma is not None:
            assert np.array_equal(np.broadcast_to(a.sigma, a.freq.shape), b.sigma)


def test_the_columns_that_are_written(tmp_path):
    path = tmp_path / "s.csv"
    write_spectra_csv(path, [Spectrum(FREQ, Z, V=0.3, label="a")])
    header, first = path.read_text().splitlines()[:2]
    assert header == "freq_Hz,Re_Z_ohm,Im_Z_ohm,V_V,label"
    assert first == f'{float(FREQ[0])!r},{float(Z[0].real)!r},{float(Z[0].imag)!r},0.3,"a"'
    write_spectra_csv(path, [Spectrum(FREQ, Z, u=0.3), Spectrum(FREQ, Z, I=1.0, temperature=300)])
    header = path.read_text().splitlines()[0]
    assert header == "freq_Hz,Re_Z_ohm,Im_Z_ohm,spectrum,u_V,I_A,temperature_K"


def test_what_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(ValueError, match="nothing to write"):
        write_spectra_csv(tmp_path / "s.csv", [])
    with pytest.raises(ValueError, match="the label"):
        write_spectra_csv(tmp_path / "s.csv", [Spectrum(FREQ, Z, label="a\nb")])
    assert not (tmp_path / "s.csv").exists()


SUFFIXES = [".csv", ".txt", ".npz", ".mpt", ".mpr", ".DTA", ".par", ".z", ".npy", ""]
BYTES = {
    **{name: text.encode() for name, (text, _, _) in SAMPLES.items()},
    "biologic.mpt": mpt().encode(),
    "plain.csv": csv_lines().encode(),
    "biases.csv": ("freq,Re,Im,V_V,label\n" + rows(*PLAIN, 0 * FREQ, FREQ)).encode(),
    "wide.csv": csv_lines().encode("utf-16"),
    "a.npz": npz(freq=FREQ, Re=Z.real, Im=Z.imag, t_hours=[1.0]),
    "a.mpr": mpr_bytes(),
}


def reads_or_refuses(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Remarks of the reader are fine; numpy's about garbage are not.
        warnings.simplefilter("ignore", UserWarning)
        try:
            spectra = read_spectra(path)
        except ReadError as e:
            assert str(path) in str(e)
            return
    assert spectra and all(isinstance(s, Spectrum) for s in spectra)
    for s in spectra:
        assert np.isfinite(s.freq).all() and np.isfinite(s.Z).all() and (s.freq > 0).all()
        assert np.isfinite(s.bias[1]) and np.isfinite(s.time or 0.0)


# Text that looks like measurements gets deeper into the readers than random bytes do.
TOKENS = st.sampled_from(
    "freq Hz,Re Im;-Im ohm\t|Z| phase/deg (rad) omega 1 -2.5 1e5 0 nan inf 1e400 1,5 \" ' # "
    "spectrum label cycle V_V u_V I_A time/s T/K <Segment1> Definition= </Segment1> EXPLAIN "
    "ZCURVE\tTABLE EC-Lab ASCII FILE Nb header lines : 3 \xa0 Ω − {} PK".split(" ")
)
SEPARATORS = st.sampled_from([",", ";", "\t", " ", "\n", "\r\n", "\n\n"])
LIKE_TEXT = st.lists(st.tuples(TOKENS, SEPARATORS), max_size=60).map(
    lambda pieces: "".join(a + b for a, b in pieces).encode()
)


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(data=st.binary(max_size=300) | LIKE_TEXT)
@SAME_FOLDER
def test_random_bytes_read_or_are_refused(tmp_path, suffix, data):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    reads_or_refuses(path)


@pytest.mark.parametrize("name", BYTES)
@given(data=st.data())
@SAME_FOLDER
def test_mutated_files_read_or_are_refused(tmp_path, name, data):
    content = bytearray(BYTES[name])
    at = st.integers(0, len(content) - 1)
    for _ in range(data.draw(st.integers(0, 3))):
        where = min(data.draw(at), len(content))
        piece = data.draw(st.binary(max_size=4) | TOKENS.map(str.encode))
        content[where : where + data.draw(st.integers(0, 30))] = piece
    if data.draw(st.booleans()):
        del content[data.draw(at) :]
    path = tmp_path / name
    path.write_bytes(bytes(content))
    reads_or_refuses(path)


# The files of real instruments: the numbers below stand in the files on the lines given, and
# are also taken from there by splitting the line.


class Export(NamedTuple):
    """What a file holds: points, bias, separator, columns (frequency, Re, Im), sign of Im."""

    points: int
    V: float | None
    separator: str
    columns: tuple[int, int, int]
    sign: int
    # The lines of the first and the last point, and what stands there.
    first: tuple[int, float, float, float]
    last: tuple[int, float, float, float]


EXPORTS = {
    "exampleData.csv": Export(
        *(66, None, ",", (0, 1, 2), 1),
        first=(1, 0.0031623, 0.0494998977640506, -0.02043869854441892),
        last=(66, 10000.0, 0.01577148266048593, 0.01015747456493824),
    ),
    "exampleDataAutolab.txt": Export(
        *(41, None, ",", (0, 4, 5), 1),
        first=(12, 10000.0, 0.013785863964281, 0.007191946305823),
        last=(52, 0.1, 0.0345697771923854, -0.00390292888845954),
    ),
    "exampleDataBioLogic.mpt": Export(
        *(43, -0.00027, "\t", (0, 1, 2), -1),
        first=(62, 1000.3201, 65.470886, 0.38998979),
        last=(104, 0.01689554, 110.97003, 2.3458567),
    ),
    "exampleDataCHInstruments.txt": Export(
        *(73, None, ",", (0, 1, 2), 1),
        first=(19, 99610.0, 98.91, -2.748),
        last=(91, 0.1, 5685.0, -15860.0),
    ),
    "exampleDataGamry.DTA": Export(
        *(72, -0.34111, "\t", (3, 4, 5), 1),
        first=(449, 200015.6, 825.8584, -1367.239),
        last=(520, 0.0158898, 17007.49, -6635.557),
    ),
    "exampleDataParstat.txt": Export(
        *(31, 3.50029397010803, "\t", (3, 4, 5), 1),
        first=(783, 10000.0, -0.00049816280376104, 0.0175143479976367),
        last=(813, 10.0, 0.0270946491457229, -0.00399791080333837),
    ),
    "exampleDataPowersuite.txt": Export(
        *(30, None, "\t", (0, 1, 2), 1),
        first=(2, 0.1, 423929.46, -49014.063),
        last=(31, 2000000.0, -470.54113, -1397.7358),
    ),
    "exampleDataVersaStudio.par": Export(
        *(61, 0.0, ",", (9, 14, 15), 1),
        first=(117, 100000.0, 55.31571, 4.575431),
        last=(177, 0.02154435, 1516.313, -122.8279),
    ),
    "exampleDataZPlot.z": Export(
        *(21, 0.0, "\t", (0, 4, 5), 1),
        first=(124, 300000.0, 147.77, -11.335),
        last=(144, 3000.0, 613.68, -137.13),
    ),
    "exampleDataZPlot_noComments.z": Export(
        *(31, 0.0, ",", (0, 4, 5), 1),
        first=(11, 300000.0, 642.62, -85.821),
        last=(41, 300.0, 1305.3, -195.01),
    ),
    "Circuit2_EIS_1.z": Export(
        *(56, 0.0, "\t", (0, 4, 5), 1),
        first=(124, 300000.0, 147.77, -11.335),
        last=(179, 1.0, 654.19, 0.64271),
    ),
}


@pytest.fixture
def unwrap(shared):
    folder = shared / "data"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder.name}/ of measurements beside the checkout")
    return folder


@pytest.mark.parametrize("name", EXPORTS)
def test_real_exports(measured, name):
    e = EXPORTS[name]
    path = measured / "instrument_exports" / name
    (s,) = read_spectra(path)
    assert len(s.freq) == e.points
    # The dc potentials of BioLogic and Gamry are measured and scatter.
    assert s.V is None if e.V is None else s.V == pytest.approx(e.V, abs=5e-6)
    lines = path.read_bytes().replace(b"\r", b"").split(b"\n")
    for k, (line, *values) in ((0, e.first), (-1, e.last)):
        cells = lines[line - 1].split(e.separator.encode())
        freq, re, im = (float(cells[i]) for i in e.columns)
        assert [freq, re, im] == pytest.approx(values, rel=1e-14)
        assert (s.freq[k], s.Z[k].real, s.Z[k].imag) == (freq, re, e.sign * im)
    # At mid frequencies all of them are capacitive.
    middle = np.argsort(s.freq)[e.points // 3 : e.points // 2]
    assert np.median(s.Z.imag[middle]) < 0


def test_the_real_aborted_run(measured):
    folder = measured / "instrument_exports"
    with pytest.warns(UserWarning, match="aborted; its 72 valid points are read"):
        (s,) = read_spectra(folder / "exampleDataGamryABORT.DTA")
    assert s.freq[0] == 200015.6 and s.Z[0] == 825.8584 - 1367.239j
    assert len(s.freq) == 72 and s.V == pytest.approx(-0.34111, abs=5e-6)


def test_the_real_export_without_frequencies_is_refused(measured):
    path = measured / "instrument_exports" / "exampleDataBioLogic_MissingFreq.mpt"
    with pytest.raises(ReadError, match=r"MissingFreq\.mpt, line 61: no column for frequency"):
        read_spectra(path)


@pytest.mark.parametrize("name", ["pero_l300.npz", "pero_d300.npz"])
def test_the_ageing_cells(measured, name):
    path = measured / "perovskite_eis" / name
    spectra = read_spectra(path)
    assert len(spectra) == 48
    with np.load(path) as arrays:
        for k, s in enumerate(spectra):
            assert np.array_equal(s.freq, arrays["freqs"])
            assert np.array_equal(s.Z, arrays["Re"][:, k] + 1j * arrays["Im"][:, k])
            assert s.time == 3600 * arrays["t_hours"][k] and s.bias[0] is None
    assert spectra[-1].time == pytest.approx(24.7 * 3600)
    first = {"pero_l300.npz": 24.252218 + 8.736064j, "pero_d300.npz": 22.498804 + 8.4547491j}
    assert spectra[0].Z[0] == first[name]


def test_current_voltage_loops_are_sent_elsewhere(measured):
    files = sorted((measured / "memristor_iv").glob("*.csv"))
    assert files
    for path in files:
        with pytest.raises(ReadError, match=r"line 1: .*current-voltage trace.*read_trace"):
            read_spectra(path)


def test_no_real_file_escapes_as_another_error(measured):
    for path in sorted(measured.rglob("*.*")):
        reads_or_refuses(Path(path))
