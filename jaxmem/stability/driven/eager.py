"""Control flow that runs as plain Python where all numbers are known: there is nothing to compile.

Where the numbers are being traced it is JAX's own.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmem.fields import is_concrete


def eager_while(going: Callable[[Any], Any], step: Callable[[Any], Any], state: Any) -> Any:
    """`jax.lax.while_loop`."""
    if not is_concrete(state):
        return jax.lax.while_loop(going, step, state)
    while bool(going(state)):
        state = step(state)
    return state


def eager_cond(ask: Any, make: Callable[[], Any], other: Any) -> Any:
    """`make()` if `ask`, else the value `other`."""
    if not is_concrete(ask, other):
        return jax.lax.cond(ask, make, lambda: other)
    return make() if bool(ask) else other


def eager_map(function: Callable[[Any], Any], values: Float[Array, "k"]) -> Float[Array, "k"]:
    """A function of one number at each value; where they are traced it is traced once."""
    if not is_concrete(values):
        return jax.lax.map(function, values)
    return jnp.stack([function(value) for value in values])
