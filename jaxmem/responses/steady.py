"""Equilibria: the operating points of a device and its steady current-voltage curve."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, Real

from jaxmem.devices.branch import Scalar, States
from jaxmem.devices.device import AbstractDevice
from jaxmem.fields import check_single, is_concrete

# How many equilibria are looked for, and how finely the curve is scanned for them.
MOST_POINTS = 7
SCAN = 48


class OperatingPoint(eqx.Module):
    """An equilibrium: voltage over the memristor u [V], states x, current I [A], applied V [V].

    `count` is how many equilibria the given bias has. If it is not one the others are NaN.
    """

    u: Scalar
    x: States
    I: Scalar
    V: Scalar
    count: Int[Array, ""]


class SteadyStates(NamedTuple):
    """The steady current-voltage curve: u [V], I [A] and V = R_s I + u [V]."""

    u: Float[Array, "n"]
    I: Float[Array, "n"]
    V: Float[Array, "n"]


def steady_curve(device: AbstractDevice, u: Real[ArrayLike, "n"]) -> SteadyStates:
    """The steady current-voltage curve I(u) = u/R_b + i_c0 f_ss(u) (eq. 5), for any device.

    **Arguments:**

    - `device`: any device.
    - `u`: voltages over the memristor [V], shape `(n,)`.
    """
    check_single("steady_curve", device)
    u = jnp.asarray(u, dtype=jnp.result_type(float))
    I = jax.vmap(device.steady_current)(u)
    return SteadyStates(u, I, device.R_s * I + u)


def operating_point(device: AbstractDevice, *, u=None, I=None, V=None) -> OperatingPoint:
    """The equilibrium at a bias, one of: u over the memristor [V], I [A], applied V [V].

    The residual is at most a few units in the last place of the currents that balance.
    Derivatives with respect to device and bias are those of the implicit function theorem.

    **Arguments:**

    - `device`: any device.
    - `u`, `I`, `V`: the bias, a number; exactly one of them.

    **Raises:** `ValueError` if not exactly one bias is given, or if a given I or V is not finite,
    or has no equilibrium or several (a branch with negative differential resistance): then
    `operating_points` lists them, and `u=` chooses one. Under `jit` or `vmap` the result is
    NaN instead and `count` tells why.
    """
    check_single("operating_point", device)
    if sum(b is not None for b in (u, I, V)) != 1:
        raise ValueError("operating_point: give exactly one of u=, I=, V=")
    if u is not None:
        return _at(device, jnp.asarray(u, dtype=jnp.result_type(float)), jnp.asarray(1))
    roots, count = _points(device, I, V)
    if is_concrete(roots, count) and int(count) != 1:
        name, value = ("I", I) if V is None else ("V", V)
        if not np.isfinite(np.asarray(value)):
            raise ValueError(f"operating_point: {name} must be a finite number, got {value}")
        found = ", ".join(f"{float(r):.6g}" for r in roots if jnp.isfinite(r))
        raise ValueError(
            f"operating_point: {int(count)} equilibria at {name} = {float(np.asarray(value)):.6g}"
            + (f", u = {found} V; give u= to choose one" if int(count) else "")
        )
    return _at(device, jnp.where(count == 1, roots[0], jnp.nan), count)


def rest_at(device: AbstractDevice, value: Scalar, voltage: bool | Array) -> OperatingPoint:
    """The equilibrium at an applied voltage [V] or a current [A]; `voltage` says which.

    For programs that learn the kind when they run. NaN where there is not exactly one.
    """
    value = jnp.asarray(value, dtype=jnp.result_type(float))
    ratio = jnp.asarray(voltage, dtype=value.dtype)
    roots, count = _find(device, value, ratio)
    return _at(device, jnp.where(count == 1, roots[0], jnp.nan), count)


def operating_points(device: AbstractDevice, *, I=None, V=None) -> tuple[Array, Array]:
    """All equilibria of a device at a current or an applied voltage.

    They are searched most densely where the branches are steep (their `window`). Of a branch that
    does not say so, and is steep far from 0 V, a pair may be overlooked.

    **Arguments:**

    - `device`: any device.
    - `I` [A] or `V` [V]: the bias, a number; exactly one of them.

    **Returns:** their voltages u [V], ascending, shape `(7,)`, padded with NaN; and how many there
    are, which may be more.

    **Raises:** `ValueError` if not exactly one bias is given.
    """
    check_single("operating_points", device)
    if (I is None) == (V is None):
        raise ValueError("operating_points: give exactly one of I=, V=")
    return _points(device, I, V)


@eqx.filter_jit
def _at(device, u, count):
    x = device.rest(u)
    I = device.current(u, x)
    return OperatingPoint(u, x, I, device.R_s * I + u, count)


def _points(device, I, V):
    if V is None:
        target, ratio = I, jnp.zeros(())
    else:
        target, ratio = V, jnp.ones(())
    return _find(device, jnp.asarray(target, dtype=jnp.result_type(float)), ratio)


@eqx.filter_jit
def _find(device, target, ratio):
    """Roots in u of ratio (R_s I(u) + u) + (1 - ratio) I(u) = target."""

    def gap(u, d, goal):
        current = d.steady_current(u)
        return ratio * (d.R_s * current + u) + (1 - ratio) * current - goal

    frozen = jax.lax.stop_gradient((device, target))
    of = lambda u: gap(u, *frozen)
    grid = _scan_grid(of, frozen[0], target)
    value, slope = jax.vmap(jax.value_and_grad(of))(grid)
    # Where the slope changes sign between samples of like sign a pair of roots may hide: the
    # extremum is located and becomes a sample of its own.
    turning = (jnp.sign(slope[:-1]) != jnp.sign(slope[1:])) & (value[:-1] * value[1:] > 0)
    grid = jnp.sort(jnp.concatenate([grid, _extrema(of, grid, turning)]))
    value = jax.vmap(of)(grid)
    left = (jnp.sign(value[:-1]) != jnp.sign(value[1:])) & (value[1:] != 0)
    left = left | ((value[1:] == 0) & (value[:-1] != 0))
    count = jnp.sum(left)
    at = jnp.nonzero(left, size=MOST_POINTS, fill_value=-1)[0]
    roots = jax.vmap(lambda k: _polish(of, grid[k], grid[k + 1]))(jnp.maximum(at, 0))
    # One Newton step through the live device carries the derivatives (implicit function
    # theorem); at the root it moves the value by less than its last digit.
    roots = jax.lax.stop_gradient(roots)
    live = jax.vmap(lambda u: u - _zero_value(gap(u, device, target)) / jax.grad(of)(u))(roots)
    return jnp.where(at >= 0, live, jnp.nan), count


def _zero_value(x):
    """Zero that differentiates like x."""
    return x - jax.lax.stop_gradient(x)


def _scan_grid(of, device, target):
    """Samples of u that bracket every root: dense where a branch is steep, and far enough out."""
    dtype = target.dtype
    windows = device.windows()
    if windows:
        centres = jnp.stack([jnp.asarray(c, dtype) for c, _ in windows])
        widths = jnp.stack([jnp.asarray(w, dtype) for _, w in windows])
    else:
        centres, widths = jnp.zeros((1,), dtype), jnp.ones((1,), dtype)
    reach = jnp.max(jnp.abs(centres) + widths)

    def bracketed(span):
        return (of(-span) < 0) & (of(span) > 0)

    def grow(carry):
        span, k = carry
        return 2 * span, k + 1

    span, _ = jax.lax.while_loop(
        lambda c: ~bracketed(c[0]) & (c[1] < 200), grow, (2 * reach, jnp.asarray(0))
    )
    # sinh spaces the samples evenly where |u - centre| is below the width and by ratio beyond.
    far = jnp.arcsinh((span + jnp.abs(centres)) / widths)
    s = jnp.linspace(-1, 1, SCAN, dtype=dtype)
    near = centres[:, None] + widths[:, None] * jnp.sinh(s[None, :] * far[:, None])
    ends = jnp.stack([-span, span])
    return jnp.sort(jnp.clip(jnp.concatenate([near.ravel(), ends]), -span, span))


def _extrema(of, grid, turning):
    """Between the marked samples, the u where the slope vanishes; elsewhere the left sample."""
    slope = jax.vmap(jax.grad(of))

    def halve(_, bracket):
        low, high, sign = bracket
        middle = (low + high) / 2
        same = jnp.sign(slope(middle)) == sign
        return jnp.where(same, middle, low), jnp.where(same, high, middle), sign

    low, high = grid[:-1], grid[1:]
    start = (low, high, jnp.sign(slope(low)))
    low, high, _ = jax.lax.cond(
        jnp.any(turning), lambda b: jax.lax.fori_loop(0, 60, halve, b), lambda b: b, start
    )
    return jnp.where(turning, (low + high) / 2, grid[:-1])


def _polish(of, low, high):
    """Newton kept inside a bracket by bisection, to the last digit."""

    def step(carry):
        low, high, u, k, _ = carry
        value, slope = jax.value_and_grad(of)(u)
        up = jnp.sign(value) == jnp.sign(of(high))
        low, high = jnp.where(up, low, u), jnp.where(up, u, high)
        newton = u - value / slope
        inside = (newton > low) & (newton < high)
        # A bisection every fourth step, so that a bracket closes even where Newton creeps.
        take = inside & (k % 4 != 3)
        new = jnp.where(value == 0, u, jnp.where(take, newton, (low + high) / 2))
        return low, high, new, k + 1, u

    def going(carry):
        _, _, u, k, last = carry
        return (k < 300) & (u != last)

    start = (low, high, (low + high) / 2, jnp.asarray(0), jnp.asarray(jnp.inf, low.dtype))
    return jax.lax.while_loop(going, step, start)[2]
