"""Where the lanes of a block start from rest."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from jaxmem.circuits.circuit import Circuit
from jaxmem.responses.lanes.lane import in_lanes
from jaxmem.responses.search import unseen
from jaxmem.responses.start import Beginning, at_rest
from jaxmem.responses.steady.roots import find_if_rising, rising


def at_rest_in_lanes(circuits: Circuit) -> tuple[Array, Array, Array]:
    """`at_rest` of each lane, which is the last axis.

    A device that may be steep where no branch says so is searched for its equilibria in many
    rounds. A look at all lanes of the block spares them if it shows that the steady current of
    each rises, so that there is one equilibrium at most; else those are searched where it does not.
    """
    device = circuits.device
    if device.curve is not None or rising(device) or not unseen(device):
        return in_lanes(at_rest, circuits)
    seen, begin = in_lanes(_if_rising, circuits)
    choose = lambda one, other: jnp.where(seen, one, other)
    searched = lambda: jax.tree.map(choose, begin, in_lanes(at_rest, circuits))
    return jax.lax.cond(jnp.all(seen), lambda: begin, searched)


def _if_rising(circuit) -> tuple[Bool[Array, ""], Beginning]:
    device, before = circuit.device, circuit.drive.wave.before()
    before = jnp.asarray(before, jnp.result_type(float))
    ratio = jnp.asarray(circuit.is_voltage, before.dtype)
    points, seen = find_if_rising(device, before, ratio)
    u, I = points.u[0], points.I[0]
    return seen, (u, device.chart_rest(u), I)
