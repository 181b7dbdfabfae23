"""Equilibria: the operating points of a device and its steady current-voltage curve."""

from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, Real

from jaxmem.devices.branch import Scalar, States
from jaxmem.devices.device import AbstractDevice
from jaxmem.fields import check_positive, check_single, is_concrete
from jaxmem.responses.search import check_range, survey, unseen

# How many equilibria are looked for, and how finely the curve is scanned for them.
MOST_POINTS = 7
SCAN = 48
# Of more than FEW samples so many places where the curve turns are looked at.
MOST_TURNS, FEW = 16, 400


class OperatingPoint(eqx.Module):
    """An equilibrium: voltage over the memristor u [V], states x, current I [A], applied V [V].

    `count` is how many equilibria the given bias has. If it is not one the others are NaN.
    """

    u: Scalar
    x: States
    I: Scalar
    V: Scalar
    count: Int[Array, ""]


class OperatingPoints(eqx.Module):
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


def steady_curve(device: AbstractDevice, u: Real[ArrayLike, "n"]) -> SteadyStates:
    """The steady current-voltage curve I(u) = u/R_b + i_c0 f_ss(u) (eq. 5), for any device.

    **Arguments:**

    - `device`: any device.
    - `u`: voltages over the memristor [V], shape `(n,)`. Of a device whose equilibria are a curve
      over a parameter of its own (`AbstractBranch.rest_curve`) values of this parameter.
    """
    check_single("steady_curve", device)
    places = jnp.asarray(u, dtype=jnp.result_type(float))

    def one(s):
        u, x = device.equilibrium(s)
        return u, device.current(u, x)

    u, I = jax.vmap(one)(places)
    return SteadyStates(u, I, device.R_s * I + u)


def operating_point(
    device: AbstractDevice,
    *,
    u=None,
    I=None,
    V=None,
    u_range: tuple[Any, Any] | None = None,
    branch: int | Literal["rest"] | None = None,
) -> OperatingPoint:
    """The equilibrium at a bias, one of: u over the memristor [V], I [A], applied V [V].

    The residual is at most a few units in the last place of the currents that balance.
    Derivatives with respect to device and bias are those of the implicit function theorem.

    **Arguments:**

    - `device`: any device.
    - `u`, `I`, `V`: the bias, a number; exactly one of them.
    - `u_range`: voltages to look in [V], as in `operating_points`.
    - `branch`: which of several: a number, that in `operating_points`; or `"rest"`, the one that is
      reached from rest as the drive, I or V, goes slowly from 0 to its value: the first that
      the curve of equilibria meets on its way from the stable one at 0. None: there must be one.

    **Raises:** `ValueError` if not exactly one bias is given, or if a given I or V is not finite,
    or has no equilibrium or several (a branch with negative differential resistance) and `branch`
    does not choose one: then `operating_points` lists them, and `branch`, `u=` or `u_range`
    chooses. Under `jit` or `vmap` the result is NaN instead and `count` tells why.
    """
    check_single("operating_point", device)
    given = {k: b for k, b in {"u": u, "I": I, "V": V}.items() if b is not None}
    if len(given) != 1:
        raise ValueError("operating_point: give exactly one of u=, I=, V=")
    if u is not None and device.curve is None:
        point = _known(device, jnp.asarray(u, dtype=jnp.result_type(float)))
        check_values("operating_point", device, point.count)
        return point
    found = _points("operating_point", device, given, u_range)
    check_values("operating_point", device, found.count)
    if branch == "rest" and u is None:
        chosen = _reached(device, found, V is not None, u_range)
    else:
        chosen = jnp.asarray(branch if isinstance(branch, int) else 0)
        some = (chosen >= 0) & (chosen < found.count)
        chosen = jnp.where(some if isinstance(branch, int) else found.count == 1, chosen, -1)
    if is_concrete(found, chosen) and int(chosen) < 0:
        ((name, value),) = given.items()
        if not np.isfinite(np.asarray(value)):
            raise ValueError(f"operating_point: {name} must be a finite number, got {value}")
        there = ", ".join(f"{float(r):.6g}" for r in found.u if jnp.isfinite(r))
        raise ValueError(
            f"operating_point: {int(found.count)} equilibria at {name} = "
            f"{float(np.asarray(value)):.6g}"
            + (f", u = {there} V" if there else "")
            + _choose(device, branch, int(found.count))
        )
    return _chosen(found, chosen)


def _choose(device, branch, count):
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


def rest_at(device: AbstractDevice, value: Scalar, voltage: bool | Array) -> OperatingPoint:
    """The equilibrium at an applied voltage [V] or a current [A]; `voltage` says which.

    For programs that learn the kind when they run. NaN where there is not exactly one.
    """
    value = jnp.asarray(value, dtype=jnp.result_type(float))
    ratio = jnp.asarray(voltage, dtype=value.dtype)
    return _only(_find(device, value, ratio, None))


def operating_points(
    device: AbstractDevice, *, I=None, V=None, u_range: tuple[Any, Any] | None = None
) -> OperatingPoints:
    """All equilibria of a device at a current or an applied voltage.

    They are searched most densely where the branches are steep (their `window`). If a branch does
    not say where, all magnitudes of u from 1e-6 V on are looked at, and intervals are split where
    current and states bend. What is narrower than a tenth of its own voltage and shows nowhere
    else may still be overlooked: `u_range` then says where to look.

    **Arguments:**

    - `device`: any device.
    - `I` [A] or `V` [V]: the bias, a number; exactly one of them.
    - `u_range`: voltages to look in [V], `(low, high)`; no equilibrium outside is counted.

    **Returns:** their voltages `u` [V], ascending, shape `(7,)`, padded with NaN, states `x`,
    currents and applied voltages; and how many there are (`count`), which may be more. Where
    equilibria are a curve over a parameter of its own, they ascend in this parameter.

    **Raises:** `ValueError` if not exactly one bias is given, and for values of the device that
    are not allowed (under `jit` or `vmap` all is NaN then and `count` -1).
    """
    check_single("operating_points", device)
    if (I is None) == (V is None):
        raise ValueError("operating_points: give exactly one of I=, V=")
    given = {"I": I} if V is None else {"V": V}
    found = _points("operating_points", device, given, u_range)
    check_values("operating_points", device, found.count)
    return found


