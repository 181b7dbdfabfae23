"""Many circuits through the segments of their drives, each with its own step.

The lane is the last axis of every array. Steps do not land on samples: each writes where it ended,
the state there and its dense output into a log, and samples are read out of the log in bulk. A
lane that has reached the end of its segment waits for the others there.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmem.circuits.circuit import Circuit
from jaxmem.responses.integration import _bend_time, _first_step, _inside
from jaxmem.responses.lanes.lane import LaneField, Ready, in_lanes
from jaxmem.responses.lanes.log import STEPS, Log, put_samples, room_for, without_room
from jaxmem.responses.lanes.rodas import Slopes, slopes_at, step
from jaxmem.results import RESULTS

# Of a step: the safety factor, and by how much the next one may be shorter or longer (as diffrax).
SAFETY, SHORTEST, LONGEST = 0.9, 0.2, 10.0
# As numbers, because lanes end in different ways.
NUMBER = {
    name: int(getattr(RESULTS, name)._value)
    for name in (
        "successful", "value_not_allowed", "rates_not_finite", "max_steps_reached",
        "dt_min_reached",
    )
}  # fmt: skip


def result_of(code: Int[Array, ""]) -> RESULTS:
    """How a lane ended, of its number."""
    result = RESULTS.successful
    for number in NUMBER:
        kind = getattr(RESULTS, number)
        result = RESULTS.where(code == NUMBER[number], kind, result)
    return result


class Abreast(NamedTuple):
    """Where all lanes are: times since the segment's start, states, next steps, slopes."""

    s: Float[Array, "lanes"]
    y: list[Float[Array, "lanes"]]
    h: Float[Array, "lanes"]
    slopes: Slopes
    tries: Int[Array, "lanes"]
    steps: Int[Array, "lanes"]
    code: Int[Array, "lanes"]


def march(circuits: Circuit, t: Float[Array, "t"], ready: Ready, max_steps: int):
    """All segments.

    **Returns:** u, I, V and x at the samples, time first and lane last, with NaN from the segment
    on that failed; accepted steps; how each lane ended, a number of `RESULTS`.
    """
    size, lanes = ready.y.shape
    segments = ready.bounds.shape[0] - 1
    # A sample is seen by the last segment that starts at it or earlier.
    starts = ready.bounds[:-1]
    owner = in_lanes(lambda own: jnp.searchsorted(own, t, side="right") - 1, starts)
    out = room_for(t, size - 1, lanes)
    asked = jnp.any(owner[None] == jnp.arange(segments)[:, None, None], axis=(1, 2))
    # Edges that are no numbers leave no segment to fail in.
    timed = jnp.all(jnp.isfinite(ready.bounds), axis=0)
    code = jnp.where(timed, NUMBER["successful"], NUMBER["rates_not_finite"])
    code = jnp.where(ready.allowed, code, NUMBER["value_not_allowed"])
    none = jnp.zeros((lanes,), int)
    first = (ready.y, ready.V_old, code, jnp.where(code == 0, segments, 0), none, out)

    def segment(carry, ends):
        y, V_old, code, failed, steps, out = carry
        number, a, b, asked = ends
        at = _inside(a, b, t)
        here = in_lanes(_piece, circuits, at)
        y = in_lanes(
            lambda c, y, V, a, at, scale: c.edge(y, V, a, at, scale),
            here, y, V_old, a, at, ready.scale,
        )  # fmt: skip
        field = LaneField(here, a, at, ready.scale, size)
        rates = jnp.stack(field(jnp.zeros_like(a), list(y)))
        fine = jnp.all(jnp.isfinite(rates), axis=0) & jnp.all(jnp.isfinite(y), axis=0)
        code = jnp.where((code == 0) & ~fine, NUMBER["rates_not_finite"], code)
        going = (code == 0) & (b > a)

        def run(given):
            code, steps, out = given
            h = in_lanes(_begin_step, here, rates, a, b, at, ready.mass, ready.amplitude)
            rows = [list(a) for a in (ready.mass, ready.absolute, ready.relative)]
            slopes = slopes_at(field, field.needs, jnp.zeros_like(a), list(y))
            walk = Abreast(jnp.zeros_like(a), list(y), h, slopes, none, steps, code)
            there = _Segment(here, t, owner, number, a, b - a, at, ready, field, *rows)
            return _through(there, walk, out, max_steps)

        def skip(given):
            code, steps, out = given
            return y, code, steps, out

        end, code, steps, out = jax.lax.cond(jnp.any(going) | asked, run, skip, (code, steps, out))
        failed = jnp.where((code != 0) & (failed == segments), number, failed)
        V_old = in_lanes(lambda c, b, at: c.drive.wave.value(b, at), circuits, b, at)
        return (end, V_old, code, failed, steps, out), None

    along = (jnp.arange(segments), starts, ready.bounds[1:], asked)
    carry, _ = jax.lax.scan(segment, first, along)
    _, _, code, failed, steps, out = carry
    lost = owner >= failed[None]
    return without_room(out, t, lost), steps, code


