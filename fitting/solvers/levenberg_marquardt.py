"""What searches for the smallest sum of squares: Levenberg-Marquardt, and any optax optimiser."""

import abc
import enum
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

Vector = Float[Array, "parameters"]
Residual = Callable[[Vector], Float[Array, "residuals"]]

# Small solves are unrolled up to this many parameters: LAPACK costs microseconds a call, and a
# whole step on one spectrum takes three. The code grows with the cube.
UNROLLED = 10


class Parts:
    """A residual that comes in parts, for the fast path of `LeastSquares`.

    `parts` takes the components of a search vector, any sequence of scalars, and returns a tuple
    of arrays. As a function it is the vector of them all, so that it is a `Residual` like any.
    `always`: a traced truth that is the same for all lanes of a `vmap`, if there is one.
    """

    def __init__(self, parts: Callable[[Any], tuple[Array, ...]], always: Any = None):
        self.parts, self.always = parts, always

    def __call__(self, z: Any) -> Float[Array, "residuals"]:
        return jnp.concatenate([jnp.ravel(part) for part in self.parts(z)])

    def rows(self, z: Vector) -> Float[Array, "parameters+1 residuals"]:
        """The derivatives by each parameter, and in the last row the residual itself."""

        def rows(z):
            axes = [z[k] for k in range(z.shape[0])]
            value, push = jax.linearize(lambda *axes: self.parts(axes), *axes)
            # One tangent at a time, the others symbolic zeros, so that what does not depend on a
            # parameter drops out when the program is traced: a dense basis would multiply zeros.
            push, constants = jax.closure_convert(push, *axes)
            zeros = [jnp.zeros_like(x) for x in axes]
            rows = []
            for k, zero in enumerate(zeros):
                along = lambda t, k=k: push(*zeros[:k], t, *zeros[k + 1 :], *constants)
                rows.append(jax.jvp(along, (zero,), (jnp.ones_like(zero),))[1])
            return [jnp.ravel(part) for row in (*rows, value) for part in row]

        shapes = jax.eval_shape(rows, z)
        nothing = lambda z: [jnp.full(s.shape, jnp.nan, s.dtype) for s in shapes]
        # The condition always holds. It keeps XLA on CPU from computing the rows anew inside
        # each sum of their products, which takes up to three times as long.
        always = z[0] == z[0] if self.always is None else self.always
        parts = jax.lax.cond(always, rows, nothing, z)
        return jnp.concatenate(parts).reshape(z.shape[0] + 1, -1)


class Code(enum.IntEnum):
    """How a search from one start ended."""

    CONVERGED = 0
    MAX_STEPS = 1
    STALLED = 2
    NOT_FINITE = 3
    INTERRUPTED = 4

    @property
    def meaning(self) -> str:
        """In words."""
        return (
            "converged",
            "still descending when its steps ran out",
            "no step reduced the sum of squares though its gradient is not zero",
            "the residual is not finite at the start",
            "interrupted; this is the best point until then",
        )[int(self)]


class Search(NamedTuple):
    """Where a search ended: search vector, sum of squares, `Code`, steps."""

    z: Any
    chi2: Any
    code: Any
    steps: Any


class State(NamedTuple):
    """A search of `LeastSquares` under way: where it stands, its sum of squares, half the
    gradient and half the Gauss-Newton Hessian there, damping and its next growth, trials done,
    and a `Code`, negative while it goes on."""

    z: Any
    cost: Any
    g: Any
    A: Any
    damping: Any
    growth: Any
    steps: Any
    code: Any


