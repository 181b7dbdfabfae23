"""The periodic state that a driven circuit settles to."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Complex, Float, Real

from jaxmem.circuits.circuit import Circuit
from jaxmem.fields import check_single, is_concrete, require
from jaxmem.printed import Printed
from jaxmem.programs import program
from jaxmem.responses.period_map import PeriodMap, first_edge
from jaxmem.responses.steady import rest_at
from jaxmem.responses.transient import Transient, approximations
from jaxmem.results import RESULTS

# A Newton step moves a state by so many of its units at most: far from the orbit
# the map is not linear.
LONGEST_STEP = 20.0
# The least tolerance of its step, unless it is told otherwise. After a step of CLOSE the next one,
# which the derivatives hold already, leaves its square: such a state closes well enough where the
# noise of the integration forbids a smaller step. `residual` says how far it closed.
LEAST_TOL, CLOSE = 1e-7, 1e-4


class PeriodicState(Printed):
    """What `periodic_state` found.

    - `transient`: the state over the period; its `result` says whether it closes (all its values
      are NaN if not), its `steps` are those of the period.
    - `multipliers`: the Floquet multipliers of the period map, shape `(n,)`; all are inside the
      unit circle where the state attracts. None if they were not asked for.
    - `residual`: how far the state is from closing, in the units of the integrator.
    """

    transient: Transient
    multipliers: Complex[Array, "n"] | None
    residual: Float[Array, ""]

    @property
    def successful(self) -> Bool[Array, "..."]:
        """Whether the state closes."""
        return self.transient.successful


def periodic_state(
    circuit: Circuit,
    period: Real[ArrayLike, ""],
    *,
    t: Real[ArrayLike, "t"] | None = None,
    samples: int = 401,
    multipliers: bool = True,
    tol: Real[ArrayLike, ""] | None = None,
    max_iterations: int = 30,
    throw: bool = True,
    **options: Any,
) -> PeriodicState:
    """The periodic state that a periodically driven circuit settles to.

    Newton's method on the period map, x(T) = x(0), with the map's derivative in forward mode, from
    rest at the drive's mean. Current-voltage loops that are measured again and again are this, not
    a start from rest. The last iteration carries the sensitivity to the state at t[0], so that one
    further integration has the derivatives with respect to device and drive (implicit function
    theorem). Works under `jit`, `vmap` and `grad`.

    **Arguments:**

    - `period`: T [s]. The drive over [t[0], t[0] + T] is what repeats: a Sine, one cycle of a
      Triangle, one pulse of a PulseTrain, one period of a Sampled.
    - `t`: ascending times to sample at [s]; t[0] is the phase at which the state closes. By default
      `samples` of them over one period from the drive's first edge on, both ends included.
    - `multipliers`: whether to find them too; a fit that does not need them saves an integration.
    - `tol`: on Newton's step, in the units of the integrator (V_m, i_c0, logit f); default `rtol`
      of the integration, below which there is only its noise, but not less than 1e-7.
    - `max_iterations`: of Newton's method.
    - `throw`: raise if the state does not close; otherwise see `successful`.
    - `options`: those of `solve`.

    **Returns:** a `PeriodicState`.

    **Raises:** `ValueError` for a period that is not positive; `RuntimeError` (with `throw`) if the
    state does not close (a circuit that oscillates by itself need not have a state of the drive's
    period). Under `jit` or `vmap` it is NaN and a code.
    """
    check_single("periodic_state", circuit)
    period = jnp.asarray(period, dtype=jnp.result_type(float))
    message = "periodic_state: the period must be positive, got {0} s"
    require(lambda T: T > 0, period, message=message)
    whole = circuit.in_time()
    if t is None:
        begin = first_edge(whole.drive.wave)
        t = jnp.linspace(begin, begin + period, samples)
    t = jnp.asarray(t, dtype=jnp.result_type(float))
    notes = approximations(circuit, t)
    if tol is None:
        rtol = options.get("rtol")
        tol = LEAST_TOL if rtol is None else jnp.maximum(LEAST_TOL, rtol)
    # As arrays, so that one program serves all tolerances and counts.
    limits = jnp.asarray(tol), jnp.asarray(max_iterations)
    found = _closed(whole, t, period, multipliers, limits, options, notes)
    code = found.transient.result
    if throw and is_concrete(code) and not bool(found.successful):
        raise RuntimeError(
            f"periodic_state: the state does not close: it is off by {float(found.residual):.2g} "
            f"after {max_iterations} iterations ({RESULTS[code]}); the circuit may oscillate by "
            "itself or follow the drive at a multiple of its period"
        )
    return found


@program
def _closed(circuit, t, period, multipliers, limits, options, notes) -> PeriodicState:
    tol, most = limits
    # The end of the period becomes a sample.
    times = jnp.sort(jnp.append(t, t[0] + period))
    close = jnp.searchsorted(times, t[0] + period)
    rest = rest_at(circuit.device, _mean(circuit.drive.wave, t[0], period), circuit.is_voltage)
    live = PeriodMap.near(circuit, rest, options)
    frozen = eqx.tree_at(lambda m: m.circuit, live, jax.lax.stop_gradient(circuit))

    def run(period_map, y):
        out = period_map.follow(y, times)
        return period_map.state(out, close), (out.u, out.x, out.I, out.V), out

    n = circuit.device.size + 1

    def newton(carry):
        y, _, _, k, _ = carry

        def twice(y):
            end, seen, _ = run(frozen, y)
            return (end, seen), end

        (M, S), P = jax.jacfwd(twice, has_aux=True)(y)
        step = jnp.linalg.solve(jnp.eye(n) - M, P - y)
        step = jnp.clip(step, -LONGEST_STEP, LONGEST_STEP)
        return y + step, M, S, k + 1, jnp.max(jnp.abs(step))

    def going(carry):
        y, _, _, k, last = carry
        return (k < most) & ~(last <= tol) & jnp.all(jnp.isfinite(y))

    line = jnp.zeros((times.shape[0], n))
    empty = (line, jnp.zeros((times.shape[0], n - 1, n)), line, line)
    begin = jax.lax.stop_gradient(frozen.rest(rest))
    carry = (begin, jnp.zeros((n, n)), empty, jnp.asarray(0), jnp.asarray(jnp.inf))
    y, M, S, _, _ = jax.lax.stop_gradient(jax.lax.while_loop(going, newton, carry))
    P, seen, out = run(live, y)
    off = jnp.linalg.solve(jnp.eye(n) - M, P - y)
    # The next step of Newton's method: where it has converged, far smaller than the last one.
    closed = jnp.max(jnp.abs(off)) <= jnp.maximum(10 * tol, CLOSE)
    moved = jax.tree.map(lambda value, slope: value + slope @ off, seen, S)
    # The sample that was put in at the end of the period is taken out again.
    place = jnp.arange(t.shape[0])
    place = jnp.where(place >= close, place + 1, place)
    hide = lambda a: jnp.where(closed, a, jnp.nan)
    u, x, I, V = (hide(a[place]) for a in moved)
    lost = (out.result == RESULTS.successful) & ~closed
    result = RESULTS.where(lost, RESULTS.not_periodic, out.result)
    names, units = circuit.device.state_names, circuit.device.state_units
    transient = Transient(t, u, x, I, V, out.steps, result, names, units, notes)
    residual = jnp.max(jnp.abs(P - y))
    if not multipliers:
        return PeriodicState(transient, None, residual)
    ends = jnp.stack([t[0], t[0] + period])
    monodromy = jax.jacfwd(lambda y: live(y, ends))(y + off)
    return PeriodicState(transient, hide(jnp.linalg.eigvals(monodromy)), residual)


def _mean(wave, start, period):
    """The mean of a wave over a period, estimated from samples."""
    at = start + period * (jnp.arange(64) + 0.5) / 64
    return jax.lax.stop_gradient(jnp.mean(jax.vmap(lambda s: wave.value(s, s))(at)))
