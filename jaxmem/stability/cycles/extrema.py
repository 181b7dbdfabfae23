"""Extrema of a periodic orbit, to the method's order: a Radau step to where the rate is zero."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmem.devices.branch import Scalar
from jaxmem.stability.cycles.collocation import Field, Orbit, inverses
from jaxmem.stability.cycles.radau import A_INVERSE, DENSE, C, evaluate, interpolant

# Newton iterations, and the share of the interval by which the last may still have moved.
ITERATIONS, CLOSE = 8, 1e-8


def extremum(
    field: Field, live: Field, mesh: Float[Array, "N"], orbit: Orbit, sign: Scalar
) -> tuple[Scalar, Scalar]:
    """The largest (sign = 1) or smallest (-1) first state, and its phase in the period.

    Solves A^-1 (Z - X) = d F(Z), F_0(Z_4) = 0 for the stages Z of a step of length d from the
    start X of the interval with the extreme stage. `live` carries the derivatives.
    """
    frozen = jax.lax.stop_gradient(orbit)
    values = sign * frozen.stages[..., 0]
    k, i = jnp.unravel_index(jnp.argmax(values), values.shape)
    period = jnp.exp(frozen.log_period)
    phase = jnp.cumsum(mesh)[k] - mesh[k]
    nodes = jnp.asarray(C)
    start, width = frozen.starts()[k], mesh[k] * period

    def flow(field, Z, d, drive):
        return jax.vmap(lambda c, y: field(phase + c * d / period, y, drive))(nodes, Z)

    def change(field, X, drive, Z, d, matrices):
        """Newton's step with given matrices; their derivatives would multiply zero."""
        inverse, F0, J = matrices
        F = flow(field, Z, d, drive)
        gap = d * F - A_INVERSE @ (Z - X[None])
        by_length, shift = (
            (inverse @ a.ravel()).reshape(Z.shape) for a in (F0, gap)
        )  # fmt: skip
        longer = -(F[-1, 0] + J[-1, 0] @ shift[-1]) / (J[-1, 0] @ by_length[-1])
        return Z + by_length * longer + shift, d + longer, longer

    def step(state):
        j, Z, d, _, _ = state
        F0 = flow(field, Z, d, frozen.drive)
        J = jax.vmap(
            lambda c, y: jax.jacfwd(lambda y: field(phase + c * d / period, y, frozen.drive))(y)
        )(nodes, Z)
        matrices = inverses(d * J[..., None])[0].reshape(Z.size, Z.size), F0, J
        Z, d, longer = change(field, start, frozen.drive, Z, d, matrices)
        return j + 1, Z, jnp.clip(d, 0.0, 1.5 * width), longer, matrices

    def going(state):
        return (state[0] < ITERATIONS) & (jnp.abs(state[3]) > CLOSE * width)

    # From the stages of the whole interval to those of the shorter step.
    polynomial = interpolant(start, frozen.stages[k])
    Z = jax.vmap(lambda s: evaluate(polynomial, s))(nodes * nodes[i])
    n = Z.shape[-1]
    nothing = jnp.zeros((Z.size, Z.size)), jnp.zeros_like(Z), jnp.zeros((*Z.shape, n))
    begin = 0, Z, width * nodes[i], width, nothing
    found = jax.lax.stop_gradient(jax.lax.while_loop(going, step, begin))
    Z, d, _ = change(live, orbit.starts()[k], orbit.drive, found[1], found[2], found[4])
    return Z[-1, 0], (phase + d / period) % 1.0


def dense_ends(orbit: Orbit) -> tuple[Scalar, Scalar]:
    """The largest and smallest first state at 33 places of each interval."""
    nodes = jnp.concatenate([orbit.starts()[:, :1], orbit.stages[..., 0]], axis=1)
    values = nodes @ DENSE.T
    return jnp.max(values), jnp.min(values)
