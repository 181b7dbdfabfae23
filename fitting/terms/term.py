"""What a fit adds up beside measurements: priors, design goals, terms on a part of the model.

A term is anything with `residual(model)`, a real vector in units of its standard deviation.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmem.fields import require
from jaxmem.lens import Lens, get


@runtime_checkable
class Term(Protocol):
    """Anything with a residual vector."""

    def residual(self, model: Any) -> Float[Array, "n"]:
        """Differences in units of their standard deviation."""
        ...


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


def unwrap(term: Any) -> Any:
    """The measurement or term inside of any number of `On`."""
    while isinstance(term, On):
        term = term.term
    return term


def part_of(term: Any) -> Callable[[Any], Any] | None:
    """The part of the model that nested `On` point at, as one function; None for all of it."""
    chain = []
    while isinstance(term, On):
        chain.append(term.part)
        term = term.term
    if len(chain) <= 1:
        return chain[0] if chain else None

    def at(model):
        for part in chain:
            model = part(model)
        return model

    return at
