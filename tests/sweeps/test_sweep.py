"""Sweeps against plain loops over devices built one by one."""

from itertools import product
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from listening import CtrlC, Heard

import jaxmem as jm
from jaxmem.sweeps import Axis, sweep
from jaxmem.sweeps.chunks import groups_of

TAU_D, I_C0, R_S = (lambda d: d.tau_d), (lambda d: d.i_c0), (lambda d: d.R_s)
TAUS, CURRENTS = np.geomspace(1e-4, 1e-2, 7), np.linspace(1e-4, 1e-3, 5)


def admittances(d):
    """Conductance and capacitance at 0.8 V, a matrix, and a whole number."""
    Y = d.admittance(1j * jnp.array([10.0, 1e4]), 0.8)
    return {"Y": jnp.stack([Y.real, Y.imag]), "tau_m": d.tau_m, "sure": d.tau_d > 1e-3}


@pytest.mark.parametrize(
    "batch, lanes",
    [(None, None), (4, 2),
     *(pytest.param(*one, marks=pytest.mark.slow) for one in ((3, None), (None, 1), (35, 4)))],
)  # fmt: skip
def test_every_point_is_that_of_a_loop(batch, lanes):
    axes = Axis(TAU_D, TAUS), Axis(I_C0, CURRENTS)
    found = sweep(admittances, jm.si_device(), *axes, batch=batch, lanes=lanes)
    assert dict(found.sizes) == {"tau_d": 7, "i_c0": 5, "dim_0": 2, "dim_1": 2}
    assert found.sure.dtype == bool and found.tau_m.dims == ("tau_d", "i_c0")
    for tau, i in product(TAUS, CURRENTS):
        want = admittances(jm.si_device(tau_d=tau, i_c0=i))
        here = found.sel(tau_d=tau, i_c0=i)
        np.testing.assert_allclose(here.Y, want["Y"], rtol=1e-12)
        assert bool(here.sure) == bool(want["sure"])


def test_coordinates_say_what_they_are():
    found = sweep(lambda d: d.tau_m, jm.si_device(), Axis(TAU_D, TAUS), Axis(R_S, [0, 50], "lead"))
    assert list(found.coords) == ["tau_d", "lead"] and list(found) == ["value"]
    np.testing.assert_array_equal(found.tau_d, TAUS)
    assert found.tau_d.attrs == {"units": "s", "long_name": "delay of the slow current"}
    assert found.lead.attrs["units"] == "ohm"


def test_an_axis_may_tie_parameters_and_reach_into_branches():
    d = jm.si_device(extra={"surface": jm.Polarisation(1e4, 1e-6)})
    tied = Axis.log(lambda d: (d.tau_d, d.tau_k), 1e-3, 1e-1, 3)
    deep = Axis.linear(lambda d: d.extra["surface"].R_1, 1e3, 2e3, 2)
    found = sweep(
        lambda d: (d.tau_d, d.tau_k, d.branches["surface"].R_1 * d.extra["surface"].C_1),
        d, tied, deep,
    )  # fmt: skip
    assert list(found.coords) == ["tau_d=tau_k", "extra.surface.R_1"]
    np.testing.assert_allclose(found["tau_d=tau_k"], [1e-3, 1e-2, 1e-1], rtol=1e-14)
    np.testing.assert_array_equal(found.value_0, found.value_1)
    np.testing.assert_array_equal(found.value_0[:, 0], found["tau_d=tau_k"])
    np.testing.assert_allclose(found.value_2[0], [1e-3, 2e-3])


def test_a_drive_is_an_axis_like_any_other():
    circuit = jm.Circuit(jm.si_device(), jm.CurrentDrive(1e-4))
    bias = lambda c: jm.operating_point(c.device, I=c.drive.wave.level)
    axes = Axis(lambda c: c.drive.wave.level, CURRENTS), Axis(lambda c: c.device.R_b, [1e4, 2e4])
    found = sweep(bias, circuit, *axes)
    assert found.x.dims == ("drive.wave.level", "device.R_b", "dim_0")
    # Eq. 5, the current that flows at the voltage found.
    u, R_b = found.u.values, np.array([1e4, 2e4])
    I = u / R_b + 5e-4 / (1 + np.exp(-(u - 0.8) / 0.04))
    np.testing.assert_allclose(I, np.broadcast_to(CURRENTS[:, None], (5, 2)), rtol=1e-12)


class Pair(NamedTuple):
    a: jax.Array
    b: jax.Array


class Nested(eqx.Module):
    one: jax.Array
    more: Pair


def test_variables_are_named_as_fields():
    nested = lambda d: Nested(d.R_b, Pair(jnp.ones(3), jnp.zeros(2)))
    found = sweep(nested, jm.si_device(), Axis(TAU_D, TAUS))
    assert list(found) == ["one", "more.a", "more.b"]
    assert found["more.a"].dims == ("tau_d", "more.a_dim_0")
    assert found["more.b"].dims == ("tau_d", "more.b_dim_0")


