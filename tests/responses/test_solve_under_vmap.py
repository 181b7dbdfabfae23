"""`solve` under `vmap` runs in lanes; what it answers is what each circuit answers by itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from jaxmem.responses import forward
from jaxmem.responses.rosenbrock import Rodas5P

TIMES = jnp.linspace(0.0, 6.0, 41)
TAU = jnp.array([1.0, 2.0, 0.05, 1.5, 0.8, 3.0])
HIGH = jnp.array([6.4, 2.0, 6.4, jnp.nan, 3.0, 6.0])


def run(tau, high, t=TIMES, **options):
    """A spiking device under a pulse."""
    drive = jm.CurrentDrive(jm.Pulse(high, 3.0))
    return jm.solve(jm.Circuit(jm.paper_device(tau, tau, tau), drive), t, throw=False, **options)


@pytest.fixture(scope="module")
def many():
    return jax.jit(jax.vmap(run))(TAU, HIGH)


@pytest.fixture(scope="module")
def one_by_one():
    """By the loop of one circuit, in a scan."""
    return jax.jit(lambda *each: jax.lax.map(lambda one: run(*one), each))(TAU, HIGH)


def test_each_is_what_it_is_alone(many, one_by_one):
    np.testing.assert_array_equal(many.result._value, one_by_one.result._value)
    assert np.asarray(many.successful).tolist() == [True, True, True, False, True, True]
    for name in ("u", "I", "V", "x"):
        np.testing.assert_allclose(
            getattr(many, name), getattr(one_by_one, name), rtol=1e-6, atol=1e-8
        )
    assert np.max(np.abs(many.steps - one_by_one.steps)) <= 2
    assert many.steps.dtype == one_by_one.steps.dtype


def test_it_runs_in_lanes_where_no_derivative_and_no_solver_is_asked_for(monkeypatch):
    """Else it is as right, and as slow as the slowest: only by looking can one tell."""
    seen, lanes = [], forward.integrate_lanes
    monkeypatch.setattr(forward, "integrate_lanes", lambda *given: seen.append(1) or lanes(*given))
    # So many samples have no other tests, whose programs would be taken.
    t = jnp.linspace(0.0, 6.0, 7)
    last = lambda tau, **options: run(tau, 6.4, t, **options).u[-1]
    traced = lambda fn: seen.clear() or (jax.eval_shape(fn, TAU[:2]) and len(seen))
    assert traced(jax.vmap(last)) == 1
    assert traced(jax.vmap(lambda tau: last(tau, solver=Rodas5P()))) == 0
    assert traced(jax.vmap(jax.grad(last))) == 0


def test_a_map_over_maps_is_one_over_all(many):
    pair = lambda a: a.reshape(2, 3)
    nested = jax.jit(jax.vmap(jax.vmap(run)))(pair(TAU), pair(HIGH))
    np.testing.assert_array_equal(nested.u.reshape(6, -1), many.u)


def test_times_that_no_integration_has_are_told(many):
    backwards = jax.jit(lambda tau, t: jax.vmap(lambda one: run(one, 2.0, t))(tau))
    found = backwards(TAU[:2], TIMES[::-1])
    assert np.isnan(found.u).all()
    assert np.all(found.result == jm.RESULTS.call_not_allowed)


@pytest.mark.slow
def test_a_map_over_times_or_tolerances_is_that_of_one_circuit(many):
    stretched = jax.vmap(lambda scale: run(1.0, 6.4, scale * TIMES))(jnp.array([1.0, 0.5]))
    np.testing.assert_allclose(stretched.u[0], many.u[0], rtol=1e-5, atol=1e-7)
    finer = jax.vmap(lambda rtol: run(1.0, 6.4, rtol=rtol, atol=rtol))(jnp.array([1e-7, 1e-9]))
    np.testing.assert_allclose(finer.u[0], many.u[0], rtol=1e-6, atol=1e-8)


@pytest.mark.slow
def test_derivatives_are_those_of_differences():
    last = lambda tau: run(tau, 6.4).u[-1]
    tau, h = TAU[:2], 1e-5
    differences = (jax.vmap(last)(tau + h) - jax.vmap(last)(tau - h)) / (2 * h)
    of_each = jax.vmap(jax.grad(last))(tau)
    of_sum = jax.grad(lambda tau: jnp.sum(jax.vmap(last)(tau)))(tau)
    along = jax.jvp(jax.vmap(last), (tau,), (jnp.ones(2),))[1]
    for found in (of_each, of_sum, along):
        np.testing.assert_allclose(found, differences, rtol=1e-4)
