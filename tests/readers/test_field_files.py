"""Files that once were refused or misread, each with its answer (`shared/field/README.md`)."""

import numpy as np
import pytest

from fitting.readers import ReadError, read_recordings, read_spectra
from fitting.readers.detect import sniff
from fitting.readers.traces import trace_of

pytestmark = pytest.mark.quick


@pytest.fixture
def field(shared):
    folder = shared / "field"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder.name}/ beside the checkout")
    return folder


def cells(path, separator="\t", skip=1, encoding="utf-8-sig"):
    """The numbers of a file by another way: split and `float`, empty cells as NaN."""
    lines = path.read_text(encoding).splitlines()[skip:]
    rows = [line.split(separator) for line in lines if line.strip()]
    width = min(map(len, rows))
    return np.array([[float(c) if c else np.nan for c in row[:width]] for row in rows])


def test_a_loop_of_nova(field):
    content = sniff(field / "nova_cv.txt")
    (r,) = content.found
    own = cells(field / "nova_cv.txt")
    assert content.kind == "trace" and len(r.t) == 400 and r.imposed == "voltage"
    np.testing.assert_array_equal((r.t, r.I, r.V), own[:, [2, 3, 4]].T)
    assert (r.t[0], r.V[0], r.V.max()) == (6.67, 0.005, 1.0)
    assert trace_of(r).drive.kind == "voltage"
    assert any("'Potential applied (V)' left out" in note for note in r.notes)


def test_an_open_circuit_of_nova(field):
    content = sniff(field / "nova_ocp.txt")
    (r,) = content.found
    own = cells(field / "nova_ocp.txt")
    assert content.kind == "trace" and not r.I.any()
    np.testing.assert_array_equal((r.t, r.V), own[:, [3, 2]].T)
    assert trace_of(r).drive.kind == "current"
    assert any("open-circuit" in note for note in r.notes)


@pytest.mark.parametrize(
    "name, columns", [("biologic_peis_with_x", (0, 1, 2)), ("biologic_modulobat_with_R", (2, 3, 4))]
)
def test_columns_of_a_battery_are_no_impedance(field, name, columns):
    path = field / f"{name}.mpt"
    (s,) = read_spectra(path)
    freq, re, minus_im = cells(path, skip=3, encoding="cp1252")[:, columns].T
    assert len(s.freq) == 43 and s.bias == ("V", 0.70)
    np.testing.assert_array_equal((s.freq, s.Z.real, s.Z.imag), (freq, re, -minus_im))


def test_a_loop_with_columns_of_a_battery(field):
    path = field / "biologic_cv_with_R_and_x.mpt"
    content = sniff(path)
    (r,) = content.found
    own = cells(path, skip=3)
    assert content.kind == "trace"
    np.testing.assert_allclose((r.t, r.V, r.I), own[:, [1, 3, 4]].T * [[1], [1], [1e-3]])


def test_the_measured_voltage_of_a_loop(field):
    (r,) = read_recordings(field / "loop_measured_as_avgEwe.mpt")
    own = cells(field / "loop_measured_as_avgEwe.mpt", skip=3)
    np.testing.assert_array_equal(r.V, own[:, 3])
    assert any("'control/V' left out" in note for note in r.notes)


def test_a_voltage_that_is_zero_is_made_of_others_or_refused(field):
    (r,) = read_recordings(field / "biologic_cp_zero_Ewe.mpt")
    own = cells(field / "biologic_cp_zero_Ewe.mpt", skip=3)
    np.testing.assert_allclose(r.V, own[:, 5] + own[:, 6], atol=1e-15)
    assert r.imposed == "current"
    assert any("the sum of Ewe-Ece/V and Ece/V is taken" in note for note in r.notes)
    with pytest.raises(ReadError, match="zero at all 100 samples while a current flows"):
        sniff(field / "zero_voltage.csv")


def test_the_phase_tells_the_sign(field):
    path = field / "palmsens_zpp_is_minus_im.csv"
    with pytest.warns(UserWarning, match="holds -Im Z, as neg. Phase"):
        (s,) = read_spectra(path)
    own = cells(path, ",", 6, "utf-16")
    np.testing.assert_array_equal((s.Z.real, s.Z.imag), (own[:, 4], -own[:, 5]))
    path = field / "zdoubleprime_bare_capacitive.txt"
    with pytest.warns(UserWarning, match='Z" holds -Im Z, as Phase'):
        (s,) = read_spectra(path)
    np.testing.assert_array_equal((s.Z.real, s.Z.imag), cells(path)[:, [1, 2]].T * [[1], [-1]])
    path = field / "z_mod_phase_and_zpp.txt"
    with pytest.warns(UserWarning, match='Z" holds -Im Z, as Phase'):
        (s,) = read_spectra(path)
    _, mod, minus_im, _ = cells(path).T
    np.testing.assert_allclose(abs(s.Z), mod, rtol=1e-12)
    np.testing.assert_allclose(s.Z.imag, -minus_im, rtol=1e-3)


def test_stacked_sweeps_of_an_aged_device(field):
    path = field / "two_sweeps_aged_stacked.csv"
    with pytest.warns(UserWarning, match="they are read as 2 spectra"):
        one, two = read_spectra(path)
    own = cells(path, ",")
    np.testing.assert_array_equal(np.concatenate([one.Z, two.Z]), own[:, 1] + 1j * own[:, 2])
    # R_b is what is left of the arc above the inductive loop: about 5 % apart.
    assert len(one.freq) == len(two.freq) == 43
    assert max(one.Z.real) / max(two.Z.real) == pytest.approx(20 / 19, rel=0.01)


def test_gpes_and_relaxis(field):
    (s,) = read_spectra(field / "gpes.P00")
    own = cells(field / "gpes.P00", skip=6)
    np.testing.assert_array_equal(s.Z, own[:, 1] - 1j * own[:, 2])
    assert s.V == 0.7
    with pytest.warns(UserWarning, match="a dc value of 0.7 .* is not read"):
        (s,) = read_spectra(field / "relaxis_export.txt")
    own = cells(field / "relaxis_export.txt", skip=4)
    np.testing.assert_array_equal(s.Z, own[:, 1] + 1j * own[:, 2])
