"""The named quantities and their slopes: by closed forms, SciPy and finite differences."""

import jax
import numpy as np
import pytest

import jaxmem as jm
from fitting import DesignGoal, Knob
from fitting.designs.goals.behaviour import without_window
from fitting.designs.goals.knob import Knobs
from fitting.designs.goals.named_quantities import QUANTITIES
from fitting.designs.search.task import Task

LETTERS = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k")
KNOBS = tuple(Knob(lambda d, n=n: getattr(d, n)) for n in LETTERS)
# What is asked, and where; each quantity that has a name, once.
AT_A_BIAS = [
    DesignGoal("current", 1e-4, where={"u": 0.8}),
    DesignGoal("impedance", 1e3, where={"freq": 40.0, "u": 0.7}),
    DesignGoal("resistance", 1e3, where={"freq": 40.0, "I": 2e-4}),
    DesignGoal("phase", -10.0, where={"freq": 40.0, "V": 0.75}),
    DesignGoal("crossover", 0.6),
]
IN_TIME = [
    DesignGoal("latency", 2e-3, where={"I": 3e-4}),
    DesignGoal("pulse_response", 0.5, where={"I": 2e-4, "width": 3e-3}),
    DesignGoal("loop_area", 1e-6, where={"rate": 5.0, "V": 1.0}),
]
OSCILLATING = [
    DesignGoal("frequency", 50.0), DesignGoal("amplitude", 0.5), DesignGoal("energy", 1e-6),
    DesignGoal("threshold", 1e-4), DesignGoal("window", 1e-4), DesignGoal("onset", "soft"),
]  # fmt: skip


def slopes_and_differences(goals, device, at=("window", 0.5), step=1e-5):
    """Slopes by the program, and central differences of its values."""
    task = Task(tuple(goals), device, Knobs(KNOBS, device), "current", at)
    values, slopes = task.values(np.zeros(len(KNOBS)))
    columns = []
    for k in range(len(KNOBS)):
        z = np.zeros(len(KNOBS))
        z[k] = step
        columns.append((task.values(z)[0] - task.values(-z)[0]) / (2 * step))
    return values, slopes, np.array(columns).T


@pytest.fixture(scope="module")
def device():
    return jm.si_device(R_s=500.0)


def compare(goals, device, rtol, **how):
    values, slopes, differences = slopes_and_differences(goals, device, **how)
    assert np.all(np.isfinite(values)) and np.all(np.isfinite(slopes))
    for goal, row, expected in zip(goals, slopes, differences, strict=True):
        largest = np.max(np.abs(expected))
        np.testing.assert_allclose(
            row, expected, rtol=rtol, atol=rtol * largest, err_msg=goal.called
        )
    return dict(zip((goal.called for goal in goals), values, strict=True))


def test_at_a_bias(device):
    """Equations 5, 13 and 14 in NumPy, and the zero of C_m - (tau_d + f tau_k)/R_a."""
    found = compare(AT_A_BIAS, device, 1e-5)
    p = {n: float(getattr(device, n)) for n in (*LETTERS, "R_s")}

    def steady(u):
        f = 1 / (1 + np.exp(-(u - p["V_T"]) / p["V_m"]))
        return u / p["R_b"] + p["i_c0"] * f, f

    def Z(u, freq):
        _, f = steady(u)
        s = 2j * np.pi * freq
        R_a = p["V_m"] / p["i_c0"] / (f * (1 - f))
        slow = (1 + s * p["tau_d"]) * (R_a + f * p["tau_k"] * R_a * s)
        return p["R_s"] + 1 / (s * p["C_m"] + 1 / p["R_b"] + 1 / slow)

    u = np.linspace(0, 1.5, 200_001)
    I, f = steady(u)
    assert found["current"] == pytest.approx(steady(0.8)[0], rel=1e-9)
    assert found["impedance"] == pytest.approx(abs(Z(0.7, 40.0)), rel=1e-9)
    assert found["resistance"] == pytest.approx(Z(np.interp(2e-4, I, u), 40.0).real, rel=1e-5)
    behind = np.interp(0.75, I * p["R_s"] + u, u)
    assert found["phase"] == pytest.approx(np.rad2deg(np.angle(Z(behind, 40.0))), rel=1e-5)
    C = p["C_m"] - (p["tau_d"] + f * p["tau_k"]) * p["i_c0"] / p["V_m"] * f * (1 - f)
    first = u[np.flatnonzero(np.diff(np.sign(C)))[0]]
    assert found["crossover"] == pytest.approx(first, abs=2e-5)


