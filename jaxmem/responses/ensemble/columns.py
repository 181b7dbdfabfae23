"""Blocks of lanes one after the other, and their derivatives in forward mode.

What a lane answers depends on its own numbers alone. All derivatives of a lane, as many columns as
it has perturbed numbers, are carried by the loop that carries its values, whose step control is not
differentiated; a derivative in a direction, forward or reverse, is their combination.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.responses.ensemble.batch import blocks, joined
from jaxmem.responses.ensemble.lane import in_lanes, prepare
from jaxmem.responses.ensemble.march import march
from jaxmem.responses.integration import MOST_COLUMNS


@eqx.filter_jit
def integrate_lanes(primal: Any, settings: tuple[int, int]) -> Any:
    """(u, I, V, x) of all circuits, their accepted steps, and how each ended (its number).

    `primal`: circuits and beginnings (or None), of which every array leads with the batch; then the
    times, rtol and atol. `settings`: lanes of a block, the most steps in a segment.
    """
    return _integrate(primal, settings)


@eqx.filter_custom_jvp
def _integrate(primal, settings):
    arrays, rest = eqx.partition(primal[0], eqx.is_array)
    run = lambda part: _block(eqx.combine(part, rest), primal[1:], settings)
    return _by_blocks(run, arrays, settings)


def _block(own, shared, settings):
    (circuits, begin), (t, rtol, atol) = own, shared
    ready = in_lanes(lambda c, b: prepare(c, t, b, rtol, atol), circuits, begin)
    return march(circuits, t, ready, settings[1])


def _by_blocks(run: Callable, arrays: Any, settings: tuple[int, int]) -> Any:
    """`run` for each block of lanes, with the batch as the first axis of what it returns."""
    count = jax.tree.leaves(arrays)[0].shape[0]
    return joined(jax.lax.map(run, blocks(arrays, settings[0])), count)


@_integrate.def_jvp
def _integrate_jvp(primals, tangents):
    (primal, settings), (tangent, _) = primals, tangents
    none = lambda leaf: leaf is None
    moved = jax.tree.map(lambda _, v: v is not None, primal, tangent, is_leaf=none)
    active, still = eqx.partition(primal, moved)
    leaves, form = jax.tree.flatten(active)
    moves = jax.tree.leaves(tangent)
    whole = lambda some: eqx.combine(jax.tree.unflatten(form, some), still)
    shared = jax.tree.leaves(tangent[1:])
    columns = sum(int(np.prod(leaf.shape[1:])) for leaf in leaves)
    if shared or columns > MOST_COLUMNS:

        def along(some):
            found = _integrate(whole(some), settings)
            return found[0], found

        _, change, found = jax.jvp(along, (leaves,), (moves,), has_aux=True)
    else:
        found, jacobian = _columns(leaves, whole, settings)
        count = leaves[0].shape[0]
        flat = jnp.concatenate([move.reshape(count, -1) for move in moves], axis=1)
        change = jax.tree.map(lambda J: jnp.einsum("bp...,bp->b...", J, flat), jacobian)
    return found, (change, *jax.tree.map(lambda _: None, found[1:]))


def _columns(leaves, whole, settings):
    """What all lanes answer, and its derivatives to the numbers of each, `(B, columns, ...)`."""
    own, *shared = whole(leaves)
    places, static = eqx.partition(own, eqx.is_array)
    arrays, form = jax.tree.flatten(places)
    which = [next(k for k, a in enumerate(arrays) if a is leaf) for leaf in leaves]

    def run(parts):
        moving = [parts[k] for k in which]

        def outputs(moving):
            new = list(parts)
            for k, part in zip(which, moving, strict=True):
                new[k] = part
            block = eqx.combine(jax.tree.unflatten(form, new), static)
            found = _block(block, shared, settings)
            return found[0], found

        push = lambda unit: jax.jvp(outputs, (moving,), (unit,), has_aux=True)
        _, columns, found = jax.vmap(push, out_axes=(None, 0, None))(_units(moving))
        return found, columns

    return _by_blocks(run, arrays, settings)


def _units(parts: list[Any]) -> list[Any]:
    """A column for each number of a lane, that number moved in all lanes."""
    sizes = [int(np.prod(part.shape[:-1])) for part in parts]
    ends, total = np.cumsum(sizes), sum(sizes)
    units = []
    for part, size, end in zip(parts, sizes, ends, strict=True):
        rows = np.zeros((total, size))
        rows[end - size + np.arange(size), np.arange(size)] = 1
        rows = jnp.asarray(rows, part.dtype).reshape(total, *part.shape[:-1], 1)
        units.append(jnp.broadcast_to(rows, (total, *part.shape)))
    return units