def check_values(name: str, device: AbstractDevice, count: Array) -> None:
    """Say which value of a device is not allowed, where a count is -1.

    A device checks them when it is made; `eqx.tree_at` makes one without.
    """
    if not is_concrete(device, count) or np.all(np.asarray(count) >= 0):
        return
    for part in (device, *device.branches.values()):
        try:
            check_positive(part)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None


@eqx.filter_jit
def _known(device, u):
    x = device.rest(u)
    I = device.current(u, x)
    there = device.allowed()
    point = OperatingPoint(u, x, I, device.R_s * I + u, jnp.where(there, 1, -1))
    return _hidden(point, there)


def _hidden(point, there):
    hide = lambda a: jnp.where(there, a, jnp.nan) if jnp.issubdtype(a.dtype, jnp.inexact) else a
    return jax.tree.map(hide, point)


def _only(found):
    """The one there is; NaN where there is not exactly one."""
    return _chosen(found, jnp.where(found.count == 1, 0, -1))


def _chosen(found, k):
    """The equilibrium number k, counted as one; NaN if k is -1, and then they are counted all."""
    there = k >= 0
    point = found.point(jnp.maximum(k, 0))
    count = jnp.where(there, 1, found.count)
    # One that cannot be chosen is not to be taken for the one there is.
    count = jnp.where(there | (count != 1), count, 0)
    return _hidden(eqx.tree_at(lambda p: p.count, point, count), there)


@eqx.filter_jit
def _reached(device, found, is_voltage, u_range):
    """Which equilibrium the curve of equilibria meets first, from the stable one at no drive."""
    device, found = jax.lax.stop_gradient((device, found))
    start = _find(device, jnp.zeros_like(found.u[0]), np.asarray(float(is_voltage)), u_range)
    lag = jnp.where(device.R_s > 0, device.R_s, 1.0) * device.in_time().C_m

    def calm(u, x):
        def field(y):
            du = -device.current(y[0], y[1:]) / device.C_m
            return jnp.append(du, device.rates(y[0], y[1:]))

        there = jnp.isfinite(u)
        J = jax.jacfwd(field)(jnp.append(jnp.where(there, u, 0.0), jnp.where(there, x, 0.0)))
        J = J.at[0, 0].add(-is_voltage / lag)
        return there & jnp.all(jnp.linalg.eigvals(J).real < 0)

    steady = jax.vmap(calm)(start.u, start.x)
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


def _points(name, device, given, u_range):
    ((kind, target),) = given.items()
    target = jnp.asarray(target, dtype=jnp.result_type(float))
    ratio = None if kind == "u" else np.asarray(float(kind == "V"))
    return _find(device, target, ratio, check_range(name, u_range))


@eqx.filter_jit
def _find(device, target, ratio, u_range):
    """Roots of ratio (R_s I + u) + (1 - ratio) I = target along the equilibria.

    Without a ratio those of u = target.
    """

    def balance(d, goal, I, u):
        if ratio is None:
            return u - goal
        return ratio * (d.R_s * I + u) + (1 - ratio) * I - goal

    def gap(s, d, goal):
        u, x = d.equilibrium(s)
        return balance(d, goal, d.current(u, x), u)

    frozen = jax.lax.stop_gradient((device, target))
    of = lambda s: gap(s, *frozen)
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
    roots = jax.vmap(lambda k: _polish(of, grid[k], grid[k + 1]))(jnp.maximum(at, 0))
    # One Newton step through the live device carries the derivatives (implicit function
    # theorem); at the root it moves the value by less than its last digit.
    roots = jax.lax.stop_gradient(roots)
    live = jax.vmap(lambda s: s - _zero_value(gap(s, device, target)) / jax.grad(of)(s))(roots)
    live = jnp.where(at >= 0, live, jnp.nan)
    u, x = jax.vmap(device.equilibrium)(live)
    I = jax.vmap(device.current)(u, x)
    count = jnp.where(fine, jnp.sum(left), -1)
    return OperatingPoints(u, x, I, device.R_s * I + u, live, count)


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
    left, right = grid[:-1], grid[1:]
    if turning.size > FEW:  # choosing costs more than looking at few
        # Of too many those that slopes lead nearest to zero.
        far = jnp.minimum(jnp.abs(value[:-1]), jnp.abs(value[1:]))
        way = (right - left) * jnp.maximum(jnp.abs(slope[:-1]), jnp.abs(slope[1:]))
        score = jnp.where(turning & (way > 0), way / (far + jnp.finfo(far.dtype).tiny), 0.0)
        score, chosen = jax.lax.top_k(score, MOST_TURNS)
        turning, left, right = score > 0, left[chosen], right[chosen]
    lean = jax.vmap(jax.grad(of))

    def halve(_, bracket):
        low, high, sign = bracket
        middle = (low + high) / 2
        same = jnp.sign(lean(middle)) == sign
        return jnp.where(same, middle, low), jnp.where(same, high, middle), sign

    start = (left, right, jnp.sign(lean(left)))
    low, high, _ = jax.lax.cond(
        jnp.any(turning), lambda b: jax.lax.fori_loop(0, 60, halve, b), lambda b: b, start
    )
    return jnp.where(turning, (low + high) / 2, left)


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
