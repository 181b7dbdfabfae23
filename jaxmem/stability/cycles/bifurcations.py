"""Where a branch of cycles changes its stability: folds, period doublings and tori, located."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from jaxmem.devices.branch import Scalar
from jaxmem.stability.cycles import mesh as meshes
from jaxmem.stability.cycles.collocation import Field, Orbit, linearise, solve_both
from jaxmem.stability.cycles.extrema import dense_ends
from jaxmem.stability.cycles.floquet import of_cycle
from jaxmem.stability.cycles.illinois import Between

# The slope of the drive by the arclength, in units of the continuation, is level below this.
LEVEL = 1e-6
# A product of (1 - mu) is told from 0 if it is not smaller than this.
DETERMINED = 1e-7
# The place along the branch is known to this share of the step; at most so many cycles for it, each
# by so many iterations of Newton's method to this update.
CLOSE, CYCLES, ITERATIONS, UPDATE = 1e-11, 40, 10, 1e-10


# Which number a kind has: the three of `stability_tests`, and what is no fold though mu = 1.
FOLD, DOUBLING, TORUS, BRANCH_POINT = range(4)


def stability_tests(mu: Complex[Array, "k"]) -> Float[Array, "3"]:
    """Real functions that change sign with the number of multipliers beyond the unit circle.

    The product of (1 - mu) at a fold, of (1 + mu) at a period doubling, of (1 - mu_i mu_j), i < j,
    at a torus; scaled, so that none overflows.
    """
    k = mu.shape[0]
    one, other = np.triu_indices(k, 1)

    def product(factors):
        # Each factor is divided by its size, if that is large.
        scaled = factors / jnp.maximum(1.0, jnp.abs(factors))
        return jnp.prod(scaled).real

    pairs = 1 - mu[one] * mu[other] if k > 1 else jnp.ones((1,), mu.dtype)
    return jnp.stack([product(1 - mu), product(1 + mu), product(pairs)])


def crossed(
    before: Float[Array, "3"], after: Float[Array, "3"], mu: Complex[Array, "k"]
) -> Bool[Array, "3"]:
    """Which of the three lie between two cycles, and are no rounding.

    - `mu`: multipliers of the second one: a torus has a complex pair.
    """
    known = (jnp.abs(before) > DETERMINED) & (jnp.abs(after) > DETERMINED)
    change = known & (before * after < 0)
    pair = jnp.any(jnp.abs(mu.imag) > 0)
    return change & jnp.stack([jnp.asarray(True), jnp.asarray(True), pair])


class Bracket(NamedTuple):
    """A step of a branch: where it began, the ranges of the states, its length; what it passed.

    `passed` says which of the three `stability_tests`, `at` the number of the cycle behind it.
    """

    place: Any
    size: Float[Array, "n"]
    step: Scalar
    passed: Bool[Array, "3"]
    at: Int[Array, ""]


class Special(NamedTuple):
    """A cycle at which stability changes, in units of the continuation; NaN where not located.

    `kind` is its number, or -1.
    """

    kind: Int[Array, ""]
    drive: Scalar
    log_period: Scalar
    top: Scalar
    bottom: Scalar


class Located(NamedTuple):
    """A cycle at which stability changes, on its mesh; `kind` is its number, or -1 where it was not
    located. `tangent` is the direction of the branch there."""

    kind: Int[Array, ""]
    mesh: Float[Array, "N"]
    orbit: Orbit
    tangent: Orbit


def locate_change(
    field: Field, conditions: Callable, bracket: Bracket, number: Int[Array, ""]
) -> Located:
    """The root of a crossing of this number in a step, on a mesh of twice the intervals.

    The regula falsi in the arclength; each cycle by Newton's method.
    `conditions` are those of the continuation, from `place`, the guess and the arclength.
    """
    mesh, orbit, tangent = bracket.place
    wide = meshes.equidistribute(mesh, orbit, 2 * mesh.shape[0])
    both = jax.tree.map(lambda a, b: jnp.stack([a, b]), orbit, tangent)
    both = jax.vmap(meshes.onto, (None, 0, None))(mesh, both, wide)
    place = type(bracket.place)(wide, *(jax.tree.map(lambda a, k=k: a[k], both) for k in (0, 1)))

    def cycle(s, guess):
        """The cycle at the arclength s, the drive's slope and the tests, whether it was found."""

        def newton(state):
            k, guess, _, _, _ = state
            linear = linearise(field, place.mesh, guess)
            v, ahead = solve_both(linear, conditions(linear, place, bracket.size, guess, s))
            change, ahead = linear.direction(v), linear.direction(ahead)
            update = jnp.max(jnp.abs(change.stages) / bracket.size[None, None])
            update = jnp.maximum(update, jnp.abs(change.log_period) + jnp.abs(change.drive))
            guess = guess.plus(change)
            tests = jnp.append(ahead.drive, stability_tests(of_cycle(field, guess, linear)))
            return k + 1, guess, update, tests, ahead

        def going(state):
            return (state[0] < ITERATIONS) & (state[2] > UPDATE) & (state[2] < 1e3)

        begin = (0, guess, jnp.asarray(1.0), jnp.zeros(4), place.tangent)
        _, guess, update, tests, ahead = jax.lax.while_loop(going, newton, begin)
        return guess, tests, ahead, update <= 1e3 * UPDATE

    def look(state):
        """A cycle more: at the start of the step, at its end, then at the secant's zero."""
        k, ends, used, orbit, s, _, fine = state
        (low, before), (high, _) = ends.low, ends.high
        new = jnp.where(k < 2, k * bracket.step, low + ends.share() * (high - low))
        guess, tests, ahead, ok = cycle(new, orbit.plus(place.tangent, new - s))
        # At a fold the slope of the drive is better determined than the multiplier that is 1.
        turns = (number == FOLD) & (before[0] * tests[0] < 0)
        used = jnp.where(k == 1, jnp.where(turns, 0, number + 1), used)
        here = new, tests
        closer = ends.narrowed(here, tests[used])
        # Both ends of the step come first.
        first = lambda at, end, close: jax.tree.map(
            lambda x, y, z: jnp.where(k == at, x, jnp.where(k < 2, y, z)), here, end, close
        )
        low, high = first(0, ends.low, closer.low), first(1, ends.high, closer.high)
        f = jnp.where(k == 1, jnp.stack([low[1][used], high[1][used]]), closer.f)
        opposite = (k != 1) | (f[0] * f[1] < 0)
        side = jnp.where(k < 2, 0, closer.side)
        return k + 1, Between(low, high, f, side), used, guess, new, ahead, fine & ok & opposite

    def close(state):
        """Whether the ends are so near to one another, or the last cycle is the root."""
        ends, used, s = state[1], state[2], state[4]
        (low, before), (high, after) = ends.low, ends.high
        exact = jnp.where(s == low, before[used], after[used]) == 0
        return (high - low < CLOSE * bracket.step) | exact

    def going(state):
        k, fine = state[0], state[6]
        return fine & (k < CYCLES) & ((k < 2) | ~close(state))

    nowhere = jnp.zeros(()), jnp.zeros(4)
    ends = Between(nowhere, nowhere, jnp.zeros(2), jnp.asarray(0))
    state = (
        jnp.asarray(0), ends, number + 1, place.orbit, jnp.zeros(()), place.tangent,
        jnp.asarray(True),
    )  # fmt: skip
    found = jax.lax.while_loop(going, look, state)
    _, ends, used, orbit, _, ahead, fine = found
    # Without a turn branches cross, if the slopes are more than rounding (as in a canard).
    goes_on = jnp.minimum(*(jnp.abs(end[1][0]) for end in (ends.low, ends.high))) > LEVEL
    kind = jnp.where((number == FOLD) & (used > 0) & goes_on, BRANCH_POINT, number)
    # One that the iterations did not close in on is not located.
    return Located(jnp.where(fine & close(found), kind, -1), wide, orbit, ahead)


def special_of(found: Located) -> Special:
    """The numbers of a cycle at which stability changes."""
    values = (found.orbit.drive, found.orbit.log_period, *dense_ends(found.orbit))
    return Special(found.kind, *(jnp.where(found.kind >= 0, a, jnp.nan) for a in values))
