"""The oracles of the benchmark `any_device`, and a few of its devices."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.dynamics import any_device
from benchmarks.oracles.hopf_cubic import cubic_roots
from benchmarks.oracles.returns import check_returns
from benchmarks.oracles.ring import drive_at, hopf_points, margin, rest_at
from benchmarks.problems.any_devices import draw_any, letters_of

SET_A = dict(
    R_b=1.0, C_m=1.0, i_c0=10.0, V_T=1.0, V_m=0.05, tau_d=1.0, tau_k=1.0, kind="current",
    drive="current",
)  # fmt: skip


def drawn(count, seed=0):
    rng = np.random.default_rng(seed)
    return [draw_any(rng, spiking=k % 2 > 0) for k in range(count)]


def test_hopf_points_are_the_roots_of_the_cubic():
    some = [case for case in drawn(80) if case["kind"] in ("current", "voltage")]
    spiking = 0
    for case in some:
        seen = dict(case)
        if case["kind"] == "voltage":
            seen["R_b"] = case["R_b"] * case["R_s"] / (case["R_b"] + case["R_s"])
        f = cubic_roots(**seen)
        found = hopf_points(case)
        assert len(found) == len(f)
        spiking += len(f) > 0
        u = case["V_T"] + case["V_m"] * np.log(f / (1 - f))
        np.testing.assert_allclose([point.u for point in found], u, atol=1e-6 * case["V_m"])
    assert spiking > 20


def test_a_polarisation_of_no_size_changes_nothing_and_2d_never_oscillates():
    case = SET_A | {"kind": "polarised", "R_1": 1.0, "C_1": 1e-12}
    got, want = hopf_points(case), hopf_points(SET_A)
    np.testing.assert_allclose(got, want, rtol=1e-9)
    assert not hopf_points({k: v for k, v in SET_A.items() if k != "tau_k"} | {"kind": "2D"})
    x = rest_at(SET_A, 6.0)
    assert x == pytest.approx(0.0, abs=1e-12) and drive_at(SET_A, x)[0] == pytest.approx(6.0)
    assert margin(SET_A, x)[0] < 0  # the paper's set spikes at I = 6


def test_a_wrong_period_is_seen_by_both_integrators():
    """The paper's set at I = 6, from a settled run by SciPy: 2.5962."""
    from scipy.integrate import solve_ivp

    from benchmarks.oracles.returns import flow_of

    field, jac = flow_of(SET_A, 6.0)
    cross = lambda t, y: y[0] - 20.0
    cross.direction = 1
    how = dict(method="LSODA", jac=jac, rtol=1e-11, atol=1e-12)
    run = solve_ivp(field, (0, 60), [19.0, 0.5, 0.0], events=cross, **how)
    T = run.t_events[0][-1] - run.t_events[0][-2]
    assert pytest.approx(2.5962, abs=1e-4) == T
    t = np.linspace(0, T, 161)
    y = solve_ivp(field, (0, T), run.y_events[0][-1], t_eval=t, **how).y
    u, i, f = 0.05 * y[0], 10 * y[1], 1 / (1 + np.exp(-y[2]))
    right, wrong = check_returns([(SET_A, 6.0, T, u, i, f), (SET_A, 6.0, T * (1 + 1e-5), u, i, f)])
    assert max(right.radau, right.scipy) < 2e-9
    assert wrong.radau == pytest.approx(1e-5, rel=1e-2) == wrong.scipy
    assert right.swing == pytest.approx(np.ptp(u), rel=1e-2)


def test_a_transient_tells_a_cycle_from_rest_and_from_a_slow_drift():
    start = [1.1, 5.0, 0.5]
    assert any_device.oscillates(SET_A, 6.0, 2.6, start) is True
    assert any_device.oscillates(SET_A, 1.0, 2.6, start) is False
    slow = SET_A | {"tau_k": 1e5}
    assert any_device.oscillates(slow, 0.5, 2.6, start) is not True


@pytest.mark.slow
def test_a_few_drawn_devices_have_no_wrong_answer_of_the_kinds_that_are_sound():
    """Hopf points; the benchmark itself asks more, of a thousand."""
    options = SimpleNamespace(seed=11, count=8, checked=10, autos=0)
    found = any_device.survey(options)
    assert found["hopf_points"]["right"] == 8 and found["devices"] == 8
    assert sum(found["limit_cycle"].values()) >= 20
    assert not [f for f in found["failures"] if f["function"] == "rheobase"]


def test_letters_make_the_device():
    kinds = {case["kind"]: letters_of(case) for case in drawn(60, seed=3)}
    assert set(kinds) == {"current", "voltage", "polarised", "2D"}
    assert "tau_k" not in kinds["2D"] and "R_s" in kinds["voltage"] and "C_1" in kinds["polarised"]
