"""Limit cycles: what a device does when it oscillates by itself under a constant drive."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

from jaxmem.circuits import Circuit, Constant
from jaxmem.circuits.drive import LETTER
from jaxmem.devices.branch import Scalar
from jaxmem.fields import check_number, check_single, is_concrete, require
from jaxmem.printed import Printed
from jaxmem.programs import program
from jaxmem.results import RESULTS
from jaxmem.stability.cycles.collocation import phases, solve_for, stage_residual, weights
from jaxmem.stability.cycles.extrema import extremum, piece_of
from jaxmem.stability.cycles.floquet import log_strongest
from jaxmem.stability.cycles.frame import terminals
from jaxmem.stability.cycles.near_hopf import normal_form_orbit
from jaxmem.stability.cycles.newton import at_drive, period_error
from jaxmem.stability.cycles.search import MESHES, CycleSearch, find_cycle, too_coarse
from jaxmem.stability.equilibria.hopf import HopfPoints, hopf_points

# The largest estimate of the error that is accepted, if no other is given.
RTOL = 1e-6


class LimitCycle(Printed):
    """A periodic orbit.

    - `t` [s], `u` [V], `x` over one period (4 N + 1 instants, the end included).
    - `period` [s], `u_max`, `u_min` [V], `I_max`, `I_min` [A] at the terminals.
    - `energy`: the integral of V I over a period at the terminals [J].
    - `multipliers`: Floquet multipliers, 1 first, then by size; `log_strongest` is ln of the
      size of the most contracted one, by Liouville's formula.
    - `stable`: whether all others are inside the unit circle.
    - `error`: estimated relative error of period and extrema: what halves of the
      intervals change.
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


