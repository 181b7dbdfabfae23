"""Curves of folds of cycles: against branches, Bautin points of the normal form, and AUTO-07p."""

import numpy as np
import pytest
from oracles.spiking import HARD

import jaxmem as jm
from benchmarks.oracles.auto07p import MISSING, WHY, Auto

DEVICE = jm.Memristor3D(**HARD)
TAU_K = lambda d: d.tau_k


@pytest.fixture(scope="module")
def curve():
    return jm.cycle_fold_curve(DEVICE, TAU_K, factor=20.0)


def folds_at(tau_k, largest=None):
    """The folds of the branch from the lower Hopf point."""
    folds = jm.cycle_branch(jm.Memristor3D(**HARD | {"tau_k": tau_k}), largest=largest).folds
    return folds, int(folds.found)


def shown(curve, name):
    values = np.asarray(getattr(curve, name))
    return values[np.isfinite(np.asarray(curve.parameter))]


@pytest.mark.slow
def test_one_end_is_the_bautin_point_and_the_other_beyond_the_range(curve):
    bautin = jm.hopf_curve(DEVICE, TAU_K, factor=20.0).bautin
    assert bool(curve.whole) and int(curve.bautin.found) == 1 == int(bautin.found)
    first, last = curve.end_names
    ends = {first, last}
    assert any("Bautin" in end for end in ends)
    assert "the parameter reached the end of its range" in ends
    for name in ("parameter", "drive"):
        got, want = (float(getattr(points, name)[0]) for points in (curve.bautin, bautin))
        assert got == pytest.approx(want, rel=1e-6)
    assert float(curve.bautin.period[0]) == pytest.approx(
        2 * np.pi / float(bautin.omega[0]), rel=1e-6
    )
    assert float(curve.bautin.u_max[0]) == pytest.approx(float(bautin.u[0]), abs=1e-4 * HARD["V_m"])
    assert shown(curve, "parameter").min() < HARD["tau_k"] / 20
    assert curve.over.name == "tau_k" and curve.over.unit == "s" and curve.kind == "current"


@pytest.mark.slow
def test_its_points_are_folds_of_branches(curve):
    tau_k, drive, period = (shown(curve, name) for name in ("parameter", "drive", "period"))
    for k in (len(tau_k) // 3, len(tau_k) // 2):
        folds, found = folds_at(tau_k[k])
        nearest = np.nanargmin(np.abs(folds.drive - drive[k]))
        assert found >= 1
        assert float(folds.drive[nearest]) == pytest.approx(drive[k], rel=1e-7)
        assert float(folds.period[nearest]) == pytest.approx(period[k], rel=1e-5)


@pytest.mark.slow
def test_two_folds_meet_at_a_cusp(curve):
    assert int(curve.cusps.found) == 1
    cusp = float(curve.cusps.parameter[0])
    assert cusp == pytest.approx(shown(curve, "parameter").max(), rel=1e-3)
    assert [folds_at(cusp * (1 + s), largest=0.1)[1] for s in (-8e-3, 8e-3)] == [2, 0]


@pytest.mark.slow
def test_its_points_have_units_in_a_dataset(curve):
    table = curve.to_dataset()
    assert table.sizes["point"] == int(curve.count)
    assert table.parameter.units == "s" and table.period.units == "s" and table.drive.units == "A"
    assert sorted(table.special_kind.values.tolist()) == ["Bautin", "cusp"]


@pytest.mark.slow
def test_without_a_fold_it_is_empty():
    device = jm.paper_device(tau_m=1.0, tau_d=1.0, tau_k=1.0)
    none = jm.cycle_fold_curve(device, TAU_K)
    assert int(none.count) == 0 and not bool(none.whole)
    assert none.end_names == ("there is no curve",) * 2
    assert "no Hopf point, or fold" in jm.RESULTS[none.result]
    assert not np.any(np.isfinite(np.asarray(none.parameter)))


def test_a_factor_that_is_not_above_one_is_refused():
    with pytest.raises(ValueError, match="factor must be above 1"):
        jm.cycle_fold_curve(DEVICE, TAU_K, factor=0.5)


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=WHY)
def test_against_auto(curve, tmp_path):
    """AUTO follows the fold in its own extended system; between points a spline in ln tau_k."""
    from scipy.interpolate import CubicSpline

    auto = Auto(tmp_path)
    first = auto.hopf_points(HARD)[0]
    auto.cycles(HARD, first, ILP=1, NMX=40)
    theirs = auto.fold_curve(HARD, [0.05, 0.06], DS=-1e-2)
    assert len(theirs) == 2
    tau_k, drive = shown(curve, "parameter"), shown(curve, "drive")
    # Up to the cusp the curve goes one way.
    part = slice(0, np.argmax(tau_k)) if tau_k[0] < tau_k[-1] else slice(None, np.argmax(tau_k), -1)
    spline = CubicSpline(np.log(tau_k[part]), np.log(drive[part]))
    for at, orbit in theirs.items():
        assert float(np.exp(spline(np.log(at)))) == pytest.approx(orbit.drive, rel=1e-5)
