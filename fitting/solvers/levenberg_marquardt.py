"""Levenberg-Marquardt: the rule of a step, and the loop for a compiled program.

The rule is written for arrays of JAX and of NumPy alike; `host_loop` has the other loop.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from fitting.solvers.residual_parts import UNROLLED, Residual, Vector, sum_of_squares
from fitting.solvers.solver import RESULTS, AbstractSolver, Search


class Quadratic(NamedTuple):
    """The model 2 g dz + dz A dz of how a sum of squares changes, and which coordinates are free.

    A coordinate that a bound holds has no gradient and no curvature.
    """

    g: Any
    A: Any
    free: Any

    @classmethod
    def at(cls, z: Any, g: Any, A: Any, low: Any, high: Any) -> "Quadratic":
        """At z, where half the gradient is g and half the Hessian A."""
        # A bound holds a coordinate as long as the descent points beyond it.
        free = ~(((z <= low) & (g > 0)) | ((z >= high) & (g < 0)))
        return cls(g * free, A * (free[:, None] & free[None]), free)

    def reduction(self, dz: Any) -> Any:
        """What a step takes off the sum of squares."""
        return -(2 * self.g @ dz + dz @ self.A @ dz)

    def step(self, damping: Any, unit: Any, solve: Callable[..., Any]) -> Any:
        """-(A + damping/unit^2)^-1 g; `solve(A, g, damping)` gives (A + damping 1)^-1 g."""
        return -unit * solve(self.A * unit[:, None] * unit[None], self.g * unit, damping)

    def trial(
        self, z: Any, damping: Any, unit: Any, longest: Any, bounds: Any, solve: Callable[..., Any]
    ) -> tuple[Any, Any, Any]:
        """Where a clipped step leads; what it takes off the sum of squares; what a whole one does.

        A step clipped in some coordinates only need not descend in the quadratic model.
        """
        whole = self.step(damping, unit, solve)
        new = (z + whole.clip(-longest, longest)).clip(*bounds)
        return new, self.reduction(new - z), self.reduction(whole)


def next_damping(
    damping: Any, growth: Any, accepted: Any, gained: Any, expected: Any, xp: Any = jnp
) -> tuple[Any, Any]:
    """The damping of the next step, and by how much it grows if that fails (Nielsen 1999).

    **Arguments:**

    - `accepted`: whether the step was; `gained`: what it took off the sum of squares, and
      `expected`: what the quadratic model said.
    - `xp`: `jax.numpy` or `numpy`.
    """
    # Where the model says nothing the damping falls by a middling factor.
    sound = expected > 0
    gain = xp.where(sound, gained / xp.where(sound, expected, 1.0), 0.5)
    fall = xp.maximum(1 - (2 * xp.clip(gain, 0.0, 1.0) - 1) ** 3, 1 / 3)
    damping = xp.maximum(xp.where(accepted, damping * fall, damping * growth), 1e-12)
    return damping, xp.where(accepted, 2.0, growth * 2)


def mean_unit(model: Quadratic, x_scale: Any) -> Any:
    """Levenberg's unit: natural lengths, so that a damping of 1 is the mean squared sensitivity."""
    size = jnp.mean(jnp.diagonal(model.A) * x_scale**2)
    return x_scale / jnp.sqrt(jnp.where(size > 0, size, 1.0))


def solve_damped(A: Any, g: Any, damping: Any) -> Any:
    """(A + damping 1)^-1 g."""
    if A.shape[0] <= UNROLLED:
        return jnp.stack(_cholesky_solve(A, g, damping))
    factor = jax.scipy.linalg.cho_factor(A + damping * jnp.eye(A.shape[0], dtype=A.dtype))
    return jax.scipy.linalg.cho_solve(factor, g)


class State(NamedTuple):
    """A search of `LeastSquares` under way: where it stands, its sum of squares, half the
    gradient and half the Gauss-Newton Hessian there, damping and its next growth, trials done,
    whether it has ended, and how; how many trials were not finite."""

    z: Any
    cost: Any
    g: Any
    A: Any
    damping: Any
    growth: Any
    steps: Any
    ended: Any
    result: Any
    failed: Any


