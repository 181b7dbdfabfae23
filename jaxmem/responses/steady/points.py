"""What an equilibrium is: one, all at a bias, a curve of them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmem.devices.branch import Scalar, States
from jaxmem.printed import Printed


class OperatingPoint(Printed):
    """An equilibrium: voltage over the memristor u [V], states x, current I [A], applied V [V].

    `count` is how many equilibria the given bias has. If it is not one the others are NaN.
    """

    u: Scalar
    x: States
    I: Scalar
    V: Scalar
    count: Int[Array, ""]


class OperatingPoints(Printed):
    """All equilibria at a bias, ascending; arrays `(7,)` and `x` `(7, n)`, padded with NaN.

    `u`, `I`, `V`, `x` as in `OperatingPoint`; `place` is u, or the parameter of the curve of
    equilibria where there is one; `count` is how many there are, which may be more (-1 where a
    value of the device is not allowed). It unpacks as `u, count`.
    """

    u: Float[Array, "m"]
    x: Float[Array, "m n"]
    I: Float[Array, "m"]
    V: Float[Array, "m"]
    place: Float[Array, "m"]
    count: Int[Array, ""]

    def point(self, k: int | Int[Array, ""]) -> OperatingPoint:
        """The equilibrium number k."""
        return OperatingPoint(self.u[k], self.x[k], self.I[k], self.V[k], jnp.asarray(1))

    def __iter__(self):
        return iter((self.u, self.count))

    def __getitem__(self, k: int):
        return (self.u, self.count)[k]


class SteadyStates(NamedTuple):
    """The steady current-voltage curve: u [V], I [A] and V = R_s I + u [V]."""

    u: Float[Array, "n"]
    I: Float[Array, "n"]
    V: Float[Array, "n"]


def hidden(point: OperatingPoint, there: Array) -> OperatingPoint:
    """The equilibrium, all NaN where it is not there."""
    hide = lambda a: jnp.where(there, a, jnp.nan) if jnp.issubdtype(a.dtype, jnp.inexact) else a
    return jax.tree.map(hide, point)
