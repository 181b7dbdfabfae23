"""A cycle at a given drive, by Newton's method on meshes that are adapted to it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmem.devices.branch import Scalar
from jaxmem.stability.cycles import mesh as meshes
from jaxmem.stability.cycles.collocation import (
    Field,
    Linear,
    Orbit,
    linearise,
    slopes,
    solve_for,
    weights,
)

# The updates at which Newton's method stops: on the way to the last mesh, on it, on that of halves.
ROUGH, FINE, CHECK = 1e-4, 1e-9, 1e-6
# Newton's method begins on a mesh with this share of the intervals.
SHARE = 0.5


class Polished(NamedTuple):
    """A cycle at a given drive, and the same on intervals that are halves; `linear` at the first.

    `update` is the last of Newton's method on the mesh, in ranges of the states.
    """

    mesh: Float[Array, "N"]
    orbit: Orbit
    linear: Linear
    update: Scalar
    half_mesh: Float[Array, "M"]
    half_orbit: Orbit

    def fine(self) -> tuple[Float[Array, "N"], Orbit]:
        """The mesh and its orbit."""
        return self.mesh, self.orbit


def polish(
    field: Field, mesh: Float[Array, "M"], orbit: Orbit, target: Scalar, intervals: int,
    *, coarse_first: bool,
) -> Polished:  # fmt: skip
    """Newton's method at the drive `target`, from an orbit on any mesh.

    Meshes are adapted again and again to the cycle that is found on the last one. A coarse mesh, a
    fine one with intervals of no width, comes first on the way from a branch; an orbit that is
    known well is kept by the fine mesh first, since what is stiff may have no cycle on the coarse.
    """

    def trip(state):
        k, mesh, orbit, _, close, kept = state
        linear = linearise(field, mesh, orbit)
        change = linear.direction(solve_for(linear, at_drive(linear, mesh, orbit, target)))
        update = jnp.maximum(
            jnp.max(jnp.abs(change.stages) / meshes.spans(orbit)[None, None]),
            jnp.abs(change.log_period),
        )
        kept = None if kept is None else linear
        return k + 1, mesh, orbit.plus(change), update, close, kept

    def going(state):
        k, _, _, update, close, _ = state
        return (k < 20) & (update > close) & (update < 1e3)

    def newton(mesh, orbit, linear, close):
        begin = (0, mesh, orbit, jnp.asarray(1.0), close, linear)
        _, _, orbit, update, _, linear = jax.lax.while_loop(going, trip, begin)
        return orbit, update, linear

    def adapted(state, setting):
        mesh, orbit, linear, _ = state
        used, close = setting
        new = meshes.equidistribute(mesh, orbit, intervals, used)
        orbit, update, linear = newton(new, meshes.onto(mesh, orbit, new), linear, close)
        return (new, orbit, linear, update), None

    mesh, orbit = meshes.widened(mesh, orbit, intervals)
    blank = jax.tree.map(jnp.zeros_like, jax.eval_shape(lambda: linearise(field, mesh, orbit)))
    first = round(SHARE * intervals) if coarse_first else intervals
    settings = jnp.array((first, intervals, intervals)), jnp.array((ROUGH, ROUGH, FINE))
    begin = (mesh, orbit, blank, jnp.asarray(1.0))
    (mesh, orbit, linear, update), _ = jax.lax.scan(adapted, begin, settings)
    half_mesh, halves = meshes.halved(mesh, orbit)
    half_orbit, last, _ = newton(half_mesh, halves, None, CHECK)
    # Halves on which there is no such cycle say that the mesh is too coarse.
    lost = jnp.where(last < 1e2 * CHECK, 0.0, jnp.inf)
    half_orbit = half_orbit._replace(log_period=half_orbit.log_period + lost)
    return Polished(mesh, orbit, linear, update, half_mesh, half_orbit)


def period_error(cycle: Polished):
    """The relative error of the period: how far it is from that on the halves of the intervals.

    By the method's order 7 the latter is a hundred times more exact. Nothing depends on that: where
    intervals are too long for it, it is still the more exact one of the two.
    """
    return abs(cycle.orbit.log_period - cycle.half_orbit.log_period)


def at_drive(
    linear: Linear, mesh: Float[Array, "N"], orbit: Orbit, target: Scalar
) -> Float[Array, "2 m"]:
    """The two conditions at a given drive: the phase stays, and the drive is the target."""
    size = meshes.spans(orbit)
    along = (
        weights(mesh)[..., None]
        / size[None, None] ** 2
        * slopes(orbit)
        / jnp.where(mesh > 0, mesh, 1.0)[:, None, None]
    )
    phase = linear.row(jax.lax.stop_gradient(along / jnp.max(jnp.abs(along))))
    n = orbit.start.shape[0]
    drive = np.eye(n + 3)[n + 1] + (orbit.drive - target) * np.eye(n + 3)[-1]
    return jnp.stack([phase, drive])
