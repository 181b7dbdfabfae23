"""A function of a model over axes of parameters: maps by the million, kept and resumed."""

import os
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jaxmem.output.reporter import Reporter
from jaxmem.sweeps.axis import Axis, coordinates_of, positions_of
from jaxmem.sweeps.chunks import GROUPS, Program, groups_of, usual_lanes
from jaxmem.sweeps.fingerprint import told
from jaxmem.sweeps.store import SweepStore, Variable, layout_of
from jaxmem.sweeps.tiles import Tiles

# A store has at most about so many tiles: each is a few files.
TILES = 2_000


def sweep(
    fn: Callable[[Any], Any],
    model: Any,
    *axes: Axis,
    where: Callable[[Any], Any] | None = None,
    batch: int | None = None,
    lanes: int | None = None,
    progress: Reporter | None = None,
    store: str | os.PathLike | None = None,
    resume: bool = False,
    shard: tuple[int, int] = (1, 1),
) -> xr.Dataset:
    """`fn(model)` for every combination of the axes' values, on all CPUs or GPUs that JAX uses.

    One program is compiled, for tiles of at most `batch` points, and the same `fn` over as many
    points of as many axes of such a model again takes it as it is, whatever the values. Between
    tiles a sweep can be interrupted. Of what `fn` needs in between, memory holds that of `lanes`
    points a device.

    **Arguments:**

    - `fn`: a pure function of the model; it returns an array, or a tuple, dict, NamedTuple or
      Equinox module of arrays.
    - `model`: a device, a circuit (a drive's value is a parameter like any other), any pytree.
    - `where`: a cheap pure function of the model, evaluated at all points. It returns whether `fn`
      is computed there, or that and further arrays to keep, as a tuple of two. Elsewhere the
      variables of `fn` are NaN, whole numbers 0.
    - `lanes`: how many points run side by side (`vmap`), group after group; by default 256 on a
      CPU and 16,384 on a GPU. Fewer, down to 1, are faster on a CPU where the number of steps
      varies between points (transients, limit cycles): side by side, all wait for the slowest.
    - `batch`: points in a tile, at most; by default 16 groups, or as many as make 64 tiles if that
      is more, up to 64 groups; with a store 16 groups, or as many as make 2,000 tiles if that is
      more. Say fewer where `fn` is slow: progress is told, and Ctrl-C heard, between tiles.
    - `progress`: hears of the points done and their total, after each tile.
    - `store`: a folder (zarr) to which each tile goes as soon as it is computed. Memory then holds
      one tile, and the Dataset that is returned reads from the folder what is used of it.
    - `resume`: go on with what the store holds of the same sweep: what is whole is not computed
      again, and the result is that of an undisturbed sweep bit for bit on the same kind of machine.
    - `shard`: `(k, n)`, the k-th of n parts (k from 1), for n processes that fill one store
      together; the first to come makes it. They do not talk to each other.

    **Returns:** a Dataset whose variables are the fields of what `fn` returns (`value` for one
    array, `value_0`, ... for a tuple), over the axes and then over `dim_0`, ... of their own
    (`<variable>_dim_0` where their sizes differ). The coordinates carry `units` and `long_name`.
    From a store, its `attrs` say how many `tiles_done` there are of how many `tiles`.

    **Raises:** `ValueError` for axes that fit neither the model nor each other, for a `fn` that
    returns something else than arrays, and for a store that holds another sweep, or one at all
    where `resume` is not said.
    """
    positions, coordinates = positions_of(model, axes), coordinates_of(model, axes)
    shape = tuple(c.size for c in coordinates.values())
    total = int(np.prod(shape))
    layout = layout_of(store) if store is not None and (resume or shard[1] > 1) else None
    if store is not None and batch is None:
        # What is lost if it is killed is a tile for each process.
        batch = max(-(-total // TILES), GROUPS * usual_lanes(lanes))
    if layout is not None:
        tiles = Tiles(shape, layout.tile if len(layout.tile) == len(shape) else shape)
        lanes = lanes or layout.lanes
    else:
        most = groups_of(total, lanes, batch)
        tiles = Tiles.of(shape, most[0] * most[1])
    lanes, groups = groups_of(total, lanes, int(np.prod(tiles.size)))
    program = Program(fn, model, positions, lanes, groups)
    chooser = where and program._replace(fn=where)
    variables = _variables(program, chooser, coordinates)
    work = _Work(program, chooser, list(coordinates.values()), tiles, variables)
    mine = list(range(tiles.number))[_part(shard) :: shard[1]]
    if store is None:
        if shard != (1, 1):
            raise ValueError("sweep: a part of a sweep is kept in a store; give store=")
        data = {n: np.empty((*shape, *v.shape), v.dtype) for n, v in variables.items()}
        for tile, values in work.through(mine, progress, total, 0):
            place = tiles.place(tile)
            for name, value in values.items():
                data[name][place] = value.reshape(data[name][place].shape)
        dims = {n: (*coordinates, *v.dims) for n, v in variables.items()}
        return xr.Dataset({n: (dims[n], data[n]) for n in variables}, coordinates)
    about = {"function": told(fn), "where": told(where), "lanes": lanes, "model": told(model)}
    kept = SweepStore.open(
        store, tiles, coordinates, variables, about, resume=resume or shard[1] > 1
    )
    done = kept.done()
    left = [tile for tile in mine if not done[tile]]
    size = lambda tile: tiles.points(tile)[0].size
    before = sum(size(tile) for tile in mine if done[tile])
    if progress is not None and before:
        progress.step("sweeping", before, before + sum(map(size, left)))
    for tile, values in work.through(left, progress, before + sum(map(size, left)), before):
        kept.put(tile, values)
    return kept.dataset()


class _Work(NamedTuple):
    """What is computed of each tile: `fn`, and before it `where`, if there is one."""

    program: Program
    where: Program | None
    axes: list[xr.Variable]
    tiles: Tiles
    variables: dict[str, Variable]

    def through(self, tiles: Iterable[int], progress: Reporter | None, total: int, done: int):
        """Each tile with its arrays by name, of shape `(points, ...)`."""
        for tile in tiles:
            at = self.tiles.points(tile)
            leaves = self.program(self._rows(at)) if self.where is None else self._chosen(at)
            yield tile, dict(zip(self.variables, leaves, strict=True))
            done += at[0].size
            if progress is not None:
                progress.step("sweeping", done, total)

    def _chosen(self, at) -> list[np.ndarray]:
        """`where` at all points, and `fn` at those that it chooses."""
        assert self.where is not None
        chosen, *more = self.where(self._rows(at))
        rest = list(self.variables.values())[len(more) :]
        leaves = [np.full((chosen.size, *v.shape), v.absent, v.dtype) for v in rest]
        if chosen.any():
            found = self.program(self._rows([index[chosen] for index in at]))
            for whole, part in zip(leaves, found, strict=True):
                whole[chosen] = part
        return [*more, *leaves]

    def _rows(self, at) -> tuple[np.ndarray, ...]:
        return tuple(axis.values[k] for axis, k in zip(self.axes, at, strict=True))


def _variables(program: Program, where: Program | None, coordinates) -> dict[str, Variable]:
    """Names, dimensions and types of all that comes out, in the order of the leaves."""
    row = tuple(jnp.asarray(c.values[0], jnp.result_type(float)) for c in coordinates.values())
    result = program.shapes(row)
    more = None if where is None else _more(where.shapes(row))
    leaves = [*_named(more, coordinates, "more"), *_named(result, coordinates, "value")]
    names = [name for name, _ in leaves]
    if not jax.tree.leaves(result):
        raise ValueError("sweep: the function returns nothing; return at least one array")
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"sweep: fn and where both return {', '.join(sorted(twice))}")
    own = _own_dimensions(names, [leaf for _, leaf in leaves])
    return {
        name: Variable(tuple(dims), tuple(leaf.shape), np.dtype(leaf.dtype))
        for (name, leaf), dims in zip(leaves, own, strict=True)
    }


def _more(result: Any) -> Any:
    """What `where` gives to keep, besides whether to compute."""
    chosen, more = result if type(result) is tuple and len(result) == 2 else (result, None)
    if not isinstance(chosen, jax.ShapeDtypeStruct) or chosen.dtype != bool or chosen.shape:
        raise ValueError(
            "sweep: where returns one bool, or a tuple of that and further arrays; got "
            f"{getattr(chosen, 'dtype', type(chosen).__name__)} of shape "
            f"{getattr(chosen, 'shape', '?')}"
        )
    return more


def _named(result, coordinates, alone: str) -> list[tuple[str, Any]]:
    """The leaves of what a function returns, with their names."""
    found = []
    for keys, leaf in jax.tree_util.tree_flatten_with_path(result)[0]:
        # A result (`jaxmem.RESULTS`) is its number here, under its own name.
        name = jax.tree_util.keystr(keys, simple=True, separator=".").removesuffix("._value")
        if not isinstance(leaf, jax.ShapeDtypeStruct):
            raise ValueError(
                f"sweep: the function returns a {type(leaf).__name__} {name}; return arrays only"
            )
        name = name if not name[:1].isdigit() else f"{alone}_{name}"
        found.append((name or alone, leaf))
    if clash := {name for name, _ in found} & coordinates.keys():
        raise ValueError(
            f"sweep: {', '.join(sorted(clash))} is both an axis and a result; "
            "give the axis another name="
        )
    return found


def _own_dimensions(names, values) -> list[list[str]]:
    """Names of the dimensions behind the axes: shared, so that variables of one size combine."""
    most = max(len(v.shape) for v in values)
    sizes = [{v.shape[k] for v in values if len(v.shape) > k} for k in range(most)]
    label = lambda name, k: f"dim_{k}" if len(sizes[k]) == 1 else f"{name}_dim_{k}"
    return [[label(n, k) for k in range(len(v.shape))] for n, v in zip(names, values, strict=True)]


def _part(shard) -> int:
    """Which of n parts, from 0 on."""
    k, n = shard
    if not 1 <= k <= n:
        raise ValueError(f"sweep: shard is (k, n) with k from 1 to n, got {shard}")
    return k - 1
