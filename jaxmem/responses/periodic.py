"""The settled periodic state of a driven circuit."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Real

from jaxmem.circuits.circuit import Circuit
from jaxmem.fields import is_concrete, require
from jaxmem.responses.steady import operating_point, rest_at
from jaxmem.responses.transient import Transient, solve
from jaxmem.results import RESULTS


class PeriodicResponse(eqx.Module):
    """One period of the settled state.

    `transient` holds it (with the drive's phase at its start as t[0]), `multipliers` are the
    Floquet multipliers of the period map (all inside the unit circle: the state attracts) and
    `residual` is how far the state is from closing, in the units of the integrator.
    """

    transient: Transient
    multipliers: Array
    residual: Float[Array, ""]
    converged: Array


def response_to_periodic(
    circuit: Circuit,
    period: Real[ArrayLike, ""],
    *,
    samples: int = 401,
    rtol: Real[ArrayLike, ""] | None = None,
    tol: float = 1e-8,
    max_iterations: int = 30,
    throw: bool = True,
) -> PeriodicResponse:
    """The periodic state that a periodically driven circuit settles to.

    Newton's method on the period map, x(T) = x(0), with the map's derivative in forward mode.
    Current-voltage loops as measured are this, not a start from rest.

    **Arguments:**

    - `period`: T [s]. The drive over [t0, t0 + T] is what repeats, t0 = its first edge: give a
      Sine, one cycle of a Triangle, one pulse of a PulseTrain, one period of a Sampled.
    - `samples`: how many times to return over the period, both ends included.
    - `tol`: on the closing of the state, in the units of the integrator (V_m, i_c0, logit f).

    **Raises:** `RuntimeError` if Newton does not converge (a circuit that oscillates by itself
    need not have a response of the drive's period). Under `jit` see `converged`.
    """
    circuit = circuit.in_time()
    device = circuit.device
    wave = circuit.drive.wave
    edges = wave.edges()
    t0 = jnp.min(edges) if edges.shape[0] else jnp.zeros(())
    period = jnp.asarray(period, dtype=jnp.result_type(float))
    require(
        lambda T: T > 0,
        period,
        message="response_to_periodic: the period must be positive, got {0} s",
    )
    ends = jnp.stack([t0, t0 + period])
    before = {"V" if circuit.is_voltage else "I": wave.before()}
    rest = operating_point(device, **before)
    first = jnp.concatenate([rest.u[None], device.chart_rest(rest.u)])
    unit = _unit(circuit, first)

    def state(y):
        return y[0] * unit, device.unchart(y[1:])

    def around(y, _):
        end = solve(circuit, ends, start=state(y), rtol=rtol, atol=rtol, throw=False)
        z = device.chart(end.x[-1])
        return jnp.concatenate([(end.u[-1] / unit)[None], z]) - y

    newton = optx.Newton(rtol=tol, atol=tol)
    found = optx.root_find(
        around,
        newton,
        first.at[0].divide(unit),
        max_steps=max_iterations,
        throw=False,
        options={"jac": "fwd"},
    )
    y = found.value
    residual = jnp.max(jnp.abs(around(y, None)))
    converged = residual <= 100 * tol
    if throw and is_concrete(residual) and not bool(converged):
        raise RuntimeError(
            f"response_to_periodic: Newton left a residual of {float(residual):.2g} after "
            f"{max_iterations} iterations; the circuit may oscillate by itself or follow the "
            "drive at a multiple of its period"
        )
    t = jnp.linspace(ends[0], ends[1], samples)
    transient = solve(circuit, t, start=state(y), rtol=rtol, atol=rtol, throw=throw)
    slope = jax.jacfwd(lambda y: around(y, None) + y)(y)
    return PeriodicResponse(transient, jnp.linalg.eigvals(slope), residual, converged)


def settle(
    circuit: Circuit,
    t: Real[ArrayLike, "t"],
    period: Real[ArrayLike, ""],
    *,
    tol: float = 1e-7,
    max_iterations: int = 12,
    **options: Any,
) -> Transient:
    """The settled response to a periodic drive, sampled at the ascending times t, t[0] its phase.

    For fits: under `jit`, with derivatives with respect to device and drive. Newton's method on
    the period map in forward mode, from rest; its last iteration carries the sensitivity to the
    state at t[0], so that one further integration has the derivatives (implicit function theorem).
    `options` are those of `solve`. If the state does not close, every value is NaN and `result` is
    `RESULTS.not_periodic`. `steps` counts those of the integration that is returned.
    """
    circuit = circuit.in_time()
    device = circuit.device
    t = jnp.asarray(t, dtype=jnp.result_type(float))
    # The end of the period becomes a sample.
    whole = jnp.sort(jnp.append(t, t[0] + period))
    close = jnp.searchsorted(whole, t[0] + period)
    middle = _mean(circuit.drive.wave, t[0], period)
    rest = rest_at(device, middle, circuit.is_voltage)
    begin = jnp.concatenate([rest.u[None], device.chart_rest(rest.u)])
    unit = _unit(circuit, begin)
    begin = jax.lax.stop_gradient(begin.at[0].divide(unit))

    def run(circuit, y):
        start = (y[0] * unit, circuit.device.unchart(y[1:]))
        out = solve(circuit, whole, start=start, throw=False, **options)
        z = circuit.device.chart(out.x[close])
        end = jnp.concatenate([(out.u[close] / unit)[None], z])
        return end, (out.u, out.x, out.I, out.V), out.steps

    frozen = jax.lax.stop_gradient(circuit)
    size = begin.shape[0]

    def newton(carry):
        y, _, _, k, _ = carry

        def twice(y):
            end, seen, _ = run(frozen, y)
            return (end, seen), end

        (M, S), P = jax.jacfwd(twice, has_aux=True)(y)
        step = jnp.linalg.solve(jnp.eye(size) - M, P - y)
        # A state moves by a few of its units at most: far off, the map is no straight line.
        step = jnp.clip(step, -20.0, 20.0)
        return y + step, M, S, k + 1, jnp.max(jnp.abs(step))

    def going(carry):
        return (carry[3] < max_iterations) & ~(carry[4] <= tol) & jnp.all(jnp.isfinite(carry[0]))

    m = whole.shape[0]
    line = jnp.zeros((m, size))
    empty = (line, jnp.zeros((m, size - 1, size)), line, line)
    carry = (begin, jnp.zeros((size, size)), empty, jnp.asarray(0), jnp.asarray(jnp.inf))
    y, M, S, _, last = jax.lax.stop_gradient(jax.lax.while_loop(going, newton, carry))
    P, seen, steps = run(circuit, y)
    off = jnp.linalg.solve(jnp.eye(size) - M, P - y)
    closed = last <= tol
    moved = jax.tree.map(lambda value, slope: value + slope @ off, seen, S)
    # The sample that was put in at the end of the period is taken out again.
    place = jnp.arange(t.shape[0])
    place = jnp.where(place >= close, place + 1, place)
    u, x, I, V = jax.tree.map(lambda a: jnp.where(closed, a[place], jnp.nan), moved)
    result = RESULTS.where(closed, RESULTS.successful, RESULTS.not_periodic)
    names, units = device.state_names, device.state_units
    return Transient(t, u, x, I, V, steps, result, names, units, ())


def _mean(wave, start, period):
    """About the mean of a wave over a period, without what lies between the samples."""
    at = start + period * (jnp.arange(64) + 0.5) / 64
    return jax.lax.stop_gradient(jnp.mean(jax.vmap(lambda s: wave.value(s, s))(at)))


def _unit(circuit, first):
    widths = [w for _, w in circuit.device.windows()]
    return jnp.min(jnp.stack(widths)) if widths else jnp.maximum(jnp.abs(first[0]), 1.0)
