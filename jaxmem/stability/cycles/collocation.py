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
# Products of matrices are written out if they have at most so many terms.
UNROLLED = 4

# F(tau, y, p) [1/s] of states in units of their own at the phase tau of the period.
Field = Callable[[Scalar, States, Scalar], States]


class Orbit(NamedTuple):
    """A periodic orbit on a mesh; of the same shape, a direction from one orbit to another.

    - `start`: the state at phase 0; `stages`: states at the stages of each interval.
    - `log_period`: ln of the period in seconds; `drive`: the drive's value in units of its own, or
      a vector of it and what else is unknown.
    """

    start: Float[Array, "n"]
    stages: Float[Array, "N 4 n"]
    log_period: Scalar
    drive: Scalar | Float[Array, "k"]

    def plus(self, other: "Orbit", times: ArrayLike = 1.0) -> "Orbit":
        """This orbit, moved along a direction."""
        return Orbit(*(a + times * b for a, b in zip(self, other, strict=True)))

    def starts(self) -> Float[Array, "N n"]:
        """The states at the starts of the intervals."""
        return jnp.concatenate([self.start[None], self.stages[:-1, -1]])


class Linear(NamedTuple):
    """The linearised problem: every unknown in terms of v = (dX_0, d ln T, dp, 1), of m numbers.

    `inverse` (4 n, 4 n, N) are those of A^-1 - h T dF/dy. `maps` (N, 4, n, m) give the stages of
    an interval from its own v, `before` (N, m, m) that v from the first; `monodromy` (n, n) is
    how a disturbance returns.
    """

    inverse: Float[Array, "q q N"]
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
        right = jnp.moveaxis(gap, 0, -1).reshape(1, self.inverse.shape[0], -1)
        local = jnp.sum(jax.lax.stop_gradient(self.inverse) * right, axis=1)
        local = jnp.moveaxis(local.reshape(*gap.shape[1:], -1), -1, 0)

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
        return Orbit(v[:n], stages, v[n], v[n + 1] if v.shape[0] == n + 3 else v[n + 1 : -1])

    def row(
        self, stages: Float[Array, "... N 4 n"], log_period: ArrayLike = 0.0, drive: ArrayLike = 0.0
    ) -> Float[Array, "... m"]:
        """Linear forms <stages, dZ> + log_period d ln T + drive dp, as rows for v."""
        n = self.monodromy.shape[0]
        local = jnp.einsum("...kin,kinm->...km", stages, self.maps)
        row = jnp.einsum("...km,kmj->...j", local, self.before)
        m = row.shape[-1]
        unit = np.eye(m)
        row = row + jnp.tensordot(log_period, unit[n], 0)
        if m == n + 3:
            return row + jnp.tensordot(drive, unit[n + 1], 0)
        return row + jnp.asarray(drive) @ unit[n + 1 : -1]


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
    n, N = orbit.start.shape[0], mesh.shape[0]
    m = n + 2 + orbit.drive.size

    def local(tau, y):
        drive = lambda p: p.reshape(orbit.drive.shape)
        whole = lambda yp: (lambda F: (F, F))(field(tau, yp[:n], drive(yp[n:])))
        J, F = jax.jacfwd(whole, has_aux=True)(jnp.append(y, orbit.drive))
        return jnp.concatenate([F[:, None], J], axis=1)

    by_interval = jax.vmap(local, out_axes=-1)
    both = jax.vmap(by_interval, in_axes=(1, 1))(phases(mesh), orbit.stages)
    both = (mesh * jnp.exp(orbit.log_period))[None, None, None] * both
    F, jacobians = both[:, :, 0], both[:, :, 1 : n + 1]
    gap = F - jnp.moveaxis(slopes(orbit), 0, -1)
    inverse = inverses(jacobians)
    # What a stage has of the start of its interval, then of ln T, the drive and the gap.
    of_start = jnp.sum(
        inverse.reshape(STAGES * n, STAGES, n, N) * FROM_START[None, :, None, None], axis=1
    )
    right = jnp.concatenate([F[:, :, None], both[:, :, n + 1 :], gap[:, :, None]], axis=2)
    others = product(inverse, right.reshape(STAGES * n, m - n, N))
    maps = jnp.concatenate([of_start, others], axis=1)
    maps = jnp.moveaxis(maps.reshape(STAGES, n, m, N), -1, 0)

    def on(start, end):
        # Of a scan over the intervals each step is short; a tree of products takes longer.
        return jnp.sum(end[:, :n, None] * start[None], axis=1) + end * beyond, start

    beyond = (np.arange(m) >= n).astype(float)[None]
    last, starts = jax.lax.scan(on, jnp.eye(n, m), maps[:, -1])
    below = jnp.broadcast_to(np.eye(m)[n:], (N, m - n, m))
    before = jnp.concatenate([starts, below], axis=1)
    unclosed = orbit.stages[-1, -1] - orbit.start
    closure = last - np.eye(n, m) + unclosed[:, None] * np.eye(m)[-1:]
    trace = jnp.sum(B[:, None] * jnp.trace(jacobians, axis1=1, axis2=2))
    return Linear(inverse, maps, before, closure, last[:, :n], trace)


