"""Files in the layouts of many instruments and programs, each with the same known numbers."""

import shutil
import subprocess

import numpy as np
import pytest

from benchmarks.problems import exports as known
from fitting.readers import ReadError, read_recordings, read_spectra
from fitting.readers.detect import sniff

pytestmark = pytest.mark.quick
EXPORTS = known.exports()


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_each_export_is_recognised_and_read(put, name):
    export = EXPORTS[name]
    content = sniff(put(name, export.data))
    (found,) = content.found
    assert content.kind == export.kind
    if export.kind == "spectra":
        np.testing.assert_allclose(found.freq, known.FREQ, rtol=export.digits)
        np.testing.assert_allclose(found.Z, known.Z, rtol=3 * export.digits)
        assert found.V in (None, pytest.approx(known.BIAS))
        return
    close = {"rtol": export.digits, "atol": 1e-12}
    np.testing.assert_allclose(found.t, known.TIME - 1 + export.starts, **close)
    np.testing.assert_allclose(found.V, known.VOLT, **close)
    np.testing.assert_allclose(found.I, export.current * known.AMPERE, **close)


def test_blocks_side_by_side_are_several(put):
    rows = [f"{t!r},{v!r},{i!r},{t!r},{v!r},{2 * i!r}" for t, v, i in zip(
        known.TIME.tolist(), known.VOLT.tolist(), known.AMPERE.tolist(), strict=True)]  # fmt: skip
    text = "t (s),V (V),I (A)," * 2
    one, two = read_recordings(put("wide.csv", "\n".join([text[:-1], *rows, ""])))
    np.testing.assert_array_equal(two.I, 2 * one.I)
    np.testing.assert_array_equal(one.V, known.VOLT)


def test_steps_of_ltspice_are_recordings(put):
    rows = "".join(
        f"{t:.9e}\t{v:.9e}\t{v / 1e3:.9e}\n" for t, v in zip(known.TIME, known.VOLT, strict=True)
    )
    step = "Step Information: R=%s  (Run: %d/2)\n"
    text = "time\tV(in)\tI(R1)\n" + step % ("1K", 1) + rows + step % ("2K", 2) + rows
    one, two = read_recordings(put("steps.txt", text))
    assert (one.label, two.label) == ("R=1K", "R=2K") and len(one.t) == len(two.t) == 60


SPICE = {
    "two.txt": ("time V(a) V(b) I(R1)\n0 0 0 0\n", "one voltage and one current"),
    "ac.txt": ("Freq.\tV(out)\tI(V1)\n1\t2\t3\n", "an AC analysis"),
    "ac.raw": (known.raw().replace("Transient Analysis", "AC Analysis"), "an AC analysis"),
    "cut.raw": (known.raw()[:-90], "60 points are announced and 59 are whole"),
    "op.raw": (known.raw().replace("Transient Analysis", "Operating Point"), "no transient"),
    "binary.raw": (known.raw().split("Values:")[0] + "Binary:\n" + "\0" * 90, "is binary"),
    "wide.raw": (("\ufeff" + known.raw().split("Values:")[0] + "Binary:\n\0").encode("utf-16-le"),
                 "is binary"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPICE)
def test_what_is_no_trace_of_one_device_is_refused(put, name):
    with pytest.raises(ReadError, match=SPICE[name][1]):
        sniff(put(name, SPICE[name][0]))


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="no ngspice")
def test_what_ngspice_writes(tmp_path):
    (tmp_path / "a.cir").write_text(
        "* a resistor and a capacitor\nv1 in 0 sin(0 1 10)\nr1 in out 1k\nc1 out 0 1u\n"
        ".tran 1m 0.2 0 1m\n.control\nset filetype=ascii\nrun\nwrite a.raw v(in) i(v1)\n"
        "wrdata a.dat v(in) i(v1)\nset wr_vecnames\nwrdata b.dat v(in) v1#branch\n"
        "set wr_singlescale\nwrdata c.dat v(in) i(v1)\n.endc\n.end\n"
    )
    subprocess.run(["ngspice", "-b", "a.cir"], cwd=tmp_path, capture_output=True, timeout=60)
    found = [sniff(tmp_path / name).found[0] for name in ("a.raw", "b.dat", "c.dat", "a.dat")]
    for r in found:
        # The current leads: |Z| of 1 kohm and 1 uF at 10 Hz.
        late = r.t > 0.1
        assert max(r.V[late]) / max(r.I[late]) == pytest.approx(
            abs(1e3 + 1 / (2e-5j * np.pi)), rel=0.02
        )
        assert np.trapezoid(r.V * r.I, r.t) > 0
    # Without names the energy that comes out says that the current is that of a source.
    np.testing.assert_allclose(found[3].I, found[2].I, rtol=1e-6, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "options"),
    [("cell.s1p", "# Hz S RI R 50"), ("cell.txt", "# MHz Z MA R 50"), ("cell.dat", "#ghz y db")],
)
def test_touchstone_is_refused_by_name(put, name, options):
    """Its columns would pass for frequency, Re Z and Im Z, fifty times too small."""
    body = "".join(f"{10.0**k:g} {1 / (k + 1):.6f} -{0.1 * k:.6f}\n" for k in range(9))
    with pytest.raises(ReadError, match="Touchstone file of a network analyser") as refused:
        read_spectra(put(name, f"! made by hand\n{options}\n{body}"))
    assert options in str(refused.value) and "Re_Z_ohm" in str(refused.value)


@pytest.mark.parametrize(
    "remark",
    ["Hz, as measured", "Z in ohm", "sample S 3", "Z (ohm), amplitude 10 mA", "mA cm-2", "mA",
     "G = 1 mA/V", "Hz Z' Z'' at 5 mA", "MA-based perovskite, bias 0.7 V", "S 3, MA lead iodide"],
)  # fmt: skip
def test_a_line_of_remarks_is_no_touchstone_file(put, remark):
    body = "".join(f"{10.0**k:g},{1 / (k + 1):.6f},-{0.1 * k:.6f}\n" for k in range(9))
    (found,) = read_spectra(put("a.csv", f"# {remark}\nfreq_Hz,Re_Z_ohm,Im_Z_ohm\n{body}"))
    assert len(found.freq) == 9


@pytest.mark.parametrize("name", ["a.idf", "a.ids"])
def test_ivium_is_refused_by_name(put, name):
    with pytest.raises(ReadError, match=r"IviumSoft .* export it there as text"):
        sniff(put(name, "\x01,Version=11#11;\n1 2 3\n4 5 6\n"))


def test_a_broken_session_is_refused_by_name(put):
    text = known.session()
    with pytest.raises(
        ReadError, match=r"PalmSens session is broken; export .* as CSV from PSTrace"
    ):
        sniff(put("a.pssession", text[:900].encode("utf-16")))
    with pytest.raises(ReadError, match="no measured arrays"):
        sniff(put("b.pssession", '{"type": "PalmSens", "measurements": []}'.encode("utf-16")))
