"""The plane of a parameter and of the equilibria of a device, in which curves are followed."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.devices.branch import Scalar
from jaxmem.devices.device import check_device
from jaxmem.fields import is_concrete
from jaxmem.lens import Lens, get, locate, path
from jaxmem.stability.equilibria.folds import drive_at
from jaxmem.stability.equilibria.hopf import MOST, REACH, scan
from jaxmem.stability.equilibria.map import check_drive
from jaxmem.stability.equilibria.plane_curve import Plane


class Events(NamedTuple):
    """Special points of a curve, in its order; arrays `(8,)` padded with NaN.

    `parameter` in its unit, `u` [V], `drive` I [A] or V [V], `omega` [rad/s] (0 where no pair of
    eigenvalues is on the imaginary axis); `found` of them.
    """

    parameter: Float[Array, "8"]
    u: Float[Array, "8"]
    drive: Float[Array, "8"]
    omega: Float[Array, "8"]
    found: Int[Array, ""]


class ParameterPlane(NamedTuple):
    """y = (the equilibrium's place in widths of the steepest window, ln of the parameter's factor).

    `at(y)` is the device with the parameter moved, and the place; `origin` is where it starts, and
    a curve stays within `reach` of 0.
    """

    at: Callable[[Plane], tuple[AbstractDevice, Scalar]]
    origin: Plane
    reach: Plane


def check_curve(
    name: str, device: AbstractDevice, parameter: Lens, factor: float, drive: DriveKind, start: int
) -> None:
    """Refuse what a curve over a parameter cannot begin with."""
    check_device(name, device)
    if name == "hopf_curve":
        check_drive(name, device, drive)
    curve = device.curve
    if curve is not None and device.branches[curve].rates_only:
        raise ValueError(
            f"{name}: branch {curve!r} gives its rates only, and places on its curve of equilibria "
            "shift as the parameter moves; give rest_curve(s), over a parameter of your own, with "
            "rest_range()"
        )
    value = get(parameter, device)
    if is_concrete(value) and not float(value) > 0:
        raise ValueError(
            f"{name}: {path(parameter, device)} is {float(value):g}; it moves by factors, so "
            "give a parameter that is positive"
        )
    if not factor > 1:
        raise ValueError(f"{name}: factor must be above 1, got {factor}")
    if not 0 <= start < MOST:
        raise ValueError(f"{name}: start must be from 0 to {MOST - 1}, got {start}")


def moved_leaves(device: AbstractDevice, parameter: Lens) -> Float[np.ndarray, "k"]:
    """1 for each leaf that a lens moves: data and no structure, so that one program serves all."""
    moved = np.zeros(len(jax.tree.leaves(device)))
    moved[list(locate(parameter, device))] = 1.0
    return moved


def plane_through(
    device: AbstractDevice,
    moved: Float[Array, "k"],
    factor: Scalar,
    places: Float[Array, "8"],
    start: Int[Array, ""],
    u_range: Any,
) -> ParameterPlane:
    """The plane through the place number `start` of those of Hopf points or folds.

    The window of the steepest branch moves with the parameter: one step size then serves all
    devices and parameters.
    """
    leaves, structure = jax.tree.flatten(device)
    inner = device.in_time()
    place = jnp.where(jnp.isfinite(places[start]), places[start], 0.0)
    known = bool(inner.windows()) or u_range is not None or inner.curve is not None
    ends = scan(inner, u_range) if known else _near(places, place)
    found = inner.windows()
    steepest = jnp.argmin(jnp.stack([w for _, w in found])) if found else 0

    def window(device):
        found = device.in_time().windows()
        if not found:
            return ends[0], (ends[-1] - ends[0]) / REACH
        centres, widths = jnp.stack([c for c, _ in found]), jnp.stack([w for _, w in found])
        return centres[steepest], widths[steepest]

    def at(y):
        changed = [leaf * jnp.exp(m * y[1]) for leaf, m in zip(leaves, moved, strict=True)]
        changed = jax.tree.unflatten(structure, changed)
        centre, width = window(changed)
        return changed, centre + width * y[0]

    centre, width = window(device)
    origin = jnp.stack([(place - centre) / width, jnp.zeros(())])
    return ParameterPlane(at, origin, jnp.stack([jnp.full((), 2 * REACH), jnp.log(factor)]))


def _near(places, place):
    """The range of the points and their distance from 0, twice: where no branch says more."""
    far = jnp.max(jnp.where(jnp.isfinite(places), jnp.abs(places - place), jnp.abs(place)))
    return place + 2 * jnp.where(far > 0, far, 1.0) * jnp.array([-1.0, 1.0])


def imposed_at(device: AbstractDevice, place: Scalar, kind: DriveKind) -> tuple[Scalar, Scalar]:
    """u [V] at a place, and the constant drive, I [A] or V [V], under which it is at rest."""
    device = device.in_time()
    return device.equilibrium(place)[0], drive_at(device, place, kind)


def at_points(
    describe: Callable[[Plane], tuple[Array, ...]],
    points: Float[Array, "m 2"],
    there: Bool[Array, "m"],
    origin: Plane,
) -> tuple[Array, ...]:
    """Rows of `describe` at points that are there, NaN at others."""
    rows = jax.vmap(describe)(jnp.where(there[:, None], points, origin))
    return tuple(jnp.where(there, row, jnp.nan) for row in rows)


def rows_of(
    describe: Callable[[Plane], tuple[Array, ...]], points: Float[Array, "k n 2"], origin: Plane
) -> list[tuple[Array, ...]]:
    """Of k kinds of special points (NaN where there is none) the rows of `describe`."""
    flat = points.reshape(-1, 2)
    rows = at_points(describe, flat, jnp.isfinite(flat[:, 0]), origin)
    return list(zip(*(row.reshape(points.shape[:2]) for row in rows), strict=True))


def padded(points: Float[Array, "m 2"], there: Bool[Array, "m"], most: int) -> Float[Array, "n 2"]:
    """The points that are there, the first `most` of them, then NaN."""
    shown = jnp.where(there[:, None], points, jnp.nan)[jnp.argsort(~there, stable=True)][:most]
    return jnp.full((most, 2), jnp.nan).at[: shown.shape[0]].set(shown)
