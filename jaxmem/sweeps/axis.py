"""An axis of a sweep: which parameter moves, and over which values."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from jaxmem.lens import Lens, describe, locate, path


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


def positions_of(model: Any, axes: tuple[Axis, ...]) -> tuple[tuple[int, ...], ...]:
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


def coordinates_of(model: Any, axes: tuple[Axis, ...]) -> dict[str, xr.Variable]:
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