def _piece(circuit, at):
    return eqx.tree_at(lambda c: c.drive.wave, circuit, circuit.drive.wave.piece(at))


def _begin_step(circuit, rates, a, b, at, mass, amplitude):
    bend = _bend_time(circuit.drive.wave, a, at, amplitude)
    return jnp.minimum(_first_step(rates, b - a, mass), bend)


class _Segment(NamedTuple):
    """What is the same for all steps of a segment."""

    circuits: Circuit
    t: Float[Array, "t"]
    owner: Int[Array, "t lanes"]
    number: Int[Array, ""]
    a: Float[Array, "lanes"]
    length: Float[Array, "lanes"]
    at: Float[Array, "lanes"]
    ready: Ready
    field: LaneField
    mass: list
    absolute: list
    relative: list


def _through(there, walk, out, max_steps):
    """Steps to the end of a segment, logged in parts, and samples out of each part."""

    def alive(walk):
        return (walk.s < there.length) & (walk.code == 0)

    def part(carry):
        walk, out, _ = carry
        log = Log.begin(walk.s, walk.y)
        going = lambda c: (c[2] < STEPS) & jnp.any(alive(c[0]))

        def one(c):
            walk, log, k = c
            advance = lambda walk: _advance(there, walk, alive(walk), max_steps)
            # Always taken, which XLA does not know: a program of its own, of arrays over the
            # lanes alone, which are small enough for its loops to run one after the other without
            # a scheduler's bookkeeping.
            still = lambda walk: (walk, [walk.y] * 3)
            walk, bend = jax.lax.cond(k >= 0, advance, still, walk)
            return walk, log.put(k, walk.s, walk.y, bend), k + 1

        walk, log, _ = jax.lax.while_loop(going, one, (walk, log, jnp.asarray(0)))
        return walk, put_samples(out, log, walk.s, there), jnp.asarray(True)

    # Once at least: a segment without length has the sample at its start.
    unfinished = lambda c: ~c[2] | jnp.any(alive(c[0]))
    walk, out, _ = jax.lax.while_loop(unfinished, part, (walk, out, jnp.asarray(False)))
    return jnp.stack(walk.y), walk.code, walk.steps, out


def _advance(there, walk, alive, max_steps):
    """One step of all lanes that are under way."""
    ready = there.ready
    left = there.length - walk.s
    last = walk.h >= left
    h = jnp.where(alive, jnp.where(last, left, jax.lax.stop_gradient(walk.h)), 1.0)
    middle = there.circuits.is_voltage is not False
    made = step(there.field, there.field.needs, there.mass, walk.s, walk.y, h, walk.slopes, middle)
    error = jax.lax.stop_gradient(_norm(there, walk.y, made))
    kept = error < 1
    accepted = alive & kept
    factor = SAFETY * jnp.exp(-jnp.log(error) / 5)
    factor = jnp.clip(factor, jnp.where(kept, 1.0, SHORTEST), LONGEST)
    next_h = jax.lax.stop_gradient(h) * factor
    take = lambda new, old: jnp.where(accepted, new, old)
    tries = walk.tries + alive
    s = take(jnp.where(last, there.length, walk.s + h), walk.s)
    code = jnp.where(alive & (next_h < ready.least), NUMBER["dt_min_reached"], walk.code)
    over = alive & (tries >= max_steps) & (s < there.length)
    code = jnp.where((code == 0) & over, NUMBER["max_steps_reached"], code)
    y, slopes = jax.tree.map(take, (made.y, made.end), (walk.y, walk.slopes))
    h = jnp.where(alive, next_h, walk.h)
    return Abreast(s, y, h, slopes, tries, walk.steps + accepted, code), made.bend


def _norm(there, y, made):
    """The largest error of a component in units of its tolerance; infinite where it is none."""
    largest = jnp.zeros_like(y[0])
    for i, (a, b, error) in enumerate(zip(y, made.y, made.error, strict=True)):
        size = jnp.maximum(jnp.abs(a), jnp.abs(b))
        share = error / (there.absolute[i] + there.relative[i] * size)
        largest = jnp.maximum(largest, jnp.where(jnp.isnan(share), jnp.inf, share))
    return largest
