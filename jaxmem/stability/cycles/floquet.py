"""How a disturbance of a periodic orbit grows or decays over one period."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from jaxmem.devices.branch import Scalar
from jaxmem.stability.cycles.collocation import Field, Linear, Orbit


def multipliers(block: Float[Array, "k k"], trace: Scalar) -> Complex[Array, "k"]:
    """Eigenvalues of a deflated or of a whole monodromy matrix, largest first.

    `trace` is the integral of the Jacobian's trace over the period: by Liouville's formula their
    product is exp(trace). With one or two it is used, so that the strongly contracted one keeps
    its digits as far as floating point reaches (see `log_strongest` beyond).
    """
    k = block.shape[0]
    dtype = jnp.result_type(block, jnp.complex64)
    if k == 0:
        return jnp.zeros((0,), dtype)
    if k == 1:
        return jnp.exp(trace)[None].astype(dtype)
    if k > 2:
        values = jnp.linalg.eigvals(block)
        return values[jnp.argsort(-jnp.abs(values))]
    product = jnp.exp(trace)
    half = jnp.trace(block) / 2
    root = jnp.sqrt((half**2 - product).astype(dtype))
    first = half + jnp.where(half < 0, -root, root)
    return jnp.stack([first, product / jnp.where(first == 0, 1.0, first)])


def of_cycle(field: Field, orbit: Orbit, linear: Linear) -> Complex[Array, "k"]:
    """The multipliers of a cycle besides the one that is 1.

    The intervals' maps are deflated one by one before they are multiplied: along the flow, whose
    speed may change by many decades, nothing is carried that could bury the others in rounding.
    """
    n = orbit.start.shape[0]
    if n < 3:
        return multipliers(linear.monodromy[1:, 1:], linear.trace)
    points = jnp.concatenate([orbit.starts(), orbit.stages[-1:, -1]])
    flow = jax.vmap(lambda y: field(jnp.zeros(()), y, orbit.drive))(points)
    H = jax.vmap(reflection)(flow.at[-1].set(flow[0]))
    across = (H[1:] @ linear.maps[:, -1, :, :n] @ H[:-1])[:, 1:, 1:]
    whole = jax.lax.scan(lambda M, A: (A @ M, None), jnp.eye(n - 1), across)[0]
    return multipliers(whole, linear.trace)


def reflection(flow: Float[Array, "n"]) -> Float[Array, "n n"]:
    """The reflection that takes the direction of the flow to the first axis."""
    size = jnp.linalg.norm(flow)
    v = flow + jnp.where(flow[0] < 0, -size, size) * np.eye(flow.shape[0])[0]
    return np.eye(flow.shape[0]) - 2 * jnp.outer(v, v) / (v @ v)


def log_strongest(values: Complex[Array, "k"], trace: Scalar) -> Scalar:
    """ln |mu| of the most contracted direction, from Liouville's formula: it reaches -1e14."""
    return trace - jnp.sum(jnp.log(jnp.abs(values[:-1])))
