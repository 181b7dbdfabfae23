"""A curve h(y) = 0 in a plane, by pseudo-arclength, and special points on it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxmem.devices.branch import Scalar
from jaxmem.results import RESULTS

Plane = Float[Array, "2"]

# Points to each side of the start; steps.
LENGTH, FIRST, LARGEST, SMALLEST = 200, 0.05, 0.3, 1e-5
# The corrector's iterations; the cosine of the largest turn in a step; bisections of an event.
CORRECT, TURN, HALVINGS = 6, 0.97, 45
SIDES = np.array([-1.0, 1.0])


class PlaneCurve(NamedTuple):
    """Points of the curve in its order, `(401, 2)`, and their unit tangents; `shown` are true.

    `result`: successful if it is closed, or both ends lie where it was to stop.
    """

    ys: Float[Array, "m 2"]
    tangents: Float[Array, "m 2"]
    shown: Bool[Array, "m"]
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
    inside: Callable[[Plane], Bool[Array, ""]],
    real: Callable[[Plane], Bool[Array, ""]],
) -> PlaneCurve:
    """The curve through `origin`, to both sides.

    It stops behind the first point that is not `inside`, before the first that is not `real`,
    and where it closes. Without `start` it is empty.
    """
    first = direction(h, origin)

    def step(s: CurveWalk) -> CurveWalk:
        y, moved = correct(h, s.y + s.step * s.tangent, s.tangent)
        tangent = direction(h, y)
        tangent = tangent * jnp.sign(tangent @ s.tangent)
        good = (moved < 1e-9) & (tangent @ s.tangent > TURN) & jnp.all(jnp.isfinite(y))
        good = good & (jnp.linalg.norm(y - s.y) < 2 * s.step)
        out = good & ~(inside(y) & real(y))
        good = good & real(y)
        closed = good & (s.count > 3) & (jnp.linalg.norm(y - origin) < s.step)
        k = jnp.where(good, s.count, LENGTH)
        length = jnp.where(good, jnp.minimum(1.4 * s.step, LARGEST), s.step / 2)
        count = s.count + good
        return CurveWalk(
            jnp.where(good, y, s.y), jnp.where(good, tangent, s.tangent), length, count,
            out | closed | (length < SMALLEST) | (count >= LENGTH), out, closed,
            s.ys.at[k].set(y, mode="drop"), s.tangents.at[k].set(tangent, mode="drop"),
        )  # fmt: skip

    def walk(sign):
        nan, no = jnp.full((LENGTH, 2), jnp.nan), jnp.asarray(False)
        begin = CurveWalk(
            origin, sign * first, jnp.asarray(FIRST), jnp.zeros((), int), ~start, no, no, nan, nan
        )
        return jax.lax.while_loop(lambda s: ~s.stopped, step, begin)

    both = jax.vmap(walk)(SIDES)
    back, on = (jax.tree.map(lambda a, k=k: a[k], both) for k in (0, 1))
    # A closed curve comes back to its start: one turn is enough, and ends where it began.
    kept = jnp.where(on.closed, 0, back.count)
    last = jnp.where(on.closed, on.count, LENGTH)
    ahead = on.ys.at[last].set(origin, mode="drop")
    tangents = on.tangents.at[last].set(first, mode="drop")
    k = jnp.arange(2 * LENGTH + 1) - LENGTH
    whole = on.closed | (back.ended & on.ended)
    long = (~on.ended & (on.count >= LENGTH)) | (~back.ended & (back.count >= LENGTH))
    result = RESULTS.where(long, RESULTS.curve_too_long, RESULTS.step_too_short)
    result = RESULTS.where(whole, RESULTS.successful, result)
    return PlaneCurve(
        jnp.concatenate([back.ys[::-1], origin[None], ahead]),
        jnp.concatenate([-back.tangents[::-1], first[None], tangents]),
        start & (k >= -kept) & (k <= on.count + on.closed) & (k <= LENGTH),
        RESULTS.where(start, result, RESULTS.no_start),
    )


def events(h, curve: PlaneCurve, test, marks: Float[Array, "m"], most: int):
    """Where a test changes its sign along a curve: points `(most, 2)` with NaN, and a count.

    `test(y, tangent)` has the value `marks` at the points; it is bisected between two of them.
    """
    shown = curve.shown
    change = (jnp.sign(marks[:-1]) * jnp.sign(marks[1:]) < 0) & shown[:-1] & shown[1:]
    found = jnp.nonzero(change, size=most, fill_value=-1)[0]

    def refine(k):
        base, tangent = curve.ys[k], curve.tangents[k]
        on_curve = lambda part: correct(h, base + part * tangent, tangent)[0]

        def halve(_, ends):
            low, high = ends
            middle = (low + high) / 2
            early = test(on_curve(middle), tangent) * marks[k] > 0
            return jnp.where(early, middle, low), jnp.where(early, high, middle)

        ends = jnp.zeros(()), (curve.ys[k + 1] - base) @ tangent
        return on_curve(jax.lax.fori_loop(0, HALVINGS, halve, ends)[0])

    points = jax.vmap(refine)(jnp.where(found >= 0, found, LENGTH))
    return jnp.where((found >= 0)[:, None], points, jnp.nan), jnp.sum(change)
