"""Delimited text of any make: names, units, signs, delimiters and encodings."""

import numpy as np
import pytest
from readers.spectrum_files import FREQ, PLAIN, Z, rows, same

from fitting.readers import ReadError, read_spectra

pytestmark = pytest.mark.quick

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
    "Frequenza (Hz),Z reale (k ohm),Z immaginaria (k ohm)": (FREQ, Z.real / 1e3, Z.imag / 1e3),
    "Frequency,Zreal,Zimag\n[kHz],[Ohm],[Ohm]": (FREQ / 1e3, Z.real, Z.imag),
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


def test_a_dc_column_is_the_bias(put):
    for name in ("DC (V)", "DC Working Electrode (V)"):
        text = f"freq_Hz,Re_Z_ohm,Im_Z_ohm,{name}\n" + rows(*PLAIN, 0 * FREQ + 0.7)
        assert read_spectra(put("a.csv", text))[0].bias == ("V", 0.7)


AREAS = {"ohm cm2": 1e-4, "Ω·cm²": 1e-4, "ohm m2": 1.0, "kOhm*cm^2": 0.1}


@pytest.mark.parametrize("unit", AREAS)
def test_an_impedance_per_area_needs_the_area(put, unit):
    factor = 1e-5 / AREAS[unit]  # an electrode of 0.1 cm2
    path = put(
        "a.csv", f"freq,Re ({unit}),-Im ({unit})\n" + rows(FREQ, factor * Z.real, -factor * Z.imag)
    )
    with pytest.raises(ReadError, match=r"needs the area of the electrode; give --area"):
        read_spectra(path)
    assert same(read_spectra(path, area=1e-5)[0])
    for wrong in (0, -1, np.inf):
        with pytest.raises(ValueError, match="area must be a positive number"):
            read_spectra(path, area=wrong)


def test_columns_per_area_are_compared_within_their_digits(put):
    """Written with one decimal, of a small electrode: |Z| agrees as well as its digits can, which
    of the few small ones is much worse than in most rows."""
    freq = np.geomspace(0.01, 1e4, 40)
    Z = 0.6 + 40.0 / (1 + 1j * freq / 30)
    rows = [f"{f:.6g},{z.real:.1f},{z.imag:.1f},{abs(z):.1f}"
            for f, z in zip(freq, Z, strict=True)]  # fmt: skip
    header = "f/Hz,Re Z (ohm cm2),Im Z (ohm cm2),|Z| (ohm cm2)"
    (s,) = read_spectra(put("a.csv", "\n".join([header, *rows, ""])), area=1e-6)
    np.testing.assert_allclose(s.Z, 100 * Z, atol=8)
    rows[4] = rows[4].rsplit(",", 1)[0] + ",99.0"
    with pytest.raises(ReadError, match=r"is 99.0 where 4\d\.\d* follows"):
        read_spectra(put("b.csv", "\n".join([header, *rows, ""])), area=1e-6)


def test_a_dc_current_per_area_is_left_out_of_a_spectrum(put):
    path = put("a.csv", "freq,Re,Im,j (mA/cm2)\n" + rows(*PLAIN, 0.5 + 0 * FREQ))
    with pytest.warns(UserWarning, match=r"j \(mA/cm2\) is per area and is left out"):
        (s,) = read_spectra(path)
    assert same(s) and s.bias == (None, 0.0)
    (s,) = read_spectra(path, area=1e-5)
    assert s.bias == ("I", pytest.approx(0.5e-3 * 0.1))


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
    (s,) = read_spectra(put("a.csv", rows(freq, twice.real, twice.imag)))
    assert same(s, twice, freq)
