"""Limit cycles: what a device does when it oscillates by itself under a constant drive."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from jaxmem.circuits import Circuit, Constant, DriveKind
from jaxmem.circuits.drive import LETTER
from jaxmem.devices import AbstractDevice
from jaxmem.devices.branch import Scalar
from jaxmem.fields import check_single, is_concrete
from jaxmem.responses.linear import circuit_matrix
from jaxmem.results import RESULTS
from jaxmem.stability.cycles import continuation
from jaxmem.stability.cycles import mesh as meshes
from jaxmem.stability.cycles.collocation import (
    Linear,
    Orbit,
    linearise,
    slopes,
    solve_for,
    stage_residual,
    weights,
)
from jaxmem.stability.cycles.continuation import Place
from jaxmem.stability.cycles.extrema import extremum
from jaxmem.stability.cycles.floquet import deflated, log_strongest, multipliers
from jaxmem.stability.equilibria.criticality import mode, sizes
from jaxmem.stability.equilibria.hopf import MOST, HopfPoints, hopf_points

# Intervals to walk along a branch, and for numbers that are reported.
WALK, REPORT = 40, 80
# The updates at which Newton's method stops: on the coarse mesh, adapted; on the fine one, adapted.
ROUGH = 1e-4, 1e-7, 1e-4, 1e-9
# The amplitude of the first cycle, in units of the voltage's size.
AMPLITUDE = 0.05


class LimitCycle(eqx.Module):
    """A periodic orbit.

    - `t` [s], `u` [V], `x` over one period (4 N + 1 instants, the end included).
    - `period` [s], `u_max`, `u_min` [V], `I_max`, `I_min` [A] at the terminals.
    - `energy`: the integral of V I over a period at the terminals [J].
    - `multipliers`: Floquet multipliers, 1 first, then by size; `log_strongest` is ln of the
      size of the most contracted one, by Liouville's formula.
    - `stable`: whether all others are inside the unit circle.
    - `error`: estimated relative error of period and extrema, from a second mesh.
    - `result`: `RESULTS.successful`, or why all numbers are NaN.
    """

    t: Float[Array, "m"]
    u: Float[Array, "m"]
    x: Float[Array, "m k"]
    period: Scalar
    u_max: Scalar
    u_min: Scalar
    I_max: Scalar
    I_min: Scalar
    energy: Scalar
    multipliers: Complex[Array, "n"]
    log_strongest: Scalar
    stable: Bool[Array, ""]
    error: Scalar
    result: RESULTS


class Frame(NamedTuple):
    """Units of the continuation: sizes of the states, and the drive as origin + unit p."""

    size: Float[Array, "n"]
    origin: Scalar
    unit: Scalar

    def field(self, device: AbstractDevice, kind: DriveKind):
        """F(tau, y, p) of the device in these units."""

        def field(tau, z, p):
            del tau
            y = z * self.size
            into = self.origin + p * self.unit
            if kind == "voltage":
                into = (into - y[0]) / device.R_s
            du = (into - device.current(y[0], y[1:])) / device.C_m
            return jnp.concatenate([du[None], device.rates(y[0], y[1:])]) / self.size

        return field

    def power(self, device: AbstractDevice, kind: DriveKind):
        """V I at the terminals [W]."""

        def power(z, p):
            given = self.origin + p * self.unit
            V, I = terminals(device, kind, z[0] * self.size[0], given)
            return V * I

        return power


def terminals(device, kind, u, given):
    """V and I at the terminals, from u and the drive's value."""
    if kind == "voltage":
        return given, (given - u) / device.R_s
    return device.R_s * given + u, given


