"""A curve h(y) = 0 in a plane, by pseudo-arclength, and special points on it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxmem.devices.branch import Scalar
from jaxmem.results import RESULTS
from jaxmem.stability.equilibria.followed import ENDS

Plane = Float[Array, "2"]

# Points to each side of the start; steps.
LENGTH, FIRST, LARGEST, SMALLEST = 200, 0.05, 0.3, 1e-5
# The corrector's iterations; the cosine of the largest turn in a step; bisections of an event.
CORRECT, TURN, HALVINGS = 6, 0.97, 45
SIDES = np.array([-1.0, 1.0])


class PlaneCurve(NamedTuple):
    """Points of the curve in its order, `(401, 2)`, and their unit tangents; `shown` are true.

    `places` (2, 2): its first and its last point, `ends` of shape (2,) what they are. `result`:
    successful if it is closed, or both ends lie where it was to stop.
    """

    ys: Float[Array, "m 2"]
    tangents: Float[Array, "m 2"]
    shown: Bool[Array, "m"]
    places: Float[Array, "2 2"]
    ends: ENDS
    result: RESULTS


class CurveWalk(NamedTuple):
    """The state of the walk to one side."""

    y: Plane
    tangent: Plane
    step: Scalar
    count: Int[Array, ""]  # pyright: ignore[reportIncompatibleMethodOverride]
    stopped: Bool[Array, ""]
    ended: Bool[Array, ""]
    closed: Bool[Array, ""]
    lost: Bool[Array, ""]
    beyond: Plane
    ys: Float[Array, "n 2"]
    tangents: Float[Array, "n 2"]


def direction(h: Callable[[Plane], Scalar], y: Plane) -> Plane:
    """The unit tangent of a level of h."""
    slope = jax.jacfwd(h)(y)
    return jnp.stack([-slope[1], slope[0]]) / jnp.linalg.norm(slope)


def correct(h: Callable[[Plane], Scalar], y: Plane, tangent: Plane) -> tuple[Plane, Scalar]:
    """The curve's point on the line through y normal to the tangent, and the last move."""
    normal = jnp.stack([-tangent[1], tangent[0]])

    def newton(_, state):
        y, _ = state
        value, slope = jax.jvp(h, (y,), (normal,))
        move = -value / slope * normal
        return y + move, jnp.linalg.norm(move)

    return jax.lax.fori_loop(0, CORRECT, newton, (y, jnp.asarray(jnp.inf)))


