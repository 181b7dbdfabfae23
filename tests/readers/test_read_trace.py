"""Traces in time: every file is synthetic and written here, the real loops beside them."""

import math
import sys
import types
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

import jaxmem as jm
from fitting import ReadError, Recording, read_recordings, write_recording_csv
from fitting.readers.in_time.compliance import at_compliance

# What a reader assumes it says in the notes; it gives no warning.
pytestmark = pytest.mark.filterwarnings("error")
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

# A synthetic loop: one period of a triangle, with a current that depends on the past.
N = 40
T = 0.05 * np.arange(N) + 1.0
V = np.interp(np.arange(N) / N, [0, 0.25, 0.75, 1], [0, 0.8, -0.8, 0])
I = 1e-3 * V * (1.5 + np.sin(2 * np.pi * np.arange(N) / N - 0.6))


@pytest.fixture
def put(tmp_path):
    """Write a file and give its path."""

    def put(name, content, encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return put


def rows(*columns, sep=",", decimal="."):
    text = lambda v: repr(float(v)).replace(".", decimal) if not isinstance(v, str) else v
    return "".join(sep.join(map(text, row)) + "\n" for row in zip(*columns, strict=True))


def same(recording, t=T, V=V, I=I, rtol=1e-12):
    for got, expected in zip((recording.t, recording.V, recording.I), (t, V, I), strict=True):
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-300)
    return True


def noted(recording, words):
    return any(words in note for note in recording.notes)


# Names and units.

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


# Instruments. Each sample is synthetic and has the structure of an export.


def mpt(names, *columns, decimal="."):
    top = "EC-Lab ASCII FILE\nNb header lines : 5\n\nCyclic Voltammetry\n"
    body = rows(*columns, sep="\t", decimal=decimal)
    return f"{top}{names}\t\n{body}".replace("\n", "\r\n")


