"""Where an orbit needs its intervals: a mesh that spreads the error evenly."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from jaxmem.stability.cycles import radau
from jaxmem.stability.cycles.collocation import Orbit, phases

# This share of the intervals is spread evenly in time, the others by the size of the error.
EVEN_SHARE = 0.3
# A saturated state hardly moves: what is less than this share of its value is rounding.
ROUNDING_SHARE = 1e-10
# This share of u's range is added to the range of each state (in units of what V_m does to it at
# rest). A slow state of a constant-phase element's ladder drifts with the mean of u and hardly
# oscillates: measured by its own range alone, a branch would take thousands of steps.
DRIFT_SHARE = 1e-2


def spans(orbit: Orbit) -> Float[Array, "n"]:
    """Largest minus smallest value of each state over the period, at least a trifle."""
    return held(jnp.max(orbit.stages, axis=(0, 1)) - jnp.min(orbit.stages, axis=(0, 1)), orbit)


def held(span: Float[Array, "n"], orbit: Orbit) -> Float[Array, "n"]:
    """The unit in which changes of each state are measured: its span, and at least a little."""
    trifle = 1e-12 + ROUNDING_SHARE * jnp.max(jnp.abs(orbit.stages), axis=(0, 1))
    return span + DRIFT_SHARE * span[0] + trifle


def equidistribute(
    mesh: Float[Array, "N"], orbit: Orbit, count: int, used: Int[ArrayLike, ""] | None = None
) -> Float[Array, "M"]:
    """A mesh with equal shares of |y'''''|^(1/5), the size of the polynomials' error.

    With `used` only so many of the `count` intervals have a width; the others do nothing, so
    that meshes of several sizes share one compiled program.

    The fifth derivative comes from the jumps of the fourth between neighbours (de Boor, Good
    approximation by splines with variable knots, 1973).
    """
    width = jnp.where(mesh > 0, mesh, 1.0)
    fourth = _polynomials(orbit)[:, -1] / width[:, None] ** 4 / spans(orbit)[None]
    middle = (width + jnp.roll(width, 1)) / 2
    jump = jnp.abs(fourth - jnp.roll(fourth, 1, axis=0)) / middle[:, None]
    fifth = jnp.max(jump + jnp.roll(jump, -1, axis=0), axis=1)
    density = fifth**0.2
    # A peak is given to the neighbours too: it moves as the orbit changes.
    density = jnp.maximum(density, (jnp.roll(density, 1) + jnp.roll(density, -1)) / 2)
    share = mesh * density
    share = (1 - EVEN_SHARE) * share / jnp.maximum(jnp.sum(share), 1e-300) + EVEN_SHARE * mesh
    ends = jnp.concatenate([jnp.zeros(1), jnp.cumsum(mesh)])
    filled = jnp.concatenate([jnp.zeros(1), jnp.cumsum(share)])
    marks = jnp.minimum(jnp.arange(count + 1) / (count if used is None else used), 1.0)
    filled = filled / filled[-1]
    k = interval_of(filled, marks)
    part = (marks - filled[k]) / jnp.where(
        filled[k + 1] > filled[k], filled[k + 1] - filled[k], 1.0
    )
    new = (ends[k] + jnp.clip(part, 0.0, 1.0) * (ends[k + 1] - ends[k])) / ends[-1]
    return jnp.diff(new)


def interval_of(ends: Float[Array, "m"], values: Float[Array, "..."]) -> Int[Array, "..."]:
    """In which of the intervals between ascending ends each value lies."""
    inner = jnp.expand_dims(ends[1:-1], tuple(range(values.ndim)))
    return jnp.sum(inner <= values[..., None], axis=-1)


def onto(mesh: Float[Array, "N"], orbit: Orbit, new: Float[Array, "M"]) -> Orbit:
    """The orbit at the stages of another mesh."""
    return orbit._replace(stages=at(mesh, orbit, phases(new)))


def widened(mesh: Float[Array, "N"], orbit: Orbit, count: int) -> tuple[Array, Orbit]:
    """The orbit on so many intervals: those that are added have no width and do nothing."""
    more = count - mesh.shape[0]
    if more < 0:
        new = equidistribute(mesh, orbit, count)
        return new, onto(mesh, orbit, new)
    end = jnp.broadcast_to(orbit.stages[-1, -1], (more, *orbit.stages.shape[1:]))
    return jnp.pad(mesh, (0, more)), orbit._replace(stages=jnp.concatenate([orbit.stages, end]))


def halved(mesh: Float[Array, "N"], orbit: Orbit) -> tuple[Array, Orbit]:
    """The mesh of the halves of all intervals, and the orbit on it."""
    nodes = jnp.concatenate([orbit.starts()[:, None], orbit.stages], axis=1)
    stages = jnp.einsum("sj,kjn->ksn", radau.HALVES, nodes)
    stages = stages.reshape(-1, *orbit.stages.shape[1:])
    return jnp.repeat(mesh / 2, 2), orbit._replace(stages=stages)


def at(mesh: Float[Array, "N"], orbit: Orbit, tau: Float[Array, "..."]) -> Float[Array, "... n"]:
    """The states at phases in [0, 1]."""
    ends = jnp.concatenate([jnp.zeros(1), jnp.cumsum(mesh)])
    k = interval_of(ends, tau)
    width = jnp.where(mesh[k] > 0, mesh[k], 1.0)
    s = (tau - ends[k]) / width
    return radau.evaluate(jnp.moveaxis(_polynomials(orbit)[k], -2, 0), s[..., None])


def _polynomials(orbit):
    return jax.vmap(radau.interpolant)(orbit.starts(), orbit.stages)
