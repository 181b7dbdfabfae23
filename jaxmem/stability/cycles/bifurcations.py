"""Where a branch of cycles changes its stability: folds, period doublings and tori, located."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from jaxmem.devices.branch import Scalar
from jaxmem.stability.cycles import mesh as meshes
from jaxmem.stability.cycles.collocation import Field, linearise, solve_both
from jaxmem.stability.cycles.extrema import dense_ends
from jaxmem.stability.cycles.floquet import of_cycle

# The slope of the drive by the arclength, in units of the continuation, is level below this.
LEVEL = 1e-6
# A product of (1 - mu) is told from 0 if it is not smaller than this.
DETERMINED = 1e-7
# The place along the branch is known to this share of the step; at most so many cycles for it, each
# by so many iterations of Newton's method to this update.
CLOSE, CYCLES, ITERATIONS, UPDATE = 1e-11, 40, 10, 1e-10


class BIFURCATIONS(eqx.Enumeration):
    """How cycles lose or gain stability along a branch, by the Floquet multiplier mu that crosses.

    Indexing gives a sentence: `BIFURCATIONS[kind]`.
    """

    none = ""
    fold = "fold: mu = 1, two cycles meet"
    period_doubling = "period doubling: mu = -1"
    branch_point = "branch point: mu = 1 without a turn, another branch of cycles crosses"
    torus = "torus (Neimark-Sacker): a complex pair of mu with |mu| = 1"


NAMES = ("fold", "period_doubling", "torus", "branch_point")


def named(number: Int[Array, ""]) -> BIFURCATIONS:
    """The kind of this number in `NAMES`."""
    kind = BIFURCATIONS.none
    for k, name in enumerate(NAMES):
        kind = BIFURCATIONS.where(number == k, getattr(BIFURCATIONS, name), kind)
    return kind


def crossings(mu: Complex[Array, "k"]) -> Float[Array, "3"]:
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
    """A step of a branch in which one of the three lies: its place, size, length and kind.

    `at` is the number of the cycle before; -1 for none.
    """

    place: tuple
    size: Float[Array, "n"]
    step: Scalar
    kind: Int[Array, ""]
    at: Int[Array, ""]


class Special(NamedTuple):
    """A cycle at which stability changes, in units of the continuation; NaN where not located.

    `kind` is its number in `NAMES`, or -1.
    """

    kind: Int[Array, ""]
    drive: Scalar
    log_period: Scalar
    top: Scalar
    bottom: Scalar


def locate(field: Field, conditions, bracket: Bracket) -> Special:
    """The root of a crossing in a step of a branch, on a mesh of twice the intervals.

    The regula falsi (Illinois) in the arclength; each cycle by Newton's method.
    `conditions` are those of the continuation, from `place`, the guess and the arclength.
    """
    mesh, orbit, tangent = bracket.place
    wide = meshes.equidistribute(mesh, orbit, 2 * mesh.shape[0])
    both = jax.tree.map(lambda a, b: jnp.stack([a, b]), orbit, tangent)
    both = jax.vmap(meshes.onto, (None, 0, None))(mesh, both, wide)
    place = type(bracket.place)(wide, *(jax.tree.map(lambda a, k=k: a[k], both) for k in (0, 1)))
    there = bracket.at >= 0

    def cycle(s, guess):
        """The cycle at the arclength s, slope of the drive and crossings, whether it was found."""

        def newton(state):
            k, guess, _, _ = state
            linear = linearise(field, place.mesh, guess)
            v, ahead = solve_both(linear, conditions(linear, place, bracket.size, guess, s))
            change = linear.direction(v)
            update = jnp.max(jnp.abs(change.stages) / bracket.size[None, None])
            update = jnp.maximum(update, jnp.abs(change.log_period) + jnp.abs(change.drive))
            guess = guess.plus(change)
            slope = linear.direction(ahead).drive
            tests = jnp.append(slope, crossings(of_cycle(field, guess, linear)))
            return k + 1, guess, update, tests

        def going(state):
            return there & (state[0] < ITERATIONS) & (state[2] > UPDATE) & (state[2] < 1e3)

        begin = (0, guess, jnp.asarray(1.0), jnp.zeros(4))
        _, guess, update, tests = jax.lax.while_loop(going, newton, begin)
        return guess, tests, update <= 1e3 * UPDATE

    def halve(state):
        k, a, ga, b, gb, orbit, s, _, fine = state
        secant = (a * gb - b * ga) / (gb - ga)
        inside = (secant > jnp.minimum(a, b)) & (secant < jnp.maximum(a, b))
        new = jnp.where(inside, secant, (a + b) / 2)
        guess = orbit.plus(place.tangent, new - s)
        guess, tests, ok = cycle(new, guess)
        g = tests[used]
        # Illinois: the value at an end that stays is halved.
        same = g * gb > 0
        a, ga = jnp.where(same, a, b), jnp.where(same, ga / 2, gb)
        return k + 1, a, ga, new, g, guess, new, jnp.abs(new - s), fine & ok

    def going(state):
        k, a, _, b, g, _, _, moved, fine = state
        close = jnp.minimum(moved, jnp.abs(b - a)) < CLOSE * bracket.step
        return there & fine & (k < CYCLES) & ~close & (g != 0)

    zero = jnp.zeros(())
    low, before, ok = cycle(zero, place.orbit)
    high, after, also = cycle(bracket.step, low.plus(place.tangent, bracket.step))
    # At a fold the slope of the drive is better determined than the multiplier that is 1.
    opposite = before * after < 0
    turns = (bracket.kind == 0) & opposite[0]
    used = jnp.where(turns, 0, bracket.kind + 1)
    state = (
        0, zero, before[used], bracket.step, after[used], high, bracket.step, jnp.asarray(jnp.inf),
        ok & also & opposite[used],
    )  # fmt: skip
    _, _, _, _, _, orbit, _, _, fine = jax.lax.while_loop(going, halve, state)
    good = there & fine
    values = (orbit.drive, orbit.log_period, *dense_ends(orbit))
    # Without a turn branches cross, if the slopes are more than rounding (as in a canard).
    goes_on = jnp.minimum(jnp.abs(before[0]), jnp.abs(after[0])) > LEVEL
    kind = jnp.where((bracket.kind == 0) & ~turns & goes_on, 3, bracket.kind)
    return Special(jnp.where(good, kind, -1), *(jnp.where(good, a, jnp.nan) for a in values))