class LeastSquares(AbstractSolver):
    """Levenberg-Marquardt with clipped steps and bounds as an active set.

    **Arguments:**

    - `max_steps`: trial steps from one start.
    - `tolerance`: ends where the damped step would reduce the sum of squares by less than this
      fraction; 1e-9 is about 3e-4 of a standard error.
    - `clip`: longest step of each coordinate, in e-folds of a logarithm.
    - `damping`: the first one, relative to the mean squared sensitivity.
    """

    # Levenberg's damping (the identity, in logarithms) with each coordinate clipped reached the
    # optimum of the chemical inductors of the benchmark `spectrum_fit` most often; Marquardt's
    # (by diag A) without a clip lost about half of the starts. A clipped DampedNewtonDescent in
    # a ClassicalTrustRegion of optimistix reaches it as often, in about three times the time,
    # and holds no bounds.
    max_steps: int = eqx.field(static=True, default=300)
    tolerance: float = eqx.field(static=True, default=1e-9)
    clip: float = eqx.field(static=True, default=1.0)
    damping: float = eqx.field(static=True, default=1e-2)

    def search(
        self, residual: Residual, z: Vector, low: Vector, high: Vector, x_scale: Vector
    ) -> Search:
        """See `AbstractSolver.search`."""
        step = lambda state: self.step(residual, state, low, high, x_scale)
        return self.end(jax.lax.while_loop(lambda state: ~state.ended, step, self.begin(z)))

    def begin(self, z: Vector) -> State:
        """A search before its first trial."""
        # The start is the first trial, a step of nothing from nowhere: so the model is traced and
        # compiled once, not once before the loop and once in it.
        scalar = lambda value, dtype=z.dtype: jnp.asarray(value, dtype)
        return State(
            z, scalar(jnp.inf), jnp.zeros_like(z), jnp.zeros((z.size, z.size), z.dtype),
            scalar(self.damping), scalar(2.0), scalar(0, jnp.int32), jnp.asarray(False),
            RESULTS.successful, scalar(0, jnp.int32),
        )  # fmt: skip

    def end(self, state: State) -> Search:
        """What came of a search."""
        return Search(state.z, state.cost, state.result, state.steps - 1, state.failed)

    def step(
        self, residual: Residual, state: State, low: Vector, high: Vector, x_scale: Vector
    ) -> State:
        """One trial, which may be the last."""
        z, cost, g, A, damping, growth, k, _, _, failed = state
        model = Quadratic.at(z, g, A, low, high)
        unit, longest = mean_unit(model, x_scale), self.clip * x_scale
        new, expected, promised = model.trial(z, damping, unit, longest, (low, high), solve_damped)
        cost_new, g_new, A_new = sum_of_squares(residual, new)
        finite = jnp.isfinite(cost_new) & jnp.all(jnp.isfinite(A_new))
        accept = (cost_new < cost) & finite
        # Only a step that damping does not shorten can say that there is nothing to gain.
        done = (promised <= self.tolerance * cost) & (damping <= 1.0)
        done = (done | ~jnp.any(model.free)) & (k > 0) | (cost_new == 0)
        lost, late, stuck = (k == 0) & ~finite, k >= self.max_steps, damping > 1e16
        result = RESULTS.where(late, RESULTS.steps_exhausted, RESULTS.stalled)
        result = RESULTS.where(done, RESULTS.successful, result)
        result = RESULTS.where(lost, RESULTS.start_not_finite, result)
        damping, growth = next_damping(damping, growth, accept, cost - cost_new, expected)
        z, cost, g, A = (
            jnp.where(accept, a, b)
            for a, b in zip((new, cost_new, g_new, A_new), (z, cost, g, A), strict=True)
        )
        over = done | lost | late | stuck
        failed = failed + (~finite).astype(failed.dtype)
        return State(z, cost, g, A, damping, growth, k + 1, over, result, failed)


def _cholesky_solve(A, g, damping):
    """(A + damping 1)^-1 g, unrolled; a list of scalars."""
    p = g.shape[0]
    L, inverse, y, x = {}, [], [], [jnp.zeros_like(g[0])] * p
    for i in range(p):
        for j in range(i):
            L[i, j] = (A[i, j] - sum(L[i, k] * L[j, k] for k in range(j))) * inverse[j]
        pivot = A[i, i] + damping - sum(L[i, k] * L[i, k] for k in range(i))
        inverse.append(1 / jnp.sqrt(pivot))
        y.append((g[i] - sum(L[i, k] * y[k] for k in range(i))) * inverse[i])
    for i in reversed(range(p)):
        x[i] = (y[i] - sum(L[k, i] * x[k] for k in range(i + 1, p))) * inverse[i]
    return x
