"""What compiled programs get: terms that are evaluated together."""

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fitting.solvers.residual_parts import value_and_jacobian


class AbstractBatch(eqx.Module):
    """Terms of one kind, stacked, with as many residuals for each (padding has no weight)."""

    # Whether it integrates in time, which takes long.
    integrates: ClassVar[bool]

    @abc.abstractmethod
    def residual(self, model: Any) -> Float[Array, "m"]:
        """All residuals, 0 for padding."""

    @abc.abstractmethod
    def members(self, model: Any) -> np.ndarray:
        """Which of the stacked terms each residual belongs to, -1 for padding, shape `(m,)`."""

    def inspect(self, model: Callable[[Any], Any], z: Any) -> tuple[Any, Any]:
        """Residuals, shape `(m,)`, and their derivatives by z, `(p, m)`, of the model at z."""
        return value_and_jacobian(lambda z: self.residual(model(z)), z, together=self.integrates)

    def pieces(self, model: Any, far: Any, scale: Any) -> tuple[Any, ...]:
        """Residuals over `scale`, shape `(m,)`, in the parts that they come in.

        `far` (None, 0 or 1) asks for what serves far from the data, where there is such a thing.
        """
        return (self.residual(model) / scale,)


class LoneTerm(AbstractBatch):
    """A prior, a goal, or a term of one's own: anything with `residual(model)`."""

    term: Any

    @property
    def integrates(self) -> bool:
        """Whether it says so."""
        return getattr(self.term, "integrates", False)

    def residual(self, model: Any) -> Float[Array, "m"]:
        """The term's residual, flat."""
        return jnp.ravel(self.term.residual(model))

    def members(self, model: Any) -> np.ndarray:
        """All are the term's."""
        return np.zeros(eqx.filter_eval_shape(self.residual, model).shape, int)


class LoneMeasurement(AbstractBatch):
    """A measurement that is not stacked with others.

    - `measurement`: gives the signal. `observed`, `weight`: its numbers and 1/sigma, worked out
      beforehand, because under `jit` NumPy can compute nothing any more.
    """

    measurement: Any
    observed: Float[Array, "n"]
    weight: Float[Array, "n"]

    @property
    def integrates(self) -> bool:
        """As the measurement says."""
        return self.measurement.integrates

    def residual(self, model: Any) -> Float[Array, "n"]:
        """(signal - observed)/sigma."""
        return (self.measurement.signal(model) - self.observed) * self.weight

    def members(self, model: Any) -> np.ndarray:
        """All that have weight are the measurement's."""
        return np.where(np.asarray(self.weight) > 0, 0, -1)

    def pieces(self, model: Any, far: Any, scale: Any) -> tuple[Any, ...]:
        """See `AbstractBatch.pieces`. Far away, where the signal spans decades, asinh of signal and
        data in units of the noise, scaled so that near the data it is the residual."""
        turn = lambda x: jnp.arcsinh(x * self.weight)
        signal = self.measurement.signal(model)
        near = (signal - self.observed) * self.weight
        if far is not None and self.measurement.spans_decades:
            size = jnp.hypot(1.0, jnp.abs(self.observed) * self.weight)
            near = jnp.where(far, (turn(signal) - turn(self.observed)) * size, near)
        return (near / scale,)
