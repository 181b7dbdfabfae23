"""Integrations with all derivatives in forward mode, one by itself or many in lanes.

Where `vmap` is over circuits and no derivative is asked for, they run side by side, each with its
own step, as `solve_ensemble` runs them: under `vmap` of the loop of one, all would take as many
steps as the slowest.
"""

from collections.abc import Callable
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jax.flatten_util import ravel_pytree

from jaxmem.programs import program
from jaxmem.responses.integration import MOST_COLUMNS, Ending, integrate, is_call
from jaxmem.responses.lanes.in_columns import integrate_lanes, lanes_of
from jaxmem.responses.lanes.segments import result_of
from jaxmem.results import RESULTS

FORWARD = diffrax.ForwardMode()


@program
def integrate_forward(primal, settings):
    """`integrate` with all derivatives in forward mode, and many circuits in lanes under `vmap`."""
    return _columns(primal, settings)


@eqx.filter_custom_jvp
def _columns(primal, settings):
    solver, max_steps, _ = settings
    circuit, t, begin, rtol, atol = primal
    arrays, rest = eqx.partition((circuit, begin), eqx.is_array)

    def one(arrays, shared):
        (circuit, begin), (t, rtol, atol) = eqx.combine(arrays, rest), shared
        return integrate((circuit, t, begin, rtol, atol), settings, FORWARD)

    def many(arrays, shared):
        size = lanes_of(jax.tree.leaves(arrays)[0].shape[0])
        out, steps, code, _ = integrate_lanes(
            (eqx.combine(arrays, rest), *shared), (size, max_steps)
        )
        called = is_call(*shared)
        out = jax.tree.map(lambda a: jnp.where(called, a, jnp.nan), out)
        result = RESULTS.where(called, jax.vmap(result_of)(code), RESULTS.call_not_allowed)
        # Where one ended is told of a circuit by itself only.
        nan = jnp.asarray(jnp.nan, shared[0].dtype)
        return out, steps, result, jax.vmap(lambda _: Ending(nan, nan, nan))(code)

    def nested(arrays, shared):
        outer, inner = jax.tree.leaves(arrays)[0].shape[:2]
        flat = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), arrays)
        fold = lambda a: a.reshape(outer, inner, *a.shape[1:])
        return jax.tree.map(fold, in_lanes(flat, shared))

    if solver is not None or not isinstance(circuit.is_voltage, bool):
        return one(arrays, (t, rtol, atol))
    in_lanes = _under_vmap(many, nested)
    return _under_vmap(one, in_lanes)(arrays, (t, rtol, atol))


def _under_vmap(one: Callable, many: Callable) -> Callable:
    """`one(arrays, shared)`, which under `vmap` over the arrays alone is `many` of all at once."""
    call = custom_vmap(one)

    @call.def_vmap
    def batched(count: int, moves: Any, arrays: Any, shared: Any):
        if any(jax.tree.leaves(moves[1])):
            axes = jax.tree.map(lambda moved: 0 if moved else None, tuple(moves))
            found = jax.vmap(one, in_axes=axes)(arrays, shared)
        else:
            lead = lambda a, moved: a if moved else jnp.broadcast_to(a, (count, *a.shape))
            found = many(jax.tree.map(lead, arrays, moves[0]), shared)
        return found, jax.tree.map(lambda _: True, found)

    return call


@_columns.def_jvp
def _columns_jvp(primals, tangents):
    """All columns of the derivative in forward mode, then the combination asked for.

    The combination is linear and can be transposed, so that `grad` works as well, at a cost
    that grows with the number of perturbed numbers.
    """
    primal, settings = primals
    tangent, _ = tangents
    moved = jax.tree.map(lambda _: True, tangent)
    moved = jax.tree.map(
        lambda p, v: v is not None, primal, tangent, is_leaf=lambda leaf: leaf is None
    )
    active, rest = eqx.partition(primal, moved)
    flat, unravel = ravel_pytree(active)

    def outputs(vector):
        result = integrate(eqx.combine(unravel(vector), rest), settings, FORWARD)
        return result[0], result

    direction, _ = ravel_pytree(tangent)
    if flat.size > MOST_COLUMNS:
        _, change, result = jax.jvp(outputs, (flat,), (direction,), has_aux=True)
    else:
        jacobian, result = jax.jacfwd(outputs, has_aux=True)(flat)
        change = jax.tree.map(lambda J: J @ direction, jacobian)
    empty = jax.tree.map(lambda _: None, result[1:])
    return result, (change, *empty)
