"""Periodic orbits as a boundary-value problem: Radau collocation, condensed, one Newton step."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

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

    `jacobians` (4, n, n, N) are h T dF/dy at the stages. `maps` (N, 4, n, m) give the stages
    of an interval from its own v, `before` (N, m, m) that v from the first; `monodromy` (n, n) is
    how a disturbance returns.
    """

    jacobians: Float[Array, "4 n n N"]
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
        inverse = jax.lax.stop_gradient(inverses(self.jacobians))
        right = jnp.moveaxis(gap, 0, -1).reshape(1, inverse.shape[0], -1)
        local = jnp.sum(inverse * right, axis=1)
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
        return F, J

    by_interval = jax.vmap(local, out_axes=-1)
    F, J = jax.vmap(by_interval, in_axes=(1, 1))(phases(mesh), orbit.stages)
    step = (mesh * jnp.exp(orbit.log_period))[None, None]
    F, J = step * F, step[None] * J
    from_start = FROM_START[:, None, None, None] * np.eye(n)[None, :, :, None]
    from_start = jnp.broadcast_to(from_start, (STAGES, n, n, N))
    gap = F - jnp.moveaxis(slopes(orbit), 0, -1)
    right = [from_start, F[:, :, None], J[:, :, n:], gap[:, :, None]]
    right = jnp.concatenate(right, axis=2)
    jacobians = J[:, :, :n]
    maps = jnp.moveaxis(condense(jacobians, right), -1, 0)

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
    return Linear(jacobians, maps, before, closure, last[:, :n], trace)


def condense(J: Float[Array, "4 n n N"], right: Float[Array, "4 n m N"]) -> Float[Array, "4 n m N"]:
    """X of (A^-1 - J) X = right for all intervals at once, by elimination of the stages in turn.

    J has its blocks on the diagonal, and A^-1 couples each state with itself only: the first stage
    is eliminated by its inverse alone. Intervals are the last axis, along which a processor works.
    """
    a, eye = A_INVERSE, np.eye(J.shape[1])[..., None]
    block = {(i, j): a[i, j] * eye for i in range(STAGES) for j in range(STAGES)}
    block |= {(i, i): a[i, i] * eye - J[i] for i in range(STAGES)}
    X = list(right)
    for k in range(STAGES):
        inverse = inverted(block[k, k])
        X[k] = product(inverse, X[k])
        later = range(k + 1, STAGES)
        for j in later:
            block[k, j] = a[0, j] * inverse if k == 0 else product(inverse, block[k, j])
        for i in later:
            on = (lambda B, i=i: a[i, 0] * B) if k == 0 else partial(product, block[i, k])
            X[i] = X[i] - on(X[k])
            for j in later:
                block[i, j] = block[i, j] - on(block[k, j])
    for k in reversed(range(STAGES - 1)):
        for j in range(k + 1, STAGES):
            X[k] = X[k] - product(block[k, j], X[j])
    return jnp.stack(X)


def inverses(J: Float[Array, "4 n n N"]) -> Float[Array, "q q N"]:
    """The inverses of A^-1 - J of all intervals, q = 4 n, by elimination of the stages in turn.

    Less to compile than `condense`, for more columns; that is quicker for a few. The stage that is
    eliminated always comes first: rows and columns move on by one stage, so that after all four
    they are where they were.
    """
    n, N = J.shape[1], J.shape[-1]
    coupled = (A_INVERSE[:, None, :, None] * np.eye(n)[:, None]).reshape(STAGES, n, STAGES * n, 1)
    own = [
        jnp.pad(J[i], ((0, 0), (i * n, (STAGES - 1 - i) * n), (0, 0))) for i in range(STAGES)
    ]  # fmt: skip

    def times(A, B):
        # A sum of few terms is one loop along the intervals, where a reduction is a loop in each.
        return sum((A[:, j, None] * B[j][None] for j in range(1, n)), A[:, 0, None] * B[0][None])

    def sweep(W, _):
        pivot = inverted(W[:n, :n])
        row = times(pivot, W[:n, n:])
        column = W[n:, :n]
        rest = W[n:, n:] - times(column, row)
        above = jnp.concatenate([rest, -times(column, pivot)], axis=1)
        return jnp.concatenate([above, jnp.concatenate([row, pivot], axis=1)]), None

    W: Any = (coupled - jnp.stack(own)).reshape(STAGES * n, STAGES * n, N)
    return jax.lax.scan(sweep, W, None, length=STAGES)[0]


def product(A: Float[Array, "n k N"], B: Float[Array, "k m N"]) -> Float[Array, "n m N"]:
    """Products of matrices, for all intervals at once."""
    return jnp.sum(A[:, :, None] * B[None], axis=1)


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
        after, last = np.array([1, 2, 0]), np.array([2, 0, 1])
        # In cyclic order the signs of cofactors are right by themselves.
        minor = lambda i, j: (
            A[after[i], after[j]] * A[last[i], last[j]]
            - (A[after[i], last[j]] * A[last[i], after[j]])
        )
        adjugate = jnp.stack([jnp.stack([minor(i, j) for i in range(3)]) for j in range(3)])
        return adjugate / jnp.sum(A[0] * adjugate[:, 0], axis=0)[None, None]
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
