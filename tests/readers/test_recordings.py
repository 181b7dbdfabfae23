"""Recordings in text: names, units, times and cycles; what a reader assumes stands in the notes."""

import math

import numpy as np
import pytest
from readers.recording_files import (
    CYCLE,
    I,
    N,
    T,
    V,
    noted,
    rows,
    same,
)

from fitting import ReadError, read_recordings

pytestmark = pytest.mark.quick

HEADERS = {
    "t_s,V_V,I_A": (T, V, I),
    "Time (s),Voltage (V),Current (A)": (T, V, I),
    "time/s,Ewe/V,<I>/mA": (T, V, 1e3 * I),
    "time/s,control/V,I/mA": (T, V, 1e3 * I),
    "t (ms),V_app (mV),Current(uA)": (1e3 * T, 1e3 * V, 1e6 * I),
    "Elapsed Time [min],Potential [V],I [µA]": (T / 60, V, 1e6 * I),
    "Elapsed Time(s),E(V),I(A)": (T, V, I),
    "t_us,Vds,Ids_nA": (1e6 * T, V, 1e9 * I),
    "Time,AV,AI": (T, V, I),
    "I_A,U/V,t/s": (I, V, T),
    "Test_Time(s),Voltage(V),Current(A)": (T, V, I),
    "WE(1).Potential (V),WE(1).Current (A),Corrected time (s)": (V, I, T),
    "Zeit [s],Spannung [V],Strom [mA]": (T, V, 1e3 * I),
    "Index,Timestamp (s),Reading (A),Source (V)": (np.arange(N), T, I, V),
    "Index,Relative Time,Reading (A),Source Value,Value (V)": (np.arange(N), T, I, V + 9, V),
    "time,V,I,T (K),R/Ohm,Range": (T, V, I, 300 + 0 * T, V, I),
}


@pytest.mark.parametrize("header", HEADERS)
def test_headers_tell_columns_and_units(put, header):
    (r,) = read_recordings(put("a.csv", f"{header}\n{rows(*HEADERS[header])}"))
    assert same(r) and r.used.all() and r.label == "" and r.source.endswith("a.csv")


LAYOUTS = [(sep, ".") for sep in (",", ";", "\t", " ", ", ", " ; ")]
LAYOUTS += [(sep, ",") for sep in (";", "\t", "   ")]


@pytest.mark.parametrize("sep, decimal", LAYOUTS)
@pytest.mark.parametrize("named", [True, False])
def test_delimiters_and_decimal_signs(put, sep, decimal, named):
    names = sep.join(["t_s", "V_V", "I_A"]) + "\n" if named else ""
    (r,) = read_recordings(put("a.txt", names + rows(T, V, I, sep=sep, decimal=decimal)))
    assert same(r) and noted(r, "no names and are taken as t, V, I") != named


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16"])
def test_a_preamble_in_words_a_line_of_units_and_comments(put, encoding):
    text = "Sample µ7: V and I measured\nCompliance (A);0.01\n\nTime;Voltage;Current\ns;V;mA\n"
    text += rows(T[:5], V[:5], 1e3 * I[:5], sep=";") + "# a remark\n\n"
    text += rows(T[5:], V[5:], 1e3 * I[5:], sep=";")
    assert same(read_recordings(put("a.txt", text.replace("\n", "\r\n"), encoding))[0])


def test_units_that_are_given_override_the_header(put):
    path = put("a.csv", "t (s),V (V),I (A)\n" + rows(1e3 * T, V, 1e6 * I))
    for units in ("t=ms,I=uA", "t=ms; I=µA", {"t": "ms", "I": "uA"}):
        assert same(read_recordings(path, units=units)[0])
    for units in ("I=V", "Z=ohm", "I", {"t": "furlong"}):
        with pytest.raises(ValueError, match="units must name t, V or I"):
            read_recordings(path, units=units)


def test_of_two_voltages_the_measured_one_is_taken(put):
    path = put("a.csv", "time/s,control/V,Ewe/V,I/mA,<I>/mA\n" + rows(T, V + 1, V, 1e3 * I, I))
    (r,) = read_recordings(path)
    assert same(r) and noted(r, "'Ewe/V' is taken and 'control/V' left out")
    assert noted(r, "'I/mA' is taken and '<I>/mA' left out")


def test_large_values_are_kept_with_a_note(put):
    (r,) = read_recordings(put("a.csv", rows(T, 1e3 * V, 1e6 * I)))
    assert same(r, V=1e3 * V, I=1e6 * I)
    assert noted(r, "|V| reaches 800 V; check units") and noted(r, "|I| reaches")
    (r,) = read_recordings(put("a.csv", rows(T, V, I)))
    assert not noted(r, "check units")


# Times.