def limit_cycle(
    circuit: Circuit,
    *,
    u_range: tuple[float, float] | None = None,
    intervals: int | None = None,
    rtol: float = RTOL,
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
    - `intervals`: of the mesh; twice as many give the error estimate. By default 80, and 160 or 320
      where these do not give `rtol` by far. Under `jit` and `vmap` always 80: next to a saddle-node
      `result` may there say that this is too coarse.
    - `rtol`: the largest error estimate that is accepted.
    - `throw`: raise if there is no cycle; else the numbers are NaN and `result` says why.

    **Raises:** `ValueError` for a drive that is not constant, R_s = 0 under voltage, or (with
    `throw`) if there is no cycle, saying why.
    """
    return with_search(circuit, u_range, intervals, rtol, throw)[0]


def with_search(
    circuit: Circuit, u_range: tuple[float, float] | None, intervals: int | None, rtol: float,
    throw: bool,
) -> tuple[LimitCycle, CycleSearch | None]:  # fmt: skip
    """The answer of `limit_cycle`, and how it was found; without states there is no search."""
    _check_cycle(circuit, intervals, rtol)
    kind = circuit.drive.kind
    circuit, accepted = circuit.in_time(), jnp.asarray(rtol)
    if circuit.device.size == 0:
        search, hopf = None, None
        found = _nothing(intervals or MESHES[0], 1, RESULTS.no_states)
    else:
        # Programs of their own, so that differentiating compiles the last one only. Next to a Hopf
        # point that needs the points with derivatives; in one program they are found once.
        fixed, points = jax.lax.stop_gradient(circuit), None
        live = lambda circuit: hopf_points(circuit.device, drive=kind, u_range=u_range)
        if not is_concrete(fixed):
            points = live(circuit)
        hopf = live(fixed) if points is None else jax.lax.stop_gradient(points)
        counts = MESHES if intervals is None else (intervals,)
        for count in counts:
            search = find_cycle(fixed, hopf, u_range, count)
            if count != counts[-1] and too_coarse(search, accepted):
                continue
            if is_concrete(search.near) and float(search.near) > 0:
                points = live(circuit)
            found = describe_cycle(circuit, search, points, accepted)
            if not _rough(search, found):
                break
    if throw and is_concrete(found.result) and not bool(found.result == RESULTS.successful):
        raise ValueError(_why_not(circuit, search, found, hopf))
    return found, search


def _check_cycle(circuit, intervals, rtol) -> None:
    """Refuse what is no circuit with a constant drive, and what no cycle can be computed to."""
    if not isinstance(circuit, Circuit):
        raise ValueError(
            f"limit_cycle: wants a Circuit, got {type(circuit).__name__}; write "
            "Circuit(device, CurrentDrive(I))"
        )
    wave, kind = circuit.drive.wave, circuit.drive.kind
    if not isinstance(wave, Constant):
        raise ValueError(
            f"limit_cycle: wants a constant drive, got {type(wave).__name__}; "
            "the answer to a periodic drive is periodic_state or solve"
        )
    check_single("limit_cycle", circuit)
    check_number(f"limit_cycle: the drive {LETTER[kind]}", wave.level)
    check_number("limit_cycle: rtol", rtol)
    require(lambda r: r > 0, rtol, message="limit_cycle: rtol must be positive, got {0}")
    if intervals is not None and (not isinstance(intervals, int) or not 2 <= intervals <= 10_000):
        raise ValueError(
            f"limit_cycle: intervals is a whole number from 2 to 10,000, got {intervals}"
        )
    R_s = circuit.device.R_s
    if kind == "voltage" and is_concrete(R_s) and not float(R_s) > 0:
        raise ValueError("limit_cycle: under an ideal voltage, R_s = 0, u cannot oscillate")


def _rough(search: CycleSearch, found: LimitCycle) -> bool:
    """Whether it is known that a cycle's extrema are too rough, where its period was not."""
    period = jax.lax.stop_gradient(found.period)
    if not is_concrete(search, period):
        return False
    own = bool(search.result == RESULTS.successful) and not float(search.near) > 0
    return own and not np.isfinite(period)


def _why_not(circuit, search, found, hopf) -> str:
    """Why there is no cycle, in words; all values are known."""
    kind = circuit.drive.kind
    value = float(circuit.drive.wave.value(jnp.zeros(()), jnp.zeros(())))
    text = f"limit_cycle: at {LETTER[kind]} = {value:.6g}: {RESULTS[found.result]}"
    if search is not None and np.isfinite(search.end):
        text += f" (the last one at u = {float(search.end):.6g} V)"
    at = [] if hopf is None else hopf.imposed(kind)[: int(hopf.found)]
    if len(at):
        text += f" (Hopf points at {', '.join(f'{float(v):.6g}' for v in at)})"
    return text + "; throw=False gives NaN and a `result`"


@program
def describe_cycle(
    circuit: Circuit, search: CycleSearch, hopf: HopfPoints | None, rtol
) -> LimitCycle:
    """The numbers of a cycle that was found, with their derivatives by the circuit.

    `hopf`: the Hopf points with theirs, where the cycle may be next to one, else None. `rtol`: the
    largest error that is accepted, as in `limit_cycle`.
    """
    device, kind = circuit.device, circuit.drive.kind
    value, n = circuit.drive.wave.value(jnp.zeros(()), jnp.zeros(())), device.size + 1
    frame, found = search.frame, search.cycle
    field = frame.field(jax.lax.stop_gradient(device), kind)
    mesh, orbit = found.fine()
    # One step with the live residual carries the derivatives.
    live = frame.field(device, kind)
    linear = found.linear.closing(orbit, -stage_residual(live, mesh, orbit))
    conditions = at_drive(linear, mesh, orbit, (value - frame.origin) / frame.unit)
    orbit = orbit.plus(linear.direction(solve_for(linear, conditions)))
    mu = jax.lax.stop_gradient(search.multipliers)
    if hopf is not None:
        # Next to a Hopf point this step would be rounding over a matrix that is nearly singular.
        near, k = search.near > 0, search.beside
        _, own = normal_form_orbit(device, kind, frame, hopf, k, value, mesh.shape[0])
        orbit = jax.tree.map(lambda a, b: jnp.where(near, a, b), own, orbit)

    # Those of the halves, without derivatives, say how exact the others are.
    both = ((mesh, orbit), (found.half_mesh, jax.lax.stop_gradient(found.half_orbit)))
    pieces = [piece_of(m, o, jnp.asarray(sign)) for m, o in both for sign in (1.0, -1.0)]
    pieces = jax.tree.map(lambda *a: jnp.stack(a), *pieces)
    top, bottom, *of_halves = jax.vmap(lambda piece: extremum(field, live, piece)[0])(pieces)
    both = jnp.stack([top, bottom])
    gap = jnp.max(jnp.abs(jnp.stack(of_halves) - both)) / (top - bottom)
    error = jnp.maximum(period_error(found), gap)
    error = jnp.where(search.near > 0, search.near, error)
    error = jax.lax.stop_gradient(error)
    period = jnp.exp(orbit.log_period)
    size = frame.size
    values = jnp.concatenate([orbit.start[None], orbit.stages.reshape(-1, n)]) * size[None]
    phase = jnp.concatenate([jnp.zeros(1), phases(mesh).ravel()])
    V, I = terminals(device, kind, orbit.stages[..., 0] * size[0], value)
    energy = period * jnp.sum(weights(mesh) * V * I)
    _, I_at = terminals(device, kind, both * size[0], value)
    I_at = jnp.broadcast_to(I_at, (2,))
    coarse = RESULTS.where(search.near > 0, RESULTS.next_to_hopf, RESULTS.mesh_too_coarse)
    result = RESULTS.where(error <= rtol, RESULTS.successful, coarse)
    result = RESULTS.where(search.result == RESULTS.successful, result, search.result)
    result = RESULTS.where(device.allowed(), result, RESULTS.value_not_allowed)
    cycle = LimitCycle(
        phase * period, values[:, 0], values[:, 1:], period, top * size[0], bottom * size[0],
        jnp.max(I_at), jnp.min(I_at), energy, jnp.concatenate([jnp.ones(1, mu.dtype), mu]),
        log_strongest(mu, linear.trace), jnp.all(jnp.abs(mu) < 1), error, result,
    )  # fmt: skip
    good = result == RESULTS.successful
    return _hidden(cycle, good)


def _hidden(cycle: LimitCycle, good) -> LimitCycle:
    """NaN, with derivatives that are NaN, where there is no cycle."""

    def hide(a):
        if not jnp.issubdtype(a.dtype, jnp.inexact):
            return a
        # A factor, so that what it multiplies is as little known in its derivatives.
        return a * jnp.where(good, 1.0, jnp.nan)

    return eqx.tree_at(lambda c: c.stable, jax.tree.map(hide, cycle), cycle.stable & good)


def _nothing(intervals, n, result):
    nan = jnp.asarray(jnp.nan)
    line = jnp.full((4 * intervals + 1,), jnp.nan)
    return LimitCycle(
        t=line, u=line, x=jnp.full((line.size, n - 1), jnp.nan), period=nan, u_max=nan, u_min=nan,
        I_max=nan, I_min=nan, energy=nan, multipliers=jnp.full((n,), jnp.nan, complex),
        log_strongest=nan, stable=jnp.asarray(False), error=nan, result=result,
    )  # fmt: skip
