"""The posterior density of a fit, in coordinates in which it is nearly a unit Gaussian."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fitting.diagnosis.covariance import DECADE
from fitting.inference.likelihood import Likelihood, residual_of
from fitting.problem.space import Coordinates
from fitting.solvers.residual_parts import value_and_jacobian


class Density(eqx.Module):
    """-ln p(z | data) as a function of x, with z = z(y), y = y0 + L x.

    - ln p = -sum r^2/2 over residuals of known noise, -(n/2) ln SSR for each noise whose scale is
      not known (the scale integrated out under Jeffreys' prior, 1/scale), -sum ((z - z0)/s)^2/2 for
      the weak prior, and ln|dz/dy|.
    - z(y) keeps within the bounds: the identity without them, a logistic function between two, a
      softplus from one. Within them the prior is flat in z where there is no weak one.
    - L L^T is the inverse of the Gauss-Newton Hessian at y0.

    Arrays: `scale`, `known` `(m,)`, `masks` `(g, m)`, `counts` `(g,)`, `centre`, `precision`,
    `origin`, `length` `(p,)`, `root` (L) `(p, p)`.
    """

    parts: Any
    model: Any
    scale: Float[Array, "m"]
    known: Float[Array, "m"]
    masks: Float[Array, "g m"]
    counts: Float[Array, "g"]
    centre: Float[Array, "p"]
    precision: Float[Array, "p"]
    origin: Float[Array, "p"]
    length: Float[Array, "p"]
    root: Float[Array, "p p"]
    coordinates: Coordinates = eqx.field(static=True)

    @classmethod
    def of(cls, base: Likelihood, decades: float | None) -> "Density":
        """Of a fit, with a weak prior of a standard deviation of `decades` (None: without)."""
        p, c = base.problem, base.problem.coordinates
        precision = 1 / prior_sd(base, decades) ** 2
        H = base.J.T @ base.J + np.diag(precision)
        error = np.linalg.norm(_root(H), axis=1)
        bounds = Bounds(c, base.lengths)
        # An optimum at a bound is at infinity in y: the chains start a little inside.
        inside = bounds.inside(base.z, np.minimum(error, base.lengths))
        origin = np.asarray(bounds.inverse(inside))
        slope = np.asarray(jnp.exp(bounds.log_slopes(jnp.asarray(origin))))
        root = _root(H * slope[:, None] * slope)
        real = lambda a: jnp.asarray(a, dtype=float)
        return cls(
            p.parts, p.model, real(p.row_scale), real(base.known), real(base.masks),
            real(base.counts), real(base.z), real(precision), real(origin), real(base.lengths),
            real(root), c,
        )  # fmt: skip

    def search_vector(self, x: Float[Array, "p"]) -> Float[Array, "p"]:
        """z at x."""
        return self._bounds.forward(self.origin + self.root @ x)

    def potential(self, x: Float[Array, "p"]) -> Float[Array, ""]:
        """-ln p at x, less its value at the start of the chains (near enough)."""
        y = self.origin + self.root @ x
        bounds = self._bounds
        z = bounds.forward(y)
        prior = 0.5 * jnp.sum(self.precision * (z - self.centre) ** 2)
        return self._misfit(z) + prior - jnp.sum(bounds.log_slopes(y))

    @property
    def _bounds(self):
        return Bounds(self.coordinates, self.length)

    def _misfit(self, z):
        cheap = tuple(part for part in self.parts if not part.integrates)
        slow = tuple(part for part in self.parts if part.integrates)
        rows = [residual_of(cheap, self.model, self.coordinates, z)] if cheap else []
        rows += [_forward(part, self.model, self.coordinates, z) for part in slow]
        r = jnp.concatenate(rows) / self.scale
        return 0.5 * (self.known @ r**2 + self.counts @ jnp.log(self.masks @ r**2))


def _forward(part, model, coordinates, z):
    """Residuals whose gradient comes of their Jacobian, made in the same pass forward.

    Of an integration in time, going back costs more. Of spectra it is the other way round: three
    biases of a 3D device take 8 us with their gradient, and 500 us with their Jacobian (CPU).
    """
    arrays, rest = eqx.partition((part, model), eqx.is_array)

    def residual(z, arrays):
        part, model = eqx.combine(arrays, rest)
        return residual_of((part,), model, coordinates, z)

    def ahead(z, arrays):
        return value_and_jacobian(lambda z: residual(z, arrays), z)

    forward = jax.custom_vjp(residual)
    forward.defvjp(ahead, lambda J, slope: (J @ slope, None))
    return forward(z, arrays)


class Bounds:
    """Search coordinates between their bounds as smooth functions of unbounded ones."""

    def __init__(self, coordinates: Coordinates, length):
        self.low, self.high = np.asarray(coordinates.low), np.asarray(coordinates.high)
        self.below, self.above = np.isfinite(self.low), np.isfinite(self.high)
        self.length = length

    def forward(self, y):
        """z of y."""
        return jnp.stack([fn(y[k]) for k, fn in enumerate(self._each)])

    def log_slopes(self, y):
        """ln dz/dy of each."""
        return jnp.stack([jnp.log(jax.grad(fn)(y[k])) for k, fn in enumerate(self._each)])

    def inverse(self, z) -> np.ndarray:
        """y of z strictly within the bounds."""
        y = np.array(z, dtype=float)
        unscale = lambda x, s: s * (x / s + np.log(-np.expm1(-x / s)))
        for k in range(len(y)):
            a, b, s = self.low[k], self.high[k], float(self.length[k])
            if self.below[k] and self.above[k]:
                y[k] = np.log((y[k] - a) / (b - y[k]))
            elif self.below[k]:
                y[k] = a + unscale(y[k] - a, s)
            elif self.above[k]:
                y[k] = b - unscale(b - y[k], s)
        return y

    def inside(self, z, error) -> np.ndarray:
        """z moved from a bound that it touches by half an error, a tenth of the range at most."""
        gap = np.minimum(0.5 * error, 0.1 * (self.high - self.low))
        return np.clip(z, self.low + gap, self.high - gap)

    @property
    def _each(self):
        return [self._one(k) for k in range(len(self.low))]

    def _one(self, k):
        a, b, s = self.low[k], self.high[k], self.length[k]
        if self.below[k] and self.above[k]:
            return lambda y: a + (b - a) * jax.nn.sigmoid(y)
        if self.below[k]:
            return lambda y: a + s * jax.nn.softplus((y - a) / s)
        if self.above[k]:
            return lambda y: b - s * jax.nn.softplus((b - y) / s)
        return lambda y: y


def prior_sd(base: Likelihood, decades: float | None) -> np.ndarray:
    """Standard deviation of the weak prior in z: of a signed parameter 10^decades its size."""
    if decades is None:
        return np.full(len(base.z), np.inf)
    return np.where(base.problem.coordinates.log, decades * DECADE, 10**decades * base.lengths)


def _root(H):
    """L with L L^T = H^-1, by way of a matrix of unit diagonal, as units differ by decades."""
    unit = np.sqrt(np.maximum(np.diag(H), 1e-300))
    values, vectors = np.linalg.eigh(H / unit[:, None] / unit)
    # Without a prior a direction may be free: then no longer than a million errors.
    return vectors / np.sqrt(np.maximum(values, 1e-12 * values[-1])) / unit[:, None]
