"""The root of a test between two places of a branch: the regula falsi that closes in from both."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmem.devices.branch import Scalar

# A trial keeps this share of what is between from either end.
EDGE = 1e-3


class Between(NamedTuple):
    """Two places between which a test changes its sign, `f` its values there.

    `side` is -1 or 1 where the lower or the upper end moved last, else 0.
    """

    low: Any
    high: Any
    f: Float[Array, "2"]
    side: Int[Array, ""]

    def share(self) -> Scalar:
        """Where the secant vanishes: 0 at the lower end, 1 at the upper one."""
        return jnp.clip(self.f[0] / (self.f[0] - self.f[1]), EDGE, 1 - EDGE)

    def narrowed(self, place: Any, value: Scalar) -> "Between":
        """With a place in between, of this value of the test, in place of one of both ends.

        The value at an end that stays twice is halved (Illinois; Dowell and Jarratt, BIT 11, 168
        (1971)), so that both ends close in.
        """
        lower = value * self.f[0] > 0
        choose = lambda a, b: jax.tree.map(lambda x, y: jnp.where(lower, x, y), a, b)
        side = jnp.where(lower, -1, 1)
        kept = jnp.where(side == self.side, 0.5, 1.0)
        f = jnp.where(
            lower, jnp.stack([value, kept * self.f[1]]), jnp.stack([kept * self.f[0], value])
        )
        return Between(choose(place, self.low), choose(self.high, place), f, side)
