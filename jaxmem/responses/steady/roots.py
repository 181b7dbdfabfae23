"""Where the curve of equilibria meets a bias: all of its roots."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from jaxmem.devices.branch import Scalar
from jaxmem.devices.device import AbstractDevice
from jaxmem.responses.search import seen_to_rise, survey, unseen
from jaxmem.responses.steady.points import OperatingPoints

# How many equilibria are looked for, and how finely the curve is scanned for them.
MOST_POINTS = 7
SCAN = 48
# Of more than FEW samples so many places where the curve turns are looked at.
MOST_TURNS, FEW = 16, 400


@eqx.filter_jit
def find(
    device: AbstractDevice, target: Scalar, ratio: Any, u_range: tuple[Scalar, Scalar] | None
) -> OperatingPoints:
    """Roots of ratio (R_s I + u) + (1 - ratio) I = target along the equilibria.

    Without a ratio those of u = target.
    """

    device = device.walked()

    def balance(d, goal, I, u):
        if ratio is None:
            return u - goal
        return _balance(d, goal, ratio, I, u)

    def gap(s, d, goal):
        u, x = d.equilibrium(s)
        return balance(d, goal, d.current(u, x), u)

    frozen = jax.lax.stop_gradient((device, target))
    of = lambda s: gap(s, *frozen)
    if ratio is not None and u_range is None and rising(device):
        return _single(of, gap, device, target)
    if u_range is None and device.curve is None and not unseen(device):
        grid = _scan_grid(of, frozen[0], target)
        value, slope = jax.vmap(jax.value_and_grad(of))(grid)
    else:
        seen = survey(device, u_range, lambda I, u: balance(*frozen, I, u))
        still = lambda I, u: balance(frozen[0], 0.0, I, u)
        grid, value, slope = seen.s, balance(*frozen, seen.I, seen.u), still(seen.dI, seen.du)
    grid = jnp.sort(jnp.concatenate([grid, _extrema(of, grid, value, slope)]))
    value = jax.vmap(of)(grid)
    left = (jnp.sign(value[:-1]) != jnp.sign(value[1:])) & (value[:-1] != 0)
    left = left.at[0].set(left[0] | (value[0] == 0))
    left = left & ~jnp.isnan(value[:-1]) & ~jnp.isnan(value[1:])
    if u_range is not None and device.curve is not None:
        u = jax.vmap(lambda s: frozen[0].equilibrium(s)[0])(grid)
        left = left & (u[:-1] >= u_range[0]) & (u[1:] <= u_range[1])
    fine = device.allowed()
    left = left & fine
    at = jnp.nonzero(left, size=MOST_POINTS, fill_value=-1)[0]
    # Places that are not used repeat the first root: evaluated at no number at all, or far out,
    # derivatives of what is hidden would spoil all the others.
    used = jnp.maximum(jnp.where(at >= 0, at, at[0]), 0)
    roots, slopes = jax.vmap(lambda k: _polish(of, grid[k], grid[k + 1], value[k + 1]))(used)
    # One Newton step through the live device carries the derivatives (implicit function
    # theorem); at the root it moves the value by less than its last digit.
    roots, slopes = jax.lax.stop_gradient((roots, slopes))
    live = jax.vmap(lambda s, lean: s - _zero_value(gap(s, device, target)) / lean)(roots, slopes)
    u, x = jax.vmap(device.equilibrium)(live)
    I = jax.vmap(device.current)(u, x)
    hide = lambda a: jnp.where((at >= 0).reshape((-1,) + (1,) * (a.ndim - 1)), a, jnp.nan)
    count = jnp.where(fine, jnp.sum(left), -1)
    u, x, I, V, live = map(hide, (u, x, I, device.R_s * I + u, live))
    return OperatingPoints(u, x, I, V, live, count)


@eqx.filter_jit
def find_if_rising(
    device: AbstractDevice, target: Scalar, ratio: Any
) -> tuple[OperatingPoints, Bool[Array, ""]]:
    """`find` of a device whose steady current is seen to rise, and whether it is (`seen_to_rise`).

    It costs a fraction of `find` where many devices stand side by side. Of values that are not
    allowed there is nothing to find: these count as seen. Not for devices whose equilibria are a
    curve.
    """

    def gap(u, d, goal):
        return _balance(d, goal, ratio, d.current(u, d.rest(u)), u)

    frozen = jax.lax.stop_gradient((device, target))
    of = lambda u: gap(u, *frozen)
    found = _single(of, gap, device, target)
    seen = seen_to_rise(device, of) & (found.count == 1)
    return found, seen | ~device.allowed()


def _balance(device, goal, ratio, I, u):
    """What is zero at an equilibrium under a voltage (`ratio` 1) or a current (0)."""
    return ratio * (device.R_s * I + u) + (1 - ratio) * I - goal


def rising(device: AbstractDevice) -> bool:
    """Whether the steady current rises with u, so that each bias has at most one equilibrium."""
    return device.curve is None and all(b.rising for b in device.branches.values())


def _single(of, gap, device, target):
    """The root of a function that rises: bracketed, and then as any other."""
    span, there = _bracket(of, target)
    root = jax.lax.stop_gradient(_polish(of, -span, span, span)[0])
    slope = jax.grad(of)(root)
    there = there & (slope > 0)
    u = root - _zero_value(gap(root, device, target)) / jnp.where(there, slope, 1.0)
    fine = device.allowed() & there
    x = device.rest(u)
    I = device.current(u, x)
    empty = jnp.full((MOST_POINTS - 1,), jnp.nan, u.dtype)
    pad = lambda a: jnp.append(jnp.where(fine, a, jnp.nan), empty)
    states = jnp.where(fine, x, jnp.nan)[None]
    rows = jnp.concatenate([states, jnp.full((MOST_POINTS - 1, x.shape[0]), jnp.nan, x.dtype)])
    count = jnp.where(device.allowed(), jnp.where(there, 1, 0), -1)
    u = pad(u)
    return OperatingPoints(u, rows, pad(I), pad(device.R_s * I) + u, u, count)


def _bracket(of, target):
    """A span so that the function goes from negative to positive between -span and span."""
    wanted = lambda span: (of(-span) <= 0) & (of(span) >= 0)
    go = lambda c: ~wanted(c[0]) & (c[1] < 200)
    start = (jnp.ones_like(target), jnp.asarray(0))
    span, _ = jax.lax.while_loop(go, lambda c: (2 * c[0], c[1] + 1), start)
    return span, wanted(span)


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


def _extrema(of, grid, value, slope):
    """The extremum between two samples of like sign where a pair of roots may hide; else a sample.

    There the function falls towards zero from both sides.
    """
    falls, rises = value[:-1] * slope[:-1] < 0, value[1:] * slope[1:] > 0
    turning = falls & rises & (value[:-1] * value[1:] > 0)
    left, right, sign = grid[:-1], grid[1:], jnp.sign(slope[:-1])
    if turning.size > FEW:  # choosing costs more than looking at few
        # Of too many those that slopes lead nearest to zero.
        far = jnp.minimum(jnp.abs(value[:-1]), jnp.abs(value[1:]))
        way = (right - left) * jnp.maximum(jnp.abs(slope[:-1]), jnp.abs(slope[1:]))
        score = jnp.where(turning & (way > 0), way / (far + jnp.finfo(far.dtype).tiny), 0.0)
        score, chosen = jax.lax.top_k(score, MOST_TURNS)
        turning, left, right, sign = score > 0, left[chosen], right[chosen], sign[chosen]
    lean = jax.vmap(jax.grad(of))

    def halve(_, bracket):
        low, high, sign = bracket
        middle = (low + high) / 2
        same = jnp.sign(lean(middle)) == sign
        return jnp.where(same, middle, low), jnp.where(same, high, middle), sign

    start = (left, right, sign)
    low, high, _ = jax.lax.cond(
        jnp.any(turning), lambda b: jax.lax.fori_loop(0, 60, halve, b), lambda b: b, start
    )
    return jnp.where(turning, (low + high) / 2, left)


def _polish(of, low, high, value_high):
    """Newton kept inside a bracket by bisection, to the last digit; and the slope there."""

    def step(carry):
        low, high, u, k, *_ = carry
        value, slope = jax.value_and_grad(of)(u)
        up = jnp.sign(value) == jnp.sign(value_high)
        low, high = jnp.where(up, low, u), jnp.where(up, u, high)
        newton = u - value / slope
        inside = (newton > low) & (newton < high)
        # A bisection every fourth step, so that a bracket closes even where Newton creeps.
        take = inside & (k % 4 != 3)
        new = jnp.where(value == 0, u, jnp.where(take, newton, (low + high) / 2))
        return low, high, new, k + 1, u, slope

    def going(carry):
        _, _, u, k, last, _ = carry
        return (k < 300) & (u != last)

    none = jnp.asarray(jnp.inf, low.dtype)
    start = (low, high, (low + high) / 2, jnp.asarray(0), none, none)
    _, _, root, _, _, slope = jax.lax.while_loop(going, step, start)
    return root, slope
