"""Stability from the characteristic polynomial: smooth, without an eigensolver."""

from typing import Literal

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, Real

from jaxmem.devices import AbstractDevice
from jaxmem.responses.characteristic import EXPANDED, coefficients, expand
from jaxmem.responses.linear import circuit_matrix

DriveKind = Literal["current", "voltage"]


def hopf_margin(
    device: AbstractDevice, u: Real[ArrayLike, ""], drive: DriveKind = "current"
) -> Float[Array, ""]:
    """The Hurwitz determinant H_{n-1} at rest at the voltage u [V], over its terms' magnitudes.

    In [-1, 1]. By Orlando's formula it is a product over pairs of eigenvalues of their negative
    sums: positive where the equilibrium is stable, zero at a Hopf point. It is zero at a neutral
    saddle too, and positive again with a second unstable pair: `unstable_count` decides.
    For the 3D device (c1 c2 - c0)/(c1 c2 + c0), with the corrected c0.
    """
    return margin_of(_matrix(device, u, drive))


def unstable_count(
    device: AbstractDevice, u: Real[ArrayLike, ""], drive: DriveKind = "current"
) -> Int[Array, ""]:
    """How many eigenvalues have a positive real part at rest at u [V], by the Routh array."""
    c, _ = coefficients(_matrix(device, u, drive))
    return jnp.sum(jnp.diff(jnp.sign(routh_column(c))) != 0)


def _matrix(device, u, drive):
    return circuit_matrix(device, jnp.asarray(u, dtype=jnp.result_type(float)), drive)


def margin_of(A: Float[Array, "n n"]) -> Float[Array, ""]:
    """H_{n-1} of a matrix over the sum of its terms' magnitudes."""
    c, _ = coefficients(A)
    n = A.shape[0]
    if n <= 2:  # H is the trace, or for one state, which cannot oscillate, nothing
        size = jnp.sum(jnp.abs(jnp.diag(A)))
        return -jnp.trace(A) / jnp.where(size > 0, size, 1.0)
    zero = jnp.zeros_like(c[0])
    at = lambda k: c[k] if 0 <= k <= n else zero
    rows = [[at(2 * (j + 1) - (i + 1)) for j in range(n - 1)] for i in range(n - 1)]
    if n <= EXPANDED:
        size = expand([[jnp.abs(x) for x in row] for row in rows], True)
        return expand(rows, False) / jnp.where(size > 0, size, 1.0)
    H = jnp.stack([jnp.stack(row) for row in rows])
    return jnp.linalg.det(H / jnp.linalg.norm(H, axis=1, keepdims=True))


def routh_rows(c: Float[Array, "n"]) -> list[list[Array]]:
    """The Routh array, from the row of s^n down to that of s^0."""
    n = c.shape[0] - 1
    width = n // 2 + 1
    first = [c[k] if k <= n else jnp.zeros_like(c[0]) for k in range(0, 2 * width, 2)]
    second = [c[k] if k <= n else jnp.zeros_like(c[0]) for k in range(1, 2 * width, 2)]
    rows = [first, second]
    for _ in range(n - 1):
        above, below = rows[-2], rows[-1]
        pivot = jnp.where(below[0] == 0, jnp.finfo(c.dtype).tiny, below[0])
        new = [above[j + 1] - above[0] * below[j + 1] / pivot for j in range(width - 1)]
        rows.append([*new, jnp.zeros_like(c[0])])
    return rows[: n + 1]


def routh_column(c: Float[Array, "n"]) -> Float[Array, "n"]:
    """First column of the Routh array: its sign changes count the unstable roots."""
    return jnp.stack([row[0] for row in routh_rows(c)])


def crossing_frequency2(c: Float[Array, "n"]) -> Float[Array, ""]:
    """omega^2 of the pair with opposite roots where H_{n-1} = 0: negative at a neutral saddle.

    From the row of s^2, whose polynomial a s^2 + b is what is left of a common factor.
    """
    row = routh_rows(c)[-3]
    return row[1] / row[0]
