"""What is minimised: a residual with its Jacobian, in a compiled program or from Python."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Vector = Float[Array, "parameters"]
Residual = Callable[[Vector], Float[Array, "residuals"]]

# Small solves and products are unrolled up to this many parameters: LAPACK costs microseconds a
# call, and a whole step on one spectrum takes three. The code grows with the cube.
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


def sum_of_squares(residual: Residual, z: Vector) -> tuple[Array, Array, Array]:
    """Sum of squares, half its gradient and half its Gauss-Newton Hessian."""
    if not isinstance(residual, Parts) or z.shape[0] > UNROLLED:
        r, J = value_and_jacobian(residual, z)
        return jnp.sum(r * r), J @ r, J @ J.T
    rows, p = residual.rows(z), z.shape[0]
    products = rows @ rows.T
    return products[p, p], products[p, :p], products[:p, :p]


class HostResidual(NamedTuple):
    """A residual that is evaluated from Python: NumPy in, NumPy out.

    - `evaluate`: of a search vector `(p,)` gives residuals `(m,)` and their Jacobian `(m, p)`.
    - `low`, `high`: the bounds, `(p,)`. `points`: how many numbers were measured.
    """

    evaluate: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    low: Float[np.ndarray, "p"]
    high: Float[np.ndarray, "p"]
    points: int

    def changed(self, change: Callable[..., tuple[np.ndarray, np.ndarray]]) -> "HostResidual":
        """With other residuals: `change` makes them of search vector, residuals and Jacobian."""
        return self._replace(evaluate=lambda z: change(z, *self.evaluate(z)))

    def held(self, quantity: Callable[..., tuple[float, np.ndarray]], aim: float, width: float):
        """With the residual (h - aim)/width as a last one, which draws a quantity h to an aim.

        `quantity` of a search vector gives h and its slope, `(p,)`. Wherever a search ends, nothing
        with the same h is better, so that the end is a point of the profile of h.
        """

        def change(z, r, J):
            h, slope = quantity(z)
            return np.append(r, (h - aim) / width), np.vstack([J, slope / width])

        return self.changed(change)
