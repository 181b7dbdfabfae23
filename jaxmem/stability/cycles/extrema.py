"""Extrema of a periodic orbit, to the method's order: a Radau step to where the rate is zero."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmem.devices.branch import Scalar
from jaxmem.stability.cycles.collocation import Field, Orbit, condense
from jaxmem.stability.cycles.radau import A_INVERSE, C, evaluate, interpolant

ITERATIONS = 8


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

    def newton(field, X, drive, state):
        Z, d = state

        def local(y, c):
            run = lambda y: (lambda F: (F, F))(field(phase + c * d / period, y, drive))
            J, F = jax.jacfwd(run, has_aux=True)(y)
            return F, J

        F, J = jax.vmap(local)(Z, nodes)
        gap = d * F - A_INVERSE @ (Z - X[None])
        # The matrices are frozen: their derivatives would multiply a step that is zero.
        F0, J = jax.lax.stop_gradient((F, J))
        moves = condense(d * J, jnp.stack([F0, gap], axis=-1))
        by_length, shift = moves[-1, :, 0], moves[-1, :, 1]
        change = -(F[-1, 0] + J[-1, 0] @ shift) / (J[-1, 0] @ by_length)
        return Z + moves[..., 0] * change + moves[..., 1], d + change

    def step(_, state):
        Z, d = newton(field, frozen.starts()[k], frozen.drive, state)
        return Z, jnp.clip(d, 0.0, 1.5 * mesh[k] * period)

    # From the stages of the whole interval to those of the shorter step.
    polynomial = interpolant(frozen.starts()[k], frozen.stages[k])
    Z = jax.vmap(lambda s: evaluate(polynomial, s))(nodes * nodes[i])
    Z, d = jax.lax.fori_loop(0, ITERATIONS, step, (Z, mesh[k] * period * nodes[i]))
    Z, d = jax.lax.stop_gradient((Z, d))
    Z, d = newton(live, orbit.starts()[k], orbit.drive, (Z, d))
    return Z[-1, 0], (phase + d / period) % 1.0