class AbstractSolver(eqx.Module):
    """Searches from one start; `fit` runs it from many."""

    @abc.abstractmethod
    def search(
        self, residual: Residual, z: Vector, low: Vector, high: Vector, x_scale: Vector
    ) -> Search:
        """The minimum of sum(residual(z)^2) between `low` and `high` that is reached from z.

        `x_scale` is the natural length of each coordinate, 1 (an e-fold) for a logarithm.
        """


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
        return self.end(jax.lax.while_loop(lambda state: state.code < 0, step, self.begin(z)))

    def begin(self, z: Vector) -> State:
        """A search before its first trial."""
        # The start is the first trial, a step of nothing from nowhere: so the model is traced and
        # compiled once, not once before the loop and once in it.
        scalar = lambda value, dtype=z.dtype: jnp.asarray(value, dtype)
        return State(
            z, scalar(jnp.inf), jnp.zeros_like(z), jnp.zeros((z.size, z.size), z.dtype),
            scalar(self.damping), scalar(2.0), scalar(0, jnp.int32), scalar(-1, jnp.int32),
        )  # fmt: skip

    def end(self, state: State) -> Search:
        """What came of a search."""
        return Search(state.z, state.cost, state.code, state.steps - 1)

    def step(self, residual: Residual, state: State, low: Vector, high: Vector, x_scale: Vector):
        """One trial; the code says whether it was the last."""
        z, cost, g, A, damping, growth, k, _ = state
        longest = self.clip * x_scale
        # A bound holds a coordinate as long as the descent points beyond it.
        free = ~(((z <= low) & (g > 0)) | ((z >= high) & (g < 0)))
        gf = jnp.where(free, g, 0.0)
        Af = jnp.where(free[:, None] & free, A, 0.0)
        whole = -_solve_damped(Af, gf, damping, x_scale)
        promised = _reduction(Af, gf, whole)
        new = jnp.clip(z + jnp.clip(whole, -longest, longest), low, high)
        cost_new, g_new, A_new = _evaluate(residual, new)
        finite = jnp.isfinite(cost_new) & jnp.all(jnp.isfinite(A_new))
        accept = (cost_new < cost) & finite
        # A step clipped in some coordinates only need not descend in the quadratic model;
        # then the model says nothing and the damping falls by a middling factor.
        expected = _reduction(Af, gf, new - z)
        gain = jnp.where(expected > 0, (cost - cost_new) / expected, 0.5)
        fall = jnp.clip(1 - (2 * gain - 1) ** 3, 1 / 3, 2.0)
        # Only a step that damping does not shorten can say that there is nothing to gain.
        done = (promised <= self.tolerance * cost) & (damping <= 1.0)
        done = (done | ~jnp.any(free)) & (k > 0) | (cost_new == 0)
        code = jnp.where(damping > 1e16, Code.STALLED, -1)
        code = jnp.where(k >= self.max_steps, Code.MAX_STEPS, code)
        code = jnp.where(done, Code.CONVERGED, code)
        code = jnp.where((k == 0) & ~finite, Code.NOT_FINITE, code).astype(jnp.int32)
        old = (z, cost, g, A)
        z, cost, g, A = (
            jnp.where(accept, a, b) for a, b in zip((new, cost_new, g_new, A_new), old, strict=True)
        )
        damping = jnp.maximum(jnp.where(accept, damping * fall, damping * growth), 1e-12)
        growth = jnp.where(accept, 2.0, growth * 2)
        return State(z, cost, g, A, damping, growth, k + 1, code)