def test_times_from_the_scan_rate(put):
    way = np.concatenate([[0], np.cumsum(abs(np.diff(V)))])
    for text in ("V,I\n" + rows(V, I), "I,V\n" + rows(I, V), rows(V, I)):
        (r,) = read_recordings(put("a.csv", text), rate=0.5)
        assert same(r, t=way / 0.5) and noted(r, "scan rate of 0.5 V/s")
    noisy = np.random.default_rng(0).normal(size=N)
    (r,) = read_recordings(put("b.csv", "V,I\n" + rows(noisy, I)), rate=1)
    assert noted(r, "as noise does")


def test_times_from_the_frequency(put):
    (r,) = read_recordings(put("a.csv", rows(V, 1e6 * I)), units="I=uA", freq=10)
    assert same(r, t=np.arange(N) / (10 * N)) and noted(r, "the 40 points are one period of 0.1 s")
    # With cycles each is a period, also where a row has no value.
    body = rows(V, I, np.repeat([1.0, 2.0], [16, 24])).splitlines()
    body[3] = "nan,0,1"
    (r,) = read_recordings(put("b.csv", "V,I,cycle\n" + "\n".join(body)), freq=10)
    expected = np.concatenate([np.arange(16) / 160, 0.1 + np.arange(24) / 240])
    assert same(r, *(np.delete(x, 3) for x in (expected, V, I)))
    assert noted(r, "each of 2 cycles") and noted(r, "1 of 40 rows")


def test_without_times_a_rate_or_a_frequency_is_asked_for(put):
    for name, text in (("a.csv", rows(V, I)), ("b.csv", "V,I\n" + rows(V, I))):
        with pytest.raises(ReadError, match=r"rate=, V/s\) or the frequency \(freq=, Hz"):
            read_recordings(put(name, text))
    path = put("c.csv", rows(T, V, I))
    (r,) = read_recordings(path, rate=1)
    assert same(r) and noted(r, "the rate or frequency given is not used")
    for wrong in ({"rate": 1, "freq": 1}, {"rate": -1}, {"freq": math.inf}, {"compliance": 0}):
        with pytest.raises(ValueError, match=r"rate|freq|compliance"):
            read_recordings(path, **wrong)


@pytest.mark.parametrize("counted", [True, False])
def test_cycles_whose_clock_restarts_go_on(put, counted):
    step, three = T[1] - T[0], np.tile(np.arange(N) * 0.05, 3)
    names = "time/s,V,I" + (",cycle number" if counted else "")
    columns = [three, np.tile(V, 3), np.tile(I, 3)]
    columns += [np.repeat([1.0, 2.0, 3.0], N)] if counted else []
    (r,) = read_recordings(put("a.csv", f"{names}\n{rows(*columns)}"))
    np.testing.assert_allclose(r.t, step * np.arange(3 * N), atol=1e-12)
    assert noted(r, "starts again 2 times")


def test_cycles_that_go_on_and_equal_times_are_kept(put):
    t = T.copy()
    t[7] = t[6]
    (r,) = read_recordings(put("a.csv", "t,V,I,cycle\n" + rows(t, V, I, CYCLE)))
    assert same(r, t=t) and r.notes == ()


@pytest.mark.parametrize("name", ["run", "sweep", "label", "Sample"])
def test_a_column_tells_recordings_apart(put, name):
    lines = [line + ",2" for line in rows(T, V, I).splitlines()]
    lines += [line + ",1.0" for line in rows(T - 0.4, V, 2 * I).splitlines()]
    one, two = read_recordings(put("a.csv", f"t,V,I,{name}\n" + "\n".join(lines)))
    assert same(one) and same(two, t=T - 0.4, I=2 * I)
    expected = ("2", "1") if name in ("label", "Sample") else (f"{name} 2", f"{name} 1")
    assert (one.label, two.label) == expected


def test_a_counter_of_points_tells_nothing_apart(put):
    (r,) = read_recordings(put("a.csv", "sweep,t,V,I\n" + rows(np.arange(N), T, V, I)))
    assert same(r)


def test_a_header_that_comes_again_begins_a_recording(put):
    text = "t,V,I\n" + rows(T, V, I)
    one, two = read_recordings(put("a.csv", text + text))
    assert same(one) and same(two) and (one.label, two.label) == ("a, 1", "a, 2")


# Samples without a value, and files that are not what they seem.


def test_rows_without_a_number_are_dropped_with_a_note(put):
    body = rows(T, V, I).splitlines()
    for k, line in ((3, "nan,0.1,0"), (9, "1.45,,0"), (20, "2.0,0.1"), (30, "2.5,0.1,9.91e37")):
        body[k] = line
    kept = np.delete(np.arange(N), [3, 9, 20, 30])
    (r,) = read_recordings(put("a.csv", "t,V,I\n" + "\n".join(body)))
    assert same(r, T[kept], V[kept], I[kept]) and noted(r, "4 of 40 rows have no number")
    body[12:17] = ["nan,nan,nan"] * 5
    with pytest.raises(ReadError, match="line 5: 9 of 40 rows have no number"):
        read_recordings(put("b.csv", "t,V,I\n" + "\n".join(body)))
