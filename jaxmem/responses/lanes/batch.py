"""A batch of circuits: how many they are, and in which blocks they are integrated."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from jaxmem.circuits.circuit import Circuit


def spread(circuits: Circuit) -> tuple[Circuit, int]:
    """The batch with its number of circuits as the first axis of every array, and that number.

    A module (a device, a branch, a waveform) of which a number is single is shared by all circuits:
    the drive of `Circuit(si_device(R_b=many), CurrentDrive(Step(3e-4)))`.

    **Raises:** `ValueError` for one circuit, and for parts of different numbers.
    """
    owners, leaves = _owners(circuits)
    single = {owner for owner, leaf in zip(owners, leaves, strict=True) if np.ndim(leaf) == 0}
    own = [owner not in single for owner in owners]
    counts = {
        leaf.shape[0]: owner for owner, leaf, mine in zip(owners, leaves, own, strict=True) if mine
    }
    if not counts:
        raise ValueError(
            "solve_ensemble: wants a batch of circuits, each number with their number as its first "
            "axis (`jax.vmap(make)(parameters)`, `jaxmem.stack(circuits)`); one circuit: `solve`"
        )
    if len(counts) > 1:
        said = ", ".join(f"{count} in circuits{owner}" for count, owner in counts.items())
        raise ValueError(f"solve_ensemble: its parts are batches of different lengths: {said}")
    (count,) = counts
    full = [
        leaf if mine else jnp.broadcast_to(leaf, (count, *leaf.shape))
        for leaf, mine in zip(leaves, own, strict=True)
    ]
    arrays, rest = eqx.partition(circuits, eqx.is_array)
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(arrays), full), rest), count


def _owners(circuits) -> tuple[list[str], list[Any]]:
    """Each array, and the path of the module that holds it."""
    arrays = eqx.filter(circuits, eqx.is_array)
    found = jax.tree_util.tree_flatten_with_path(arrays)[0]
    return [jax.tree_util.keystr(path[:-1]) for path, _ in found], [leaf for _, leaf in found]


def cut_blocks(batch: PyTree, lanes: int) -> PyTree:
    """Arrays (B, ...) as (blocks, ..., lanes); the last block is filled up with the last one."""

    def cut(a):
        count = a.shape[0]
        room = -(-count // lanes) * lanes
        filled = jnp.concatenate([a, jnp.broadcast_to(a[-1:], (room - count, *a.shape[1:]))])
        return jnp.moveaxis(filled.reshape(-1, lanes, *a.shape[1:]), 1, -1)

    return jax.tree.map(lambda a: cut(a) if eqx.is_array(a) else a, batch)


def joined(found: PyTree, count: int) -> PyTree:
    """Arrays (blocks, ..., lanes) as (B, ...)."""

    def join(a):
        a = jnp.moveaxis(a, -1, 1)
        return a.reshape(-1, *a.shape[2:])[:count]

    return jax.tree.map(join, found)
