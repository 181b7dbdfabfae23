"""Files that are no spectra are refused in one sentence, and nothing escapes as another error."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from readers.spectrum_files import (
    FREQ,
    PLAIN,
    SAMPLES,
    Z,
    csv_lines,
    dta,
    mpr_bytes,
    mpt,
    npz,
    par,
    reads_or_refuses,
    rows,
)

from fitting.readers import ReadError, read_spectra
from fitting.readers.assemble import spectra_of
from fitting.readers.source import NotASpectrum, Source
from fitting.readers.tables.table import Table

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
    "old.xls": (b"\xd0\xcf\x11\xe0" + bytes(600), r"workbook of a spreadsheet"),
    "numbers.mpt": (mpt().replace("lines : 7", "lines : 9"), r"line 9: .* is a row of numbers"),
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
    "book.xlsx": (b"PK\x03\x04xl/workbook.xml" + bytes(99), r"workbook of a spreadsheet, .* save"),
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


def test_a_table_of_anything_else_is_refused_by_its_names():
    """Whoever writes a reader need not look whether the columns of a spectrum are there."""
    for names, kind, words in (
        (["Foo", "Bar"], ReadError, "no column for frequency"),
        (["Freq (Hz)", "Zreal (Ohm)"], ReadError, "no column for Im Z"),
        (["t (s)", "V (V)", "I (A)"], NotASpectrum, "current-voltage trace"),
    ):
        table = Table(names)
        table.add(["1"] * len(names), 3)
        with pytest.raises(kind, match=rf"a\.px: .*{words}"):
            spectra_of(Source(Path("a.px")), table, instrument=True)


def test_a_path_that_is_no_file_is_refused(tmp_path):
    with pytest.raises(ReadError, match=r"none\.csv: there is no such file"):
        read_spectra(tmp_path / "none.csv")
    with pytest.raises(ReadError, match="this is a folder"):
        read_spectra(str(tmp_path))
    with pytest.raises(ReadError, match="cannot be opened"):
        read_spectra("a\0b.csv")


# Each example writes its file anew, so that one folder serves them all.
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


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
