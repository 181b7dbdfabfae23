"""A file says itself what it is, and is opened once."""

import numpy as np
import pytest

from fitting import ReadError, Recording, Spectrum, write_recording_csv, write_spectra_csv
from fitting.readers.detect import sniff
from fitting.readers.recordings import recordings_in
from fitting.readers.source import NotARecording, NotASpectrum, Source
from fitting.readers.spectra import spectra_in

pytestmark = pytest.mark.quick


@pytest.fixture
def spectrum(tmp_path):
    freq = np.geomspace(1, 1e4, 12)
    write_spectra_csv(tmp_path / "a.csv", [Spectrum(freq, 1 / (1e-3 + 1j * freq * 1e-6))])
    return tmp_path / "a.csv"


@pytest.fixture
def loop(tmp_path):
    t = np.linspace(0, 1, 30)
    write_recording_csv(tmp_path / "b.csv", Recording(t, np.sin(t), 1e-6 * np.sin(t) ** 3))
    return tmp_path / "b.csv"


def test_each_kind_is_recognised_with_what_was_read(spectrum, loop):
    one, two = sniff(spectrum), sniff(loop)
    assert (one.kind, two.kind) == ("spectra", "trace")
    np.testing.assert_array_equal(one.found[0].Z, spectra_in(Source.open(spectrum))[0].Z)
    np.testing.assert_array_equal(two.found[0].I, recordings_in(Source.open(loop))[0].I)
    assert len(one.sha256) == 64 and one.sha256 != two.sha256


def test_the_other_kind_is_an_error_of_its_own_type(spectrum, loop):
    with pytest.raises(NotASpectrum, match="read it with read_trace"):
        spectra_in(Source.open(loop))
    with pytest.raises(NotARecording, match="read it with read_spectra"):
        recordings_in(Source.open(spectrum))


@pytest.mark.parametrize(
    "text, words",
    [
        ("freq_Hz,Re,Im\n1,2,-3\n2,3,-4\n", "2 distinct frequencies"),
        ("t,V,I\n0,0,0\n1,1,1\n", "2 samples, and 8 are the least"),
        ("0,1\n1,2\n2,3\n3,1\n4,1\n5,1\n6,1\n7,1\n8,0\n", "no column of times"),
        ("1\n2\n3\n", "only one column"),
    ],
)
def test_what_is_neither_is_refused_by_the_reader_it_was_meant_for(tmp_path, text, words):
    path = tmp_path / "c.csv"
    path.write_text(text)
    with pytest.raises(ReadError, match=words):
        sniff(path)


def test_options_of_traces_make_a_file_of_numbers_a_loop(tmp_path):
    path = tmp_path / "c.csv"
    V = np.sin(np.linspace(0, 6, 30))
    path.write_text("".join(f"{v},{v**3}\n" for v in V.tolist()))
    assert sniff(path, {"freq": 10.0, "start": "periodic"}).found[0].t[-1] < 0.1