def follow_zeros(
    h: Callable[[Plane], Scalar],
    origin: Plane,
    start: Bool[Array, ""],
    reach: Plane,
    real: Callable[[Plane], Bool[Array, ""]] = lambda _: jnp.asarray(True),
    ending: Callable[[Plane], Scalar] | None = None,
) -> PlaneCurve:
    """The curve through `origin`, to both sides. Without `start` it is empty.

    **Arguments:**

    - `reach`: it stops behind the first point with |y| beyond it; y is (voltage, parameter).
    - `real`: whether a point counts; it ends before the first that does not.
    - `ending`: changes its sign where points cease to be `real` at a Bogdanov-Takens point, which
      is then the curve's last point.
    """
    first = direction(h, origin)

    def step(s: CurveWalk) -> CurveWalk:
        y, moved = correct(h, s.y + s.step * s.tangent, s.tangent)
        tangent = direction(h, y)
        tangent = tangent * jnp.sign(tangent @ s.tangent)
        good = (moved < 1e-9) & (tangent @ s.tangent > TURN) & jnp.all(jnp.isfinite(y))
        good = good & (jnp.linalg.norm(y - s.y) < 2 * s.step)
        lost = good & ~real(y)
        out = good & ~jnp.all(jnp.abs(y) <= reach) & ~lost
        good = good & ~lost
        closed = good & (s.count > 3) & (jnp.linalg.norm(y - origin) < s.step)
        k = jnp.where(good, s.count, LENGTH)
        length = jnp.where(good, jnp.minimum(1.4 * s.step, LARGEST), s.step / 2)
        count = s.count + good
        return CurveWalk(
            jnp.where(good, y, s.y), jnp.where(good, tangent, s.tangent), length, count,
            out | closed | lost | (length < SMALLEST) | (count >= LENGTH), out, closed, lost,
            y, s.ys.at[k].set(y, mode="drop"), s.tangents.at[k].set(tangent, mode="drop"),
        )  # fmt: skip

    def walk(sign):
        nan, no = jnp.full((LENGTH, 2), jnp.nan), jnp.asarray(False)
        begin = CurveWalk(
            origin, sign * first, jnp.asarray(FIRST), jnp.zeros((), int), ~start, no, no, no,
            origin, nan, nan,
        )  # fmt: skip
        s = jax.lax.while_loop(lambda s: ~s.stopped, step, begin)
        if ending is None:
            return s, jnp.asarray(False)
        test, before = ending, ending(s.y)
        vanished = s.lost & (before * test(s.beyond) < 0)
        last = halve(h, s.y, s.tangent, s.beyond, lambda y: test(y) * before > 0)
        k = jnp.where(vanished, s.count, LENGTH)
        return s._replace(
            y=jnp.where(vanished, last, s.y), count=s.count + vanished,
            ys=s.ys.at[k].set(last, mode="drop"),
            tangents=s.tangents.at[k].set(s.tangent, mode="drop"),
        ), vanished  # fmt: skip

    both, vanished = jax.vmap(walk)(SIDES)
    back, on = (jax.tree.map(lambda a, k=k: a[k], both) for k in (0, 1))
    # A closed curve comes back to its start: one turn is enough, and ends where it began.
    kept = jnp.where(on.closed, 0, back.count)
    last = jnp.where(on.closed, on.count, LENGTH)
    ahead = on.ys.at[last].set(origin, mode="drop")
    tangents = on.tangents.at[last].set(first, mode="drop")
    k = jnp.arange(2 * LENGTH + 1) - LENGTH
    ended = both.ended | vanished
    whole = on.closed | jnp.all(ended)
    long = jnp.any(~ended & (both.count >= LENGTH))
    result = RESULTS.where(long, RESULTS.curve_too_long, RESULTS.step_too_short)
    result = RESULTS.where(jnp.any(both.lost & ~vanished), RESULTS.pair_lost, result)
    result = RESULTS.where(whole, RESULTS.successful, result)
    far = both.ended & (jnp.abs(both.y[:, 1]) > reach[1])

    def named(ended, far, vanished):
        name = ENDS.where(ended, ENDS.voltage, ENDS.not_followed)
        name = ENDS.where(far, ENDS.parameter, name)
        name = ENDS.where(vanished, ENDS.bogdanov_takens, name)
        name = ENDS.where(on.closed, ENDS.closed, name)
        return ENDS.where(start, name, ENDS.nowhere)

    return PlaneCurve(
        jnp.concatenate([back.ys[::-1], origin[None], ahead]),
        jnp.concatenate([-back.tangents[::-1], first[None], tangents]),
        start & (k >= -kept) & (k <= on.count + on.closed) & (k <= LENGTH),
        jnp.where(on.closed, origin, both.y),
        jax.vmap(named)(both.ended, far, vanished),
        RESULTS.where(start, result, RESULTS.no_start),
    )


def halve(h, base: Plane, tangent: Plane, beyond: Plane, early) -> Plane:
    """The curve's point between two of its points at which `early(y)` ceases to be true."""
    on_curve = lambda part: correct(h, base + part * tangent, tangent)[0]

    def cut(_, ends):
        low, high = ends
        middle = (low + high) / 2
        yes = early(on_curve(middle))
        return jnp.where(yes, middle, low), jnp.where(yes, high, middle)

    ends = jnp.zeros(()), (beyond - base) @ tangent
    return on_curve(jax.lax.fori_loop(0, HALVINGS, cut, ends)[0])


def events(
    h: Callable[[Plane], Scalar],
    curve: PlaneCurve,
    tests: Callable[[Plane, Plane], Float[Array, "k"]],
    marks: Float[Array, "m k"],
    most: int,
) -> tuple[Float[Array, "k n 2"], Int[Array, "k"]]:
    """Where each of k tests changes its sign along a curve: points with NaN, and counts.

    `tests(y, tangent)` have the values `marks` at the points; they are bisected between two.
    """
    shown = (curve.shown[:-1] & curve.shown[1:])[:, None]
    change = (jnp.sign(marks[:-1]) * jnp.sign(marks[1:]) < 0) & shown
    find = lambda one: jnp.nonzero(one, size=most, fill_value=-1)[0]
    found = jax.vmap(find, in_axes=1)(change)

    def refine(k, which):
        base, tangent = curve.ys[k], curve.tangents[k]
        early = lambda y: tests(y, tangent)[which] * marks[k, which] > 0
        return halve(h, base, tangent, curve.ys[k + 1], early)

    at = jnp.where(found >= 0, found, LENGTH).ravel()
    points = jax.vmap(refine)(at, jnp.repeat(jnp.arange(marks.shape[1]), most))
    points = jnp.where((found.ravel() >= 0)[:, None], points, jnp.nan)
    return points.reshape(*found.shape, 2), jnp.sum(change, axis=0)
