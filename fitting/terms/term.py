"""What a fit adds up beside measurements: noise models, priors, design goals.

A term is anything with `residual(model)`, a real vector in units of its standard deviation.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from jaxmem.fields import require
from jaxmem.lens import Lens, get

# A trace or curve whose noise is not known is weighted by this share of its size, until the fit
# has found it.
SHARE = 0.01


@runtime_checkable
class Term(Protocol):
    """Anything with a residual vector."""

    def residual(self, model: Any) -> Float[Array, "n"]:
        """Differences in units of their standard deviation."""
        ...


class Noise(eqx.Module):
    """Standard deviation of a measured number: `relative` of its size and `floor`, in quadrature.

    Of Z the size is |Z|, and the deviation that of Re Z and of Im Z [ohm]; of a trace or a curve
    it is that of each sample, in its unit. Noises add in quadrature: `proportional(0.01) +
    absolute(2e-9)`. With `known=False` only the shape is meant, and the fit estimates the scale.
    """

    relative: float = 0.0
    floor: float = 0.0
    known: bool = eqx.field(static=True, default=True)

    def __check_init__(self):
        size = (self.relative, self.floor)
        if not all(np.isfinite(s) and s >= 0 for s in size) or max(size) == 0:
            raise ValueError(f"noise must be positive and finite, got {max(size, key=abs)}")

    def __add__(self, other: "Noise") -> "Noise":
        return Noise(
            float(np.hypot(self.relative, other.relative)),
            float(np.hypot(self.floor, other.floor)),
            self.known and other.known,
        )

    def sigma(self, data: Inexact[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        """Standard deviation of each point, in the data's unit."""
        return np.hypot(self.relative * np.abs(data), self.floor)


def proportional(r: float) -> Noise:
    """Noise of standard deviation r times the size; r = 0.005 is half a per cent."""
    return Noise(relative=float(r))


def absolute(s: float) -> Noise:
    """Noise of one standard deviation s everywhere, in the data's unit (ohm, A or V)."""
    return Noise(floor=float(s))


def estimated(noise: Noise) -> Noise:
    """Noise of this shape, whose scale the fit estimates from what is left, term by term."""
    return Noise(noise.relative, noise.floor, known=False)


class Prior(eqx.Module):
    """What is known of a parameter before: `Prior(lens, mean, sd)`, residual (p - mean)/sd.

    With `factor` instead of `sd` the knowledge is of the logarithm, ln(p/mean)/ln(factor):
    `Prior(lens, 1e-3, factor=2)` says 1 ms, within a factor of 2 at 68 %.
    """

    lens: Lens = eqx.field(static=True)
    mean: float
    sd: float | None = None
    factor: float | None = eqx.field(default=None, kw_only=True)

    def __check_init__(self):
        if (self.sd is None) == (self.factor is None):
            raise ValueError("Prior: give one of sd and factor")
        if self.sd is not None:
            require(lambda s: s > 0, self.sd, message="Prior: sd must be positive, got {0}")
        if self.factor is not None:
            require(lambda f: f > 1, self.factor, message="Prior: factor must exceed 1, got {0}")
            require(
                lambda m: m != 0, self.mean, message="Prior: a factor needs a mean other than 0"
            )

    def residual(self, model: Any) -> Float[Array, "1"]:
        """The one difference, in standard deviations; shape `(1,)`."""
        value = get(self.lens, model)
        if self.factor is not None:
            return jnp.atleast_1d(jnp.log(jnp.abs(value / self.mean)) / jnp.log(self.factor))
        return jnp.atleast_1d((value - self.mean) / self.sd)


class Goal(eqx.Module):
    """A design goal: `Goal(fn, target, tolerance)`, residual (fn(model) - target)/tolerance.

    `fn` is any differentiable function of the model with values of any shape. `integrates` says
    that it integrates in time (a limit cycle, a transient) and takes long: the other terms are then
    searched first, and few points are polished on all.
    """

    fn: Callable[[Any], Any] = eqx.field(static=True)
    target: Any
    tolerance: Any = 1.0
    integrates: bool = eqx.field(static=True, default=False)

    def residual(self, model: Any) -> Float[Array, "n"]:
        """Differences in tolerances, flattened."""
        return jnp.ravel((jnp.asarray(self.fn(model)) - self.target) / self.tolerance)


class On(eqx.Module):
    """A term on a part of the model: `On(lambda m: m[0], spectrum)` for a tuple of devices."""

    part: Callable[[Any], Any] = eqx.field(static=True)
    term: Any

    def residual(self, model: Any) -> Float[Array, "n"]:
        """The term's residual on that part."""
        return self.term.residual(self.part(model))