def test_progress_is_told_and_a_sweep_can_be_stopped():
    heard, stop = Heard(), CtrlC(lambda line: True)
    axes = Axis(TAU_D, TAUS), Axis(I_C0, CURRENTS)
    sweep(lambda d: d.tau_m, jm.si_device(), *axes, batch=10, progress=heard)
    assert heard.steps == [("sweeping", n, 35) for n in (10, 20, 30, 35)]
    with pytest.raises(KeyboardInterrupt):
        sweep(lambda d: d.tau_m, jm.si_device(), *axes, batch=10, progress=stop)
    assert stop.steps == [("sweeping", 10, 35)]


def test_one_program_serves_all_chunks_and_later_calls():
    traced = []

    def fn(d):
        traced.append(1)
        return d.tau_m * d.tau_d

    sweep(fn, jm.si_device(), Axis(TAU_D, TAUS), batch=2)
    once = len(traced)
    sweep(fn, jm.si_device(R_b=2e4), Axis(TAU_D, 2 * TAUS), batch=2)
    # The second call looks at the shapes again (one trace), and compiles nothing.
    assert len(traced) == once + 1 and once == 2


def test_one_by_one_a_program_serves_maps_of_any_size():
    traced = []

    def fn(d):
        traced.append(1)
        return d.tau_m * d.tau_d

    counts = (1, 7, 64, 65, 200)
    for count in counts:
        axis = Axis(TAU_D, np.linspace(1e-3, 2e-3, count))
        found = sweep(fn, jm.si_device(), axis, lanes=1, batch=150)
        want = jm.si_device().tau_m * axis.values
        np.testing.assert_allclose(found["value"], want, rtol=1e-14)
    once = len(traced) - len(counts)
    assert once <= 2, "each call looks at the shapes, and the first one compiles"


def test_points_one_after_the_other_compute_one_branch_of_a_condition():
    """Side by side both are computed: why `lanes=1` is there."""
    slow = []

    def dear(d):
        jax.debug.callback(lambda _: slow.append(1), d.tau_d)
        return d.R_b

    fn = lambda d: jax.lax.cond(d.tau_d > 5e-3, dear, lambda d: d.tau_m, d)
    for lanes, most in ((1, 1), (None, 7)):
        slow.clear()
        sweep(fn, jm.si_device(), Axis(TAU_D, TAUS), lanes=lanes)
        jax.effects_barrier()
        assert len(slow) == most


def test_a_check_of_the_function_acts_at_the_door():
    """What is not swept is known to it, as in a plain call."""
    hopf = lambda d: jm.hopf_points(d, drive="voltage")
    with pytest.raises(ValueError, match="cannot oscillate"):
        sweep(hopf, jm.si_device(), Axis(TAU_D, TAUS))


@pytest.mark.parametrize(
    "axes, words",
    [
        ((), "no axes"),
        ((TAU_D,), "wants Axis"),
        ((Axis(TAU_D, TAUS), Axis(TAU_D, TAUS, "again")), "same parameter: tau_d, tau_d"),
        ((Axis(TAU_D, TAUS, "x"), Axis(I_C0, TAUS, "x")), "the name x"),
        ((Axis(TAU_D, np.ones((2, 2))),), r"shape \(2, 2\)"),
        ((Axis(TAU_D, 1e-3),), r"shape \(\)"),
        ((Axis(TAU_D, []),), r"shape \(0,\)"),
        ((Axis(TAU_D, [1e-3, 0.0]),), r"delay of the slow current\) must be positive, got 0 s"),
        ((Axis(R_S, [0.0, -1.0]),), "must be non-negative, got -1 ohm"),
        ((Axis(lambda d: d.V_T, [np.nan]),), "must be finite, got nan V"),
        ((Axis(lambda d: d.tau_x, TAUS),), "there are R_b, C_m"),
        ((Axis(lambda d: (), TAUS),), "selects nothing"),
    ],
)
def test_axes_that_do_not_fit_are_refused(axes, words, as_users_call):
    with pytest.raises(ValueError, match=words):
        sweep(lambda d: d.tau_m, jm.si_device(), *axes)


def test_results_that_are_none_are_refused():
    axis, d = Axis(TAU_D, TAUS), jm.si_device()
    for fn, words in (
        (lambda d: {"u": "high"}, "returns a str u"), (lambda d: None, "returns nothing"),
        (lambda d: {"tau_d": d.tau_d}, "tau_d is both"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            sweep(fn, d, axis)
    for wrong in ({"batch": 0}, {"lanes": -1}):
        with pytest.raises(ValueError, match="at least 1"):
            sweep(lambda d: d.tau_m, d, axis, **wrong)
    with pytest.raises(ValueError, match="both ends must be positive"):
        Axis.log(TAU_D, 0.0, 1.0, 5)


def test_chunks_of_very_many_points_are_larger():
    assert groups_of(10_000, 256, None) == (256, 16)
    lanes, groups = groups_of(10**6, 256, None)
    assert 15_000 < lanes * groups <= 16_384
    assert groups_of(10**9, 256, None) == (256, 64)
