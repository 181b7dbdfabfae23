"""Hopf points and cycles against AUTO-07p: Gauss collocation, its own mesh and continuation.

The two share no code and no equation: AUTO has the paper's, scaled and with R_s written out.
"""

import numpy as np
import pytest
from oracles.spiking import HARD

import jaxmem as jm
from benchmarks.oracles.auto07p import MISSING, WHY, Auto
from benchmarks.oracles.hopf_cubic import cubic_roots
from benchmarks.problems.drawn_devices import draw_device

pytestmark = pytest.mark.skipif(bool(MISSING), reason=WHY)


@pytest.fixture(scope="module")
def auto(tmp_path_factory):
    return Auto(tmp_path_factory.mktemp("auto"))


def draw(seed, *, drive="current", gain=(40, 500), spread=1.0):
    """A device that spikes: its time constants are within `spread` decades."""
    rng = np.random.default_rng(seed)
    while True:
        case = draw_device(rng, True, gain=gain, spread=spread)
        seen = dict(case)
        if drive == "voltage":
            case["R_s"] = case["R_b"] * rng.uniform(0.3, 3)
            seen["R_b"] = case["R_b"] * case["R_s"] / (case["R_b"] + case["R_s"])
        if cubic_roots(**seen).size == 2:
            return case


def circuit(device, drive, value):
    wave = jm.Constant(value)
    return jm.Circuit(device, (jm.VoltageDrive if drive == "voltage" else jm.CurrentDrive)(wave))


def own_points(device, drive):
    """Drive, u and omega of the Hopf points by this package."""
    found = jm.hopf_points(device, drive=drive)
    at = found.V if drive == "voltage" else found.I
    return np.stack([at, found.u, found.omega], axis=1)[: int(found.found)]


def drawn(count):
    return [(seed, drive) for drive in ("current", "voltage") for seed in range(count)]


# AUTO locates a Hopf point to 1e-9 or so, and prints eleven digits.
@pytest.mark.parametrize(("seed", "drive"), drawn(8))
def test_hopf_points(auto, seed, drive):
    case = draw(seed, drive=drive)
    theirs = auto.hopf_points(case, drive)
    ours = own_points(jm.Memristor3D(**case), drive)
    assert len(theirs) == len(ours) == 2
    np.testing.assert_allclose([h[:3] for h in theirs], ours, rtol=5e-8)


@pytest.mark.parametrize(
    ("seed", "drive"),
    [pytest.param(*one, marks=[pytest.mark.slow] * (one[1] == "voltage")) for one in drawn(5)],
)
def test_cycles(auto, seed, drive):
    """At a tenth, a half and nine tenths of the window; the extrema in units of the swing."""
    case = draw(seed, drive=drive)
    first, last = auto.hopf_points(case, drive)
    at = first.drive + np.array([0.1, 0.5, 0.9]) * (last.drive - first.drive)
    family = auto.cycles(case, first, drive, at=at)
    # At the other Hopf point AUTO may turn and pass the same cycles again.
    assert family.ended == "BP" and len(family.orbits) >= 3
    device = jm.Memristor3D(**case)
    for orbit in family.orbits[:3]:
        cycle = jm.limit_cycle(circuit(device, drive, orbit.drive))
        swing = orbit.u_max - orbit.u_min
        assert bool(cycle.stable) and orbit.stable
        assert float(cycle.period) == pytest.approx(orbit.period, rel=1e-8)
        assert float(cycle.u_max) == pytest.approx(orbit.u_max, abs=1e-8 * swing)
        assert float(cycle.u_min) == pytest.approx(orbit.u_min, abs=1e-8 * swing)


@pytest.mark.slow
def test_fold_of_a_subcritical_onset(auto):
    """Unstable cycles come first; AUTO locates the fold by its own test function."""
    first = auto.hopf_points(HARD)[0]
    family = auto.cycles(HARD, first, ILP=1, NMX=40)
    branch = jm.cycle_branch(jm.Memristor3D(**HARD))
    assert not family.stable[1] and family.stable[-1]
    width = first.drive - family.folds[0]
    assert float(branch.low) == pytest.approx(family.folds[0], abs=1e-4 * width)
    assert float(branch.high) == pytest.approx(first.drive, rel=5e-8)
