"""The space in which a fit searches: which parameters are free, and in what coordinate."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike, Float

from jaxmem.lens import Lens, describe, locate, path, put_leaves


class Free(eqx.Module):
    """A free parameter: `Free(lambda d: d.tau_d)`.

    **Arguments:**

    - `lens`: points at it; a lens that returns a tuple ties several to one value.
    - `log`: search in the logarithm of the magnitude, keeping the sign that the model has.
      Default: as the field declares, in the logarithm if it is positive.
    - `low`, `high`: bounds on the value, in its unit; default those of the field, or none.
    - `name`: default the path, `"extra.surface.R_1"`.
    """

    lens: Lens = eqx.field(static=True)
    log: bool | None = eqx.field(static=True, default=None, kw_only=True)
    low: float | None = eqx.field(static=True, default=None, kw_only=True)
    high: float | None = eqx.field(static=True, default=None, kw_only=True)
    name: str | None = eqx.field(static=True, default=None, kw_only=True)


class Coordinates(NamedTuple):
    """A space resolved against a model. Hashable, so that compiled programs are kept by it.

    The search vector z holds ln|p| where `log`, and p elsewhere. `spans`: from end to end of what
    the field allows, whatever the bounds of this space; infinite for most.
    """

    names: tuple[str, ...]
    paths: tuple[str, ...]
    units: tuple[str, ...]
    meanings: tuple[str, ...]
    log: tuple[bool, ...]
    signs: tuple[float, ...]
    positions: tuple[tuple[int, ...], ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    spans: tuple[float, ...]

    def to_values(self, z):
        """Search vectors to values in their units; the last axis is the parameter."""
        z = np.asarray(z, dtype=float)
        with np.errstate(over="ignore"):
            return np.where(self.log, np.asarray(self.signs) * np.exp(z), z)

    def to_search(self, values) -> np.ndarray:
        """Values to the search vector."""
        values = np.asarray(values, dtype=float)
        log = np.asarray(self.log)
        with np.errstate(divide="ignore"):
            return np.where(log, np.log(np.where(log, np.abs(values), 1.0)), values)

    def unpack(self, z, model):
        """The model at a search vector, or at a sequence of its components."""
        values = [
            sign * jnp.exp(z[k]) if log else z[k]
            for k, (log, sign) in enumerate(zip(self.log, self.signs, strict=True))
        ]
        return put_leaves(model, list(zip(self.positions, values, strict=True)))

    def pack(self, model) -> np.ndarray:
        """The search vector at which the model stands."""
        leaves = jax.tree.leaves(model)
        return self.to_search([float(leaves[p[0]]) for p in self.positions])


class Space(eqx.Module):
    """The free parameters of a fit; what is not in it stays fixed.

        Space(Free(lambda d: d.R_b), Free(lambda d: d.branches["slow"].g, log=False))

    The model may be a tuple of devices: `lambda m: m[0].R_b` is then a parameter of the first
    one, and `lambda m: tuple(d.tau_d for d in m)` one that all share.
    """

    frees: tuple[Free, ...] = eqx.field(static=True)

    def __init__(self, *frees: Free | Lens):
        self.frees = tuple(f if isinstance(f, Free) else Free(f) for f in frees)

    def __len__(self) -> int:
        return len(self.frees)

    def __add__(self, other: "Space") -> "Space":
        return Space(*self.frees, *other.frees)

    def resolve(self, model: Any) -> Coordinates:
        """Names, units, bounds and leaf positions for a model.

        **Raises:** `ValueError` if a lens does not fit the model, a parameter is named twice or
        lies outside its bounds, or a logarithm is asked of zero.
        """
        if not self.frees:
            raise ValueError("Space: nothing is free; give at least one Free(lens)")
        leaves = jax.tree.leaves(model)
        rows, seen = [], {}
        for free in self.frees:
            positions, meta = locate(free.lens, model), describe(free.lens, model)
            name = free.name or path(free.lens, model)
            for k in positions:
                if k in seen:
                    raise ValueError(f"Space: {name} and {seen[k]} are one parameter")
                seen[k] = name
            value = float(leaves[positions[0]])
            log = meta["positive"] if free.log is None else free.log
            low, high = meta.get("bounds", (-math.inf, math.inf))
            low = low if free.low is None else free.low
            high = high if free.high is None else free.high
            if meta["positive"] and not log:
                low = max(low, 0.0)
            if not low <= value <= high:
                raise ValueError(
                    f"Space: {name} = {value:g} {meta['unit']} lies outside its bounds "
                    f"[{low:g}, {high:g}]"
                )
            if log and not (value != 0 and math.isfinite(value)):
                raise ValueError(
                    f"Space: {name} = {value:g} has no logarithm; start it elsewhere, fix it, "
                    "or search it with log=False"
                )
            sign = -1.0 if value < 0 else 1.0
            if log:
                low, high = (low, high) if sign > 0 else (-high, -low)
                low = math.log(low) if low > 0 else -math.inf
                high = math.log(high) if high < math.inf else math.inf
            where = path(free.lens, model)
            own = meta.get("bounds", (-math.inf, math.inf))
            row = (name, where, meta["unit"], meta["meaning"], log, sign, positions, low, high,
                   own[1] - own[0])  # fmt: skip
            rows.append(row)
        names = [row[0] for row in rows]
        if len(set(names)) < len(names):
            raise ValueError(f"Space: two parameters have one name in {names}; give name=")
        return Coordinates(*(tuple(column) for column in zip(*rows, strict=True)))

    def names(self, model: Any) -> tuple[str, ...]:
        """Names of the parameters in a model."""
        return self.resolve(model).names

    def units(self, model: Any) -> tuple[str, ...]:
        """Their SI units."""
        return self.resolve(model).units

    def bounds(self, model: Any) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds in search coordinates, infinite where there are none."""
        c = self.resolve(model)
        return np.asarray(c.low), np.asarray(c.high)

    def pack(self, model: Any) -> np.ndarray:
        """The search vector at which the model stands: ln|p| or p, shape `(parameters,)`."""
        return self.resolve(model).pack(model)

    def unpack(self, vector: Float[ArrayLike, "parameters"], model: Any) -> Any:
        """The model at a search vector."""
        return self.resolve(model).unpack(jnp.asarray(vector), model)


