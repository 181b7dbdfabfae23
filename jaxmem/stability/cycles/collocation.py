"""Periodic orbits as a boundary-value problem: Radau collocation, condensed, one Newton step."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jaxmem.devices.branch import Scalar, States
from jaxmem.responses.characteristic import solve_columns
from jaxmem.stability.cycles.radau import A_INVERSE, STAGES, B, C

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

    `maps` (N, 4, n, n + 3) gives the stages of an interval from its own v, `before` (N, n + 3,
    n + 3) that v from the first; `monodromy` (n, n) is how a disturbance returns.
    """

    maps: Float[Array, "N 4 n m"]
    before: Float[Array, "N m m"]
    closure: Float[Array, "n m"]
    monodromy: Float[Array, "n n"]
    trace: Scalar

    def direction(self, v: Float[Array, "m"]) -> Orbit:
        """What a change of the first state, ln T, drive does to the whole orbit."""
        n = self.monodromy.shape[0]
        stages = jnp.einsum("kinm,km->kin", self.maps, self.before @ v)
        return Orbit(v[:n], stages, v[n], v[n + 1])

    def row(
        self, stages: Float[Array, "N 4 n"], log_period: ArrayLike = 0.0, drive: ArrayLike = 0.0
    ) -> Float[Array, "m"]:
        """The linear form <stages, dZ> + log_period d ln T + drive dp, as a row for v."""
        n = self.monodromy.shape[0]
        local = jnp.einsum("kin,kinm->km", stages, self.maps)
        row = jnp.einsum("km,kmj->j", local, self.before)
        return row.at[n].add(log_period).at[n + 1].add(drive)


def stage_residual(field: Field, mesh: Float[Array, "N"], orbit: Orbit) -> Float[Array, "N 4 n"]:
    """A^-1 (Z - X) - h T F(Z), in derivative form.

    The usual form Z - X - h T A F(Z) lets an occupation fall below zero on deep spikes.
    """
    step = mesh * jnp.exp(orbit.log_period)
    rates = jax.vmap(jax.vmap(field, (0, 0, None)), (0, 0, None))(
        phases(mesh), orbit.stages, orbit.drive
    )
    return slopes(orbit) - step[:, None, None] * rates


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


def linearise(
    field: Field, mesh: Float[Array, "N"], orbit: Orbit, gap: Float[Array, "N 4 n"] | None = None
) -> Linear:
    """Condense each interval to its end and chain the ends.

    `gap` replaces minus the residual: that of the live parameters, for their derivatives.
    """
    n = orbit.start.shape[0]

    def local(tau, y, p):
        whole = lambda yp: (lambda F: (F, F))(field(tau, yp[:-1], yp[-1]))
        J, F = jax.jacfwd(whole, has_aux=True)(jnp.append(y, p))
        return F, J

    F, J = jax.vmap(jax.vmap(local, (0, 0, None)), (0, 0, None))(
        phases(mesh), orbit.stages, orbit.drive
    )
    step = (mesh * jnp.exp(orbit.log_period))[:, None, None]
    F, J = step * F, step[..., None] * J
    from_start = jnp.broadcast_to(
        (A_INVERSE @ jnp.ones(STAGES))[:, None, None] * jnp.eye(n)[None], (*F.shape, n)
    )
    gap = F - slopes(orbit) if gap is None else gap
    right = jnp.concatenate([from_start, F[..., None], J[..., n:], gap[..., None]], axis=-1)
    maps = jax.vmap(condense)(J[..., :n], right)
    ends = maps[:, -1]
    below = jnp.broadcast_to(jnp.eye(n + 3)[n:], (mesh.shape[0], 3, n + 3))
    affine = jnp.concatenate([ends, below], axis=1)
    chained = jax.lax.associative_scan(lambda a, b: b @ a, affine)
    before = jnp.concatenate([jnp.eye(n + 3)[None], chained[:-1]])
    closure = chained[-1, :n].at[:, :n].add(-jnp.eye(n))
    closure = closure.at[:, -1].add(orbit.stages[-1, -1] - orbit.start)
    trace = jnp.sum(B[None] * jnp.trace(J[..., :n], axis1=-2, axis2=-1))
    return Linear(maps, before, closure, chained[-1, :n, :n], trace)


def condense(J, right):
    """The stages of one interval from its start, ln T, p and residual, by blocks.

    The blocks off the diagonal of A^-1 - h T J are multiples of one, so that only the diagonal
    ones are solved with.
    """
    n = J.shape[-1]
    eye = jnp.eye(n)
    block = [
        [A_INVERSE[i, j] * eye - (J[i] if i == j else 0.0) for j in range(STAGES)]
        for i in range(STAGES)
    ]
    rows = [right[i] for i in range(STAGES)]
    for k in range(STAGES):
        later = range(k + 1, STAGES)
        solved = solve_columns(
            block[k][k], jnp.concatenate([*(block[k][j] for j in later), rows[k]], axis=1)
        )
        for at, j in enumerate(later):
            block[k][j] = solved[:, at * n : (at + 1) * n]
        rows[k] = solved[:, len(later) * n :]
        for i in later:
            for j in later:
                block[i][j] = block[i][j] - block[i][k] @ block[k][j]
            rows[i] = rows[i] - block[i][k] @ rows[k]
    for k in reversed(range(STAGES)):
        for j in range(k + 1, STAGES):
            rows[k] = rows[k] - block[k][j] @ rows[j]
    return jnp.stack(rows)


def solve_for(linear: Linear, conditions: Float[Array, "2 m"]) -> Float[Array, "m"]:
    """v from the closure of the orbit and two further conditions, `row @ v = 0`."""
    rows = jnp.concatenate([linear.closure, conditions])
    return jnp.append(solve_columns(rows[:, :-1], -rows[:, -1:])[:, 0], 1.0)
