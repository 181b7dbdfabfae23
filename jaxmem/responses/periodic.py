"""The settled periodic state of a driven circuit."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Real

from jaxmem.circuits.circuit import Circuit
from jaxmem.quantity import is_concrete, require
from jaxmem.responses.steady import operating_point
from jaxmem.responses.transient import Transient, solve


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


def _unit(circuit, first):
    widths = [w for _, w in circuit.device.windows()]
    return jnp.min(jnp.stack(widths)) if widths else jnp.maximum(jnp.abs(first[0]), 1.0)
