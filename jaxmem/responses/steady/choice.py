"""Which of several equilibria is meant: a number, or the one that is reached from rest."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from jaxmem.devices.branch import Scalar
from jaxmem.devices.device import AbstractDevice
from jaxmem.responses.steady.points import OperatingPoint, OperatingPoints, hidden
from jaxmem.responses.steady.roots import find


def only(found: OperatingPoints) -> OperatingPoint:
    """The one there is; NaN where there is not exactly one."""
    return chosen(found, jnp.where(found.count == 1, 0, -1))


def chosen(found: OperatingPoints, k: Int[Array, ""]) -> OperatingPoint:
    """The equilibrium number k, counted as one; NaN if k is -1, and then they are counted all."""
    there = k >= 0
    point = found.point(jnp.maximum(k, 0))
    count = jnp.where(there, 1, found.count)
    # One that cannot be chosen is not to be taken for the one there is.
    count = jnp.where(there | (count != 1), count, 0)
    return hidden(eqx.tree_at(lambda p: p.count, point, count), there)


@eqx.filter_jit
def reached(
    device: AbstractDevice,
    found: OperatingPoints,
    is_voltage: bool,
    u_range: tuple[Scalar, Scalar] | None,
) -> Int[Array, ""]:
    """Which equilibrium the curve of equilibria meets first, from the stable one at no drive."""
    device, found = jax.lax.stop_gradient((device, found))
    start = find(device, jnp.zeros_like(found.u[0]), np.asarray(float(is_voltage)), u_range)
    # A constant-phase element has no states, and may be all of the capacitance: as a ladder it has.
    inner = device.in_time()
    lag = jnp.where(inner.R_s > 0, inner.R_s, 1.0) * inner.C_m

    def field(y):
        du = -inner.current(y[0], y[1:]) / inner.C_m
        return jnp.append(du, inner.rates(y[0], y[1:]))

    def calm(place):
        there = jnp.isfinite(place)
        u, x = inner.equilibrium(jnp.where(there, place, 0.0))
        J = jax.jacfwd(field)(jnp.append(u, x))
        J = J.at[0, 0].add(-is_voltage / lag)
        good = there & jnp.all(jnp.isfinite(J))
        J = jnp.where(good, J, jnp.eye(J.shape[0]))
        return good & jnp.all(jnp.linalg.eigvals(J).real < 0)

    steady = jax.vmap(calm)(start.place)
    one = (start.count == 1) | (jnp.sum(steady) == 1)
    begin = start.place[jnp.where(start.count == 1, 0, jnp.argmax(steady))]
    value = found.V if is_voltage else found.I
    up = value[0] >= 0
    # At the same place, but for rounding, lies the start itself.
    near = 1e-9 * jnp.maximum(jnp.abs(begin), jnp.abs(found.place))
    ahead = jnp.isfinite(found.place) & jnp.where(
        up, found.place >= begin - near, found.place <= begin + near
    )
    first = jnp.where(up, jnp.argmax(ahead), ahead.size - 1 - jnp.argmax(ahead[::-1]))
    return jnp.where(one & jnp.any(ahead), first, -1)


def advice(device: AbstractDevice, branch: Any, count: int) -> str:
    """What to do where no equilibrium was chosen."""
    if count == 0 and device.curve is not None:
        low, high = (float(end) for end in device.branches[device.curve].rest_range())
        return (
            f": none with the parameter of branch {device.curve!r} from {low:.6g} to {high:.6g}, "
            "where it gives its equilibria (`rest_range`)"
        )
    if branch == "rest":
        return ", and none of them is reached from one stable equilibrium at 0: give branch=k or u="
    if isinstance(branch, int):
        return f": there is no number {branch}, they are counted from 0"
    return '; give branch="rest" or a number, u= or u_range to choose one' if count > 0 else ""
