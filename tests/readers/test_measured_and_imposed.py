"""Which columns are measured and which were asked for; a voltage that is none; open circuits."""

import pytest
from readers.recording_files import I, N, T, V, mpt, noted, rows, same

from fitting import ReadError, read_recordings
from fitting.readers.detect import sniff
from fitting.readers.traces import trace_of

pytestmark = pytest.mark.quick

MEASURED = {
    "time/s\tcontrol/V\tEcell/V\t<I>/mA": "voltage",
    "time/s\tcontrol/V\t<Ewe/V>\t<I/mA>": "voltage",
    "Time (s)\tSet Voltage (V)\tMeasured Voltage (V)\tCurrent (mA)": "voltage",
    "Zeit/s\tU_soll/V\tSpannung/V\tStrom/mA": None,
    "Temps (s)\tV_app\tTension (V)\tCourant (mA)": "voltage",
    "Tiempo (s)\tVapp\tVoltaje (V)\tCorriente (mA)": "voltage",
    "时间（s）\tVset (V)\t电压（V）\t电流（mA）": "voltage",
}


@pytest.mark.parametrize("header", MEASURED)
def test_the_measured_voltage_is_taken(put, header):
    asked = V + 1e-3
    path = put("a.txt", header + "\n" + rows(T, asked, V, 1e3 * I, sep="\t"))
    (r,) = sniff(path).found
    assert same(r) and r.imposed == MEASURED[header]
    if r.imposed:
        assert noted(r, "left out") and trace_of(r).drive.kind == r.imposed


def test_only_what_was_asked_for_is_taken_with_a_note(put):
    (r,) = read_recordings(put("a.mpt", mpt("time/s\tcontrol/V\tI/mA", T, V, 1e3 * I)))
    assert same(r) and noted(r, "only the voltage that was asked for") and r.imposed == "voltage"
    (r,) = read_recordings(put("b.csv", "t/s,Ewe/V,control/mA\n" + rows(T, I, 1e3 * V)))
    assert same(r, V=I, I=V) and r.imposed == "current" and trace_of(r).drive.kind == "current"


def test_a_column_asked_for_that_nothing_follows_imposes_nothing(put):
    (r,) = read_recordings(put("a.csv", "t,V_app,Ewe/V,I\n" + rows(T, V + 1, V, I)))
    assert same(r) and r.imposed is None


def test_a_voltage_of_zeros_is_replaced_or_refused(put):
    zero = 0 * V
    text = mpt("time/s\tEwe/V\tI/mA\tEce/V\tEwe-Ece/V", T, zero, 1e3 * I, V - 0.2, 0 * V + 0.2)
    (r,) = read_recordings(put("a.mpt", text))
    assert same(r, rtol=1e-9) and noted(r, "the sum of Ewe-Ece/V and Ece/V is taken")
    (r,) = read_recordings(put("b.csv", "t,Vf (V),V_app,I\n" + rows(T, zero, V, I)))
    assert same(r) and noted(r, "V_app is taken, which is what was asked for")
    with pytest.raises(ReadError, match="is zero at all 40 samples while a current flows"):
        read_recordings(put("c.csv", "t,V,I\n" + rows(T, zero, I)))


OPEN = {
    "gamry.DTA": "EXPLAIN\nTAG\tCORPOT\nCURVE\tTABLE\t40\n\tPt\tT\tVf\tVm\n\t#\ts\tV vs. Ref.\tV\n"
    + "".join(
        f"\t{k}\t{t!r}\t{v!r}\t{v!r}\n"
        for k, (t, v) in enumerate(zip(T.tolist(), V.tolist(), strict=True))
    ),
    "ocv.mpt": mpt("mode\ttime/s\tEwe/V", 0 * T, T, V).replace(
        "Cyclic Voltammetry", "Open Circuit Voltage"
    ),
    "chi.txt": "Jan. 2, 2026\nOpen Circuit Potential - Time\nRun Time (sec) = 2\n\n"
    "Time/sec, Potential/V\n\n" + rows(T, V, sep=", "),
    "sample_OCP.csv": "t (s),V (V)\n" + rows(T, V),
    "leerlauf.txt": "Leerlaufspannung\nZeit (s);Spannung (V)\n" + rows(T, V, sep=";", decimal=","),
}


@pytest.mark.parametrize("name", OPEN)
def test_an_open_circuit_is_a_transient_at_no_current(put, name):
    content = sniff(put(name, OPEN[name]))
    (r,) = content.found
    assert content.kind == "trace" and same(r, I=0 * I)
    assert noted(r, "I = 0 is imposed") and trace_of(r).drive.kind == "current"


@pytest.mark.parametrize(
    "text",
    ["t (s),V (V)\n" + rows(T, V), "OCP\nt (s),V (V),J (A)\n" + rows(T, V, I),
     "open circuit\nt (s),V (V),Strom-1\n" + rows(T, V, I)],
)  # fmt: skip
def test_a_current_that_is_not_understood_is_not_zero(put, text):
    with pytest.raises(ReadError, match="no column for current"):
        read_recordings(put("a.csv", text))


def test_a_ragged_column_does_no_harm(put):
    lines = ["Index\tTime (s)\tWE(1).Potential (V)\tWE(1).Current (A)\tOCP value (V)"]
    for k in range(N):
        last = "\t0.5" if k == 0 else "\t" if k < 5 else ""
        lines.append(f"{k}\t{float(T[k])!r}\t{float(V[k])!r}\t{float(I[k])!r}{last}")
    assert same(read_recordings(put("a.txt", "\n".join(lines) + "\n"))[0])


def test_a_current_density_needs_the_area(put):
    path = put("a.csv", "t (s),V (V),J (mA/cm2)\n" + rows(T, V, 1e3 * I / 0.1))
    with pytest.raises(ReadError, match="a current density needs the area of the electrode"):
        sniff(path)
    assert same(read_recordings(path, area=1e-5)[0])
    assert same(sniff(path, area=1e-5).found[0])


def test_times_that_stand_still_are_no_trace(put):
    (r,) = read_recordings(put("a.csv", "t,V,I\n" + rows(0 * T, V, I)))
    with pytest.raises(ValueError, match="the time is 0 s at all samples"):
        trace_of(r)