def limit_cycle(
    circuit: Circuit,
    *,
    u_range: tuple[float, float] | None = None,
    intervals: int = REPORT,
    rtol: float = 1e-6,
    throw: bool = True,
) -> LimitCycle:
    """The stable limit cycle of a circuit with a constant drive, with its derivatives.

    The branch of cycles is followed from a Hopf point to the drive's value, so that the
    equilibrium is never taken for a cycle, and solved there by Radau IIA collocation on an
    adapted mesh. If only unstable cycles are met the first of them is returned (`stable` tells).
    Derivatives with respect to device and drive follow from the implicit function theorem;
    works under `jit`, `vmap` and `grad` (waveform, period, extrema, energy).

    **Arguments:**

    - `circuit`: with `CurrentDrive(Constant(I))`, or `VoltageDrive(Constant(V))` and R_s > 0.
    - `u_range`: voltages to look for Hopf points in [V], as in `hopf_points`.
    - `intervals`: of the final mesh; one of 40 gives the error estimate.
    - `rtol`: the largest error estimate that is accepted.
    - `throw`: raise if there is no cycle; else the numbers are NaN and `result` says why.

    **Raises:** `ValueError` for a drive that is not constant, R_s = 0 under voltage, or (with
    `throw`) if there is no cycle, saying why.
    """
    if not isinstance(circuit.drive.wave, Constant):
        raise ValueError(
            f"limit_cycle: wants a constant drive, got {type(circuit.drive.wave).__name__}; "
            "the answer to a periodic drive is periodic_state or solve"
        )
    check_single("limit_cycle", circuit)
    kind = circuit.drive.kind
    if kind == "voltage" and is_concrete(circuit.device.R_s) and not float(circuit.device.R_s) > 0:
        raise ValueError("limit_cycle: under an ideal voltage, R_s = 0, u cannot oscillate")
    found = _limit_cycle(circuit, u_range, intervals, jnp.asarray(rtol))
    if throw and is_concrete(found.result) and not bool(found.result == RESULTS.successful):
        value = float(circuit.drive.wave.value(jnp.zeros(()), jnp.zeros(())))
        hopf = hopf_points(circuit.device, drive=kind, u_range=u_range)
        at = hopf.imposed(kind)
        there = ", ".join(f"{float(v):.6g}" for v in at[: int(hopf.found)])
        raise ValueError(
            f"limit_cycle: at {LETTER[kind]} = {value:.6g}: "
            + RESULTS[found.result]
            + (f" (Hopf points at {there})" if there else "")
            + "; throw=False gives NaN and a `result`"
        )
    return found


class CycleSearch(NamedTuple):
    """What a search leaves: a coarse and a fine mesh with their orbits, and how it went.

    `linear` is the problem linearised at the fine one.
    """

    frame: Frame
    meshes: Float[Array, "2 N"]
    orbits: Orbit
    linear: Linear
    update: Scalar
    hopf: Int[Array, ""]
    met: Bool[Array, ""]


def _limit_cycle(circuit: Circuit, u_range, intervals: int, rtol) -> LimitCycle:
    # Two programs, so that differentiating compiles the second one only.
    circuit = circuit.in_time()
    if circuit.device.size == 0:
        return _nothing(intervals, 1, RESULTS.no_hopf_point)
    return _describe(circuit, find_cycle(jax.lax.stop_gradient(circuit), u_range, intervals), rtol)


def find_cycle(circuit: Circuit, u_range, intervals: int) -> CycleSearch:
    """The cycle at the drive's value on two meshes, without derivatives."""
    hopf = hopf_points(circuit.device, drive=circuit.drive.kind, u_range=u_range)
    return _search(circuit, hopf, intervals)


@eqx.filter_jit
def _search(circuit: Circuit, hopf: HopfPoints, intervals: int) -> CycleSearch:
    device, kind = circuit.device, circuit.drive.kind
    value = _value(circuit)
    frame, places, amplitudes = starts(device, hopf, kind, WALK)
    target = (value - frame.origin) / frame.unit
    field, power = frame.field(device, kind), frame.power(device, kind)

    def walk_on(state):
        k, _, _, _ = state
        place, size = jax.tree.map(lambda a: a[k], (places, amplitudes))
        walk = continuation.follow_cycles(field, power, place, size, most=400, target=target)
        return k + 1, walk.kept, walk.kept_any, walk.kept_stable

    none = jnp.asarray(False)
    state = (0, jax.tree.map(lambda a: a[0], places), none, none)
    count = jnp.minimum(hopf.found, MOST)
    state = jax.lax.while_loop(lambda s: (s[0] < count) & ~s[3], walk_on, state)
    mesh, orbits, linear, update = _settle(field, state[1], target, intervals)
    return CycleSearch(frame, mesh, orbits, linear, update, hopf.found, state[2])


def _value(circuit):
    return circuit.drive.wave.value(jnp.zeros(()), jnp.zeros(()))


