"""Stable rest: the pieces of the curve of equilibria on which a device stays where it is."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Real

from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.programs import program
from jaxmem.stability.equilibria.folds import FoldPoints, drive_at
from jaxmem.stability.equilibria.hopf import HopfPoints, scan
from jaxmem.stability.equilibria.polynomial import unstable_count

# The end of where is looked may be 1e30 V: beyond the last point so many samples are gone.
BEYOND = 12


class StableRests(NamedTuple):
    """Pieces of the curve of equilibria between its Hopf points and folds, in the order of u.

    The drive rises along each piece that is `stable`, from `low` to `high`, [A] or [V]; the first
    and the last one go on for ever. `end`: which point ends it, a Hopf point of this index, or a
    fold of this index + 8; -1 where nothing does.
    """

    low: Float[Array, "m"]
    high: Float[Array, "m"]
    stable: Bool[Array, "m"]
    end: Int[Array, "m"]

    def at(self, drive: Real[Array, "..."]) -> Bool[Array, "..."]:
        """Whether an equilibrium is stable at a drive."""
        inside = lambda p: jnp.any(self.stable & (self.low <= p) & (p < self.high))
        return jnp.vectorize(inside)(jnp.asarray(drive))


@program
def stable_rests(
    device: AbstractDevice,
    kind: DriveKind,
    hopf: HopfPoints,
    folds: FoldPoints,
    u_range: tuple[float, float] | None,
) -> StableRests:
    """Between two of its Hopf points and folds the stability of an equilibrium does not change."""
    device = jax.lax.stop_gradient(device.in_time())
    grid = scan(device, u_range)
    u = jnp.concatenate([hopf.place, folds.place])
    u = jax.lax.stop_gradient(jnp.where(jnp.isfinite(u), u, grid[-1]))
    order = jnp.argsort(u)
    edges = jnp.concatenate([grid[:1], u[order], grid[-1:]])
    middle = jax.vmap(lambda low, high: _inside(grid, low, high))(edges[:-1], edges[1:])
    there = edges[1:] > edges[:-1]
    # As a loop: side by side the programs of many lanes take longer to compile.
    calm = jax.lax.map(lambda u: unstable_count(device, u, kind) == 0, middle)
    drive = jax.vmap(lambda u: drive_at(device, u, kind))(edges)
    last = edges[1:] >= grid[-1]
    low = drive[:-1].at[0].set(-jnp.inf)
    high = jnp.where(last, jnp.inf, drive[1:])
    end = jnp.where(last, -1, jnp.append(order, -1))
    return StableRests(low, high, calm & there, end)


def _inside(grid, low, high):
    """A place between two points, at which a device can be evaluated."""
    size = grid.size
    first, last = low <= grid[0], high >= grid[-1]
    before = grid[jnp.maximum(jnp.searchsorted(grid, high) - BEYOND, 0)]
    after = grid[jnp.minimum(jnp.searchsorted(grid, low) + BEYOND, size - 1)]
    one = jnp.where(first, before, after)
    middle = jnp.where(first & last, grid[size // 2], (low + high) / 2)
    return jnp.where(first ^ last, one, middle)
