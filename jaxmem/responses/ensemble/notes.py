"""What is to be said of a batch of transients, in words: of the worst of them, and of how many."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from jaxmem.circuits.circuit import Circuit
from jaxmem.fields import is_concrete
from jaxmem.responses.start import about_rest, at_rest
from jaxmem.responses.transient import Transient, approximations


def about_batch(circuits: Circuit, t: Float[Array, "t"]) -> tuple[str, ...]:
    """What the integration leaves out or approximates (`approximations`), of the batch's worst."""
    device = circuits.device
    first = 0
    if is_concrete(device.L_s, device.R_s):
        L_s, R_s = np.asarray(device.L_s), np.asarray(device.R_s)
        with np.errstate(all="ignore"):
            lag = np.nan_to_num(np.where(R_s > 0, L_s / R_s, np.inf * L_s), nan=0.0)
        first = int(np.argmax(lag if np.any(lag > 0) else R_s == 0))
    return approximations(number(circuits, first), t)


def about_rests(circuits: Circuit, found: Transient, start: Any) -> tuple[str, ...]:
    del circuits, found, start
    return ()


def number(batch: Any, k: int) -> Any:
    """One of a batch."""
    return jax.tree.map(lambda a: a[k] if eqx.is_array(a) else a, batch)
