"""Equilibria of a branch that gives its rates only: the curve r(u, x) = 0, by arclength."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

Scalar = Float[Array, ""]
# u and the states, in units of the box: from 0 to 1.
Place = Float[Array, "m"]
Rates = Callable[[Scalar, Float[Array, "n"]], Float[Array, "n"]]

# Points; the first, the largest and the least step; the cosine of the largest turn in a step.
LENGTH, FIRST, LARGEST, SMALLEST, TURN = 600, 2e-3, 0.02, 1e-7, 0.99
# Newton's iterations at a point; steps in which states relax at the first voltage.
CORRECT, SETTLE = 6, 80


class RestWalk(NamedTuple):
    """Points of the curve from the lowest voltage of the box on to where it leaves it.

    `s` (m,) arclength, `ys` (m, 1 + n) with unit tangents, padded; `low` and `size` of the box.
    `begun`: whether there is an equilibrium at the lowest voltage; `left`: whether the curve was
    followed to an end of the box.
    """

    s: Float[Array, "m"]
    ys: Float[Array, "m k"]
    tangents: Float[Array, "m k"]
    count: Int[Array, ""]  # pyright: ignore[reportIncompatibleMethodOverride]
    low: Float[Array, "k"]
    size: Float[Array, "k"]
    begun: Bool[Array, ""]
    left: Bool[Array, ""]

    @property
    def end(self) -> Scalar:
        """The arclength of its last point."""
        return self.s[jnp.maximum(self.count - 1, 0)]


def follow(rates: Rates, low: Float[Array, "k"], high: Float[Array, "k"]) -> RestWalk:
    """The equilibria of `rates` in the box of (u, x) from `low` to `high`.

    At the lowest voltage the states relax from their lower ends to where they rest; from there
    the curve is followed by pseudo-arclength through its folds.
    """
    size = high - low
    balance = _balance(rates, low, size)
    close = 1e3 * jnp.finfo(low.dtype).eps
    start, begun = _settled(balance, low.shape[0] - 1, size, close)
    up = jnp.zeros_like(low).at[0].set(1.0)
    first = _tangent(balance, start, up)

    def step(state):
        k, y, t, h, s, ys, ts, _ = state
        ahead = y + h * t
        new, moved = _correct(balance, ahead, ahead, t)
        turned = _tangent(balance, new, t)
        good = (moved < close) & (turned @ t > TURN) & (jnp.linalg.norm(new - y) < 2 * h)
        out = good & jnp.any((new < -1e-6) | (new > 1 + 1e-6))
        at = jnp.where(good, k, LENGTH)
        s = s.at[at].set(s[k - 1] + jnp.linalg.norm(new - y), mode="drop")
        ys, ts = ys.at[at].set(new, mode="drop"), ts.at[at].set(turned, mode="drop")
        h = jnp.where(good, jnp.minimum(1.4 * h, LARGEST), h / 2)
        y, t = jnp.where(good, new, y), jnp.where(good, turned, t)
        return k + good, y, t, h, s, ys, ts, out

    def going(state):
        return begun & (state[0] < LENGTH) & (state[3] > SMALLEST) & ~state[-1]

    # Beyond the last point all of s is larger than any place.
    s = jnp.full((LENGTH,), jnp.inf, low.dtype).at[0].set(0.0)
    wide = jnp.zeros((LENGTH, low.shape[0]), low.dtype)
    begin = (jnp.asarray(1), start, first, jnp.asarray(FIRST, low.dtype), s, wide.at[0].set(start),
             wide.at[0].set(first), jnp.asarray(False))  # fmt: skip
    k, _, _, _, s, ys, ts, out = jax.lax.while_loop(going, step, begin)
    return RestWalk(s, ys, ts, k, low, size, begun, out)


def place(rates: Rates, walk: RestWalk, s: Scalar) -> tuple[Scalar, Float[Array, "n"]]:
    """u and the states at the arclength s: Newton's method from between two points of the walk.

    Derivatives of any order are those of the implicit function theorem; the walk itself, which
    says what s means, is held fixed.
    """
    y, moved = _between(rates, jax.lax.stop_gradient(walk), s)
    found = walk.low + walk.size * y
    there = (moved < 1e-6) & walk.begun & (walk.count > 1)
    found = jnp.where(there, found, jnp.nan)
    return found[0], found[1:]


@eqx.filter_custom_jvp
def _between(rates, walk, s):
    """The curve's point in the plane at s, and Newton's last move."""
    return _correct(_balance(rates, walk.low, walk.size), *_plane(walk, s))


@_between.def_jvp
def _between_jvp(primals, tangents):
    rates, walk, s = primals
    moving, _, ds = tangents
    y, moved = _between(rates, walk, s)

    def left(rates, s):
        _, near, along = _plane(walk, s)
        return _balance(rates, walk.low, walk.size)(y), along @ (y - near)

    # What does not depend on anything that moves has no tangent.
    _, moves = eqx.filter_jvp(left, (rates, s), (moving, ds))
    change, last = (
        jnp.zeros(n) if m is None else m for m, n in zip(moves, (y[1:].shape, ()), strict=True)
    )
    along = _plane(walk, s)[2]
    dy = -_bordered(_balance(rates, walk.low, walk.size), y, along, last, change)
    return (y, moved), (dy, jnp.zeros_like(moved))


def _plane(walk, s):
    """A place near the curve (twice: a start, and what the plane goes through), and its normal."""
    k = jnp.clip(jnp.searchsorted(walk.s, s, side="right") - 1, 0, jnp.maximum(walk.count - 2, 0))
    start, stop = (jnp.concatenate([walk.s[j, None], walk.ys[j], walk.tangents[j]])
                   for j in (k, k + 1))  # fmt: skip
    n = walk.low.shape[0]
    y0, y1, t0, t1 = start[1 : n + 1], stop[1 : n + 1], start[n + 1 :], stop[n + 1 :]
    length = stop[0] - start[0]

    def between(s):
        w = (s - start[0]) / length
        chord, bend = y1 - y0, w * (1 - w)
        return y0 + w * chord + bend * ((1 - w) * (length * t0 - chord) - w * (length * t1 - chord))

    near, along = jax.jvp(between, (s,), (jnp.ones_like(s),))
    return near, near, along


def _balance(rates, low, size):
    def balance(y):
        v = low + size * y
        return rates(v[0], v[1:])

    return balance


def _bordered(balance, y, normal, last, rates=None):
    """The move by which the rates change by `rates` (those at y), and the way along `normal`."""

    def both(y):
        r = balance(y)
        return r, r

    J, here = jax.jacfwd(both, has_aux=True)(y)
    # Rates of states differ by decades.
    scale = 1 / jnp.maximum(jnp.max(jnp.abs(J), axis=1), jnp.finfo(y.dtype).tiny)
    A = jnp.concatenate([scale[:, None] * J, normal[None]])
    b = jnp.append(scale * (here if rates is None else rates), last)
    if y.shape[0] == 2:  # of one state: a library's solve takes long to compile
        (a, b0), (c, d) = A
        return jnp.stack([d * b[0] - b0 * b[1], a * b[1] - c * b[0]]) / (a * d - b0 * c)
    return jnp.linalg.solve(A, b)


def _correct(balance, y, near, normal):
    """The curve's point in the plane through `near` normal to `normal`, and the last move."""

    def newton(_, state):
        y, _ = state
        move = _bordered(balance, y, normal, normal @ (y - near))
        return y - move, jnp.max(jnp.abs(move))

    return jax.lax.fori_loop(0, CORRECT, newton, (y, jnp.asarray(jnp.inf, y.dtype)))


