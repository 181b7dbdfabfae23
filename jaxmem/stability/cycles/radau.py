"""Radau IIA with four stages, order 7: its tableau, and the polynomial of one interval."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.polynomial import legendre

STAGES = 4


def _tableau():
    # Nodes: zeros of P_{s-1} - P_s on [-1, 1] (Hairer and Wanner, Solving Ordinary Differential
    # Equations II, section IV.5), moved to [0, 1]. The last one is 1.
    series = np.zeros(STAGES + 1)
    series[-2:] = 1.0, -1.0
    c = np.sort((legendre.legroots(series) + 1) / 2)
    c[-1] = 1.0
    powers = np.arange(STAGES)
    A = (c[:, None] ** (powers + 1) / (powers + 1)) @ np.linalg.inv(c[:, None] ** powers)
    return c, A


# c: where the stages lie in their interval; A, with the weights B as its last row.
C, A = _tableau()
B = A[-1]
A_INVERSE = np.linalg.inv(A)
# The polynomial of an interval goes through its start and its stages.
NODES = np.concatenate([[0.0], C])
_MONOMIALS = np.linalg.inv(NODES[:, None] ** np.arange(STAGES + 1))
# Start and stages to values at 33 places in their interval, to see extrema between stages.
DENSE = np.linspace(0, 1, 33)[:, None] ** np.arange(STAGES + 1) @ _MONOMIALS

# Start and stages to the stages of both halves of their interval.
HALVES = np.concatenate([C / 2, (1 + C) / 2])[:, None] ** np.arange(STAGES + 1) @ _MONOMIALS


def interpolant(start: Float[Array, "n"], stages: Float[Array, "4 n"]) -> Float[Array, "5 n"]:
    """Coefficients of 1, s, ..., s^4 of the polynomial through an interval's values."""
    return jnp.asarray(_MONOMIALS) @ jnp.concatenate([start[None], stages])


def evaluate(polynomial: Float[Array, "5 ..."], s: Float[Array, "..."]) -> Float[Array, "..."]:
    """The polynomial at s in [0, 1]."""
    value = polynomial[-1]
    for k in reversed(range(STAGES)):
        value = value * s + polynomial[k]
    return value
