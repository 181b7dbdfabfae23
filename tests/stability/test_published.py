"""Published oscillators: the two ways in which each is written, and what both lead to."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from benchmarks.dynamics import published
from benchmarks.oracles.auto07p import MISSING, WHY
from benchmarks.oracles.auto_field import AutoField
from benchmarks.oracles.written_field import WrittenField
from benchmarks.problems.published_cases import CASES

# Those that are others with another number, and one that has no rest(u).
SAME = ("van_der_pol_30", "van_der_pol_100", "van_der_pol_1000_fine", "thermal_switch")

with_auto = pytest.mark.skipif(bool(MISSING), reason=WHY)


def field_of(case):
    return WrittenField(case.text, **case.values)


@pytest.mark.parametrize("name", [n for n in CASES if n not in SAME])
def test_the_branch_and_the_text_are_one_field(name):
    case, rng = CASES[name], np.random.default_rng(5)
    device, field = case.device(), field_of(case)
    for drive in (case.low, case.high):
        u = jnp.asarray(rng.uniform(*case.u_range))
        x = jnp.asarray(rng.uniform(0.1, 0.9, device.size))
        into = (drive - u) / device.R_s if case.drive == "voltage" else drive
        du = (into - device.current(u, x)) / device.C_m
        want = field.rates(drive, np.array([u, *x]))
        np.testing.assert_allclose([du, *device.rates(u, x)], want, rtol=1e-12, atol=1e-12)
        rest = device.rest(u)
        np.testing.assert_allclose(device.rates(u, rest), 0, atol=1e-14 * np.max(np.abs(want)))


def test_hopf_points_and_folds_of_text_are_those_of_the_literature():
    hodgkin_huxley = field_of(CASES["hodgkin_huxley"])
    for drive, u in ((9.779638, 5.3), (154.526634, 22.0)):
        y = [u, *CASES["hodgkin_huxley"].device().rest(jnp.asarray(u))]
        found, y, _ = hodgkin_huxley.hopf_point(drive * 1.01, y)
        assert found == pytest.approx(drive, abs=5e-7)
        values = np.linalg.eigvals(hodgkin_huxley.jacobian(found, y))
        assert np.min(np.abs(values.real)) < 1e-10
    snic = field_of(CASES["morris_lecar_snic"])
    found, y = snic.fold(39.0, [-29.0, 0.01])
    assert found == pytest.approx(39.963, abs=5e-4)  # Rinzel & Ermentrout: 39.96
    assert np.abs(np.linalg.det(snic.jacobian(found, y))) < 1e-10


def test_a_complex_step_gives_the_jacobian():
    field = field_of(CASES["wang_buzsaki"])
    y, h = np.array([-50.0, 0.5, 0.2]), 1e-6
    want = [(field.rates(1.0, y + e) - field.rates(1.0, y - e)) / (2 * h) for e in h * np.eye(3)]
    np.testing.assert_allclose(field.jacobian(1.0, y), np.stack(want, 1), rtol=1e-7, atol=1e-7)


@with_auto
def test_auto_and_scipy_agree_on_a_period(tmp_path):
    """Near the saddle-node on the cycle of Morris and Lecar, where it is long."""
    case = CASES["morris_lecar_snic"]
    field = field_of(case)
    T, y = field.returns(42.0, [0.0, 0.1], section=0.0, T=600.0, method="DOP853", tol=1e-12)
    run = field.run(42.0, y, T, max_step=T / 100)
    orbit = AutoField(tmp_path, field).orbit(42.0, run.t, run.y, NTST=200)
    assert orbit.period == pytest.approx(T, rel=1e-8) and orbit.stable
    assert T == pytest.approx(145.43873375, rel=1e-9)


def answer(case, truth, monkeypatch, **functions):
    """Verdicts where some of the package's functions are others."""
    for name, function in functions.items():
        monkeypatch.setattr(jm, name, function)
    return {row["what"]: row["verdict"] for row in published.ask_all(case, truth)}


def test_wrong_and_refused_answers_are_told_apart(monkeypatch):
    case = CASES["persistent_sodium_low_threshold"]._replace(none=())
    truth = published.Truth([], [], [], [], [(10.0, [-57.0])], (1.0, 1.0), [])

    def refuses(*args, **how):
        raise ValueError("no")

    said = answer(
        case, truth, monkeypatch, hopf_points=refuses, cycle_branch=refuses,
        operating_points=lambda device, I: SimpleNamespace(u=jnp.array([-58.0])),
        rheobase=lambda *args, **how: SimpleNamespace(rest=1.0, kept=1.0),
    )  # fmt: skip
    assert said == {
        "hopf_points": "refused", "operating_points at 10": "wrong", "cycle_branch": "refused",
        "rheobase": "right",
    }  # fmt: skip


@with_auto
@pytest.mark.slow
@pytest.mark.parametrize("name", ["persistent_sodium_low_threshold"])
def test_all_answers_about_a_model_are_right(name):
    found = published.one(CASES[name])
    assert not found["not_right"] and not found["oracles_disagree"]
    assert found["right"] == 14


@pytest.mark.slow
def test_the_stated_error_is_the_true_one_where_intervals_are_few():
    """Close to a saddle-node, where half as many intervals say nothing of the error."""
    case = CASES["wang_buzsaki"]
    device = case.device()
    for I in (0.170001, 0.1703, 0.171):
        circuit = jm.Circuit(device, jm.CurrentDrive(jm.Constant(I)))
        few, fine = (
            jm.limit_cycle(circuit, u_range=case.u_range, intervals=n, rtol=1.0) for n in (80, 320)
        )
        off = abs(float(few.period / fine.period) - 1)
        assert off < 2 * float(few.error)
        if off > 2e-6:
            refused = jm.limit_cycle(circuit, u_range=case.u_range, intervals=80, throw=False)
            assert refused.result == jm.RESULTS.mesh_too_coarse


@pytest.mark.slow
def test_a_period_on_which_two_meshes_do_not_agree_is_of_more_intervals():
    """Close to a saddle-node, where eighty intervals were 2.5e-5 off and said 5e-7."""
    case = CASES["wang_buzsaki"]
    device = case.device()

    def cycle(I, **how):
        circuit = jm.Circuit(device, jm.CurrentDrive(jm.Constant(I)))
        return jm.limit_cycle(circuit, u_range=case.u_range, **how)

    # AUTO-07p's, by `python -m benchmarks published --only wang_buzsaki`.
    assert float(cycle(0.17).period) == pytest.approx(248.18727345, rel=1e-8)
    for I in (0.170001, 0.1703):
        found, fine = cycle(I), cycle(I, intervals=320)
        assert float(found.period) == pytest.approx(float(fine.period), rel=1e-7)
        assert float(found.u_max) == pytest.approx(float(fine.u_max), abs=1e-4)