def _tangent(balance, y, like):
    """The unit tangent of the curve at y in the sense of `like`."""
    along = _bordered(balance, y, like, 1.0, jnp.zeros_like(y[1:]))
    return along / jnp.linalg.norm(along)


def _settled(balance, n, size, close):
    """At the lowest voltage: where the states rest that relax from their lower ends."""
    relax = lambda x: balance(jnp.concatenate([jnp.zeros_like(x[:1]), x])) / size[1:]
    slope = jax.jacfwd(relax)
    x = jnp.zeros((n,), size.dtype)
    fastest = jnp.max(jnp.abs(relax(x))) + jnp.max(jnp.abs(slope(x)))

    def euler(_, state):
        x, h, _ = state
        move = jnp.linalg.solve(jnp.eye(n) / h - slope(x), relax(x))
        # Steps grow until they are Newton's.
        return jnp.clip(x + move, -1.0, 2.0), jnp.minimum(2 * h, 1e30), jnp.max(jnp.abs(move))

    h = 0.1 / jnp.maximum(fastest, jnp.finfo(x.dtype).tiny)
    x, _, moved = jax.lax.fori_loop(0, SETTLE, euler, (x, h, jnp.asarray(jnp.inf, x.dtype)))
    there = (moved < close) & jnp.all((x > -1e-6) & (x < 1 + 1e-6))
    return jnp.concatenate([jnp.zeros_like(x[:1]), x]), there
