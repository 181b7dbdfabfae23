"""Files that were cut, joined, or opened in a spreadsheet: a clear word, and no invented point."""

import numpy as np
import pytest
from readers.recording_files import I, N, T, V, noted
from readers.recording_files import rows as trace_rows
from readers.spectrum_files import FREQ, MPR, PLAIN, Z, csv_lines, mpt, npz, rows, same

from fitting.readers import ReadError, read_recordings, read_spectra

pytestmark = pytest.mark.quick

CELLS = {
    "9.9E+37": "an overload of the instrument",
    "-9.91e37": "an overload of the instrument",
    "#REF!": "an error of the spreadsheet",
    "#DIV/0!": "an error of the spreadsheet",
    "1'234.5": "groups thousands",
    '"1,234.5"': "groups thousands",
    '"1,234,567"': "groups thousands",
    '"12,345"': "groups thousands",
}


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_that_is_no_measured_number_is_named(put, cell):
    for line in (f"{cell},5,-1", f"10,{cell},-1", f"10,5,{cell}"):
        with pytest.raises(ReadError, match=f"line 5: .*{CELLS[cell]}"):
            read_spectra(put("a.csv", csv_lines(L5=line)))


def test_an_error_of_a_spreadsheet_is_no_comment(put):
    body = trace_rows(T, V, I).splitlines()
    body[7] = "#REF!,0.1,0.2"
    with pytest.raises(ReadError, match="line 9: t is '#REF!', an error of the spreadsheet"):
        read_recordings(put("a.csv", "t,V,I\n" + "\n".join(body)))
    body[7] = "# a remark"
    assert len(read_recordings(put("b.csv", "t,V,I\n" + "\n".join(body)))[0].t) == N - 1


def test_an_overload_of_a_recording_is_left_out_with_a_note(put):
    body = trace_rows(T, V, 1e3 * I).splitlines()
    body[7] = f"{T[7]},0.1,9.9E+37"
    (r,) = read_recordings(put("a.csv", "t (s),V (V),I (mA)\n" + "\n".join(body) + "\n"))
    assert len(r.t) == N - 1 and noted(r, "1 of 40 rows have no number")


def test_commas_between_thousands_are_not_decimal(put):
    lines = ["freq;Re;Im", *(f"{f:,d};{f // 7:,d};-{f // 9:,d}" for f in range(100, 4000, 130))]
    with pytest.raises(ReadError, match=r"line 9: freq is '1,010'.*groups thousands"):
        read_spectra(put("a.csv", "\n".join(lines) + "\n"))
    decimal = [
        "freq;Re;Im",
        *(f"{f};{f / 7:.3f};-{f / 9:.3f}".replace(".", ",") for f in range(9, 40)),
    ]
    (s,) = read_spectra(put("b.csv", "\n".join(decimal) + "\n"))
    assert s.Z[0].real == pytest.approx(9 / 7, abs=1e-3)


def fixed(form="%.6e"):
    return "freq,Re,Im\n" + "".join(
        ",".join(form % x for x in row) + "\n" for row in zip(*PLAIN, strict=True)
    )


def test_a_number_that_was_cut_off_is_left_out(put):
    text = fixed()
    for cut in (2, 5, 7, 10):
        path = put("a.csv", text[:-cut])
        if text[:-cut].endswith(("e", "e+", "-")):
            with pytest.raises(ReadError, match="not a finite number"):
                read_spectra(path)
            continue
        with pytest.warns(UserWarning, match="ends in line 20 without an end of line"):
            (s,) = read_spectra(path)
        assert len(s.freq) == len(FREQ) - 1
    # A file that only lacks the last end of line is whole.
    (s,) = read_spectra(put("b.csv", text.rstrip("\n")))
    assert len(s.freq) == len(FREQ)
    trace = "t,V,I\n" + "".join(
        f"{t:.3f},{v:.5e},{i:.5e}\n" for t, v, i in zip(T, V, I, strict=True)
    )
    (r,) = read_recordings(put("c.csv", trace[:-6]))
    assert len(r.t) == N - 1 and noted(r, "without an end of line")
    with pytest.raises(ReadError, match=r"line 20: the row has 2 cells where the header has 3"):
        read_spectra(put("d.csv", text.rsplit(",", 1)[0]))


def test_two_files_in_one_are_told_apart_or_refused(put):
    with pytest.raises(ReadError, match="a second file begins here"):
        read_spectra(put("a.mpt", mpt() + mpt()))
    with pytest.raises(ReadError, match="something follows the archive"):
        read_spectra(put("a.npz", npz(freq=FREQ, Z=Z) + npz(freq=FREQ, Z=2 * Z)))
    with pytest.raises(ReadError, match="two files are joined"):
        read_spectra(put("a.mpr", MPR + MPR))
    one, two = read_spectra(put("a.csv", fixed("%.17g") + fixed("%.17g")))
    assert same(one) and same(two)
    with pytest.raises(ReadError, match="line 21: freq_Hz is 't_s', not a finite number"):
        read_spectra(put("b.csv", csv_lines() + "t_s,V_V,I_A\n" + trace_rows(T, V, I)))


def test_a_frequency_off_the_grid_is_noted(put):
    for at in (1, 7, 17):
        for factor in (10.0, 0.5, 1.05):
            freq = FREQ.copy()
            freq[at] *= factor
            with pytest.warns(UserWarning, match=rf"line {at + 2}: the frequency .* does not fit"):
                read_spectra(put("a.csv", "freq,Re,Im\n" + rows(freq, Z.real, Z.imag)))


@pytest.mark.parametrize("keep", [slice(None), [k for k in range(19) if k not in (4, 5, 11)]])
def test_a_grid_with_gaps_is_no_damage(put, keep):
    (s,) = read_spectra(put("a.csv", "freq,Re,Im\n" + rows(FREQ[keep], Z.real[keep], Z.imag[keep])))
    assert same(s, Z[keep], FREQ[keep])


def test_a_time_off_the_grid_is_noted(put):
    t = T.copy()
    t[9] += 0.02
    (r,) = read_recordings(put("a.csv", "t,V,I\n" + trace_rows(t, V, I)))
    assert noted(r, "in line 11 does not fit between its neighbours")
    rng = np.random.default_rng(0)
    (r,) = read_recordings(put("b.csv", "t,V,I\n" + trace_rows(T + 0.01 * rng.random(N), V, I)))
    assert r.notes == ()


def test_a_count_that_is_not_kept_is_noted(put):
    text = "f/Hz\tZ'/Ohm\t-Z''/Ohm\n25\n" + rows(FREQ, Z.real, -Z.imag, sep="\t")
    with pytest.warns(UserWarning, match="line 2: 25 points are announced and 19 follow"):
        (s,) = read_spectra(put("a.P00", text))
    assert same(s)