CYCLE = np.repeat([1.0, 2.0], N // 2)
NAMES = "mode\ttime/s\tcontrol/V\tEwe/V\t<I>/mA\tcycle number\tI Range"


@pytest.mark.parametrize("decimal", [".", ","])
def test_biologic_text(put, decimal):
    text = mpt(NAMES, 2 + 0 * T, T, V + 1, V, 1e3 * I, CYCLE, 41 + 0 * T, decimal=decimal)
    (r,) = read_recordings(put("a.mpt", text, "latin-1"))
    assert same(r)
    (r,) = read_recordings(put("b.mpt", mpt("time/s\tcontrol/V\t<I>/mA", T, V, 1e3 * I)))
    assert same(r)


def test_biologic_binary_comes_through_galvani(put, monkeypatch):
    names = ["time/s", "Ewe/V", "<I>/mA"]
    data = np.zeros(N, [(name, "<f8") for name in names])
    for name, values in zip(names, (T, V, 1e3 * I), strict=True):
        data[name] = values
    module = types.ModuleType("galvani.BioLogic")
    module.MPRfile = lambda file: types.SimpleNamespace(data=data)
    monkeypatch.setitem(sys.modules, "galvani", types.ModuleType("galvani"))
    monkeypatch.setitem(sys.modules, "galvani.BioLogic", module)
    assert same(read_recordings(put("a.mpr", b"BIO-LOGIC MODULAR FILE\x1a" + bytes(99)))[0])


def test_gamry_curves_are_cycles_of_one_recording(put):
    head = "\tPt\tT\tVf\tIm\tOver\n\t#\ts\tV vs. Ref.\tA\tbits\n"
    text = "EXPLAIN\nTAG\tCV\nOCVCURVE\tTABLE\t1\n\tPt\tT\tVf\n\t#\ts\tV\n\t0\t0\t0.1\n"
    for k, some in enumerate((slice(0, 25), slice(25, N))):
        body = rows(np.arange(N)[some], T[some], V[some], I[some], sep="\t")
        lines = "".join(f"\t{line}\t.....\n" for line in body.splitlines())
        text += f"CURVE{k + 1}\tTABLE\t{N}\n{head}{lines}"
    assert same(read_recordings(put("a.DTA", text))[0])
    with pytest.raises(ReadError, match="no table of voltages and currents, only OCVCURVE"):
        read_recordings(put("b.DTA", text[: text.index("CURVE1")]))


def test_versastudio_segments(put):
    names = "Segment #, Point #, E(V), I(A), Elapsed Time(s), Frequency(Hz), Z Real, Z Imag"
    text = "<Application>\nName=VersaStudio\n</Application>\n"
    for k in (1, 2):
        body = rows(k + 0 * T, T, V, k * I, T, 0 * T, 0 * T, 0 * T)
        text += f"<Segment{k}>\nDefinition={names}\n{body}</Segment{k}>\n"
    one, two = read_recordings(put("a.par", text))
    assert same(one) and same(two, I=2 * I) and (one.label, two.label) == ("a, 1", "a, 2")
    with pytest.raises(ReadError, match="use read_spectra"):
        read_recordings(put("b.par", text.replace(",0.0,0.0,0.0\n", ",5.0,1.0,2.0\n")))


def test_autolab_nova(put):
    text = "Time (s);WE(1).Potential (V);WE(1).Current (A);Index;Scan;Potential applied (V)\n"
    body = (T, V, I, np.arange(N), CYCLE, V + 1)
    (r,) = read_recordings(put("a.txt", text + rows(*body, sep=";", decimal=",")))
    assert same(r) and noted(r, "'Potential applied (V)' left out")


def test_keysight_data_name_and_value(put):
    head = f"SetupTitle, I/V Sweep\nTestParameter, V start, 0\nDimension1, {N}, {N}\n"
    body = head + "DataName, Time, V1, I1\n" + rows(["DataValue"] * N, T, V, I, sep=", ")
    assert same(read_recordings(put("a.csv", body))[0])
    one, two = read_recordings(put("b.csv", body + body.replace("DataValue", "DataValue")))
    assert same(one) and same(two) and (one.label, two.label) == ("b, 1", "b, 2")


def test_keithley_readings_whose_unit_stands_in_a_column(put):
    head = "Model,2450\nIndex,Reading,Unit,Math,Value,Unit,Source Limit,Date,Time,Relative Time\n"
    n, word = np.arange(N), lambda text: [text] * N
    limit = ["T" if k in (9, 10) else "F" for k in n]
    columns = (n, I, word("Amp DC"), word("F"), V, word("Volt DC"), limit, word("01/02/2024"))
    (r,) = read_recordings(put("a.csv", head + rows(*columns, word("10:11:12"), T)))
    assert same(r) and list(np.flatnonzero(~r.used)) == [9, 10]
    assert noted(r, "2 of 40 samples are not used: they are at the compliance, as the file says")
    swapped = (n, V, word("Volt DC"), word("F"), I, word("Amp DC"), limit, word("01/02/2024"))
    assert same(read_recordings(put("b.csv", head + rows(*swapped, word("10:11:12"), T)))[0])
    (r,) = read_recordings(put("c.csv", "Index,Timestamp (s),Reading,Source\n" + rows(n, T, I, V)))
    assert same(r) and noted(r, "Reading has no unit and is taken as the current [A]")


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


def eis(names="freq_Hz,Re_Z_ohm,Im_Z_ohm"):
    return f"{names}\n" + rows(*[1 + np.arange(9)] * len(names.split(",")))


swapped = T.copy()
swapped[[5, 6]] = swapped[[6, 5]]
REFUSED = {
    "empty.csv": ("", "the file is empty"),
    "blank.csv": (" \n\n", "the file is empty"),
    "picture.png": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "binary file"),
    "book.xlsx": (b"PK\x03\x04xl/workbook.xml" + bytes(99), "archive or a workbook"),
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
    "twice.csv": ("t,V,V,I\n" + rows(T, V, V, I), "'V' and 'V' mean the same"),
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


# Compliance.

SHAPES = {
    "sine": lambda x: np.sin(2 * np.pi * x),
    "triangle": lambda x: 2 / np.pi * np.arcsin(np.sin(2 * np.pi * x)),
}


@st.composite
def loops(draw):
    """Voltage and current of a smooth loop: memory, a lag, a bend, a capacitor beside it."""
    wave = SHAPES[draw(st.sampled_from(list(SHAPES)))]
    n, cycles = draw(st.integers(30, 1500)), draw(st.integers(1, 3))
    x = np.arange(n * cycles) / n + draw(st.sampled_from([0.0, 0.25, 0.6]))
    lag = wave(x + draw(st.floats(-0.2, 0.2)))
    voltage = wave(x) + draw(st.sampled_from([0.0, 0.0, 1.0]))
    memory, bend = draw(st.floats(0, 0.8)), draw(st.floats(0.1, 4))
    capacitor = draw(st.sampled_from([0.0, 0.3, 3.0])) * np.gradient(voltage) * n / 8
    current = np.sinh(bend * voltage) / np.sinh(bend) * (1 + memory * lag) + capacitor
    return voltage, current * draw(st.sampled_from([1e-9, 1e-3, 1.0]))


@given(loops(), st.sampled_from([0.01, 0.01, 0.001, 0.0]), st.integers(0, 2**32 - 1))
@settings(max_examples=150)
def test_a_smooth_loop_is_not_masked(loop, noise, seed):
    voltage, current = loop
    scatter = np.random.default_rng(seed).normal(size=len(current))
    mask, levels = at_compliance(voltage, current + noise * abs(current).max() * scatter)
    assert not mask.any() and levels == []


@given(
    st.sampled_from(list(SHAPES)),
    st.integers(40, 1500),
    st.floats(0.2, 0.8),
    st.floats(0, 0.3),
    st.sampled_from([0.0, 0.0, 3e-4]),
    st.sampled_from([1.0, -1.0]),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=150)
@example("triangle", 200, 0.5, 0.2, 0.0, 1.0, 0)
def test_a_plateau_is_found(shape, n, share, memory, noise, sign, seed):
    x = np.arange(2 * n) / n
    voltage = SHAPES[shape](x)
    # Larger when it comes back from the positive side, as after a set.
    current = voltage * (1 + memory * np.cos(2 * np.pi * (x - 0.35))) * 1e-3
    level = share * current.max()
    clipped = current >= level
    # Two turns of the loop have two plateaus of at least five samples.
    assume(clipped.sum() >= 10)
    scatter = noise * level * np.random.default_rng(seed).normal(size=len(x))
    measured = np.minimum(current, level) + np.where(clipped, scatter, 0)
    mask, (found,) = at_compliance(sign * voltage, sign * measured)
    assert found == pytest.approx(sign * level, rel=2e-3)
    assert mask[clipped].mean() > 0.97
    assert not mask[current < 0.99 * level].any()


def test_what_looks_like_a_plateau_and_is_none():
    x = np.linspace(0, 1, 400, endpoint=False)
    triangle = SHAPES["triangle"](x)
    ramp = np.minimum(2 * x, 2 - 2 * x)
    rng = np.random.default_rng(0)
    baseline = np.where(triangle > 0, triangle, 0) * 1e-3
    pulse = np.where((x > 0.2) & (x < 0.7), 1e-3, 0.0)
    charging = np.where(x < 0.7, 1 - np.exp(-np.maximum(x - 0.2, 0) / 0.1), 0)
    ringing = charging * (1 + 0.3 * np.sin(60 * x))
    cases = {
        "a flat baseline": (triangle, baseline),
        "a baseline with noise": (triangle, baseline + 1e-7 * rng.normal(size=400)),
        "a coarse leak": (triangle, np.round(2000 * np.maximum(triangle, 0.004 * triangle))),
        "a saturating device": (ramp, 0.1 * ramp + np.tanh(8 * ramp)),
        "a capacitor": (triangle, np.sign(np.gradient(triangle))),
        "a capacitor on one side": (ramp, np.sign(np.gradient(ramp))),
        "a pulse of current that charges": (charging, pulse),
        "a pulse of current that rings": (ringing, pulse),
        "a coarse sine": (np.sin(7 * x), np.round(127 * np.sin(7 * x))),
        "a pulse of voltage": (pulse, pulse * 1e-3 * np.exp(-x)),
        "nothing": (triangle, 0 * x),
    }
    for name, (voltage, current) in cases.items():
        assert not at_compliance(voltage, current)[0].any(), name


@pytest.mark.parametrize("tau_d", [1e-3, 0.1, 1.0, 10.0])
def test_the_model_s_own_loops(tau_d):
    device = jm.Memristor2D(R_b=1.0, C_m=0.01, i_c0=10.0, V_T=1.0, V_m=0.05, tau_d=tau_d, R_s=0.1)
    wave = jm.Triangle([0.0, 1.5, -1.5], 0.6, cycles=2)
    run = jm.solve(jm.Circuit(device, jm.VoltageDrive(wave)), np.linspace(0, 20, 401)[:-1])
    voltage, current = np.array(run.V), np.array(run.I)
    assert not at_compliance(voltage, current)[0].any()
    level = 0.6 * current.max()
    mask, _ = at_compliance(voltage, np.minimum(current, level))
    assert mask[current >= level].all() and not mask[current < 0.99 * level].any()


def test_a_compliance_is_masked_and_noted(put):
    x = np.arange(200) / 200
    voltage = 2 * SHAPES["triangle"](x)
    current = np.minimum(1e-3 * voltage, 1e-3)
    path = put("a.csv", "t,V,I\n" + rows(x, voltage, current))
    (r,) = read_recordings(path)
    assert np.array_equal(~r.used, current >= 0.997e-3)
    assert noted(r, "51 of 200 samples are not used: they are at a compliance found at 0.001 A")
    (r,) = read_recordings(path, compliance=math.inf)
    assert r.used.all() and r.notes == ()
    (r,) = read_recordings(path, compliance=1.5e-3)
    assert np.array_equal(~r.used, current <= -0.99 * 1.5e-3)
    assert noted(r, "the compliance of 0.0015 A that was given")


# Recordings, writing and reading back.

VALUES = st.floats(-1e30, 1e30)


@st.composite
def any_recordings(draw):
    n = draw(st.integers(8, 12))
    some = st.lists(VALUES, min_size=n, max_size=n)
    used = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return Recording(np.sort(draw(some)), draw(some), draw(some), used, notes=("synthetic",))


@given(any_recordings())
@SAME_FOLDER
def test_writing_and_reading_is_exact(tmp_path, recording):
    path = tmp_path / "r.csv"
    write_recording_csv(path, recording)
    (back,) = read_recordings(path)
    for name in ("t", "V", "I", "used"):
        assert np.array_equal(getattr(recording, name), getattr(back, name))


def test_what_is_written(tmp_path):
    path = tmp_path / "r.csv"
    write_recording_csv(path, Recording(T, V, I, T > 2))
    header, first = path.read_text().splitlines()[:2]
    assert header == "t_s,V_V,I_A,used"
    assert first == f"{float(T[0])!r},{float(V[0])!r},{float(I[0])!r},0"


def test_a_recording_checks_its_arrays():
    for wrong in ((T, V, I[1:]), (T, V, I, [True]), ([T], [V], [I]), ([], [], [])):
        with pytest.raises(ValueError, match="equally long rows"):
            Recording(*wrong)
    with pytest.raises(ValueError, match="V must be finite"):
        Recording(T, np.where(T > 2, np.nan, V), I)
    with pytest.raises(ValueError, match="the time falls at sample 6"):
        Recording(swapped, V, I)
    assert Recording(list(T), V, I).used.all()


# Nothing but recordings or ReadError.

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


# The loops of a real memristor, where they lie.


@pytest.fixture
def unwrap(shared):
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