def inverses(J: Float[Array, "4 n n N"]) -> Float[Array, "q q N"]:
    """The inverses of A^-1 - J of all intervals, q = 4 n, by elimination of the stages in turn.

    J has its blocks on the diagonal, and A^-1 couples each state with itself only. Intervals are
    the last axis, along which a processor works. The stage that is eliminated always comes first:
    rows and columns move on by one stage, so that after all four they are where they were.
    """
    n, N = J.shape[1], J.shape[-1]
    coupled = (A_INVERSE[:, None, :, None] * np.eye(n)[:, None]).reshape(STAGES, n, STAGES * n, 1)
    own = [
        jnp.pad(J[i], ((0, 0), (i * n, (STAGES - 1 - i) * n), (0, 0))) for i in range(STAGES)
    ]  # fmt: skip

    def sweep(W, _):
        pivot = inverted(W[:n, :n])
        row = product(pivot, W[:n, n:])
        column = W[n:, :n]
        rest = W[n:, n:] - product(column, row)
        above = jnp.concatenate([rest, -product(column, pivot)], axis=1)
        return jnp.concatenate([above, jnp.concatenate([row, pivot], axis=1)]), None

    W = (coupled - jnp.stack(own)).reshape(STAGES * n, STAGES * n, N)
    return jax.lax.scan(sweep, W, None, length=STAGES)[0]


def product(A: Float[Array, "n k N"], B: Float[Array, "k m N"]) -> Float[Array, "n m N"]:
    """Products of matrices, for all intervals at once."""
    k = B.shape[0]
    if k > UNROLLED:
        return jnp.sum(A[:, :, None] * B[None], axis=1)
    # A sum of few terms is one loop along the intervals, where a reduction is a loop in each.
    return sum((A[:, j, None] * B[j][None] for j in range(1, k)), A[:, 0, None] * B[0][None])


def inverted(A: Float[Array, "n n N"]) -> Float[Array, "n n N"]:
    """Inverses of matrices, for all intervals at once: by cofactors, of more than three rows by
    elimination with pivots."""
    n = A.shape[0]
    if n == 1:
        return 1 / A
    if n == 2:
        (a, b), (c, d) = A
        return jnp.stack([jnp.stack([d, -b]), jnp.stack([-c, a])]) / (a * d - b * c)[None, None]
    if n == 3:
        # In cyclic order the signs of cofactors are right by themselves.
        on = lambda M, axis: jnp.concatenate(
            [jax.lax.slice_in_dim(M, 1, 3, axis=axis), jax.lax.slice_in_dim(M, 0, 1, axis=axis)],
            axis=axis,
        )
        first = on(on(A, 0), 1)
        second, third, fourth = on(first, 1), on(first, 0), on(on(first, 0), 1)
        cofactors = first * fourth - second * third
        determinant = jnp.sum(A[0] * cofactors[0], axis=0)
        return jnp.swapaxes(cofactors, 0, 1) / determinant[None, None]
    rows = np.arange(n)[:, None]

    def eliminate(W, k):
        size = jnp.where(rows >= k, jnp.abs(W[:, k]), -1.0)
        chosen = (rows == jnp.argmax(size, axis=0)[None])[:, None]
        row = jnp.sum(jnp.where(chosen, W, 0.0), axis=0)
        row = row / row[k][None]
        W = jnp.where(chosen, W[k][None], W)  # the two rows change places
        return jnp.where(rows[..., None] == k, row[None], W - W[:, k][:, None] * row[None]), None

    unit = jnp.broadcast_to(np.eye(n)[..., None], A.shape)
    return jax.lax.scan(eliminate, jnp.concatenate([A, unit], axis=1), np.arange(n))[0][:, n:]


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
