"""From cycle to cycle: pseudo-arclength continuation of periodic orbits out of a Hopf point."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from jaxmem.devices.branch import Scalar
from jaxmem.results import RESULTS
from jaxmem.stability.cycles import mesh as meshes
from jaxmem.stability.cycles.bifurcations import Bracket, crossed, stability_tests
from jaxmem.stability.cycles.collocation import (
    Field,
    Linear,
    Orbit,
    linearise,
    phases,
    slopes,
    solve_both,
    weights,
)
from jaxmem.stability.cycles.extrema import dense_ends
from jaxmem.stability.cycles.floquet import of_cycle

# Steps in relative change: where Newton works for them, and where it does not (a state may drift
# by many times what it oscillates); the update at which a cycle is taken; the largest rise of ln T.
USUAL_STEP, LARGEST_STEP, UPDATE, LONGEST = 0.5, 20.0, 1e-5, 14.0
# A period that grew by this factor, while the drive stayed, in extents of the branch, and the swing
# did so nearly, grows without bound.
ENDLESS, SAME_DRIVE, SAME_SWING = 2.0, 1e-4, 1e-2
# The update at which it is taken on the way to a given drive, where it is solved again.
ROUGH_UPDATE = 1e-3
# A fold is stepped over by so much at most.
FOLD_STEP = 0.1
# Newton iterations of one try, tries in a row, tries before the mesh of the last step comes back.
ITERATIONS, TRIES, BEFORE_OLD_MESH = 7, 14, 3
# How many steps with a change of stability are kept.
SPECIALS = 8


class Place(NamedTuple):
    """An accepted cycle, its mesh, and the direction in which the branch goes on."""

    mesh: Float[Array, "N"]
    orbit: Orbit
    tangent: Orbit


class Row(NamedTuple):
    """What is kept of each cycle of a branch, in the units of the continuation."""

    drive: Scalar
    log_period: Scalar
    top: Scalar
    bottom: Scalar
    multipliers: Complex[Array, "k"]
    mean_power: Scalar


class Walk(NamedTuple):
    """The state of the loop: one Newton iteration a trip; `result` says why it `ended`."""

    place: Place
    before: Place
    guess: Orbit
    size: Float[Array, "n"]
    step: Scalar
    iteration: Int[Array, ""]
    tries: Int[Array, ""]
    update: Scalar
    count: Int[Array, ""]  # pyright: ignore[reportIncompatibleMethodOverride]
    first_swing: Scalar
    mark: tuple
    trips: Int[Array, ""]
    ended: Bool[Array, ""]
    result: RESULTS
    rows: Row
    kept: Place
    kept_stable: Bool[Array, ""]
    kept_any: Bool[Array, ""]
    tests: Float[Array, "3"]
    brackets: Bracket | None
    bracketed: Int[Array, ""]


def inner(mesh, size, a: Orbit, b: Orbit) -> Scalar:
    """The scalar product of relative changes: states by their ranges, ln T, drive."""
    states = jnp.sum(weights(mesh)[..., None] * a.stages * b.stages / size[None, None] ** 2)
    return states + a.log_period * b.log_period + a.drive * b.drive


def conditions(linear: Linear, place: Place, size, guess: Orbit, step) -> Float[Array, "2 m"]:
    """Phase and arclength: the change from the prediction is normal to its flow and tangent."""
    predicted = place.orbit.plus(place.tangent, step)
    share = weights(place.mesh)[..., None] / size[None, None] ** 2
    along = share * slopes(predicted) / place.mesh[:, None, None]
    moved = guess.plus(place.orbit, -1.0)
    t = place.tangent
    long = jnp.sqrt(jnp.sum(along**2 / share))
    rows = linear.row(
        jnp.stack([along / long, share * t.stages]),
        jnp.stack([jnp.zeros(()), t.log_period]),
        jnp.stack([jnp.zeros(()), t.drive]),
    )
    shifted = jnp.sum(along * (guess.stages - predicted.stages)) / long
    gone = inner(place.mesh, size, t, moved) - step
    return rows + jnp.stack([shifted, gone])[:, None] * np.eye(rows.shape[1])[-1:]


def follow_cycles(
    field: Field, power, start: Place, size, *, most: int, target=None, largest=LARGEST_STEP
) -> Walk:
    """The branch out of a Hopf point, until its amplitude vanishes again.

    - `start`: the equilibrium as an orbit, with the mode as its tangent; `size`: the mode's
      ranges at the amplitude to begin with.
    - `power`: a function of a state and the drive whose mean over the period is kept.
    - `largest`: the longest step.
    - `target`: a value of the drive; stops at the first stable cycle there.
    """
    step = jnp.sqrt(inner(start.mesh, size, start.tangent, start.tangent))
    start = start._replace(tangent=_scaled(start.tangent, 1 / step))
    nan = jnp.full((most,), jnp.nan)
    zero = jnp.zeros((), int)
    n = start.orbit.start.shape[0]
    mu = jnp.full((most, n - 1), jnp.nan, jnp.result_type(start.orbit.start, jnp.complex64))
    brackets = None
    if target is None:
        one = Bracket(start, size, step, jnp.zeros(3, bool), zero)
        brackets = jax.tree.map(lambda a: jnp.broadcast_to(a, (SPECIALS, *a.shape)), one)
    walk = Walk(
        start, start, start.orbit.plus(start.tangent, step), size, step, zero, zero,
        jnp.asarray(jnp.inf), zero, jnp.asarray(0.0), (jnp.asarray(0.0),) * 3, zero,
        jnp.asarray(False),
        RESULTS.successful, Row(nan, nan, nan, nan, mu, nan), start, jnp.asarray(False),
        jnp.asarray(False), jnp.ones(3), brackets, zero,
    )  # fmt: skip
    trip = lambda w: _trip(field, power, w, most, target, largest)
    return jax.lax.while_loop(lambda w: ~w.ended, trip, walk)


def _trip(field, power, walk: Walk, most, target, largest) -> Walk:
    place = walk.place
    linear = linearise(field, place.mesh, walk.guess)
    rows = conditions(linear, place, walk.size, walk.guess, walk.step)
    v, ahead = solve_both(linear, rows)
    change = linear.direction(v)
    update = jnp.maximum(
        jnp.max(jnp.abs(change.stages) / walk.size[None, None]),
        jnp.maximum(jnp.abs(change.log_period), jnp.abs(change.drive)),
    )
    guess = walk.guess.plus(change)
    k = walk.iteration + 1
    slow = (k > 2) & (update > 0.5 * walk.update)
    lost = ~(update < 3.0) | slow | (k > ITERATIONS)
    done = update < (UPDATE if target is None else ROUGH_UPDATE)
    walk = walk._replace(guess=guess, iteration=k, update=update, trips=walk.trips + 1)
    case = jnp.where(done, 0, jnp.where(lost, 1, 2))
    return jax.lax.switch(
        case,
        [
            lambda w: _accept(field, power, w, linear, ahead, most, target, largest),
            _retry,
            lambda w: w,
        ],
        walk,
    )


def _retry(walk: Walk) -> Walk:
    """A shorter step; from the Hopf point, a smaller amplitude; after some, the old mesh."""
    tries = walk.tries + 1
    first = walk.count == 0
    back = (tries == BEFORE_OLD_MESH) & ~first
    place = jax.tree.map(lambda a, b: jnp.where(back, a, b), walk.before, walk.place)
    size = jnp.where(first, walk.size / 5, walk.size)
    tangent = place.tangent._replace(stages=place.tangent.stages * jnp.where(first, 0.2, 1.0))
    place = place._replace(tangent=tangent)
    step = jnp.where(first, walk.step, 0.35 * walk.step)
    stuck = tries > TRIES
    return walk._replace(
        place=place, size=size, step=step, tries=tries, iteration=jnp.zeros_like(tries),
        guess=place.orbit.plus(tangent, step), ended=stuck,
        result=RESULTS.where(stuck, RESULTS.step_too_short, walk.result),
    )  # fmt: skip


def _accept(field, power, walk: Walk, linear, ahead, most, target, largest) -> Walk:
    place, orbit = walk.place, walk.guess
    n = orbit.start.shape[0]
    tangent = linear.direction(ahead)
    turn = jnp.sqrt(inner(place.mesh, walk.size, tangent, tangent))
    size = meshes.spans(orbit)
    grown = jnp.abs(jnp.log(size[0] / walk.size[0]))
    sharp = (walk.count > 0) & ((turn > 4.0) | (grown > 1.2)) & (walk.step > 1e-3)
    mu = of_cycle(field, orbit, linear)
    tests = stability_tests(mu)
    passed = crossed(walk.tests, tests, mu) & (walk.count > 0)
    sharp = sharp | passed[0] & (walk.step > FOLD_STEP) | ~jnp.isfinite(turn)
    leading = jnp.max(jnp.abs(mu)) if n > 1 else jnp.zeros(())

    def take(walk):
        top, bottom = dense_ends(orbit)
        share = weights(place.mesh)
        mean = jnp.sum(share * jax.vmap(jax.vmap(power, (0, None)), (0, None))(
            orbit.stages, orbit.drive))  # fmt: skip
        row = Row(orbit.drive, orbit.log_period, top, bottom, mu, mean)
        at = walk.count
        table = Row(*(a.at[at].set(b) for a, b in zip(walk.rows, row, strict=True)))
        swing = top - bottom
        first_swing = jnp.where(at == 0, swing, walk.first_swing)
        shrunk = (at > 1) & (swing < first_swing)
        # The period grew and nothing else did: near a homoclinic orbit, or a saddle-node on the
        # cycle. (In a canard the swing changes, elsewhere the drive.)
        old_period, old_drive, old_swing = walk.mark
        grew = jnp.abs(orbit.log_period - old_period) > np.log(ENDLESS)
        extent = jnp.nanmax(table.drive) - jnp.nanmin(table.drive)
        still = jnp.abs(orbit.drive - old_drive) < SAME_DRIVE * extent
        still = still & (jnp.abs(swing / old_swing - 1) < SAME_SWING)
        long = orbit.log_period - walk.rows.log_period[0] > LONGEST
        long = long | grew & still & (orbit.log_period > old_period)
        mark = jax.tree.map(
            lambda a, b: jnp.where(grew | (at == 0), a, b),
            (orbit.log_period, orbit.drive, swing), walk.mark,
        )  # fmt: skip
        full = at + 1 >= most
        result = RESULTS.where(full, RESULTS.curve_too_long, RESULTS.successful)
        result = RESULTS.where(long, RESULTS.period_too_long, result)
        result = RESULTS.where(shrunk, RESULTS.successful, result)
        ended = shrunk | long | full
        kept, kept_any, kept_stable = walk.kept, walk.kept_any, walk.kept_stable
        if target is not None:
            old, new = place.orbit.drive, orbit.drive
            crossed = (old - target) * (new - target) <= 0
            part = jnp.clip((target - old) / jnp.where(new == old, 1.0, new - old), 0, 1)
            # Over a fold the drive may reach the target and come back within one step.
            a, b = place.tangent.drive, tangent.drive
            fold = new - walk.step * b**2 / (2 * jnp.where(a == b, 1.0, b - a))
            reached = (a * b < 0) & ((fold - target) * (new - target) <= 0)
            part = jnp.where(crossed, part, 1.0)
            crossed = crossed | reached
            # From the Hopf point on the amplitude grows with the root of the drive.
            swung = jnp.where(at == 0, jnp.sqrt(part), part)
            way = orbit.plus(place.orbit, -1.0)
            between = place.orbit.plus(way, swung)
            between = between._replace(
                log_period=place.orbit.log_period + part * way.log_period,
                drive=place.orbit.drive + part * way.drive,
            )
            stable = crossed & (leading < 1)
            better = stable & ~kept_stable | crossed & ~kept_any
            kept = jax.tree.map(
                lambda a, b: jnp.where(better, a, b), Place(place.mesh, between, tangent), kept
            )
            kept_any, kept_stable = kept_any | crossed, kept_stable | stable
            result = RESULTS.where(kept_stable, RESULTS.successful, result)
            ended = ended | kept_stable
        brackets, bracketed = walk.brackets, walk.bracketed
        if brackets is not None:
            # Where nothing is passed the row is written again by the next step.
            new = Bracket(place, walk.size, walk.step, passed, at)
            put = lambda a, b: a.at[bracketed].set(b, mode="drop")
            brackets = jax.tree.map(put, brackets, new)
            bracketed = bracketed + jnp.any(passed)
        here = Place(place.mesh, orbit, tangent)
        mesh = meshes.equidistribute(place.mesh, orbit, place.mesh.shape[0])
        both = jax.tree.map(lambda a, b: jnp.stack([a, b]), orbit, tangent)
        both = jax.vmap(meshes.onto, (None, 0, None))(place.mesh, both, mesh)
        there = Place(mesh, *(jax.tree.map(lambda a, k=k: a[k], both) for k in (0, 1)))
        here, there = (_unit(p, size) for p in (here, there))
        easy, k = walk.step < USUAL_STEP, walk.iteration
        factor = jnp.where((k <= 2) | easy & (k <= 3), 1.6, jnp.where(k <= 4, 1.0, 0.6))
        most_now = jnp.where(k <= 2, LARGEST_STEP, jnp.maximum(USUAL_STEP, walk.step))
        most_now = jnp.minimum(most_now, largest)
        step = jnp.minimum(jnp.where(at == 0, 0.2, factor * walk.step), most_now)
        return walk._replace(
            place=there, before=here, guess=there.orbit.plus(there.tangent, step), size=size,
            step=step, iteration=jnp.zeros_like(at), tries=jnp.zeros_like(at), count=at + 1,
            first_swing=first_swing, mark=mark, ended=ended, result=result, rows=table, kept=kept,
            kept_any=kept_any, kept_stable=kept_stable, tests=tests, brackets=brackets,
            bracketed=bracketed,
        )  # fmt: skip

    return jax.lax.cond(sharp, _retry, take, walk)


def _unit(place, size):
    length = jnp.sqrt(inner(place.mesh, size, place.tangent, place.tangent))
    return place._replace(tangent=_scaled(place.tangent, 1 / length))


def _scaled(orbit, factor):
    return Orbit(*(factor * a for a in orbit))


def from_hopf(mode, centre, omega, drive, amplitude, intervals: int) -> tuple[Place, Array]:
    """The equilibrium as an orbit with the mode as tangent, and the mode's ranges."""
    mesh = jnp.full((intervals,), 1 / intervals)
    turn = jnp.exp(2j * jnp.pi * phases(mesh))[..., None]
    wave = amplitude * (turn * mode[None, None]).real
    stages = jnp.broadcast_to(centre, wave.shape)
    orbit = Orbit(centre, stages, jnp.log(2 * jnp.pi / omega), drive)
    tangent = Orbit(wave[-1, -1], wave, jnp.zeros(()), jnp.zeros(()))
    return Place(mesh, orbit, tangent), meshes.held(2 * amplitude * jnp.abs(mode), orbit)
