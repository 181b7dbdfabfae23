"""Files that are no recordings are refused in one sentence; the real loops beside them."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from readers.recording_files import CYCLE, I, N, T, V, mpt, noted, rows, swapped

from fitting import ReadError, Recording, read_recordings

SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def eis(names="freq_Hz,Re_Z_ohm,Im_Z_ohm"):
    return f"{names}\n" + rows(*[1 + np.arange(9)] * len(names.split(",")))


REFUSED = {
    "empty.csv": ("", "the file is empty"),
    "blank.csv": (" \n\n", "the file is empty"),
    "picture.png": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "binary file"),
    "book.xlsx": (b"PK\x03\x04xl/workbook.xml" + bytes(99), "workbook of a spreadsheet"),
    "eis.csv": (eis(), r"line 1: this is an impedance spectrum .* read_spectra"),
    "zre.csv": (eis("Freq,Zre,Zim,V,I,t"), r"line 1: this is an impedance spectrum"),
    "eis.mpt": (mpt("freq/Hz\tRe(Z)/Ohm\t-Im(Z)/Ohm", T, V, I), "impedance spectrum"),
    "nofreq.mpt": (mpt("time/s\tEwe/V\tI/mA\tRe(Z)/Ohm\tIm(Z)/Ohm", *[T] * 5), "impedance"),
    "one.csv": (rows(V), "line 1: only one column of numbers"),
    "four.csv": (rows(T, V, I, I), "line 1: 4 columns have no names"),
    "words.csv": ("hello\nno numbers here\n", "no table of numbers found"),
    "short.csv": ("t,V,I\n" + rows(T[:7], V[:7], I[:7]), "line 2: .* has 7 samples, and 8 are"),
    "falls.csv": ("t,V,I\n" + rows(T[::-1], V, I), r"line 3: the time goes back from 2\.95 s"),
    "swapped.csv": ("t,V,I\n" + rows(swapped, V, I), r"line 8: the time goes back from 1\.3 s"),
    "bare_falls.csv": (rows(T[::-1], V, I), "does not ascend, so it is no time"),
    "text.csv": ("t,V,I\n" + rows(T, V, I) + "4,high,1\n", r"line 42: V is 'high', not a finite"),
    "footer.csv": ("t,V,I\n" + rows(T, V, I) + "the end\n", r"line 42: 'the end' is no row"),
    "unknown.csv": ("a,b,c\n" + rows(T, V, I), r"line 1: no column for voltage .* 'a', 'b', 'c'"),
    "no_current.csv": ("t,V\n" + rows(T, V), r"line 1: no column for current \(I_A\)"),
    "density.csv": ("t,V,J (mA/cm2)\n" + rows(T, V, I), "a current density needs the area"),
    "twice.csv": ("t,V,V,I\n" + rows(T, V, V + 1, I), "'V' and 'V' mean the same"),
    "header.csv": ("t,V,I\n", "line 1: the file has a header and no data"),
    "clock.csv": ("Time,V,I\n" + rows(["10:11:12"] * N, V, I), "no column of times in numbers"),
    "long.csv": ("t,V,I\n" + rows(T, V, I) + "4,5,6,7\n", "line 42: the row has 4 cells"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_files_are_refused_in_one_sentence(put, name):
    content, message = REFUSED[name]
    path = put(name, content)
    with pytest.raises(ReadError, match=message) as caught:
        read_recordings(path)
    said = str(caught.value)
    assert said.startswith(str(path)) and "\n" not in said and not said.endswith(".")


def test_a_path_that_is_no_file_is_refused(tmp_path):
    with pytest.raises(ReadError, match=r"none\.csv: there is no such file"):
        read_recordings(tmp_path / "none.csv")
    with pytest.raises(ReadError, match="this is a folder"):
        read_recordings(tmp_path)


def test_three_bare_columns_that_may_be_a_spectrum_are_remarked(put):
    (r,) = read_recordings(put("a.csv", rows(np.logspace(0, 4, N), V, I)))
    assert noted(r, "spaced as frequencies of a spectrum are")


TOKENS = st.sampled_from(
    "t V I t_s,V_V,I_A time/s\tEwe/V\tI/mA Reading Source Unit 0 1 -2.5 1e5 nan inf 1e400 1,5 2;3 "
    '" # cycle run label used DataName, DataValue, <Segment1> Definition= EXPLAIN CURVE\tTABLE '
    "EC-Lab ASCII FILE Nb header lines : 3 \xa0 µ PK".split(" ")
)
SEPARATORS = st.sampled_from([",", ";", "\t", " ", "\n", "\r\n"])
LIKE_TEXT = st.lists(st.tuples(TOKENS, SEPARATORS), max_size=80).map(
    lambda pieces: "".join(a + b for a, b in pieces).encode()
)
PLAIN = ("t,V,I,cycle\n" + rows(T, V, I, CYCLE)).encode()


def reads_or_refuses(path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = read_recordings(path, **options)
        except ReadError as e:
            assert str(path) in str(e)
            return
    assert found and all(isinstance(r, Recording) and len(r.t) >= 8 for r in found)


@given(st.binary(max_size=200) | LIKE_TEXT)
@settings(SAME_FOLDER, max_examples=100)
def test_random_bytes_read_or_are_refused(tmp_path, data):
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    reads_or_refuses(path)
    reads_or_refuses(path, freq=1.0)


@given(st.data())
@settings(SAME_FOLDER, max_examples=60)
def test_mutated_files_read_or_are_refused(tmp_path, data):
    content = bytearray(PLAIN)
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(0, len(content) - 1))
        piece = data.draw(st.binary(max_size=4) | TOKENS.map(str.encode))
        content[where : where + data.draw(st.integers(0, 30))] = piece
    path = tmp_path / "a.csv"
    path.write_bytes(bytes(content))
    reads_or_refuses(path)
    reads_or_refuses(path, rate=1.0)


@pytest.fixture
def measured(shared):
    folder = shared / "data" / "memristor_iv"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder.name}/ of measurements beside the checkout")
    return folder


def test_the_real_loops(measured):
    files = sorted(measured.glob("*.csv"))
    assert files
    for path in files:
        freq = float(path.stem.split("_")[2].removesuffix("Hz"))
        (r,) = read_recordings(path, units="I=uA", freq=freq)
        first = [float(cell) for cell in path.read_text().split("\n")[0].split(",")]
        assert len(r.t) == 200 and (r.V[0], r.I[0]) == pytest.approx((first[0], 1e-6 * first[1]))
        np.testing.assert_allclose(r.t, np.arange(200) / (200 * freq), rtol=1e-12)
        assert r.used.all() and noted(r, "taken as V, I") and not noted(r, "check units")
        with pytest.raises(ReadError, match="freq=, Hz"):
            read_recordings(path)


def test_real_spectra_are_sent_to_their_reader(measured):
    for path in sorted(measured.parent.glob("instrument_exports/*.*")):
        if path.name == "exampleData.csv":
            # Three columns without names that ascend: nothing tells them from a trace.
            assert noted(read_recordings(path)[0], "no names")
            continue
        with pytest.raises(ReadError, match="read_spectra"):
            read_recordings(path)
