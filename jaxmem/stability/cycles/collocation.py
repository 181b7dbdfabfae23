"""Periodic orbits as a boundary-value problem: Radau collocation, condensed, one Newton step."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jaxmem.devices.branch import Scalar, States
from jaxmem.responses.characteristic import solve_columns
from jaxmem.stability.cycles.radau import A_INVERSE, STAGES, B, C

# What a stage has of the start of its interval, in A^-1 (Z - X).
FROM_START = A_INVERSE @ np.ones(STAGES)

# F(tau, y, p) [1/s] of states in units of their own at the phase tau of the period.
Field = Callable[[Scalar, States, Scalar], States]


class Orbit(NamedTuple):
    """A periodic orbit on a mesh; of the same shape, a direction from one orbit to another.

    - `start`: the state at phase 0; `stages`: states at the stages of each interval.
    - `log_period`: ln of the period in seconds; `drive`: the drive's value in units of its own.
    """

    start: Float[Array, "n"]
    stages: Float[Array, "N 4 n"]
    log_period: Scalar
    drive: Scalar

    def plus(self, other: "Orbit", times: ArrayLike = 1.0) -> "Orbit":
        """This orbit, moved along a direction."""
        return Orbit(*(a + times * b for a, b in zip(self, other, strict=True)))

    def starts(self) -> Float[Array, "N n"]:
        """The states at the starts of the intervals."""
        return jnp.concatenate([self.start[None], self.stages[:-1, -1]])


class Linear(NamedTuple):
    """The linearised problem: every unknown in terms of v = (dX_0, d ln T, dp, 1).

    `inverse` (N, 4 n, 4 n) gives the stages of an interval from the right-hand sides of their
    equations, `maps` (N, 4, n, n + 3) from its own v, `before` (N, n + 3, n + 3) that v from the
    first; `monodromy` (n, n) is how a disturbance returns.
    """

    inverse: Float[Array, "N s s"]
    maps: Float[Array, "N 4 n m"]
    before: Float[Array, "N m m"]
    closure: Float[Array, "n m"]
    monodromy: Float[Array, "n n"]
    trace: Scalar

    def closing(self, orbit: Orbit, gap: Float[Array, "N 4 n"]) -> "Linear":
        """The same problem at an orbit with other gaps in its equations: what must be closed.

        With the gaps of live parameters its solution carries their derivatives, by the matrices
        of the fixed ones.
        """
        n = orbit.start.shape[0]
        local = (self.inverse @ gap.reshape(*self.inverse.shape[:2], 1)).reshape(gap.shape)

        def on(shift, both):
            end, own = both
            return end @ shift + own, shift

        pairs = self.maps[:, -1, :, :n], local[:, -1]
        last, shifts = jax.lax.scan(on, jnp.zeros_like(orbit.start), pairs)
        return self._replace(
            maps=self.maps.at[..., -1].set(local),
            before=self.before.at[:, :n, -1].set(shifts),
            closure=self.closure.at[:, -1].set(last + orbit.stages[-1, -1] - orbit.start),
        )

    def direction(self, v: Float[Array, "m"]) -> Orbit:
        """What a change of the first state, ln T, drive does to the whole orbit."""
        n = self.monodromy.shape[0]
        stages = jnp.einsum("kinm,km->kin", self.maps, self.before @ v)
        return Orbit(v[:n], stages, v[n], v[n + 1])

    def row(
        self, stages: Float[Array, "... N 4 n"], log_period: ArrayLike = 0.0, drive: ArrayLike = 0.0
    ) -> Float[Array, "... m"]:
        """Linear forms <stages, dZ> + log_period d ln T + drive dp, as rows for v."""
        n = self.monodromy.shape[0]
        local = jnp.einsum("...kin,kinm->...km", stages, self.maps)
        row = jnp.einsum("...km,kmj->...j", local, self.before)
        unit = np.eye(n + 3)
        return row + jnp.tensordot(log_period, unit[n], 0) + jnp.tensordot(drive, unit[n + 1], 0)


def stage_residual(field: Field, mesh: Float[Array, "N"], orbit: Orbit) -> Float[Array, "N 4 n"]:
    """A^-1 (Z - X) - h T F(Z), in derivative form.

    The usual form Z - X - h T A F(Z) lets an occupation fall below zero on deep spikes.
    """
    step = mesh * jnp.exp(orbit.log_period)
    rates = at_stages(lambda tau, y: field(tau, y, orbit.drive), mesh, orbit)
    return slopes(orbit) - step[:, None, None] * rates


def at_stages(function, mesh: Float[Array, "N"], orbit: Orbit):
    """A function of phase and state at all stages: arrays (N, 4, ...)."""
    n = orbit.start.shape[0]
    found = jax.vmap(function)(phases(mesh).ravel(), orbit.stages.reshape(-1, n))
    return jax.tree.map(lambda a: a.reshape(*orbit.stages.shape[:2], *a.shape[1:]), found)


def slopes(orbit: Orbit) -> Float[Array, "N 4 n"]:
    """h dy/dtau at the stages."""
    rise = orbit.stages - orbit.starts()[:, None]
    return jnp.einsum("ij,kjn->kin", A_INVERSE, rise)


def phases(mesh: Float[Array, "N"]) -> Float[Array, "N 4"]:
    """Where the stages lie in the period, from 0 to 1."""
    ends = jnp.cumsum(mesh)
    return (ends - mesh)[:, None] + mesh[:, None] * C[None]


def weights(mesh: Float[Array, "N"]) -> Float[Array, "N 4"]:
    """Weights of the integral over the period."""
    return mesh[:, None] * B[None]


def linearise(field: Field, mesh: Float[Array, "N"], orbit: Orbit) -> Linear:
    """Condense each interval to its end and chain the ends."""
    n = orbit.start.shape[0]

    def local(tau, y):
        whole = lambda yp: (lambda F: (F, F))(field(tau, yp[:-1], yp[-1]))
        J, F = jax.jacfwd(whole, has_aux=True)(jnp.append(y, orbit.drive))
        return F, J

    F, J = at_stages(local, mesh, orbit)
    step = (mesh * jnp.exp(orbit.log_period))[:, None, None]
    F, J = step * F, step[..., None] * J
    from_start = jnp.broadcast_to(FROM_START[:, None, None] * np.eye(n)[None], (*F.shape, n))
    right = jnp.concatenate(
        [from_start, F[..., None], J[..., n:], (F - slopes(orbit))[..., None]], axis=-1
    )
    inverse = invert(J[..., :n])
    flat = right.reshape(*inverse.shape[:2], n + 3)
    maps = (inverse @ flat).reshape(right.shape)

    def on(start, end):
        # Of a scan over the intervals each step is short; a tree of products takes longer.
        return jnp.sum(end[:, :n, None] * start[None], axis=1) + end * beyond, start

    beyond = (np.arange(n + 3) >= n).astype(float)[None]
    last, starts = jax.lax.scan(on, jnp.eye(n, n + 3), maps[:, -1])
    below = jnp.broadcast_to(np.eye(n + 3)[n:], (mesh.shape[0], 3, n + 3))
    before = jnp.concatenate([starts, below], axis=1)
    unclosed = orbit.stages[-1, -1] - orbit.start
    closure = last - np.eye(n, n + 3) + unclosed[:, None] * np.eye(n + 3)[-1:]
    trace = jnp.sum(B[None] * jnp.trace(J[..., :n], axis1=-2, axis2=-1))
    return Linear(inverse, maps, before, closure, last[:, :n], trace)


def invert(J: Float[Array, "N 4 n n"]) -> Float[Array, "N s s"]:
    """The inverses of A^-1 - h T J of all intervals, of size s = 4 n, stage by stage.

    Gauss-Jordan elimination by blocks, in place: the blocks of a stage that is done are those of
    the inverse. The loop over stages is compiled once.
    """
    N, _, n, _ = J.shape
    eye = np.eye(n)
    coupled = A_INVERSE[None, :, None, :, None] * eye[None, None, :, None, :]
    own = np.eye(STAGES)[None, :, None, :, None] * J[:, :, :, None, :]
    W = jnp.reshape(coupled - own, (N, STAGES, n, STAGES * n))
    stage = np.arange(STAGES)[None, :, None, None]
    column_stage = np.repeat(np.arange(STAGES), n)[None, None, :]
    unit = np.tile(eye, (1, STAGES))[None]

    def eliminate(W, k):
        column = jax.lax.dynamic_slice_in_dim(W, k * n, n, axis=3)
        pivot = jax.lax.dynamic_index_in_dim(column, k, axis=1, keepdims=False)
        rows = jax.lax.dynamic_index_in_dim(W, k, axis=1, keepdims=False)
        rows = jnp.where(column_stage == k, unit, rows)
        rows = jax.vmap(solve_columns, (0, None))(pivot, jnp.asarray(eye)) @ rows
        others = jnp.where(column_stage[None] == k, 0.0, W)
        cleared = others - column @ rows[:, None]
        return jnp.where(stage == k, rows[:, None], cleared), None

    return jax.lax.scan(eliminate, W, np.arange(STAGES))[0].reshape(N, STAGES * n, STAGES * n)


def solve_for(linear: Linear, conditions: Float[Array, "2 m"]) -> Float[Array, "m"]:
    """v from the closure of the orbit and two further conditions, `row @ v = 0`."""
    return solve_both(linear, conditions)[0]


def solve_both(
    linear: Linear, conditions: Float[Array, "2 m"]
) -> tuple[Float[Array, "m"], Float[Array, "m"]]:
    """v as `solve_for`, and the direction along which all but the last condition stay as they are.

    Along it the last one grows by 1: the tangent of a branch.
    """
    rows = jnp.concatenate([linear.closure, conditions])
    last = np.eye(rows.shape[0])[:, -1:]
    both = solve_columns(rows[:, :-1], jnp.concatenate([-rows[:, -1:], last], axis=1))
    both = jnp.concatenate([both, np.array([[1.0, 0.0]])]).T
    return both[0], both[1]
