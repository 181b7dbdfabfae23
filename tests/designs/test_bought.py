"""Values of a series, knobs that are the drive, fronts: on goals in closed form."""

import numpy as np
import pytest

import jaxmem as jm
from fitting import DesignGoal, Knob, design
from fitting.designs.search.bought import neighbours

pytestmark = pytest.mark.quick
R_b, C_m = (lambda d: d.R_b), (lambda d: d.C_m)


def lag(device):
    return device.R_b * device.C_m


def charge(device):
    return device.C_m * device.V_T


def leak(device):
    return device.V_T / device.R_b


def test_neighbours_are_of_the_series_and_in_the_range():
    assert sorted(neighbours(3.0e-8, "E12", 1e-9, 1e-6)) == [2.7e-8, 3.3e-8]
    assert neighbours(3.3e-8, "E12", 1e-9, 1e-6)[0] == 3.3e-8
    assert neighbours(9.0e3, "E12", 1e3, 1e6)[0] == 8.2e3
    assert neighbours(9.9e3, "E12", 1e3, 1e6)[0] == 1e4
    assert neighbours(3.0e-8, "E6", 2.9e-8, 3.2e-8) == []


def test_a_part_that_is_bought_has_a_value_of_its_series_and_goals_hold():
    """The capacitor is one of E12, and the resistance does the rest."""
    device = jm.si_device()
    goal = DesignGoal(lag, 3 * float(lag(device)), unit="s")
    found = design([goal], device, [Knob(R_b), Knob(C_m, cost=0.1, series="E12")])
    assert found.met and f"{float(found.device.C_m):.3g}" in ("2.7e-07", "3.3e-07", "2.2e-07")
    assert float(lag(found.device)) == pytest.approx(3 * float(lag(device)), rel=1e-3)
    # What is bought has to lie in its range.
    narrow = Knob(C_m, low=1.25e-7, high=1.45e-7, series="E12")
    none = design([DesignGoal(charge, 1.1e-7)], device, [narrow])
    assert not none.met and "no device" in none.statements()[0]


def test_the_front_of_two_goals_is_the_curve_between_them():
    """C_m V_T large and V_T/R_b small cost one another through V_T: with C_m and R_b at their ends
    the front is the straight line between them."""
    device = jm.si_device()
    goals = [DesignGoal(charge, at_least=8e-8), DesignGoal(leak, at_most=8e-5)]
    knobs = [Knob(lambda d: d.V_T, within=2.0), Knob(R_b, within=1.5)]
    found = design(goals, device, knobs, front=("charge", "leak"))
    front = found.front
    assert front.more == (True, False) and len(front.devices) >= 8
    x, y = front.values.T
    C, R = float(device.C_m), 1.5 * float(device.R_b)
    np.testing.assert_allclose(y, x / C / R, rtol=2e-2)
    assert x.min() < 1.1 * C * 0.4 and x.max() > 0.9 * C * 1.6
    assert np.all(np.diff(y[np.argsort(x)]) > 0)
    for row, one in zip(front.values, front.devices, strict=True):
        np.testing.assert_allclose(row, [float(charge(one)), float(leak(one))], rtol=1e-6)


@pytest.mark.parametrize(
    "goals, front, said",
    [
        ([DesignGoal(lag, 1.0), DesignGoal(leak, at_most=1.0)], ("lag", "leak"), "lag needs at_le"),
        ([DesignGoal(leak, at_most=1.0)], ("leak", "lag"), "no goal 'lag'"),
        ([DesignGoal(leak, at_most=1.0)], ("leak", "leak"), "two goals"),
    ],
)
def test_a_front_wants_two_goals_with_a_direction(goals, front, said):
    with pytest.raises(ValueError, match=said):
        design(goals, jm.si_device(), [Knob(R_b)], front=front)


def test_what_ends_a_range_on_the_way_to_a_goal_is_said():
    device = jm.si_device()
    goal = DesignGoal(lag, 9 * float(lag(device)))
    found = design([goal], device, [Knob(C_m, within=2.0)])
    assert not found.met and found.outwards == {"lag": ("C_m",)}
    assert any("nearer with a wider range of C_m" in line for line in found.statements())


@pytest.mark.slow
def test_the_drive_is_a_knob_where_it_is_given():
    with pytest.raises(ValueError, match=r"at = \{I"):
        design([DesignGoal("energy", 1.0)], jm.si_device(), [Knob("I")])
    step = DesignGoal("pulse_response", 0.2, where={"width": 1e-2})
    found = design([step], jm.si_device(), [Knob("I")], at=("I", 1e-5))
    # Far below the threshold voltage the leak carries it all: u = R_b I (1 - exp(-t/tau_m)).
    assert found.met and found.at[1] == pytest.approx(2e-5, rel=1e-2)
    assert any("meant at I = 20" in line for line in found.statements())