@eqx.filter_jit
def _describe(circuit: Circuit, search: CycleSearch, rtol) -> LimitCycle:
    device, kind = circuit.device, circuit.drive.kind
    value, n = _value(circuit), device.size + 1
    frame = search.frame
    field = frame.field(jax.lax.stop_gradient(device), kind)
    mesh, orbit = search.meshes[1], jax.tree.map(lambda a: a[1], search.orbits)
    # One step with the live residual carries the derivatives.
    live = frame.field(device, kind)
    linear = search.linear.closing(orbit, -stage_residual(live, mesh, orbit))
    conditions = _fixed(linear, mesh, orbit, (value - frame.origin) / frame.unit)
    orbit = orbit.plus(linear.direction(solve_for(linear, conditions)))

    signs = jnp.array([1.0, -1.0])
    orbits = jax.tree.map(lambda a, b: jnp.stack([a[0], b]), search.orbits, orbit)
    ends = jax.vmap(lambda sign, m, o: extremum(field, live, m, o, sign)[0], (0, None, None))
    rough, both = jax.vmap(ends, (None, 0, 0))(signs, search.meshes, orbits)
    top, bottom = both
    swing = jax.lax.stop_gradient(top - bottom)
    # The method is of order 7: a hundred times smaller with twice the intervals.
    gap = jnp.maximum(
        jnp.abs(orbits.log_period[0] - orbits.log_period[1]),
        jnp.max(jnp.abs(rough - both)) / swing,
    )
    error = jax.lax.stop_gradient(gap * (WALK / mesh.shape[0]) ** 6)
    period = jnp.exp(orbit.log_period)
    size = frame.size
    values = jnp.concatenate([orbit.start[None], orbit.stages.reshape(-1, n)]) * size[None]
    phase = jnp.concatenate([jnp.zeros(1), continuation.phases(mesh).ravel()])
    V, I = terminals(device, kind, orbit.stages[..., 0] * size[0], value)
    energy = period * jnp.sum(weights(mesh) * V * I)
    _, I_at = terminals(device, kind, both * size[0], value)
    I_at = jnp.broadcast_to(I_at, (2,))
    flow = field(jnp.zeros(()), orbit.start, orbit.drive)
    mu = multipliers(deflated(linear.monodromy, flow), linear.trace)
    failed = ~(search.update < 1e-7) | ~(swing > 1e-6)
    result = RESULTS.where(error <= rtol, RESULTS.successful, RESULTS.mesh_too_coarse)
    result = RESULTS.where(failed, RESULTS.cycle_not_converged, result)
    result = RESULTS.where(search.met, result, RESULTS.no_cycle)
    result = RESULTS.where(search.hopf == 0, RESULTS.no_hopf_point, result)
    result = RESULTS.where(device.allowed(), result, RESULTS.value_not_allowed)
    cycle = LimitCycle(
        phase * period, values[:, 0], values[:, 1:], period, top * size[0], bottom * size[0],
        jnp.max(I_at), jnp.min(I_at), energy, jnp.concatenate([jnp.ones(1, mu.dtype), mu]),
        log_strongest(mu, linear.trace), jnp.all(jnp.abs(mu) < 1), error, result,
    )  # fmt: skip
    good = result == RESULTS.successful
    hide = lambda a: jnp.where(good, a, jnp.nan) if jnp.issubdtype(a.dtype, jnp.inexact) else a
    hidden = jax.tree.map(hide, cycle)
    return eqx.tree_at(lambda c: c.stable, hidden, cycle.stable & good)


