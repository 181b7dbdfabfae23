"""The compiled program of a sweep: many points side by side, group after group, on all devices."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from jaxmem.lens import put_leaves
from jaxmem.programs import program

# Points side by side, and how many such groups make a chunk. A CPU is fastest while what a group
# needs in between stays in its cache; a GPU wants many. Handing a chunk to the device costs half
# a millisecond, hence several groups in each. Loops that end at different times want fewer lanes:
# on 2 cores 256 transients of 239 to 1,991 steps took 0.31, 0.12, 0.21 s with lanes = 1, 16, 256,
# and as many calls of `hopf_points` 0.13, 0.18, 0.38 s.
LANES, GROUPS = {"cpu": 256, "gpu": 16_384}, 16
# One by one, as slow functions are computed, a call takes up to so many rows of each device. How
# many there are is not compiled in, so that one program serves maps of any size.
ROWS = 64
# Of very many points that are kept nowhere a chunk takes more groups, so that there are about so
# many chunks: between them progress is told and a sweep can be interrupted.
CHUNKS, MOST_GROUPS = 64, 64


class Program(NamedTuple):
    """`fn` of a model over rows of values of some of its leaves, in calls of one size.

    - `positions`: which leaves of the model the numbers of a row go to.
    - `lanes`: how many rows run side by side; `groups`: how many such groups a call has.
    """

    fn: Callable[[Any], Any]
    model: Any
    positions: tuple[tuple[int, ...], ...]
    lanes: int
    groups: int

    def shapes(self, row: tuple[Any, ...]) -> Any:
        """What `fn` returns for one row, as shapes and types.

        All but the row is known, so that what `fn` checks of its arguments is checked here.
        """
        return eqx.filter_eval_shape(
            lambda row: self.fn(_put(self.model, self.positions, row)), row
        )

    def __call__(self, rows: tuple[np.ndarray, ...]) -> list[np.ndarray]:
        """The leaves of what `fn` returns for each row, each of shape `(rows, ...)`."""
        total, devices = rows[0].size, len(jax.local_devices())
        compiled = _chunk if self.lanes > 1 else _slow_chunk
        found, start = [], 0
        while start < total:
            # Few rows are not filled up to a whole call, but to a group for each device.
            groups = -(-self.groups // devices) if total - start > self.lanes * devices else 1
            room = self.lanes * groups if self.lanes > 1 else ROWS
            part = [row[start : start + room * devices] for row in rows]
            # Shared out evenly; places that are left get the first row.
            share = -(-part[0].size // devices)
            place = np.arange(part[0].size) // share * room + np.arange(part[0].size) % share
            counts = np.clip(part[0].size - share * np.arange(devices), 0, share)
            given = tuple(_placed(row, place, room * devices) for row in part)
            out = jax.device_get(
                compiled(self.fn, self.model, self.positions, given, counts, self.lanes, devices)
            )
            found.append([leaf[place] for leaf in jax.tree.leaves(out)])
            start += part[0].size
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def _placed(row: np.ndarray, place: np.ndarray, size: int) -> jax.Array:
    """The values of a row at their places, and its first one at all others."""
    whole = np.full(size, row[0], float)
    whole[place] = row
    return jnp.asarray(whole, jnp.result_type(float))


def groups_of(total: int, lanes: int | None, batch: int | None) -> tuple[int, int]:
    """Points side by side and groups of them in a call, with little to fill up at the end.

    **Raises:** `ValueError` for less than one of either.
    """
    for name, value in (("lanes", lanes), ("batch", batch)):
        if value is not None and value < 1:
            raise ValueError(f"sweep: {name} must be at least 1, got {value}")
    lanes = usual_lanes(lanes)
    usual = min(max(-(-total // CHUNKS), GROUPS * lanes), MOST_GROUPS * lanes)
    batch = min(batch or usual, total)
    groups = -(-batch // lanes)
    return -(-batch // groups), groups


def usual_lanes(lanes: int | None) -> int:
    """Points side by side, if a caller does not say how many."""
    return lanes or LANES.get(jax.default_backend(), LANES["gpu"])


def _each_device(fn, model, positions, rows, counts, lanes, devices):
    if devices == 1:
        return _computed(fn, model, positions, rows, counts, lanes)
    arrays, rest = eqx.partition(model, eqx.is_array)

    def each(arrays, rows, counts):
        return _computed(fn, eqx.combine(arrays, rest), positions, rows, counts, lanes)

    mesh = Mesh(np.array(jax.local_devices()), ("devices",))
    share, all_of_it = PartitionSpec("devices"), PartitionSpec()
    # The devices do not talk to each other: there is nothing to check between them.
    return jax.shard_map(
        each, mesh=mesh, in_specs=(all_of_it, share, share), out_specs=share, check_vma=False
    )(arrays, rows, counts)


# What is slow enough to be computed one by one is large, and is compiled in less time.
_chunk, _slow_chunk = eqx.filter_jit(_each_device), program(_each_device)


def _computed(fn, model, positions, rows, counts, lanes):
    """The rows of one device: all side by side, group after group, or the first `counts[0]` one
    by one."""
    one = lambda row: fn(_put(model, positions, row))
    if lanes > 1:
        whole = lanes == rows[0].size
        return jax.vmap(one)(rows) if whole else jax.lax.map(one, rows, batch_size=lanes)
    # Not in groups of one: those would still be batched, and every branch of a `cond` computed.
    at = lambda k: one(tuple(row[k] for row in rows))
    place = lambda leaf: jnp.zeros((rows[0].size, *leaf.shape), leaf.dtype)
    step = lambda k, found: jax.tree.map(lambda all, new: all.at[k].set(new), found, at(k))
    return jax.lax.fori_loop(0, counts[0], step, jax.tree.map(place, jax.eval_shape(at, 0)))


def _put(model, positions, row):
    return put_leaves(model, list(zip(positions, row, strict=True)))