class Descent(AbstractSolver):
    """Any optax optimiser and schedule on the same sum of squares.

        Descent(optax.adam(optax.cosine_decay_schedule(0.1, 3000)), steps=3000)

    **Arguments:**

    - `optimiser`: default L-BFGS with its line search, which copes with the valleys that data of
      one kind leave. For an objective that is noisy give a first-order one, and more steps.
    - `steps`: how many.
    - `tolerance`: a search counts as converged if a Gauss-Newton step from where it ended would
      reduce the sum of squares by less than this fraction.
    - `clip`: longest step of each coordinate, in natural lengths: a line search alone leaps to
      where nothing depends on a parameter any more, and stays there.
    """

    optimiser: optax.GradientTransformation | None = eqx.field(static=True, default=None)
    steps: int = eqx.field(static=True, default=300)
    tolerance: float = eqx.field(static=True, default=1e-2)
    clip: float = eqx.field(static=True, default=0.25)

    def __check_init__(self):
        if self.steps < 1:
            raise ValueError(f"Descent: steps must be at least 1, got {self.steps}")

    def search(
        self, residual: Residual, z: Vector, low: Vector, high: Vector, x_scale: Vector
    ) -> Search:
        """See `AbstractSolver.search`."""
        optimiser = self.optimiser
        if optimiser is None:
            # A first-order method is slow along the valleys of an ill-conditioned sum of squares.
            optimiser = optax.lbfgs()
        # Some want more than the slope: line searches, Polyak's step.
        optimiser = optax.with_extra_args_support(optimiser)
        first = jnp.sum(residual(z) ** 2)

        # In coordinates of natural length, and relative to the start, so that one schedule
        # serves every unit; the best point seen is the answer, as no optimiser is monotone.
        def loss(y):
            return jnp.sum(residual(y * x_scale) ** 2) / first

        def step(carry, _):
            y, state, best, least = carry
            value, slope = jax.value_and_grad(loss)(y)
            better = value < least
            best, least = jnp.where(better, y, best), jnp.where(better, value, least)
            slope = jnp.where(jnp.isfinite(slope), slope, 0.0)
            update, state = optimiser.update(
                slope, state, y, value=value, grad=slope, value_fn=loss
            )
            y = y + jnp.clip(jnp.asarray(update), -self.clip, self.clip)
            y = jnp.clip(y, low / x_scale, high / x_scale)
            return (y, state, best, least), None

        y = z / x_scale
        carry = (y, optimiser.init(y), y, jnp.ones_like(first))
        (_, _, y, _), _ = jax.lax.scan(step, carry, length=self.steps)
        z = y * x_scale
        cost, g, A = _evaluate(residual, z)
        free = ~(((z <= low) & (g > 0)) | ((z >= high) & (g < 0)))
        gf, Af = jnp.where(free, g, 0.0), jnp.where(free[:, None] & free, A, 0.0)
        newton = -_solve_damped(Af, gf, 1e-6, x_scale)
        near = _reduction(Af, gf, newton) <= self.tolerance * cost
        code = jnp.where(near, Code.CONVERGED, Code.MAX_STEPS)
        code = jnp.where(jnp.isfinite(first) & jnp.isfinite(cost), code, Code.NOT_FINITE)
        return Search(z, cost, code.astype(jnp.int32), jnp.asarray(self.steps, jnp.int32))


def value_and_jacobian(residual: Residual, z: Vector, together: bool = False):
    """r, shape `(residuals,)`, and dr/dz transposed, shape `(parameters, residuals)`.

    With `together`, all in one pass, as a residual with loops in it wants: taken apart into
    values and tangents, a loop runs once for either.
    """
    if together:
        J, r = jax.jacfwd(lambda z: (lambda r: (r, r))(residual(z)), has_aux=True)(z)
        return r, J.T
    r, push = jax.linearize(residual, z)
    axes = jnp.eye(z.shape[0], dtype=z.dtype)
    # Tangents side by side are fastest for small models.
    # Beyond, XLA on CPU fuses the impedance into every tangent and computes it again in each,
    # which is slower than one after the other.
    if jax.default_backend() == "cpu" and z.shape[0] > 6:
        return r, jax.lax.map(push, axes)
    return r, jax.vmap(push)(axes)


def _evaluate(residual, z):
    """Sum of squares, half its gradient and half its Gauss-Newton Hessian."""
    if not isinstance(residual, Parts) or z.shape[0] > UNROLLED:
        r, J = value_and_jacobian(residual, z)
        return jnp.sum(r * r), J @ r, J @ J.T
    rows, p = residual.rows(z), z.shape[0]
    products = rows @ rows.T
    return products[p, p], products[p, :p], products[:p, :p]


def _reduction(A, g, dz):
    """What a step takes off the sum of squares in the quadratic model."""
    return -(2 * g @ dz + dz @ A @ dz)


def _solve_damped(A, g, damping, x_scale):
    """(A + damping mean(A) 1)^-1 g in coordinates of natural length."""
    A, g = A * x_scale[:, None] * x_scale, g * x_scale
    size = jnp.trace(A) / A.shape[0]
    size = jnp.where(size > 0, size, 1.0)
    A, g = A / size, g / size
    if A.shape[0] <= UNROLLED:
        return jnp.stack(_cholesky_solve(A, g, damping)) * x_scale
    factor = jax.scipy.linalg.cho_factor(A + damping * jnp.eye(A.shape[0], dtype=A.dtype))
    return jax.scipy.linalg.cho_solve(factor, g) * x_scale


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
