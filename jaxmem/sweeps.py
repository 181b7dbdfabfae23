"""A function of a model over axes of parameters: maps by the million, in chunks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jaxmem.lens import Lens, describe, locate, path, put_leaves
from jaxmem.output.reporter import Reporter

# Points side by side, and how many such groups make a chunk. A CPU is fastest while what a group
# needs in between stays in its cache; a GPU wants many. Handing a chunk to the device costs half
# a millisecond, hence several groups in each. Loops that end at different times want fewer lanes:
# on 2 cores 256 transients of 239 to 1,991 steps took 0.31, 0.12, 0.21 s with lanes = 1, 16, 256,
# and as many calls of `hopf_points` 0.13, 0.18, 0.38 s.
LANES, GROUPS = {"cpu": 256, "gpu": 16_384}, 16


@dataclass(frozen=True)
class Axis:
    """An axis of a sweep: a lens to a parameter, tied leaves allowed, and its values, shape `(n,)`.

    `name` is the coordinate's; by default the lens' path, `"extra.surface.R_1"`.
    """

    lens: Lens
    values: Any
    name: str | None = None

    @classmethod
    def linear(cls, lens: Lens, low: float, high: float, n: int, name: str | None = None) -> "Axis":
        """n values from low to high, evenly spaced."""
        return cls(lens, np.linspace(low, high, n), name)

    @classmethod
    def log(cls, lens: Lens, low: float, high: float, n: int, name: str | None = None) -> "Axis":
        """n values from low to high in even ratios.

        **Raises:** `ValueError` unless both ends are positive.
        """
        if not (low > 0 and high > 0):
            raise ValueError(f"Axis.log: both ends must be positive, got {low:g} and {high:g}")
        return cls(lens, np.geomspace(low, high, n), name)


def sweep(
    fn: Callable[[Any], Any],
    model: Any,
    *axes: Axis,
    batch: int | None = None,
    lanes: int | None = None,
    progress: Reporter | None = None,
) -> xr.Dataset:
    """`fn(model)` for every combination of the axes' values, on the CPU or GPU that JAX uses.

    One program is compiled, for chunks of `batch` points, and the same `fn` over as many points
    of as many axes of such a model again takes it as it is, whatever the values. Between chunks a
    sweep can be interrupted. Of what `fn` needs in between, memory holds that of `lanes` points.

    **Arguments:**

    - `fn`: a pure function of the model; it returns an array, or a tuple, dict, NamedTuple or
      Equinox module of arrays.
    - `model`: a device, a circuit (a drive's value is a parameter like any other), any pytree.
    - `lanes`: how many points run side by side (`vmap`), group after group; by default 256 on a
      CPU and 16,384 on a GPU. Fewer, down to 1, are faster on a CPU where the number of steps
      varies between points (transients, limit cycles): side by side, all wait for the slowest.
    - `batch`: points in a chunk, rounded up to whole groups; by default 16 groups.
    - `progress`: hears of the points done and their total, after each chunk.

    **Returns:** a Dataset whose variables are the fields of what `fn` returns (`value` for one
    array, `value_0`, ... for a tuple), over the axes and then over `dim_0`, ... of their own
    (`<variable>_dim_0` where their sizes differ). The coordinates carry `units` and `long_name`.

    **Raises:** `ValueError` for axes that fit neither the model nor each other, and for a `fn`
    that returns something else than arrays.
    """
    positions, coordinates = _positions(model, axes), _coordinates(model, axes)
    shape = tuple(c.size for c in coordinates.values())
    total = int(np.prod(shape))
    lanes, groups = _groups(total, lanes, batch)
    batch = lanes * groups

    def rows(points):
        at = zip(coordinates.values(), np.unravel_index(points, shape), strict=True)
        return tuple(jnp.asarray(c.values[k], dtype=jnp.result_type(float)) for c, k in at)

    # With all else known, so that what `fn` checks of its arguments is checked here.
    result = eqx.filter_eval_shape(lambda row: fn(_put(model, positions, row)), rows(0))
    names = _names(result, coordinates)
    out = [np.empty((total, *leaf.shape), leaf.dtype) for leaf in jax.tree.leaves(result)]
    for start in range(0, total, batch):
        stop = min(start + batch, total)
        # The last chunk is filled up with the last point, so that one program serves all.
        points = np.minimum(np.arange(start, start + batch), total - 1)
        found = jax.device_get(_chunk(fn, model, positions, rows(points), lanes))
        for whole, part in zip(out, jax.tree.leaves(found), strict=True):
            whole[start:stop] = part[: stop - start]
        if progress is not None:
            progress.step("sweeping", stop, total)
    own = _own_dimensions(names, out)
    variables = {
        name: ((*coordinates, *dims), values.reshape(*shape, *values.shape[1:]))
        for name, values, dims in zip(names, out, own, strict=True)
    }
    return xr.Dataset(variables, coordinates)


@eqx.filter_jit
def _chunk(fn, model, positions, rows, lanes):
    one = lambda row: fn(_put(model, positions, row))
    if lanes == rows[0].shape[0]:
        return jax.vmap(one)(rows)
    # Not in groups of one: those would still be batched, and every branch of a `cond` computed.
    return jax.lax.map(one, rows, batch_size=None if lanes == 1 else lanes)


def _put(model, positions, row):
    return put_leaves(model, list(zip(positions, row, strict=True)))


def _positions(model, axes) -> tuple[tuple[int, ...], ...]:
    """The leaves of each axis."""
    if not axes:
        raise ValueError("sweep: no axes; give at least one Axis(lens, values)")
    for axis in axes:
        if not isinstance(axis, Axis):
            raise ValueError(f"sweep: wants Axis(lens, values), got a {type(axis).__name__}")
    positions = tuple(locate(axis.lens, model) for axis in axes)
    taken = [k for leaves in positions for k in leaves]
    if len(set(taken)) < len(taken):
        paths = ", ".join(path(axis.lens, model) for axis in axes)
        raise ValueError(f"sweep: two axes move the same parameter: {paths}; give it one axis")
    return positions


def _coordinates(model, axes) -> dict[str, xr.Variable]:
    """The axes' values by name, with the units and meanings that the fields declare."""
    found = {}
    for axis in axes:
        name, field = axis.name or path(axis.lens, model), describe(axis.lens, model)
        values = np.asarray(axis.values, dtype=float)
        if values.ndim != 1 or values.size == 0:
            raise ValueError(
                f"sweep: the values of {name} must be a list of numbers, got shape {values.shape}"
            )
        least, what = -np.inf, "finite"
        if field["positive"]:
            least, what = 0.0, "non-negative" if field.get("zero_allowed") else "positive"
        fine = np.isfinite(values) & ((values > least) | (what == "non-negative") & (values == 0))
        if not fine.all():
            raise ValueError(
                f"sweep: {name} ({field['meaning']}) must be {what}, got {values[~fine][0]:g} "
                f"{field['unit']}; leave it out"
            )
        if name in found:
            raise ValueError(f"sweep: two axes have the name {name}; give one another name=")
        found[name] = xr.Variable(name, values, _attributes(field))
    return found


def _attributes(field) -> dict[str, str]:
    return {"units": field["unit"], "long_name": field["meaning"]}


def _names(result, coordinates) -> list[str]:
    """Names of the variables, in the order of the leaves of what the function returns."""
    found = []
    for keys, leaf in jax.tree_util.tree_flatten_with_path(result)[0]:
        # A result (`jaxmem.RESULTS`) is its number here, under its own name.
        name = jax.tree_util.keystr(keys, simple=True, separator=".").removesuffix("._value")
        if not isinstance(leaf, jax.ShapeDtypeStruct):
            raise ValueError(
                f"sweep: the function returns a {type(leaf).__name__} {name}; return arrays only"
            )
        name = name if not name[:1].isdigit() else f"value_{name}"
        found.append(name or "value")
    if not found:
        raise ValueError("sweep: the function returns nothing; return at least one array")
    if clash := set(found) & coordinates.keys():
        raise ValueError(
            f"sweep: {', '.join(sorted(clash))} is both an axis and a result; "
            "give the axis another name="
        )
    return found


def _own_dimensions(names, values) -> list[list[str]]:
    """Names of the dimensions behind the axes: shared, so that variables of one size combine."""
    sizes = [{v.shape[k] for v in values if v.ndim > k} for k in range(max(v.ndim for v in values))]
    label = lambda name, k: f"dim_{k - 1}" if len(sizes[k]) == 1 else f"{name}_dim_{k - 1}"
    return [[label(n, k) for k in range(1, v.ndim)] for n, v in zip(names, values, strict=True)]


def _groups(total, lanes, batch) -> tuple[int, int]:
    """Points side by side and groups of them in a chunk, with little to fill up at the end."""
    for name, value in (("lanes", lanes), ("batch", batch)):
        if value is not None and value < 1:
            raise ValueError(f"sweep: {name} must be at least 1, got {value}")
    lanes = lanes or LANES.get(jax.default_backend(), LANES["gpu"])
    batch = min(batch or GROUPS * lanes, total)
    groups = -(-batch // lanes)
    return -(-batch // groups), groups