@pytest.mark.slow
def test_in_time(device):
    """By the same model in SciPy: BDF at 1e-9, the gate as a logit."""
    from scipy.integrate import solve_ivp

    found = compare(IN_TIME, device, 2e-3, step=1e-3)
    p = {n: float(getattr(device, n)) for n in (*LETTERS, "R_s")}

    def run(current, end, u0=0.0, **more):
        def field(t, y):
            u, i, w = y
            f, x = 1 / (1 + np.exp(-w)), (u - p["V_T"]) / p["V_m"]
            gate = -(1 + np.exp(min(-w, 100))) * np.expm1(min(w - x, 100)) / p["tau_k"]
            return [(current(t, u) - u / p["R_b"] - i) / p["C_m"], (p["i_c0"] * f - i) / p["tau_d"],
                    gate]  # fmt: skip

        rest = [u0, p["i_c0"] / (1 + np.exp(p["V_T"] / p["V_m"])), -p["V_T"] / p["V_m"]]
        return solve_ivp(field, (0, end), rest, "BDF", rtol=1e-9, atol=1e-12, **more)

    top = lambda t, y: (3e-4 - y[0] / p["R_b"] - y[1]) / p["C_m"]
    top.direction = -1
    first = run(lambda t, u: 3e-4, 0.02, events=top).t_events[0][0]
    assert found["latency"] == pytest.approx(first, rel=2e-3)
    assert found["pulse_response"] == pytest.approx(run(lambda t, u: 2e-4, 3e-3).y[0, -1], rel=1e-3)
    V = lambda t: 1.0 - abs(5.0 * t - 1.0)
    loop = run(lambda t, u: (V(t) - u) / p["R_s"], 0.4, dense_output=True, max_step=1e-3)
    t = np.linspace(0, 0.4, 20_001)
    I = (V(t) - loop.sol(t)[0]) / p["R_s"]
    area = np.sum((I[1:] + I[:-1]) / 2 * np.diff(V(t)))
    assert found["loop_area"] == pytest.approx(area, rel=5e-3)


@pytest.mark.slow
def test_slopes_of_what_oscillates(device):
    found = compare(OSCILLATING, device, 1e-3, step=1e-4)
    points = jm.hopf_points(device)
    assert found["threshold"] == pytest.approx(float(points.I[0]), rel=1e-9)
    I = float(points.I[0] + points.I[1]) / 2
    cycle = jm.limit_cycle(jm.Circuit(device, jm.CurrentDrive(I)))
    assert found["frequency"] == pytest.approx(1 / float(cycle.period), rel=1e-6)


@pytest.mark.quick
def test_every_quantity_that_has_a_name_is_tested_here():
    tested = {goal.quantity for goal in (*AT_A_BIAS, *IN_TIME, *OSCILLATING)}
    assert tested == set(QUANTITIES)


@pytest.mark.quick
def test_a_device_that_stays_capacitive_has_no_crossover():
    slow = jm.Memristor3D(1e4, 1e-2, 5e-4, 0.8, 0.04, 2e-3, 5e-3)
    value = jax.jit(
        lambda d: QUANTITIES["crossover"].value(without_window(d, "current", ("I", 0.0)))
    )
    assert np.isnan(value(slow)) and np.isfinite(value(jm.si_device()))


@pytest.mark.quick
def test_what_may_be_of_either_sign_has_a_logarithm_where_it_may_have_one():
    below = DesignGoal("threshold", -2e-5)
    assert below.coordinate(-2e-5) == below.interval[0] == below.interval[1]
    assert below.coordinate(-1e-5) > below.coordinate(-3e-5) and np.isnan(below.coordinate(1e-5))
    assert below.slope(-2e-5) == pytest.approx(
        (below.coordinate(-2e-5 + 1e-9) - below.coordinate(-2e-5 - 1e-9)) / 2e-9, rel=1e-6
    )
    most = DesignGoal("threshold", at_most=1e-4)  # any negative one will do
    assert most.misses(-1.0) == 0 and np.isfinite(most.coordinate(-1.0))
    assert most.coordinate(-1.0) < most.interval[1] < most.coordinate(2e-4)


@pytest.mark.quick
@pytest.mark.parametrize(
    "quantity, where, said",
    [
        ("impedance", {"u": 0.5}, "give freq, the frequency"),
        ("impedance", {"freq": 10.0}, "give the bias, one of u, I, V"),
        ("impedance", {"freq": 10.0, "u": 0.5, "I": 1e-4}, "give the bias"),
        ("impedance", {"freq": -10.0, "u": 0.5}, "freq must be positive"),
        ("current", {"u": 0.5, "freq": 1.0}, "has no 'freq'; there are V, u"),
        ("frequency", {"u": 0.5}, "has no 'u'; there are none"),
        ("loop_area", {"V": 1.0}, "give rate, the scan rate"),
        ("pulse_response", {"width": np.inf}, "finite"),
    ],
)
def test_where_a_number_is_meant_has_to_be_said(quantity, where, said):
    with pytest.raises(ValueError, match=said):
        DesignGoal(quantity, 1.0, where=where)