Box = Mapping[str, tuple[float, float]]


class MultiStart(eqx.Module):
    """`n` starts drawn from a box, seeded; the model's own values are the first one.

    **Arguments:**

    - `n`: how many starts.
    - `box`: name to `(low, high)` in the parameter's unit; drawn uniformly in the search
      coordinate, so log-uniformly for a positive parameter. What it does not name is drawn
      within `decades` to each side of the model's value (a signed one, within its magnitude).
    - `extra`: search vectors to start from besides, shape `(k, parameters)`.
    - `own`: whether the model's own values are a start.
    """

    n: int = eqx.field(static=True, default=24)
    box: Box | None = None
    decades: float = eqx.field(static=True, default=2.0)
    extra: Sequence[Any] | np.ndarray = ()
    own: bool = eqx.field(static=True, default=True)

    def __check_init__(self):
        if self.n < 0 or (self.n == 0 and not self.own and not len(self.extra)):
            raise ValueError(f"MultiStart: need at least one start, got n = {self.n}")

    def ranges(self, coordinates: Coordinates, model: Any) -> tuple[np.ndarray, np.ndarray]:
        """The box in search coordinates, within the bounds."""
        here = coordinates.pack(model)
        reach = np.where(coordinates.log, self.decades * math.log(10), np.maximum(abs(here), 1e-3))
        low, high = here - reach, here + reach
        unknown = set(self.box or {}) - set(coordinates.names)
        if unknown:
            raise ValueError(
                f"MultiStart: box names {sorted(unknown)}, not among {list(coordinates.names)}"
            )
        for k, name in enumerate(coordinates.names):
            if self.box and name in self.box:
                ends = np.asarray(self.box[name], dtype=float)
                if coordinates.log[k]:
                    ends = np.sort(np.abs(ends))
                    if not ends[0] > 0:
                        raise ValueError(f"MultiStart: the box of {name} must not contain 0")
                    ends = np.log(ends)
                low[k], high[k] = ends
        return np.clip(low, coordinates.low, coordinates.high), np.clip(
            high, coordinates.low, coordinates.high
        )

    def draw(self, coordinates: Coordinates, model: Any, seed: int) -> np.ndarray:
        """Search vectors to start from, shape `(starts, parameters)`."""
        low, high = self.ranges(coordinates, model)
        rows = [np.asarray(row, dtype=float) for row in self.extra]
        for row in rows:
            if row.shape != low.shape or not np.isfinite(row).all():
                raise ValueError(
                    f"MultiStart: an extra start must be {low.size} finite numbers, got {row}"
                )
        if self.own:
            rows.append(coordinates.pack(model))
        random = np.random.default_rng(seed).uniform(size=(self.n, low.size))
        rows.extend(low + random * (high - low))
        return np.clip(np.stack(rows), coordinates.low, coordinates.high)
