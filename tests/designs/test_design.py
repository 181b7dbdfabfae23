"""Designs: goals in closed form, goals about cycles, and what cannot be asked."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from benchmarks.oracles.returns import check_returns
from benchmarks.oracles.ring import hopf_points
from fitting import DesignGoal, Knob, design

LETTERS = ("R_b", "C_m", "i_c0", "V_m", "tau_d", "tau_k")
KNOBS = [
    lambda d: d.R_b, lambda d: d.C_m, lambda d: d.i_c0, lambda d: d.V_m, lambda d: d.tau_d,
    lambda d: d.tau_k,
]  # fmt: skip


def lag(device):
    return device.R_b * device.C_m


@pytest.mark.quick
def test_a_change_is_shared_by_what_it_costs():
    """R_b C_m three times as large: ln 3 is divided as the inverse of the costs; ranges bind."""
    device = jm.si_device()
    goal = DesignGoal(lag, 3 * float(lag(device)), unit="s")
    found = design([goal], device, [Knob(KNOBS[0], cost=4.0), Knob(KNOBS[1], cost=1.0)])
    assert found.met and found.factors["R_b"] == pytest.approx(3**0.2, rel=1e-3)
    assert found.factors["C_m"] == pytest.approx(3**0.8, rel=1e-3)
    narrow = Knob(KNOBS[1], high=float(device.C_m) * 1.5)
    found = design([goal], device, [KNOBS[0], narrow])
    assert found.met and found.at_limit == ("C_m",)
    assert found.factors["R_b"] == pytest.approx(2.0, rel=2e-3)
    assert any("end of its range: C_m" in line for line in found.statements())
    out = design([goal], device, [Knob(KNOBS[1], within=2.0)])
    assert not out.met and "That none exists is not known" in out.statements()[0]
    assert out.misses["lag"] == pytest.approx((3 - 2) / 3 / 0.01, rel=1e-2)


@pytest.mark.quick
@pytest.mark.parametrize("cost, tolerance", [(1.0, 0.01), (1e4, 0.01), (1e-4, 0.01), (1.0, 1e-5)])
@pytest.mark.parametrize("make", [jm.si_device, jm.paper_device])
def test_goals_are_met_at_any_cost_and_without_an_oscillation(make, cost, tolerance):
    """Only ratios of costs count; a 2D device has no window, and none is asked of it."""
    device = make()
    goal = DesignGoal(lag, 3 * float(lag(device)), tolerance=tolerance)
    found = design([goal], device, [Knob(KNOBS[0], cost=cost)])
    assert found.met and found.factors["R_b"] == pytest.approx(3.0, rel=tolerance)


@pytest.mark.quick
def test_tolerances_are_fractions_of_what_is_asked():
    goal = DesignGoal("frequency", 100.0, tolerance=0.5)
    assert goal.misses(150.0) == pytest.approx(1) and goal.misses(50.0) == pytest.approx(1)
    assert goal.allowed == (50.0, 150.0) and goal.misses(np.nan) == np.inf
    both = DesignGoal(lag, at_least=-1000.0, at_most=0.001)
    assert both.misses(9.9) > 1e5 and both.misses(0.0) == 0 and both.misses(-1020.0) == 2
    soft = DesignGoal("onset", "soft")
    assert soft.misses(-1e-9) == 0 and soft.misses(1e-9) > 1 and soft.interval[1] < 0
    assert DesignGoal("threshold", 2.0).wanted("voltage") == "2 V"
    assert DesignGoal("threshold", 2.0).wanted("current") == "2 A"


@pytest.mark.quick
def test_tied_knobs_change_by_one_factor():
    device = jm.si_device()
    tied = Knob(lambda d: (d.R_b, d.C_m))
    found = design([DesignGoal(lag, 4 * float(lag(device)))], device, [tied])
    assert float(found.device.R_b / device.R_b) == pytest.approx(2.0, rel=1e-3)
    assert float(found.device.C_m / device.C_m) == pytest.approx(2.0, rel=1e-3)


@pytest.mark.quick
@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: DesignGoal("speed", 1.0), "no quantity 'speed'"),
        (lambda: DesignGoal("frequency"), "give a target"),
        (lambda: DesignGoal("frequency", 1.0, at_least=0.5), "give a target"),
        (lambda: DesignGoal("frequency", -1.0), "not positive"),
        (lambda: DesignGoal("amplitude", at_least=2.0, at_most=1.0), "not below"),
        (lambda: DesignGoal("onset", "hard"), "soft"),
        (lambda: DesignGoal("energy", 1.0, tolerance=0.0), "between 0 and 1"),
        (lambda: design([], jm.si_device(), KNOBS), "there is no goal"),
        (lambda: design([DesignGoal("energy", 1.0)], jm.si_device(), []), "no knob"),
        (lambda: design([DesignGoal("energy", 1.0)] * 2, jm.si_device(), KNOBS), "one name"),
        (
            lambda: design([DesignGoal("energy", 1.0)], jm.si_device(), [lambda d: d.R_s]),
            "knob R_s is 0",
        ),
        (
            lambda: design(
                [DesignGoal("energy", 1.0)], jm.si_device(), KNOBS, at=("threshold", 0.9)
            ),
            "beyond the first Hopf point",
        ),
        (
            lambda: design([DesignGoal("energy", 1.0)], jm.si_device(), KNOBS, at=("middle", 1.0)),
            "at is one of window, threshold, I",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()


@pytest.mark.slow
def test_frequency_amplitude_and_threshold_together():
    """From the SI device and from one that does not oscillate; SciPy and another integrator have
    the period, NumPy's roots the threshold."""
    quiet = jm.Memristor3D(**{k: getattr(jm.si_device(), k) for k in (*LETTERS, "V_T")})
    quiet = jax.tree.map(lambda a: a, quiet)
    starts = [jm.si_device(), jm.Memristor3D(
        **{k: getattr(quiet, k) for k in (*LETTERS, "V_T") if k != "i_c0"}, i_c0=jnp.asarray(4e-5)
    )]  # fmt: skip
    assert int(jm.hopf_points(starts[1]).found) == 0
    wanted = {"frequency": 100.0, "amplitude": 0.6, "threshold": 1e-4}
    for device in starts:
        found = design([DesignGoal(*goal) for goal in wanted.items()], device, KNOBS)
        assert found.met, found.statements()
        case = {k: float(getattr(found.device, k)) for k in (*LETTERS, "V_T")}
        case |= {"drive": "current", "kind": "current"}
        points = hopf_points(case)
        assert points[0].drive == pytest.approx(wanted["threshold"], rel=0.01)
        I = (points[0].drive + points[-1].drive) / 2
        cycle = jm.limit_cycle(jm.Circuit(found.device, jm.CurrentDrive(I)))
        row = (case, I, float(cycle.period), np.asarray(cycle.u), *np.asarray(cycle.x).T)
        (back,) = check_returns([row])
        assert max(back.radau, back.scipy) < 1e-6
        assert 1 / float(cycle.period) == pytest.approx(wanted["frequency"], rel=0.01)
        assert float(np.ptp(cycle.u)) == pytest.approx(wanted["amplitude"], rel=0.01)


@pytest.mark.slow
def test_under_voltage_and_where_there_is_nothing():
    """A soft onset is one under both drives; a drive beyond all windows is said to be that."""
    device = jm.si_device(R_s=2e4)
    soft = DesignGoal("onset", "soft")
    for drive in ("current", "voltage"):
        points = jm.hopf_points(device, drive=drive)
        found = design([soft], device, KNOBS, drive=drive)
        assert found.met and found.values["onset"] < 0
        if float(points.l1[0]) < -1.0:
            assert max(found.factors.values()) == pytest.approx(1.0, abs=1e-3)
    none = design([DesignGoal("frequency", 1.0)], device, KNOBS, at=("I", 10.0))
    assert not none.met and not none.impossible and "none of them at I = 10" in none.why[0]
