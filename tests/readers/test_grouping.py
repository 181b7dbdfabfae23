"""What tells the spectra of one file apart, and NumPy archives of one or several."""

import io
import zipfile

import numpy as np
import pytest
from readers.spectrum_files import FREQ, PLAIN, SAMPLES, Z, npz, rows, same

from fitting.readers import ReadError, read_spectra

pytestmark = pytest.mark.quick


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
        ({"freq": FREQ, "Z": Z, "frequency": FREQ}, "mean the same"),
        ({"freq": FREQ, "Z": Z.astype(object)}, "no whole .npz archive"),
        ({}, "no array for frequency; the keys are none"),
    ],
)
def test_bad_npz_is_refused_in_words(put, arrays, message):
    with pytest.raises(ReadError, match=message):
        read_spectra(put("a.npz", npz(**arrays)))


def test_an_npz_is_refused_by_what_its_headers_declare(put):
    """2 MB that unpack to gigabytes, and a header that declares what is not there."""
    header = lambda shape: (
        b"\x93NUMPY\x01\x00v\x00"
        + f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode()
        + b"\n"
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("freq.npy", header((8,)) + FREQ[:8].tobytes())
        archive.writestr("Z.npy", header((8, 10**9)) + bytes(800))
    with pytest.raises(ReadError, match=r"would take 61,035 MiB, and 512 MiB are the most"):
        read_spectra(put("a.npz", packed.getvalue()))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("Z.npy", "w", force_zip64=True) as part:
            part.write(header((600 * 2**17,)))
            for _ in range(600):
                part.write(bytes(2**20))
    assert len(packed.getvalue()) < 2**20
    with pytest.raises(ReadError, match=r"would take 600 MiB"):
        read_spectra(put("a.npz", packed.getvalue()))
