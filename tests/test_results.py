"""Results: one enumeration that goes through JAX, compares, chooses and says what happened."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from jaxmem import RESULTS


def outcome(x):
    return RESULTS.where(x > 0, RESULTS.successful, RESULTS.no_cycle)


@pytest.mark.parametrize("through", [jax.vmap, jax.jit(jax.vmap(outcome)), None])
def test_many_results_compare_and_are_said(through):
    x = jnp.array([1.0, -1.0, 2.0])
    if through is None:
        found = jax.lax.map(outcome, x)
    else:
        found = through(outcome)(x) if through is jax.vmap else through(x)
    assert (found == RESULTS.successful).tolist() == [True, False, True]
    assert (found != RESULTS.no_cycle).tolist() == [True, False, True]
    assert "has this drive" in RESULTS[found] and "has this drive" in repr(found)
    on_host = jax.tree.map(np.asarray, found)
    assert (on_host == RESULTS.no_cycle).tolist() == [False, True, False]
    assert "has this drive" in RESULTS[jax.tree.map(lambda a: np.asarray(a[1]), on_host)]


def test_it_holds_what_diffrax_says():
    assert issubclass(RESULTS, diffrax.RESULTS)
    stopped = RESULTS.promote(diffrax.RESULTS.max_steps_reached)
    assert stopped == RESULTS.max_steps_reached and "max_steps" in RESULTS[stopped]
    circuit = jm.Circuit(jm.paper_device(), jm.CurrentDrive(jm.Step(6.0)))
    ran = jm.solve(circuit, jnp.linspace(0.0, 1.0, 5), max_steps=3, throw=False)
    assert ran.result == RESULTS.max_steps_reached and not ran.successful


def test_a_sweep_keeps_results_by_their_name():
    axis = jm.Axis(lambda d: d.R_b, [1.0, 2.0])
    swept = jm.sweep(lambda d: dict(result=outcome(d.R_b - 1.5)), jm.paper_device(), axis)
    assert list(swept) == ["result"] and swept["result"].values[0] != swept["result"].values[1]
