"""What a device does in the end: its transient, in the Radau steps that cycles are made of."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from jaxmem.devices.branch import Scalar, States
from jaxmem.stability.cycles import mesh as meshes
from jaxmem.stability.cycles.collocation import Field, Orbit, linearise
from jaxmem.stability.cycles.radau import STAGES, C, evaluate, interpolant

# The last KEPT steps are remembered, and the last PEAKS maxima of u: a cycle has no more of either.
KEPT, PEAKS = 1024, 16
# Steps and Newton iterations before it is given up.
MOST_STEPS, MOST_TRIPS = 20_000, 100_000
# A step is as long as the quartic part of its polynomial may be, in ranges of the states.
QUARTIC = 5e-4
# Newton's method for a step: iterations, and the last update in ranges of the states.
ITERATIONS, UPDATE = 8, 1e-6
# It returns if two maxima, and what they will still move, differ by less than `close` of its range;
# or if they differ by so little of `close` that no change of this difference can be seen.
SAME = 5e-4
# What differs by so many times `close` may be the same maximum.
ALMOST = 5.0
# It rests if so many steps in a row move it by less than this share of its range.
QUIET, STILL = 8, 1e-8
# The least range of a state, in units of the continuation, and as a share of its range so far; what
# oscillates by so much less is at rest.
LEAST, SHARE, TINY = 1e-4, 1e-3, 1e-3


class Settled(NamedTuple):
    """How a transient went: whether it `repeats` or `rests` (neither: it was given up).

    `mesh` and `orbit` are its last period, of as many intervals as asked for; `state` is the last.
    """

    mesh: Float[Array, "N"]
    orbit: Orbit
    state: States
    repeats: Bool[Array, ""]
    rests: Bool[Array, ""]


class _Peaks(NamedTuple):
    """The last maxima of u: states, in which step and where in it, and the ranges in between."""

    state: Float[Array, "m n"]
    step: Int[Array, "m"]
    within: Float[Array, "m"]
    spans: Float[Array, "m n"]
    moved: Float[Array, "m"]


class _Path(NamedTuple):
    """The state of the loop: one Newton iteration a trip."""

    start: States
    guess: Float[Array, "4 n"]
    step: Scalar
    iteration: Int[Array, ""]
    update: Scalar
    # The steps done: the last ones in a ring, and how many.
    starts: Float[Array, "k n"]
    stages: Float[Array, "k 4 n"]
    widths: Float[Array, "k"]
    done: Int[Array, ""]
    trips: Int[Array, ""]
    low: States
    high: States
    lowest: States
    highest: States
    close: Scalar
    peaks: _Peaks
    peaks_met: Int[Array, ""]
    still: Int[Array, ""]
    lag: Int[Array, ""]
    rests: Bool[Array, ""]
    lost: Bool[Array, ""]


def settle(
    field: Field, start: States, drive: Scalar, intervals: int, wanted: Bool[Array, ""],
    close: ArrayLike = 0.02,
) -> Settled:  # fmt: skip
    """The transient from a state under a constant drive, until it repeats itself or rests.

    Steps of Radau IIA, so that each of them is an interval of a cycle's mesh. It repeats itself
    when a maximum of u comes back to an earlier one.

    **Arguments:**

    - `field`: F(tau, y, p) in units of the continuation; `start`, `drive` in these.
    - `wanted`: nothing is done where it is not (a lane of a batch that has its cycle).
    - `close`: two maxima are one if they differ by less than this share of the range.
    """
    n = start.shape[0]
    rates = field(jnp.zeros(()), start, drive)
    first = 1e-3 / jnp.maximum(jnp.max(jnp.abs(rates)), 1e-300)
    here = jnp.broadcast_to(start, (STAGES, n))
    none = jnp.zeros((), int)
    peaks = _Peaks(
        jnp.full((PEAKS, n), jnp.nan), jnp.zeros((PEAKS,), int), jnp.zeros((PEAKS,)),
        jnp.zeros((PEAKS, n)), jnp.full((PEAKS,), jnp.inf),
    )  # fmt: skip
    path = _Path(
        start, here, first, none, jnp.asarray(jnp.inf),
        jnp.broadcast_to(start, (KEPT, n)), jnp.broadcast_to(start, (KEPT, STAGES, n)),
        jnp.zeros(KEPT), none, none, start, start, start, start, jnp.asarray(close), peaks,
        none, none, none, jnp.asarray(False), ~wanted | ~jnp.all(jnp.isfinite(rates)),
    )  # fmt: skip

    def going(path):
        ended = path.rests | path.lost | (path.lag > 0)
        return ~ended & (path.done < MOST_STEPS) & (path.trips < MOST_TRIPS)

    path = jax.lax.while_loop(going, lambda p: _trip(field, drive, p), path)
    mesh, orbit = _last_period(path, drive, intervals)
    return Settled(mesh, orbit, path.start, path.lag > 0, path.rests)


def _scale(path):
    """The ranges of the states over the steps that are remembered, and at least a little."""
    span = jnp.max(path.stages, axis=(0, 1)) - jnp.min(path.stages, axis=(0, 1))
    return span + SHARE * (path.highest - path.lowest) + LEAST


def _trip(field, drive, path: _Path) -> _Path:
    orbit = Orbit(path.start, path.guess[None], jnp.zeros(()), drive)
    change = linearise(field, path.step[None], orbit).maps[0, ..., -1]
    scale = _scale(path)
    update = jnp.max(jnp.abs(change) / scale[None])
    k = path.iteration + 1
    slow = (k > 2) & (update > 0.5 * path.update)
    failed = ~(update < 1e3) | slow & (update > UPDATE) | (k > ITERATIONS)
    path = path._replace(
        guess=path.guess + change, iteration=k, update=update, trips=path.trips + 1
    )
    case = jnp.where(update < UPDATE, 0, jnp.where(failed, 1, 2))
    return jax.lax.switch(
        case, [lambda p: _accept(p, scale), lambda p: _shorter(p, 0.25), lambda p: p], path
    )


def _shorter(path: _Path, factor) -> _Path:
    step = factor * path.step
    stuck = path.start + step * 0 != path.start  # NaN
    return path._replace(
        step=step, guess=jnp.broadcast_to(path.start, path.guess.shape),
        iteration=jnp.zeros_like(path.iteration), lost=jnp.any(stuck) | ~(step > 1e-300),
    )  # fmt: skip


def _accept(path: _Path, scale) -> _Path:
    polynomial = interpolant(path.start, path.guess)
    size = jnp.max(jnp.abs(polynomial[-1]) / scale)
    factor = (QUARTIC / jnp.maximum(size, 1e-30)) ** 0.25
    rough = size > 4 * QUARTIC
    return jax.lax.cond(
        rough,
        lambda p: _shorter(p, jnp.maximum(0.8 * factor, 0.1)),
        lambda p: _take(p, polynomial, scale, jnp.clip(0.9 * factor, 0.2, 2.0)),
        path,
    )


def _take(path: _Path, polynomial, scale, factor) -> _Path:
    end = path.guess[-1]
    at = path.done % KEPT
    still = jnp.where(jnp.max(jnp.abs(end - path.start) / scale) < STILL, path.still + 1, 0)
    low = jnp.minimum(path.low, jnp.min(path.guess, axis=0))
    high = jnp.maximum(path.high, jnp.max(path.guess, axis=0))
    step = factor * path.step
    # The polynomial of this step, continued, is where Newton's method starts for the next one.
    ahead = jax.vmap(lambda s: evaluate(polynomial, s))(1 + factor * jnp.asarray(C))
    path = path._replace(
        start=end, guess=ahead, step=step, iteration=jnp.zeros_like(path.iteration),
        starts=path.starts.at[at].set(path.start), stages=path.stages.at[at].set(path.guess),
        widths=path.widths.at[at].set(path.step), done=path.done + 1, low=low, high=high,
        lowest=jnp.minimum(low, path.lowest), highest=jnp.maximum(high, path.highest),
        still=still, rests=still >= QUIET,
    )  # fmt: skip
    slope = lambda s: jax.jvp(lambda s: evaluate(polynomial[:, 0], s), (s,), (jnp.ones(()),))[1]
    peak = (slope(jnp.asarray(0.0)) > 0) & (slope(jnp.asarray(1.0)) <= 0) & (path.done > 1)
    return jax.lax.cond(peak, lambda p: _at_peak(p, polynomial, slope, scale), lambda p: p, path)


def _at_peak(path: _Path, polynomial, slope, scale) -> _Path:
    def halve(_, ends):
        low, high = ends
        middle = (low + high) / 2
        up = slope(middle) > 0
        return jnp.where(up, middle, low), jnp.where(up, high, middle)

    within = jax.lax.fori_loop(0, 50, halve, (jnp.asarray(0.0), jnp.asarray(1.0)))[0]
    state = evaluate(polynomial, within)
    old = path.peaks
    # Lag 1 is the last maximum, and so on.
    spans = jnp.concatenate([(path.high - path.low)[None], old.spans[:-1]])
    over = jax.lax.cummax(spans, axis=0)
    here = Orbit(state, state[None, None], within, within)
    ranges = jax.vmap(lambda span: meshes.held(span, here))(over)
    moved = jnp.max(jnp.abs(state[None] - old.state) / ranges, axis=1)
    ratio = moved / old.moved
    falls = (ratio < 1) & jnp.isfinite(old.moved)
    to_come = jnp.where(falls, moved * ratio / (1 - ratio), jnp.inf)
    back = (moved < path.close) & (to_come < path.close) | (moved < SAME * path.close)
    kept = path.done - old.step < KEPT
    lags = jnp.arange(1, PEAKS + 1)
    back = back & kept & (lags <= path.peaks_met) & (lags < PEAKS)
    # Several turns of what still settles slowly are no longer period: the first maximum that is
    # nearly the same is taken. (If that was none, `close` is less the next time.)
    almost = (moved < ALMOST * path.close) & kept & (lags <= path.peaks_met) & (lags < PEAKS)
    lag = jnp.where(jnp.any(back), jnp.argmax(back | almost) + 1, 0)
    # Maxima of what hardly moves any more: it spirals into rest.
    tiny = (path.peaks_met > 0) & jnp.all(spans[0] < TINY * scale)
    push = lambda new, all_: jnp.concatenate([jnp.asarray(new)[None], all_[:-1]])
    # The newest comes first; with the period's first maximum behind it at index `lag`.
    peaks = _Peaks(
        push(state, old.state), push(path.done - 1, old.step), push(within, old.within), spans,
        moved,
    )  # fmt: skip
    return path._replace(
        peaks=peaks, peaks_met=path.peaks_met + 1, low=state, high=state,
        lag=jnp.where(tiny, 0, lag), rests=path.rests | tiny,
    )  # fmt: skip


def _last_period(path: _Path, drive, intervals: int):
    """The steps from the maximum `lag` before the last to the last, as a cycle on its own mesh."""
    # In the order of time; what was never taken has no width.
    ring = (jnp.arange(KEPT) + path.done) % KEPT
    age = path.done - KEPT + jnp.arange(KEPT)
    starts, stages, widths = (a[ring] for a in (path.starts, path.stages, path.widths))
    newest, oldest = path.peaks.step[0], path.peaks.step[path.lag]
    first = jnp.where(age == oldest, path.peaks.within[path.lag], 0.0)
    last = jnp.where(age == newest, path.peaks.within[0], 1.0)
    first = jnp.where(age < oldest, 1.0, first)
    last = jnp.where(age > newest, 0.0, jnp.maximum(last, first))
    # A part of a step has the values of the step's polynomial.
    at = first[:, None] + (last - first)[:, None] * jnp.asarray(C)[None]
    value = lambda start, stages, s: evaluate(interpolant(start, stages), s)
    parts = jax.vmap(jax.vmap(value, (None, None, 0)))(starts, stages, at)
    begin = value(*(a[jnp.argmax(age == oldest)] for a in (starts, stages, first)))
    parts = jnp.where((age < oldest)[:, None, None], begin[None, None], parts)
    end = parts[jnp.argmax(age == newest), -1]
    parts = jnp.where((age > newest)[:, None, None], end[None, None], parts)
    widths = widths * (last - first)
    period = jnp.sum(widths)
    orbit = Orbit(begin, parts, jnp.log(period), drive)
    mesh = widths / jnp.where(period > 0, period, 1.0)
    new = meshes.equidistribute(mesh, orbit, intervals)
    return new, meshes.onto(mesh, orbit, new)


def kicked(rest: States, size: float = 0.05) -> States:
    """A state beside rest, from which it is left: u moved by a share of its unit."""
    return rest + size * np.eye(rest.shape[0])[0]
