"""How a small kick shifts an oscillation in time: the phase response curve, by the adjoint."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmem.circuits import Circuit
from jaxmem.devices.branch import Scalar
from jaxmem.printed import Printed
from jaxmem.programs import program
from jaxmem.responses.characteristic import solve_columns
from jaxmem.results import RESULTS
from jaxmem.stability.cycles.cycle import RTOL, with_search
from jaxmem.stability.cycles.search import MESHES


class PhaseResponse(Printed):
    """The infinitesimal phase response at m instants of a limit cycle, one period.

    - `t` [s] from the same instant as `limit_cycle`'s, `u` [V], `period` [s].
    - `advance`: how much earlier all later spikes come per charge put on the capacitor [s/C].
    - `sensitivity` (m, n): the same per unit of each state, u first: [s/V], [s/A], [s].
    - `result`: as in `limit_cycle`; all numbers are NaN unless it was successful.
    """

    t: Float[Array, "m"]
    u: Float[Array, "m"]
    advance: Float[Array, "m"]
    sensitivity: Float[Array, "m n"]
    period: Scalar
    result: RESULTS


def phase_response(
    circuit: Circuit, *, u_range: tuple[float, float] | None = None, throw: bool = True
) -> PhaseResponse:
    """The phase response curve of a circuit that oscillates under a constant drive.

        dZ/dt = -Z J(y(t)),   Z . dy/dt = 1

    Z is the row vector that a kick dy at time t is multiplied with to give the advance Z . dy [s]
    (Ermentrout and Terman, Mathematical Foundations of Neuroscience, section 8.1). It is carried
    backwards through the collocation's intervals, where it grows neither way. A constant extra
    current dI changes the period by dT = -dI times the integral of `advance` over it.

    **Arguments:** those of `limit_cycle`: the `circuit` with its constant drive, `u_range` [V] and
    `throw`.

    **Raises:** as `limit_cycle`.
    """
    cycle, search = with_search(circuit, u_range, None, RTOL, throw)
    if search is None:
        nan = jnp.full((MESHES[0] + 1,), jnp.nan)
        return PhaseResponse(nan, nan, nan, nan[:, None], cycle.period, cycle.result)
    return _response(jax.lax.stop_gradient(circuit.in_time()), search, cycle)


@program
def _response(circuit: Circuit, found, cycle) -> PhaseResponse:
    device, kind = circuit.device, circuit.drive.kind
    frame, n = found.frame, device.size + 1
    field = frame.field(device, kind)
    (mesh, orbit), linear = found.cycle.fine(), found.cycle.linear
    flow = field(jnp.zeros(()), orbit.start, orbit.drive)
    size = jnp.linalg.norm(flow)
    along = flow / size
    # w M = w and w . along = 1, in one regular system.
    M = linear.monodromy
    matrix = M.T - jnp.eye(n) + jnp.outer(along, along)
    w = solve_columns(matrix, along[:, None])[:, 0] / size
    ends = linear.maps[:, -1, :, :n]

    def back(Z, end):
        Z = Z @ end
        return Z, Z

    _, Z = jax.lax.scan(back, w, ends, reverse=True)
    Z = jnp.concatenate([Z, w[None]]) / frame.size[None]
    u = jnp.concatenate([orbit.start[:1], orbit.stages[:, -1, 0]]) * frame.size[0]
    t = jnp.concatenate([jnp.zeros(1), jnp.cumsum(mesh)]) * jnp.exp(orbit.log_period)
    hide = lambda a: jnp.where(cycle.result == RESULTS.successful, a, jnp.nan)
    return PhaseResponse(
        hide(t), hide(u), hide(Z[:, 0] / device.C_m), hide(Z), cycle.period, cycle.result
    )
