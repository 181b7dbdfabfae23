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

from jaxmem.responses.integration import MOST_COLUMNS
from jaxmem.responses.lanes.batch import cut_blocks, joined
from jaxmem.responses.lanes.lane import in_lanes, prepare
from jaxmem.responses.lanes.resting import at_rest_in_lanes
from jaxmem.responses.lanes.segments import march

# Circuits side by side. On a CPU more are no faster once their numbers fill the nearest cache, and
# each waits for the slowest of its block; a GPU has nothing to do with few.
LANES = {"cpu": 64, "gpu": 16_384}


def lanes_of(count: int, lanes: int | None = None) -> int:
    """Circuits in a block, of so many; `lanes` if the caller says how many."""
    usual = LANES.get(jax.default_backend(), LANES["gpu"])
    return min(usual if lanes is None else lanes, count)


@eqx.filter_jit
def integrate_lanes(primal: Any, settings: tuple[int, int]) -> Any:
    """(u, I, V, x) of all circuits, their accepted steps, how each ended (its number), and (u, z)
    where it started.

    `primal`: circuits and beginnings (or None), of which every array leads with the batch; then the
    times, rtol and atol. `settings`: lanes of a block, the most steps in a segment.
    """
    return _integrate(primal, settings)


@eqx.filter_custom_jvp
def _integrate(primal, settings):
    return _plain(primal, settings)


def _plain(primal, settings):
    arrays, rest = eqx.partition(primal[0], eqx.is_array)
    run = lambda part: _block(eqx.combine(part, rest), primal[1:], settings)
    return _by_blocks(run, arrays, settings)


def _block(own, shared, settings):
    (circuits, begin), (t, rtol, atol) = own, shared
    begin = at_rest_in_lanes(circuits) if begin is None else begin
    ready = in_lanes(lambda c, b: prepare(c, t, b, rtol, atol), circuits, begin)
    return *march(circuits, t, ready, settings[1]), begin[:2]


def _by_blocks(run: Callable, arrays: Any, settings: tuple[int, int]) -> Any:
    """`run` for each block of lanes, with the batch as the first axis of what it returns."""
    count = jax.tree.leaves(arrays)[0].shape[0]
    return joined(jax.lax.map(run, cut_blocks(arrays, settings[0])), count)


@_integrate.def_jvp
def _integrate_jvp(primals, tangents):
    (primal, settings), (tangent, _) = primals, tangents
    none = lambda leaf: leaf is None
    leaves, form = jax.tree.flatten(primal, is_leaf=none)
    moves = [move for move in form.flatten_up_to(tangent) if move is not None]
    moved = [k for k, move in enumerate(form.flatten_up_to(tangent)) if move is not None]
    moving = [leaves[k] for k in moved]

    def whole(moving):
        new = dict(enumerate(leaves)) | dict(zip(moved, moving, strict=True))
        return jax.tree.unflatten(form, [new[k] for k in range(len(leaves))])

    # Leaves of what has the batch as its first axis come before those that are shared.
    own = len(jax.tree.leaves(primal[0], is_leaf=none))
    columns = sum(int(np.prod(leaf.shape[1:])) for leaf in moving)
    if max(moved) >= own or columns > MOST_COLUMNS:

        def along(moving):
            found = _plain(whole(moving), settings)
            return found[0], found

        _, change, found = jax.jvp(along, (moving,), (moves,), has_aux=True)
    else:
        found, jacobian = _columns(primal, moved, settings)
        count = moving[0].shape[0]
        flat = jnp.concatenate([move.reshape(count, -1) for move in moves], axis=1)
        change = jax.tree.map(lambda J: jnp.einsum("bp...,bp->b...", J, flat), jacobian)
    return found, (change, *jax.tree.map(lambda _: None, found[1:]))


def _columns(primal, moved, settings):
    """What all lanes answer, and its derivatives to the numbers of each, `(B, columns, ...)`.

    `moved`: which leaves of the circuits and beginnings are perturbed.
    """
    own, *shared = primal
    leaves, form = jax.tree.flatten(own, is_leaf=lambda leaf: leaf is None)
    arrays = {k: leaf for k, leaf in enumerate(leaves) if eqx.is_array(leaf)}

    def run(parts):
        moving = [parts[k] for k in moved]

        def outputs(moving):
            new = dict(enumerate(leaves)) | parts | dict(zip(moved, moving, strict=True))
            block = jax.tree.unflatten(form, [new[k] for k in range(len(leaves))])
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
