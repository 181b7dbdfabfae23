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

# The updates at which Newton's method stops: on the mesh of the start, adapted, and the coarse one.
ROUGH, FINE, COARSE = 1e-4, 1e-9, 1e-7
# The coarse mesh, whose difference is the estimate of the error, has this share of the intervals.
SHARE = 0.5


class Polished(NamedTuple):
    """A cycle at a given drive on two meshes, the coarse one first; `linear` at the fine one.

    `update` is the last of Newton's method on the fine mesh, in ranges of the states.
    """

    meshes: Float[Array, "2 N"]
    orbits: Orbit
    linear: Linear
    update: Scalar

    def fine(self) -> tuple[Float[Array, "N"], Orbit]:
        """The fine mesh and its orbit."""
        return self.meshes[1], jax.tree.map(lambda a: a[1], self.orbits)


def polish(
    field: Field, mesh: Float[Array, "M"], orbit: Orbit, target: Scalar, intervals: int,
    *, coarse_first: bool,
) -> Polished:  # fmt: skip
    """Newton's method at the drive `target`, from an orbit on any mesh.

    Meshes are adapted again and again to the cycle that is found on the last one. The coarse mesh,
    of half the intervals, is a fine one with intervals of no width. One comes first on the way from
    a branch; an orbit that is known well is kept by the fine mesh first, since what is stiff may
    have no cycle on the coarse one.
    """

    def trip(state):
        k, mesh, orbit, _, close, _ = state
        linear = linearise(field, mesh, orbit)
        change = linear.direction(solve_for(linear, at_drive(linear, mesh, orbit, target)))
        update = jnp.maximum(
            jnp.max(jnp.abs(change.stages) / meshes.spans(orbit)[None, None]),
            jnp.abs(change.log_period),
        )
        return k + 1, mesh, orbit.plus(change), update, close, linear

    def going(state):
        k, _, _, update, close, _ = state
        return (k < 20) & (update > close) & (update < 1e3)

    def adapted(state, setting):
        mesh, orbit, linear, _ = state
        used, close, after = setting
        new = meshes.equidistribute(mesh, orbit, intervals, used)
        begin = (0, new, meshes.onto(mesh, orbit, new), jnp.asarray(1.0), close, linear)
        _, new, there, update, _, at = jax.lax.while_loop(going, trip, begin)
        # The linear problem that is kept is the fine mesh's, not of what comes after it.
        at = jax.tree.map(lambda a, b: jnp.where(after, a, b), linear, at)
        return (new, there, at, update), (new, there, update)

    mesh, orbit = meshes.widened(mesh, orbit, intervals)
    blank = jax.tree.map(jnp.zeros_like, jax.eval_shape(lambda: linearise(field, mesh, orbit)))
    half = round(SHARE * intervals)
    # The coarse mesh that is kept comes last: from the fine one's cycle Newton's method goes to the
    # one that belongs to it, where a coarse mesh may have others.
    first = half if coarse_first else intervals
    used, close = (first, intervals, intervals, half), (ROUGH, ROUGH, FINE, COARSE)
    fine, coarse = 2, 3
    settings = jnp.array(used), jnp.array(close), np.arange(4) > fine
    begin = (mesh, orbit, blank, jnp.asarray(1.0))
    (_, _, linear, _), found = jax.lax.scan(adapted, begin, settings)
    mesh, orbits, update = jax.tree.map(lambda a: a[np.array([coarse, fine])], found)
    # A coarse mesh on which there is no such cycle says nothing of the fine one's error.
    lost = ~(update[0] < 1e-5)
    orbits = orbits._replace(log_period=orbits.log_period.at[0].add(jnp.where(lost, jnp.inf, 0.0)))
    return Polished(mesh, orbits, linear, update[1])


def period_error(cycle: Polished) -> Scalar:
    """The estimated relative error of the period on the fine mesh.

    Of a method of order 7 it is a hundred times smaller with twice the intervals, where both meshes
    are adapted alike. Near a saddle-node the fine one may be off by as much as they differ.
    """
    return error_between(*cycle.orbits.log_period)


def error_between(coarse, fine):
    """That of ln T on both meshes, arrays of JAX or NumPy."""
    return abs(coarse - fine) * SHARE**6


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