def _settle(field, place: Place, target, intervals: int):
    """Newton at a given drive on adapted meshes: the coarse one and the fine one, and the update.

    Each is adapted twice. The coarse mesh is a fine one with intervals of no width.
    """

    def trip(state):
        k, mesh, orbit, _, close, _ = state
        linear = linearise(field, mesh, orbit)
        change = linear.direction(solve_for(linear, _fixed(linear, mesh, orbit, target)))
        update = jnp.maximum(
            jnp.max(jnp.abs(change.stages) / meshes.spans(orbit)[None, None]),
            jnp.abs(change.log_period),
        )
        return k + 1, mesh, orbit.plus(change), update, close, linear

    def going(state):
        k, _, _, update, close, _ = state
        return (k < 20) & (update > close) & (update < 1e3)

    def adapted(state, setting):
        mesh, orbit, linear = state
        used, close = setting
        new = meshes.equidistribute(mesh, orbit, intervals, used)
        begin = (0, new, meshes.onto(mesh, orbit, new), jnp.asarray(1.0), close, linear)
        _, mesh, orbit, update, _, linear = jax.lax.while_loop(going, trip, begin)
        return (mesh, orbit, linear), (mesh, orbit, update)

    mesh, orbit = meshes.widened(place.mesh, place.orbit, intervals)
    blank = jax.tree.map(jnp.zeros_like, jax.eval_shape(lambda: linearise(field, mesh, orbit)))
    settings = jnp.array([WALK, WALK, intervals, intervals]), jnp.array(ROUGH)
    (_, _, linear), found = jax.lax.scan(adapted, (mesh, orbit, blank), settings)
    mesh, orbits, update = jax.tree.map(lambda a: a[1::2], found)
    return mesh, orbits, linear, update[-1]


def _fixed(linear, mesh, orbit, target):
    """The two conditions at a given drive: the phase stays, and the drive is the target."""
    size = meshes.spans(orbit)
    along = (
        weights(mesh)[..., None]
        / size[None, None] ** 2
        * slopes(orbit)
        / jnp.where(mesh > 0, mesh, 1.0)[:, None, None]
    )
    phase = linear.row(jax.lax.stop_gradient(along / jnp.max(jnp.abs(along))))
    n = orbit.start.shape[0]
    drive = np.eye(n + 3)[n + 1] + (orbit.drive - target) * np.eye(n + 3)[-1]
    return jnp.stack([phase, drive])


def starts(device, hopf: HopfPoints, kind: DriveKind, intervals: int):
    """For each Hopf point the equilibrium with its mode, and the units of the continuation."""
    at = hopf.imposed(kind)
    good = jnp.isfinite(at)
    low = jnp.min(jnp.where(good, at, jnp.inf))
    high = jnp.max(jnp.where(good, at, -jnp.inf))
    u0 = jnp.where(good[0], hopf.place[0], 0.0)
    if device.curve is not None:
        u0 = jnp.where(good[0], u0, device.branches[device.curve].rest_range()[0])
    y0 = jnp.concatenate([a.ravel() for a in device.equilibrium(u0)])
    size = sizes(device, u0, y0)
    slope = jax.jvp(device.steady_current, (u0,), (jnp.ones_like(u0),))[1]
    if kind == "voltage":
        rise = jax.jvp(lambda s: device.equilibrium(s)[0], (u0,), (jnp.ones_like(u0),))[1]
        slope = rise + device.R_s * slope
    alone = jnp.abs(slope) * size[0]
    unit = jnp.where(high > low, high - low, alone)
    origin = jnp.where(good[0], at[0], 0.0)
    frame = Frame(size, origin, jnp.where(jnp.isfinite(unit) & (unit > 0), unit, 1.0))

    def one(u, omega, value):
        ok = jnp.isfinite(value)
        u, omega = jnp.where(ok, u, u0), jnp.where(ok, omega, 1.0)
        y = jnp.concatenate([a.ravel() for a in device.equilibrium(u)]) / size
        A = circuit_matrix(device, u, kind) * size[None] / size[:, None]
        drive = jnp.where(ok, (value - frame.origin) / frame.unit, 0.0)
        return continuation.from_hopf(mode(A, omega), y, omega, drive, AMPLITUDE, intervals)

    places, amplitudes = jax.vmap(one)(hopf.place, hopf.omega, at)
    return frame, places, amplitudes


def _nothing(intervals, n, result):
    nan = jnp.asarray(jnp.nan)
    line = jnp.full((4 * intervals + 1,), jnp.nan)
    return LimitCycle(
        t=line, u=line, x=jnp.full((line.size, n - 1), jnp.nan), period=nan, u_max=nan, u_min=nan,
        I_max=nan, I_min=nan, energy=nan, multipliers=jnp.full((n,), jnp.nan, complex),
        log_strongest=nan, stable=jnp.asarray(False), error=nan, result=result,
    )  # fmt: skip
