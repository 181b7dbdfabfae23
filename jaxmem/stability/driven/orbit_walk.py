"""From periodic orbit to periodic orbit of a driven circuit, and the points where they change kind.

Pseudo-arclength on the period map. One loop does all: each trip finds one orbit by Newton's method,
either the next one of the branch, or one nearer to a special point between the last two.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from jaxmem.devices.branch import Scalar
from jaxmem.results import RESULTS
from jaxmem.stability.cycles.illinois import Between
from jaxmem.stability.equilibria.followed import ENDS

# Orbits to each side of the start; special points that are kept of each kind.
LENGTH, MOST = 200, 8
# Steps, in relative change; Newton iterations of a trip; the cosine of the largest turn in a step.
FIRST, SMALLEST, ITERATIONS, TURN = 0.01, 1e-7, 8, 0.9
# A special point is taken when its test is this share of what it was, or after so many trials. It
# is real if the best trial left no more than a share of the test (of a fold's, where p changes with
# the square of what is left, more), and its multiplier is so near to what it should be.
VANISHED, TRIALS, LEFT, TRUE = 1e-10, 40, np.array([1e-3, 1e-5, 1e-5, 1e-5]), 1e-2
# The shift of a state of two periods is small enough at this share of what it was.
HALVED = 1e-3

# y one round of the orbit later, from (y, p).
RoundMap = Callable[[Float[Array, "m"]], Float[Array, "n"]]


class Seen(NamedTuple):
    """What is kept of an orbit: extremes of u [V], its period [s], and the ranges of y.

    `shift`: where it is after half of an even number of periods, from where it began, else 0;
    `away`: how near it comes to the orbit at the start. Both in ranges of the states.
    """

    top: Scalar
    bottom: Scalar
    period: Scalar
    ranges: Float[Array, "n"]
    shift: Float[Array, "n"]
    away: Scalar


class DrivenOrbit(NamedTuple):
    """z = (y, p) of an orbit: the unit tangent of the branch there, in units of `size`.

    `tests` change their signs at a fold, a branch point, a period doubling and a torus.
    """

    z: Float[Array, "m"]
    tangent: Float[Array, "m"]
    size: Float[Array, "m"]
    tests: Float[Array, "4"]
    mu: Complex[Array, "n"]
    seen: Seen


class Specials(NamedTuple):
    """Special points of the four kinds, padded with NaN; `found` of each."""

    parameter: Float[Array, "4 k"]
    top: Float[Array, "4 k"]
    bottom: Float[Array, "4 k"]
    mu: Complex[Array, "4 k"]
    found: Int[Array, "4"]


class OrbitWalk(NamedTuple):
    """The state of the walk to one side.

    Between the orbits `at` and `ahead` the special points `pending` are still to be found, the
    first of them between `ends`.
    """

    at: DrivenOrbit
    ahead: DrivenOrbit
    ends: Between
    pending: Bool[Array, "4"]
    trials: Int[Array, ""]
    step: Scalar
    stopped: Bool[Array, ""]
    last: Bool[Array, ""]
    filled: Int[Array, ""]
    end: ENDS
    result: RESULTS
    rows: DrivenOrbit
    specials: Specials


def tests_of(mu: Complex[Array, "n"]) -> Float[Array, "3"]:
    """Products over multipliers that vanish at 1, at -1, and for a pair whose product is 1.

    Each factor is divided by its magnitudes, so that strongly contracted ones do not matter.
    """
    one, other = np.triu_indices(mu.shape[0], 1)
    pairs = mu[one] * mu[other]
    products = [jnp.prod((1 - a) / (1 + jnp.abs(a))) for a in (mu, -mu, pairs)]
    return jnp.stack(products).real


def nearest(mu: Complex[Array, "n"]) -> Complex[Array, "4"]:
    """The multiplier that is special at each of the four kinds; NaN where it is not.

    At a torus one of a complex pair; a real pair with the product 1 is a neutral saddle.
    """
    at = lambda value: mu[jnp.argmin(jnp.abs(mu - value))]
    one, other = np.triu_indices(mu.shape[0], 1)
    if not one.size:
        torus = jnp.full((), jnp.nan, mu.dtype)
    else:
        a, b = mu[one], mu[other]
        k = jnp.argmin(jnp.abs(a * b - 1))
        pair = jnp.where(a[k].imag > 0, a[k], b[k])
        torus = jnp.where(pair.imag > 0, pair, jnp.nan)
    return jnp.stack([at(1.0), at(1.0), at(-1.0), torus])


def follow_orbits(
    round_map: RoundMap,
    observe: Callable[[Float[Array, "m"], Float[Array, "n"]], Seen],
    start: Float[Array, "m"],
    sign: Scalar,
    span: Float[Array, "2"],
    tol: Scalar,
    largest: Scalar,
) -> OrbitWalk:
    """The branch through the orbit at `start` = (y, p), towards `sign` p, while p is in `span`."""
    n = start.shape[0] - 1
    unit = jnp.eye(n + 1)[-1]
    nan = jnp.nan
    none = jnp.full((), nan)
    seen = Seen(none, none, none, jnp.ones(n), jnp.zeros(n), none)
    mu = jnp.full((n,), nan, jnp.result_type(start, jnp.complex64))
    size = jnp.append(jnp.ones(n), span[1] - span[0])
    begin = DrivenOrbit(start, sign * unit, size, jnp.full((4,), nan), mu, seen)
    rows = jax.tree.map(
        lambda a: jnp.broadcast_to(jnp.full_like(a, nan), (LENGTH, *a.shape)), begin
    )
    lost = jnp.full((4, MOST), nan)
    no, zero = jnp.asarray(False), jnp.zeros((), int)
    walk = OrbitWalk(
        begin, begin, Between(begin, begin, jnp.zeros(2), zero), jnp.zeros(4, bool), zero,
        jnp.asarray(FIRST), ~jnp.all(jnp.isfinite(start)), no, zero, ENDS.not_followed,
        RESULTS.successful, rows,
        Specials(lost, lost, lost, lost.astype(mu.dtype), jnp.zeros(4, int)),
    )  # fmt: skip

    def jacobian(z):
        value = lambda z: (round_map(z),) * 2
        J, end = jax.jacfwd(value, has_aux=True)(z)
        return J - jnp.eye(n, n + 1), end - z[:-1]

    def correct(guess, row, goal, size):
        """The orbit with row @ z = goal near a guess, and whether Newton's method found it."""

        def newton(state):
            k, z, _, _ = state
            J, gap = jacobian(z)
            left = jnp.concatenate([J, row[None]]) * size[None]
            move = -jnp.linalg.solve(left, jnp.append(gap, row @ z - goal))
            return k + 1, z + size * move, J, jnp.max(jnp.abs(move))

        def going(state):
            k, z, _, moved = state
            return (k < ITERATIONS) & ~(moved < tol) & jnp.all(jnp.isfinite(z))

        begin = (0, guess, jnp.zeros((n, n + 1)), jnp.asarray(jnp.inf))
        k, z, J, moved = jax.lax.while_loop(going, newton, begin)
        return z, J, (moved < tol) & jnp.all(jnp.isfinite(z)), k

    def value(kind, at, ahead, orbit):
        """The test of an orbit between two; where they meet halfway, how far it is shifted."""
        shift = at.seen.shift
        return jnp.where(meets(kind, at, ahead), orbit.seen.shift @ shift, orbit.tests[kind])

    def meets(kind, at, ahead):
        return (kind == 0) & (at.seen.shift @ ahead.seen.shift < 0)

    def ends(pending, at, ahead):
        """Where the first special point that is pending lies."""
        kind = jnp.argmax(pending)
        f = jnp.stack([value(kind, at, ahead, at), value(kind, at, ahead, ahead)])
        return Between(at, ahead, f, jnp.zeros((), int))

    def trip(w: OrbitWalk) -> OrbitWalk:
        seeking, first = jnp.any(w.pending), w.filled == 0
        at = w.at
        along = at.tangent / at.size**2
        ahead = at.z + w.step * at.tangent
        edge = ~seeking & ~first & ((ahead[-1] <= span[0]) | (ahead[-1] >= span[1]))
        fixed = edge | first
        ahead = jnp.where(edge, ahead.at[-1].set(jnp.clip(ahead[-1], *span)), ahead)
        # A special point is looked for where the secant of its test vanishes.
        low, high = w.ends.low.z, w.ends.high.z
        between = low + w.ends.share() * (high - low)
        guess = jnp.where(seeking, between, jnp.where(first, at.z, ahead))
        row = jnp.where(fixed, unit / at.size[-1], along)
        goal = jnp.where(fixed, guess[-1] / at.size[-1], along @ guess)
        z, J, good, used = correct(guess, row, goal, at.size)
        z = jnp.where(fixed, z.at[-1].set(guess[-1]), z)

        mu = jnp.linalg.eigvals(J[:, :n] + jnp.eye(n))
        left = jnp.concatenate([J, along[None]]) * at.size[None]
        tangent = at.size * jnp.linalg.solve(left, unit)
        tests = tests_of(mu)
        seen = observe(z, at.size[:-1])
        size = jnp.append(seen.ranges, span[1] - span[0])
        tangent = tangent / jnp.linalg.norm(tangent / size)
        fold = tangent[-1] / size[-1]
        # A fold is also where a multiplier is 1: without one it is a branch point.
        new = DrivenOrbit(z, tangent, size, jnp.concatenate([fold[None], tests]), mu, seen)
        good = good & jnp.all(jnp.isfinite(tangent)) & jnp.isfinite(seen.top)
        return jax.lax.cond(seeking, _closer, _onwards, w, new, good, edge, used)

    def _onwards(w: OrbitWalk, new: DrivenOrbit, good, edge, used) -> OrbitWalk:
        """The next orbit of the branch; what changed its sign on the way is to be located."""
        at, first = w.at, w.filled == 0
        turn = (new.tangent / at.size) @ (at.tangent / at.size)
        turn = turn / jnp.linalg.norm(new.tangent / at.size)
        gone = jnp.linalg.norm((new.z - at.z) / at.size)
        good = good & (first | ((turn > TURN) & (gone < 2 * w.step)))
        change = (at.tests * new.tests < 0) & good & ~first
        change = change.at[0].set(change[0] | (meets(0, at, new) & good & ~first))
        change = change.at[1].set(change[1] & ~change[0])
        away = jnp.hypot(new.seen.away, (new.z[-1] - start[-1]) / new.size[-1])
        closed = good & (w.filled > 3) & (away < w.step)
        limit = jnp.where(sign > 0, span[1], span[0])
        edge = edge | (first & (sign * (start[-1] - limit) >= 0))
        grown = jnp.where(used <= 4, 1.5, jnp.where(used <= 6, 1.0, 0.7)) * w.step
        grown = jnp.where(first, w.step, jnp.minimum(grown, largest))
        step = jnp.where(good, grown, w.step / 2)
        k = jnp.where(good, w.filled, LENGTH)
        rows = jax.tree.map(lambda a, b: a.at[k].set(b, mode="drop"), w.rows, new)
        filled = w.filled + good
        reached = good & (edge | closed)
        short, full = (step < SMALLEST) | (first & ~good), filled >= LENGTH
        end = ENDS.where(good & edge, ENDS.parameter, w.end)
        end = ENDS.where(closed, ENDS.closed, end)
        result = RESULTS.where(short, RESULTS.step_too_short, w.result)
        result = RESULTS.where(full & ~reached, RESULTS.curve_too_long, result)
        last = reached | short | full
        pick = lambda a, b: jax.tree.map(lambda x, y: jnp.where(good, x, y), a, b)
        seek = jnp.any(change)
        ahead = pick(new, at)
        # While special points are looked for the walk stays where it was.
        before = jax.tree.map(lambda x, y: jnp.where(seek, x, y), at, ahead)
        return w._replace(
            at=before, ahead=ahead, ends=ends(change, at, ahead), pending=change,
            trials=jnp.zeros((), int), step=step, stopped=last & ~seek, last=last, filled=filled,
            end=end, result=result, rows=rows,
        )  # fmt: skip

    def _closer(w: OrbitWalk, new: DrivenOrbit, good, edge, used) -> OrbitWalk:
        """One step nearer to a special point; where it is reached it is kept."""
        del edge, used
        choose = lambda c, a, b: jax.tree.map(lambda x, y: jnp.where(c, x, y), a, b)
        kind = jnp.argmax(w.pending)
        test = lambda orbit: value(kind, w.at, w.ahead, orbit)
        # Where Newton's method fails the better one of both sides is what there is.
        low, high = w.ends.low, w.ends.high
        nearer = jnp.abs(test(low)) < jnp.abs(test(high))
        new = choose(good, new, choose(nearer, low, high))
        # Where a state of two periods becomes one of one period its branch meets itself: behind it
        # are the same states, half their period later. There Newton's method has no one answer, and
        # p is extrapolated to it, in the square of the shift.
        halved = meets(kind, w.at, w.ahead)
        f, one, other = test(new), test(w.at), test(w.ahead)
        scale = jnp.abs(one) + jnp.abs(other)
        trials = w.trials + 1
        close = jnp.linalg.norm((high.z - low.z) / w.at.size) < 1e-11
        little = jnp.where(halved, HALVED, VANISHED)
        done = (jnp.abs(f) <= little * scale) | close | (trials >= TRIALS) | ~good
        special = nearest(new.mu)[kind]
        target = jnp.array([1.0, 1.0, -1.0])[jnp.minimum(kind, 2)]
        off = jnp.where((kind == 3) | halved, 0.0, jnp.abs(special - target))
        # A test that jumps over zero has no root there.
        left = jnp.where(halved, 10 * HALVED, jnp.asarray(LEFT)[kind])
        real = (jnp.abs(f) <= left * scale) & (off < TRUE)
        kept = done & real & jnp.isfinite(special)
        born = kept & halved
        bend = (w.at.z[-1] - new.z[-1]) / jnp.where(born, one**2 - f**2, 1.0)
        p = new.z[-1] - jnp.where(born, bend * f**2, 0.0)
        s, special = w.specials, jnp.where(born, -1.0, special)
        named = jnp.where(born, 2, kind)
        place = jnp.where(kept, s.found[named], MOST)
        put = lambda a, value: a.at[named, place].set(value, mode="drop")
        specials = Specials(
            put(s.parameter, p), put(s.top, new.seen.top), put(s.bottom, new.seen.bottom),
            put(s.mu, special), s.found.at[named].add(kept),
        )  # fmt: skip
        pending = w.pending & ~(done & (jnp.arange(4) == kind))
        before = (w.at.tests * new.tests < 0) & (jnp.arange(4) > 1)
        pending = jnp.where(born, before, pending)
        w = w._replace(
            ahead=choose(born, new, w.ahead), last=w.last | born,
            end=ENDS.where(born, ENDS.doubling, w.end),
            result=RESULTS.where(born, RESULTS.successful, w.result),
            rows=jax.tree.map(
                lambda a, b: a.at[jnp.where(born, w.filled - 1, LENGTH)].set(b, mode="drop"),
                w.rows, new,
            ),
        )  # fmt: skip
        over = ~jnp.any(pending)
        between = choose(done, ends(pending, w.at, w.ahead), w.ends.narrowed(new, f))
        missed = done & ~real
        result = RESULTS.where(missed, RESULTS.not_located, w.result)
        return w._replace(
            at=choose(over, w.ahead, w.at), ends=between, pending=pending,
            trials=jnp.where(done, 0, trials),
            stopped=over & w.last, result=result, specials=specials,
        )  # fmt: skip

    return jax.lax.while_loop(lambda w: ~w.stopped, trip, walk)
