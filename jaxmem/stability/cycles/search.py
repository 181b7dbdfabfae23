"""Where a circuit's cycle is found: on its branches, next to a Hopf point, or by a transient."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Int

from jaxmem.circuits import Circuit, DriveKind
from jaxmem.circuits.drive import LETTER
from jaxmem.devices import AbstractDevice
from jaxmem.devices.branch import Scalar
from jaxmem.fields import is_concrete
from jaxmem.programs import program, seldom
from jaxmem.responses.linear import matrix_at
from jaxmem.responses.steady import OperatingPoints, operating_points
from jaxmem.results import RESULTS
from jaxmem.stability.cycles import continuation
from jaxmem.stability.cycles.branch_end import end_of
from jaxmem.stability.cycles.collocation import Orbit
from jaxmem.stability.cycles.floquet import of_cycle
from jaxmem.stability.cycles.frame import Frame, anywhere, frame_at, starts
from jaxmem.stability.cycles.near_hopf import (
    as_polished,
    error_of,
    nearest_hopf,
    normal_form_orbit,
    with_weakest,
)
from jaxmem.stability.cycles.newton import Polished, polish
from jaxmem.stability.cycles.settling import kicked, settle
from jaxmem.stability.equilibria.hopf import MOST, HopfPoints
from jaxmem.stability.equilibria.polynomial import unstable_count

# Intervals to walk along a branch; steps along all of them; intervals of a cycle, and more where
# they do not do.
WALK, STEPS, MESHES = 40, 400, (80, 160, 320)
# Newton's method has found a cycle if its last update is below this, and the cycle is no rest.
FOUND, SWING = 1e-7, 1e-6
# Where more intervals can be had a period is not taken unless its error is this share of `rtol`.
MARGIN = 0.05
# The period differs from that of where it began by this factor at most, as a logarithm.
SAME_PERIOD = 0.4
# Of so many unstable equilibria transients are started, to both sides; and at so many times the
# distance of a cycle that was met from rest. Maxima that come so close are taken for a return, at
# first, and if it was none.
LEFT, OUTSIDE, CLOSE = 2, 1.5, (0.02, 5e-4)


class CycleSearch(NamedTuple):
    """What a search leaves: the cycle at the drive, and how it went.

    - `frame`: the units; `cycle`: on its mesh, and on the halves of the intervals.
    - `multipliers`: those besides 1, largest first.
    - `stable`: whether it is; `result`: `RESULTS.successful`, or why there is none.
    - `near`: 0, or the relative error where the cycle is the normal form's; `beside`: of which
      Hopf point. `end`: u [V] where the last transient came to rest, or NaN.
    """

    frame: Frame
    cycle: Polished
    multipliers: Complex[Array, "k"]
    stable: Bool[Array, ""]
    result: RESULTS
    near: Scalar
    beside: Int[Array, ""]
    end: Scalar


class _Walked(NamedTuple):
    """What the branches gave: the cycle nearest to the drive on them, and how they ended."""

    search: CycleSearch
    met: Bool[Array, ""]
    followed: Bool[Array, ""]
    last: Orbit


def too_coarse(search: CycleSearch, rtol) -> bool:
    """Whether it is known that a period is hardly good to `rtol`, or that no cycle was found so."""
    if not is_concrete(search):
        return False
    if not search.stable and bool(search.result == RESULTS.cycle_not_converged):
        return True
    # Of known numbers Python's arithmetic is quicker.
    period, finer = (float(o.log_period) for o in (search.cycle.orbit, search.cycle.half_orbit))
    good = abs(period - finer) <= MARGIN * float(rtol)
    return not good and bool(search.result == RESULTS.successful)


def find_cycle(
    circuit: Circuit, hopf: HopfPoints, u_range: Any, intervals: int, *, transients: bool = True
) -> CycleSearch:
    """The cycle at the drive's value, without derivatives.

    The branches of cycles are followed from the Hopf points to the drive. Where they give no
    stable cycle, and it is not known that there is none, it is looked for by transients, if
    `transients`; a search that asks for many cycles may do without, and without their program.
    """
    kind = circuit.drive.kind
    k, size, is_near = _nearest(circuit, hopf)
    near = None
    if not is_concrete(is_near) or bool(is_near):
        near = _near(circuit, hopf, k, size, is_near, intervals)
        if is_concrete(near) and bool(near.stable):
            return near
    walked = _walk(circuit, hopf, jnp.asarray(False) if near is None else near.stable, intervals)
    if near is not None:
        best = jax.tree.map(lambda a, b: jnp.where(near.stable, a, b), near, walked.search)
        walked = walked._replace(search=best)
    # Known numbers choose what runs; under `jit` and `vmap` all of it is in the program.
    if not transients or (is_concrete(walked) and bool(walked.search.stable)):
        return walked.search
    given = {LETTER[kind]: _value(circuit)}
    rests = operating_points(circuit.device, u_range=u_range, **given)
    grows = _unstable(circuit.device, kind, rests)
    calm = jnp.any(jnp.isfinite(rests.u) & ~grows)
    # Beside a stable rest, with all branches followed to their ends, nothing is left to look for.
    known = calm & walked.followed & ~walked.met
    if is_concrete(known) and bool(known):
        none = RESULTS.where(hopf.found == 0, RESULTS.no_hopf_point, RESULTS.no_cycle)
        return eqx.tree_at(lambda s: s.result, walked.search, none)
    return _settle(circuit, hopf, walked, rests, grows, known, intervals)


def _value(circuit):
    return circuit.drive.wave.value(jnp.zeros(()), jnp.zeros(()))


@program
def _nearest(circuit, hopf):
    return nearest_hopf(hopf, circuit.drive.kind, _value(circuit))


@program
def _near(circuit, hopf, k, size, is_near, intervals) -> CycleSearch:
    """The cycle of the normal form of Hopf point k; not `stable` if it is not very small."""
    device, kind, value = circuit.device, circuit.drive.kind, _value(circuit)
    frame, _, _ = starts(device, hopf, kind, WALK)
    field = frame.field(device, kind)
    mesh, orbit = normal_form_orbit(device, kind, frame, hopf, k, value, intervals)
    cycle = as_polished(field, mesh, orbit)
    mu = with_weakest(of_cycle(field, orbit, cycle.linear), hopf, k, kind, value)
    stable = is_near & jnp.all(jnp.abs(mu) < 1)
    error = error_of(size, hopf, k, kind, value)
    nowhere = jnp.full((), jnp.nan)
    return CycleSearch(frame, cycle, mu, stable, RESULTS.successful, error, k, nowhere)


@seldom
def _walk(circuit: Circuit, hopf: HopfPoints, skip: Bool[Array, ""], intervals: int) -> _Walked:
    """Along the branches until a stable cycle has the drive; nothing is done where `skip`."""
    device, kind, value = circuit.device, circuit.drive.kind, _value(circuit)
    frame, places, amplitudes = starts(device, hopf, kind, WALK)
    target = (value - frame.origin) / frame.unit
    field, power = frame.field(device, kind), frame.power(device, kind)

    def walk_on(state):
        k, _, _, _, followed, _ = state
        place, size = jax.tree.map(lambda a: a[k], (places, amplitudes))
        walk = continuation.follow_cycles(field, power, place, size, most=STEPS, target=target)
        end = end_of(walk, hopf, frame, kind, k).result
        ended = (end == RESULTS.successful) | (end == RESULTS.period_too_long)
        followed = followed & ended
        return k + 1, walk.kept, walk.kept_any, walk.kept_stable, followed, walk.place.orbit

    first = jax.tree.map(lambda a: a[0], places)
    no = jnp.asarray(False)
    # Of more Hopf points than are kept some branches are not followed.
    all_kept = hopf.found <= MOST
    count = jnp.minimum(hopf.found, MOST)
    going = lambda s: (s[0] < count) & ~s[3] & ~skip
    state = (0, first, no, no, all_kept, first.orbit)
    _, kept, met, _, followed, last = jax.lax.while_loop(going, walk_on, state)
    cycle = polish(field, kept.mesh, kept.orbit, target, intervals, coarse_first=True)
    ok, mu, stable = _judge(field, cycle, kept.orbit)
    result = RESULTS.where(met & ok, RESULTS.successful, RESULTS.cycle_not_converged)
    none = jnp.zeros((), int)
    zero, nowhere = jnp.zeros(()), jnp.full((), jnp.nan)
    search = CycleSearch(frame, cycle, mu, met & stable, result, zero, none, nowhere)
    return _Walked(search, met, followed, last)


def _judge(field, cycle: Polished, start: Orbit):
    """Whether Newton's method gave the cycle at which it began, multipliers, whether it is stable.

    A jump may end on another one, or on the same, passed several times in one period.
    """
    _, orbit = cycle.fine()
    u = orbit.stages[..., 0]
    found = (cycle.update < FOUND) & (jnp.max(u) - jnp.min(u) > SWING)
    found = found & (jnp.abs(orbit.log_period - start.log_period) < SAME_PERIOD)
    mu = of_cycle(field, orbit, cycle.linear)
    return found, mu, found & jnp.all(jnp.abs(mu) < 1)


@program
def _settle(
    circuit: Circuit, hopf: HopfPoints, walked: _Walked, rests: OperatingPoints,
    grows: Bool[Array, "m"], known: Bool[Array, ""], intervals: int,
) -> CycleSearch:  # fmt: skip
    """A stable cycle by transients, where the branches gave none; or why there is none."""
    device, kind, value = circuit.device, circuit.drive.kind, _value(circuit)
    here = jnp.where(rests.count > 0, rests.u[0], 0.0) if device.curve is None else anywhere(device)
    frame = frame_at(device, here, kind, value, jnp.zeros(()))
    old = walked.search.frame
    frame = jax.tree.map(lambda a, b: jnp.where(hopf.found > 0, a, b), old, frame)
    field = frame.field(device, kind)
    target = (value - frame.origin) / frame.unit
    there = jnp.isfinite(rests.u)
    calm = jnp.any(there & ~grows)
    first, usable = _beginnings(frame, rests, grows & there, walked, hopf.found > 0)
    close = jnp.repeat(jnp.array(CLOSE), first.shape[0])
    first, usable = (jnp.concatenate([a, a]) for a in (first, usable))

    def look(state):
        k, cycle, mu, found, _, repeats, end = state
        wanted = usable[k] & ~known
        path = settle(field, first[k], target, intervals, wanted, close[k])
        new = polish(field, path.mesh, path.orbit, target, intervals, coarse_first=False)
        ok, new_mu, stable = _judge(field, new, path.orbit)
        ok = ok & path.repeats
        better = lambda a, b: jnp.where(ok, a, b)
        cycle, mu = jax.tree.map(better, (new, new_mu), (cycle, mu))
        repeats = repeats | path.repeats & (close[k] == CLOSE[-1])
        end = jnp.where(path.rests, path.state[0] * frame.size[0], end)
        return k + 1, cycle, mu, found | ok, ok & stable, repeats, end

    def going(state):
        return (state[0] < first.shape[0]) & ~state[4] & ~walked.search.stable & ~known

    no = jnp.asarray(False)
    state = (
        0, walked.search.cycle, walked.search.multipliers, no, no, no, jnp.full((), jnp.nan)
    )  # fmt: skip
    _, cycle, mu, ok, stable, repeats, end = jax.lax.while_loop(going, look, state)
    none = RESULTS.where(hopf.found == 0, RESULTS.no_hopf_point, RESULTS.no_cycle)
    none = RESULTS.where(walked.followed, none, RESULTS.branch_lost)
    loose = RESULTS.where(jnp.isfinite(end), RESULTS.settles_elsewhere, RESULTS.not_settled)
    result = RESULTS.where(calm, none, loose)
    result = RESULTS.where(repeats, RESULTS.cycle_not_converged, result)
    before = walked.search
    result = RESULTS.where(walked.met, before.result, result)
    result = RESULTS.where(ok | before.stable, RESULTS.successful, result)
    return CycleSearch(
        frame, cycle, mu, stable | before.stable, result, before.near, before.beside, end
    )  # fmt: skip


@program
def _unstable(device: AbstractDevice, kind: DriveKind, rests) -> Bool[Array, "m"]:
    """Whether an eigenvalue of each equilibrium is in the right half plane."""

    def one(u, x, there):
        u, x = jnp.where(there, u, 0.0), jnp.where(there, x, 0.0)
        if device.curve is None:
            return unstable_count(device, u, kind) > 0
        return jnp.any(jnp.linalg.eigvals(matrix_at(device, u, x, kind)).real > 0)

    # As a loop: batched eigenvalue solves side by side may wait for one another.
    return jax.lax.map(lambda a: one(*a), (rests.u, rests.x, jnp.isfinite(rests.u)))


def _beginnings(frame, rests, grows, walked: _Walked, any_walk):
    """States where transients begin, in units of the continuation, and which of them are any."""
    points = jnp.concatenate([rests.u[:, None], rests.x], axis=1) / frame.size[None]
    order = jnp.argsort(~grows)[:LEFT]
    centre = jnp.where(grows[order[0]], points[order[0]], points[0])

    def highest(orbit):
        flat = orbit.stages.reshape(-1, orbit.start.shape[0])
        return flat[jnp.argmax(flat[:, 0])]

    met, last = highest(walked.search.cycle.fine()[1]), highest(walked.last)
    outside = jnp.where(jnp.isfinite(centre), centre + OUTSIDE * (met - centre), met)
    beside = [kicked(points[k], s) for k in order for s in (0.05, -0.05)]
    usable = [walked.met, any_walk, *(grows[k] for k in order for _ in range(2))]
    return jnp.stack([outside, last, *beside]), jnp.stack(usable)
