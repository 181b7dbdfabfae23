"""Extrema of a periodic orbit, to the method's order: a Radau step to where the rate is zero."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxmem.devices.branch import Scalar
from jaxmem.responses.characteristic import solve_columns
from jaxmem.stability.cycles.collocation import Field, Orbit
from jaxmem.stability.cycles.radau import A_INVERSE, DENSE, STAGES, C, evaluate, interpolant

# Newton iterations, and the share of the interval by which the last may still have moved.
ITERATIONS, CLOSE = 8, 1e-8


class Piece(NamedTuple):
    """The interval of an orbit with its largest or smallest stage: which one, and where it lies.

    - `start`, `stages`: the interval's states; `at`: the number of that stage.
    - `phase`: where it begins, `width`: its share of the period.
    - `log_period`, `drive`: those of the orbit.
    """

    start: Float[Array, "n"]
    stages: Float[Array, "4 n"]
    at: Int[Array, ""]
    phase: Scalar
    width: Scalar
    log_period: Scalar
    drive: Scalar


def piece_of(mesh: Float[Array, "N"], orbit: Orbit, sign: Scalar) -> Piece:
    """Where the first state is largest (sign = 1) or smallest (-1)."""
    values = sign * jax.lax.stop_gradient(orbit.stages[..., 0])
    k, i = jnp.unravel_index(jnp.argmax(values), values.shape)
    return Piece(
        orbit.starts()[k], orbit.stages[k], i, jnp.cumsum(mesh)[k] - mesh[k], mesh[k],
        orbit.log_period, orbit.drive,
    )  # fmt: skip


def extremum(field: Field, live: Field, piece: Piece) -> tuple[Scalar, Scalar]:
    """The largest or smallest first state, and its phase in the period.

    Solves A^-1 (Z - X) = d F(Z), F_0(Z_4) = 0 for the stages Z of a step of length d from the
    start X of the interval with the extreme stage. `live` carries the derivatives.
    """
    frozen = jax.lax.stop_gradient(piece)
    period, phase, nodes = jnp.exp(frozen.log_period), frozen.phase, jnp.asarray(C)
    start, width = frozen.start, frozen.width * period
    n = start.shape[0]

    def change(F, X, Z, d, matrices):
        """Newton's step with given matrices; their derivatives would multiply zero."""
        inverse, F0, J = matrices
        gap = d * F - A_INVERSE @ (Z - X[None])
        by_length, shift = ((inverse @ a.ravel()).reshape(Z.shape) for a in (F0, gap))
        longer = -(F[-1, 0] + J[-1, 0] @ shift[-1]) / (J[-1, 0] @ by_length[-1])
        return Z + by_length * longer + shift, d + longer, longer

    def step(state):
        j, Z, d, _, _ = state

        def twice(c, y):
            F = field(phase + c * d / period, y, frozen.drive)
            return F, F

        J, F0 = jax.vmap(jax.jacfwd(twice, argnums=1, has_aux=True))(nodes, Z)
        own = (np.eye(STAGES)[:, None, :, None] * d * J[:, :, None]).reshape(Z.size, Z.size)
        inverse = solve_columns(np.kron(A_INVERSE, np.eye(n)) - own, jnp.eye(Z.size))
        matrices = inverse, F0, J
        Z, d, longer = change(F0, start, Z, d, matrices)
        return j + 1, Z, jnp.clip(d, 0.0, 1.5 * width), longer, matrices

    def going(state):
        return (state[0] < ITERATIONS) & (jnp.abs(state[3]) > CLOSE * width)

    # From the stages of the whole interval to those of the shorter step.
    polynomial = interpolant(start, frozen.stages)
    Z = jax.vmap(lambda s: evaluate(polynomial, s))(nodes * nodes[piece.at])
    nothing = jnp.zeros((Z.size, Z.size)), jnp.zeros_like(Z), jnp.zeros((*Z.shape, n))
    begin = 0, Z, width * nodes[piece.at], width, nothing
    found = jax.lax.stop_gradient(jax.lax.while_loop(going, step, begin))
    _, Z, d, _, matrices = found
    F = jax.vmap(lambda c, y: live(phase + c * d / period, y, piece.drive))(nodes, Z)
    Z, d, _ = change(F, piece.start, Z, d, matrices)
    return Z[-1, 0], (phase + d / period) % 1.0


def dense_ends(orbit: Orbit) -> tuple[Scalar, Scalar]:
    """The largest and smallest first state at 33 places of each interval."""
    nodes = jnp.concatenate([orbit.starts()[:, :1], orbit.stages[..., 0]], axis=1)
    values = nodes @ DENSE.T
    return jnp.max(values), jnp.min(values)
