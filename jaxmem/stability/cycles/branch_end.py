"""Where a branch of cycles ended: at which Hopf point, or why elsewhere."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Int

from jaxmem.circuits import DriveKind
from jaxmem.results import RESULTS
from jaxmem.stability.cycles.continuation import Walk
from jaxmem.stability.cycles.frame import Frame
from jaxmem.stability.equilibria.hopf import HopfPoints

# A branch ends at a Hopf point if drive, in units of the continuation, and ln T are so near to it.
CLOSE = 0.1


class End(NamedTuple):
    """The index of the Hopf point where a branch ended, or -1, and `result`."""

    hopf: Int[Array, ""]
    result: RESULTS


def end_of(walk: Walk, hopf: HopfPoints, frame: Frame, kind: DriveKind, start) -> End:
    """Where the walk from Hopf point number `start` ended.

    Near its end a branch has the drive and the period of another Hopf point. One whose amplitude
    vanished at its own has turned back on itself, where a step was too long.
    """
    points = (hopf.imposed(kind) - frame.origin) / frame.unit
    last = jnp.maximum(walk.count - 1, 0)
    away = jnp.abs(points - walk.rows.drive[last]) + jnp.abs(
        jnp.log(2 * jnp.pi / hopf.omega) - walk.rows.log_period[last]
    )
    away = jnp.where(jnp.isfinite(away), away, jnp.inf)
    nearest = jnp.argmin(away)
    vanished = walk.result == RESULTS.successful
    astray = vanished & ~(away[nearest] < CLOSE)
    result = RESULTS.where(astray, RESULTS.end_unknown, walk.result)
    result = RESULTS.where(vanished & (nearest == start), RESULTS.turned_back, result)
    end = jnp.where(result == RESULTS.successful, nearest, -1)
    return End(end, result)
