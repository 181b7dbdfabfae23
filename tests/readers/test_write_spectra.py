"""Spectra are written so that reading gives them back exactly."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from readers.spectrum_files import FREQ, Z

from fitting.readers import read_spectra, write_spectra_csv
from fitting.terms.spectrum import Spectrum

# Each example writes its file anew, so that one folder serves them all.
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
# Numbers above 9e36 are overloads of an instrument.
FINITE = st.floats(-8e36, 8e36)
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
        parts = st.lists(sigma, min_size=2, max_size=2)
        spectra.append(
            Spectrum(
                freq,
                np.array(draw(pair)) + 1j * np.array(draw(pair)),
                **({} if kind is None else {kind: draw(FINITE)}),
                sigma=draw(st.none() | st.floats(1e-9, 1e9) | sigma | parts),
                label=draw(LABELS),
                time=draw(st.none() | FINITE),
                temperature=draw(st.none() | st.floats(1, 1e4)),
            )
        )
    return spectra


@given(any_spectra())
@SAME_FOLDER
@pytest.mark.filterwarnings("ignore:.*does not fit between its neighbours:UserWarning")
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
            assert np.array_equal(np.broadcast_to(a.sigma, b.sigma.shape), b.sigma)


def test_sweeps_within_one_spectrum_stay_one(tmp_path):
    path = tmp_path / "s.csv"
    freq, both = np.tile(FREQ, 2), np.concatenate([Z, 1.2 * Z])
    write_spectra_csv(path, [Spectrum(freq, both)])
    (s,) = read_spectra(path)
    assert np.array_equal(s.freq, freq) and np.array_equal(s.Z, both)


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
