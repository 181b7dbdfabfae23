"""Cycles of many devices that are like one whose cycle is known, each in about a millisecond."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmem.circuits import Circuit, Constant, CurrentDrive, DriveKind, VoltageDrive
from jaxmem.devices import AbstractDevice
from jaxmem.devices.branch import Scalar
from jaxmem.results import RESULTS
from jaxmem.stability.cycles import mesh as meshes
from jaxmem.stability.cycles.collocation import Orbit, linearise, solve_for
from jaxmem.stability.cycles.cycle import RTOL, LimitCycle, describe_cycle, with_search
from jaxmem.stability.cycles.floquet import of_cycle
from jaxmem.stability.cycles.frame import Frame
from jaxmem.stability.cycles.newton import CHECK, FINE, Polished, at_drive
from jaxmem.stability.cycles.search import FOUND, SAME_PERIOD, SWING, CycleSearch

# Intervals of the mesh; twice as many give the error estimate.
INTERVALS = 40
# On the way from one device to the other: the update at which Newton's method stops, its most
# iterations, the shortest part of the way that is tried, and the most parts.
ROUGH, ITERATIONS, SHORTEST, PARTS = 1e-3, 8, 1 / 32, 24


class KnownCycle(NamedTuple):
    """A device with its stable cycle at a drive: where `neighbouring_cycle` begins."""

    device: AbstractDevice
    level: Scalar
    frame: Frame
    mesh: Float[Array, "N"]
    orbit: Orbit


def under_drive(device: AbstractDevice, level: Scalar, kind: DriveKind) -> Circuit:
    """The circuit of a device under a constant current [A] or voltage [V]."""
    wave = CurrentDrive if kind == "current" else VoltageDrive
    return Circuit(device, wave(Constant(level)))


def known_cycle(device: AbstractDevice, level: Scalar, kind: DriveKind) -> KnownCycle | None:
    """The stable cycle of a device by `limit_cycle`, None where it finds none."""
    device, level = jax.lax.stop_gradient((device, jnp.asarray(level)))
    found, search = with_search(under_drive(device, level, kind), None, None, RTOL, False)
    if search is None or not bool(found.stable):
        return None
    mesh, orbit = search.cycle.fine()
    coarse = meshes.equidistribute(mesh, orbit, INTERVALS)
    return KnownCycle(device, level, search.frame, coarse, meshes.onto(mesh, orbit, coarse))


def neighbouring_cycle(
    known: KnownCycle, device: AbstractDevice, level: Scalar, kind: DriveKind
) -> LimitCycle:
    """The cycle of a device that continues a known one of another device, with its derivatives.

    Newton's method goes from the known cycle to the device's, by as many parts of the way (in the
    logarithms of the parameters) as it needs, each on a mesh adapted to the last cycle. The answer
    has the fields and the error estimate of `limit_cycle`, from 40 intervals and their halves;
    where the way is lost all is NaN and `result` is `cycle_not_converged`, which does not say that
    there is none. For `jit` and `lax.map`; under `vmap` all wait for the longest way.

    **Arguments:**

    - `known`: of a device of the same structure. `level`: the drive, I [A] or V [V].
    """
    circuit = under_drive(device, level, kind).in_time()
    device = circuit.device
    cycle = _followed(known, *jax.lax.stop_gradient((device, jnp.asarray(level))), kind)
    orbit, near = cycle.orbit, jnp.zeros(())
    field = known.frame.field(jax.lax.stop_gradient(device), kind)
    mu = of_cycle(field, orbit, cycle.linear)
    found = (cycle.update < FOUND) & _swings(orbit)
    result = RESULTS.where(found, RESULTS.successful, RESULTS.cycle_not_converged)
    stable = found & jnp.all(jnp.abs(mu) < 1)
    search = CycleSearch(
        known.frame, cycle, mu, stable, result, near, jnp.zeros((), int), jnp.full((), jnp.nan)
    )
    return describe_cycle(circuit, search, None, jnp.asarray(RTOL))


def _swings(orbit):
    u = orbit.stages[..., 0]
    return jnp.max(u) - jnp.min(u) > SWING


def _between(first, last, part):
    """What lies at a part of the way between two devices: by factors, where signs are alike."""
    alike = first * last > 0
    ratio = jnp.where(alike, last / jnp.where(alike, first, 1.0), 1.0)
    return jnp.where(alike, first * ratio**part, first + part * (last - first))


def _followed(known: KnownCycle, device, level, kind) -> Polished:
    """Along the way to the device; `update` is infinite where it is lost."""
    frame = known.frame
    begin = known.device.in_time()
    at_part = lambda part: jax.tree.map(lambda a, b: _between(a, b, part), begin, device)

    def newton(field, mesh, orbit, linear, target, close):
        def trip(state):
            k, orbit, _, kept = state
            linear = linearise(field, mesh, orbit)
            change = linear.direction(solve_for(linear, at_drive(linear, mesh, orbit, target)))
            size = jnp.max(jnp.abs(change.stages) / meshes.spans(orbit)[None, None])
            update = jnp.maximum(size, jnp.abs(change.log_period))
            return k + 1, orbit.plus(change), update, None if kept is None else linear

        going = lambda s: (s[0] < ITERATIONS) & (s[2] > close) & (s[2] < 1e3)
        state = (0, orbit, jnp.asarray(1.0), linear)
        _, orbit, update, linear = jax.lax.while_loop(going, trip, state)
        return orbit, update, linear

    def advance(state):
        """A part of the way; the last one twice, on a mesh for where the first came to."""
        k, reached, step, mesh, orbit, linear, _ = state
        there = reached >= 1
        part = jnp.minimum(reached + step, 1.0)
        value = known.level + part * (level - known.level)
        field = frame.field(at_part(part), kind)
        new, update, linear = newton(
            field, mesh, orbit, linear, (value - frame.origin) / frame.unit,
            jnp.where(there, FINE, ROUGH),
        )  # fmt: skip
        # FINE is where it stops; what comes close to it is converged, too.
        ok = (update < jnp.where(there, FOUND, ROUGH)) & _swings(new)
        ok = ok & (jnp.abs(new.log_period - orbit.log_period) < SAME_PERIOD)
        adapted = meshes.equidistribute(mesh, new, INTERVALS)
        ahead = adapted, meshes.onto(mesh, new, adapted)
        # At the end the orbit stays on the mesh on which it was solved.
        ahead = jax.tree.map(lambda a, b: jnp.where(there, a, b), (mesh, new), ahead)
        mesh, orbit = jax.tree.map(lambda a, b: jnp.where(ok, a, b), ahead, (mesh, orbit))
        done = ok & there
        lost = ~ok & there
        reached = jnp.where(ok, part, reached)
        step = jnp.where(ok, 2 * step, jnp.where(lost, 0.0, step / 2))
        return k + 1, reached, step, mesh, orbit, linear, jnp.where(done, update, jnp.inf)

    def going(state):
        k, _, step, _, _, _, update = state
        return (k < PARTS) & (step >= SHORTEST) & ~(update < FOUND)

    at_start = frame.field(begin, kind)
    blank = jax.eval_shape(lambda: linearise(at_start, known.mesh, known.orbit))
    blank = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), blank)
    one, far = jnp.asarray(1.0), jnp.asarray(np.inf)
    state = (0, jnp.zeros(()), one, known.mesh, known.orbit, blank, far)
    _, _, _, mesh, orbit, linear, update = jax.lax.while_loop(going, advance, state)
    half_mesh, halves = meshes.halved(mesh, orbit)
    field, target = frame.field(device, kind), (level - frame.origin) / frame.unit
    half_orbit, last, _ = newton(field, half_mesh, halves, None, target, CHECK)
    # Halves on which there is no such cycle say that the mesh is too coarse.
    wrong = jnp.where(last < 1e2 * CHECK, 0.0, jnp.inf)
    half_orbit = half_orbit._replace(log_period=half_orbit.log_period + wrong)
    return Polished(mesh, orbit, linear, update, half_mesh, half_orbit)
