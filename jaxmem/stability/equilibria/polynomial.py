"""Stability from the characteristic polynomial, smooth; for few states without an eigensolver."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Complex, Float, Int, Real

from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.responses.characteristic import EXPANDED, coefficients, expand
from jaxmem.responses.linear import circuit_matrix

# Up to so many states Routh's array is unrolled, which runs faster; more take minutes to compile.
UNROLLED = 10


def hopf_margin(
    device: AbstractDevice, u: Real[ArrayLike, ""], drive: DriveKind = "current"
) -> Float[Array, ""]:
    """The Hurwitz determinant H_{n-1} at rest at the voltage u [V], over its terms' magnitudes.

    In [-1, 1]. By Orlando's formula it is a product over pairs of eigenvalues of their negative
    sums: positive where the equilibrium is stable, zero at a Hopf point. It is zero at a neutral
    saddle too, and positive again with a second unstable pair: `unstable_count` decides.
    For the 3D device (c1 c2 - c0)/(c1 c2 + c0), with the corrected c0. Beyond six states with u
    it is that product itself, each pair (a, b) as -(a + b)/(|a| + |b|): of the same sign.

    **Arguments:**

    - `device`: any device.
    - `u`: voltage over the memristor [V], a number.
    - `drive`: `"current"`, or `"voltage"` through R_s > 0.
    """
    return margin_of(_matrix(device, u, drive))


def unstable_count(
    device: AbstractDevice, u: Real[ArrayLike, ""], drive: DriveKind = "current"
) -> Int[Array, ""]:
    """How many eigenvalues have a positive real part at rest at u [V].

    By the Routh array up to six states with u, by an eigensolver beyond.

    **Arguments:**

    - `device`: any device.
    - `u`: voltage over the memristor [V], a number.
    - `drive`: `"current"`, or `"voltage"` through R_s > 0.

    **Returns:** a count; -1 where the matrix is not finite.
    """
    A = _matrix(device, u, drive)
    if A.shape[0] > EXPANDED:
        count = jnp.sum(jnp.linalg.eigvals(A).real > 0)
        return jnp.where(jnp.all(jnp.isfinite(A)), count, -1)
    c, _ = coefficients(A)
    column = jnp.stack([row[0] for row in routh_rows(c)])
    count = jnp.sum(jnp.diff(jnp.sign(column)) != 0)
    return jnp.where(jnp.all(jnp.isfinite(A)), count, -1)


def _matrix(device, u, drive):
    return circuit_matrix(device, jnp.asarray(u, dtype=jnp.result_type(float)), drive)


def margin_of(A: Float[Array, "n n"]) -> Float[Array, ""]:
    """H_{n-1} of a matrix over the sum of its terms' magnitudes; of many states `pair_margin`."""
    n = A.shape[0]
    if n > EXPANDED:
        return pair_margin(jnp.linalg.eigvals(A))
    c, _ = coefficients(A)
    if n <= 2:  # H is the trace, or for one state, which cannot oscillate, nothing
        size = jnp.sum(jnp.abs(jnp.diag(A)))
        return -jnp.trace(A) / jnp.where(size > 0, size, 1.0)
    zero = jnp.zeros_like(c[0])
    at = lambda k: c[k] if 0 <= k <= n else zero
    rows = [[at(2 * (j + 1) - (i + 1)) for j in range(n - 1)] for i in range(n - 1)]
    size = expand([[jnp.abs(x) for x in row] for row in rows], True)
    return expand(rows, False) / jnp.where(size > 0, size, 1.0)


def pair_margin(values: Complex[Array, "n"]) -> Float[Array, ""]:
    """The product over pairs of eigenvalues of -(a + b)/(|a| + |b|): of one sign with H_{n-1}.

    For many states, whose determinants have no digits left.
    """
    one, other = jnp.triu_indices(values.shape[0], 1)
    a, b = values[one], values[other]
    size = jnp.abs(a) + jnp.abs(b)
    return jnp.prod(-(a + b) / jnp.where(size > 0, size, 1.0)).real


def routh_rows(c: Sequence[Array] | Float[Array, "n"], sign: int = -1) -> list[list[Array]]:
    """The Routh array, from the row of s^n down to that of s^0.

    With `sign` = 1 all of its terms are added by their magnitudes.
    """
    n = len(c) - 1
    width = n // 2 + 1
    zero, term = jnp.zeros_like(c[0]), (jnp.abs if sign > 0 else lambda x: x)
    first = [term(c[k]) if k <= n else zero for k in range(0, 2 * width, 2)]
    second = [term(c[k]) if k <= n else zero for k in range(1, 2 * width, 2)]
    rows = [first, second]
    for _ in range(n - 1):
        above, below = rows[-2], rows[-1]
        pivot = jnp.where(below[0] == 0, jnp.finfo(zero.dtype).tiny, below[0])
        ratio = above[0] / pivot
        new = [above[j + 1] + sign * ratio * below[j + 1] for j in range(width - 1)]
        rows.append([*new, zero])
    return rows[: n + 1]


def routh_margin(c: Sequence[Array]) -> Float[Array, ""]:
    """H_{n-1}, the product of the Routh array's first column without its ends, normalised.

    Each entry is divided by what it is when all terms are added: for three states
    (c1 c2 - c0)/(c1 c2 + c0).
    """
    if len(c) - 1 > UNROLLED:
        return _rolled_margin(jnp.stack(c))
    column, most = (routh_rows(c, sign)[1:-1] for sign in (-1, 1))
    margin = jnp.ones_like(c[0])
    for row, size in zip(column, most, strict=True):
        margin = margin * row[0] / jnp.where(size[0] > 0, size[0], 1.0)
    return margin


def _rolled_margin(c):
    """`routh_margin` as a loop over the rows: many states compile as fast as a few."""
    n, width = c.shape[0] - 1, (c.shape[0] + 1) // 2
    even = jnp.zeros(width, c.dtype).at[: (n + 2) // 2].set(c[0::2])
    odd = jnp.zeros(width, c.dtype).at[: (n + 1) // 2].set(c[1::2])

    def row(above, below, sign):
        pivot = jnp.where(below[0] == 0, jnp.finfo(c.dtype).tiny, below[0])
        new = jnp.roll(above, -1) + sign * above[0] / pivot * jnp.roll(below, -1)
        return new.at[-1].set(0.0)

    def step(rows, _):
        (a, b), (p, q) = rows
        part = b[0] / jnp.where(q[0] > 0, q[0], 1.0)
        return ((b, row(a, b, -1)), (q, row(p, q, 1))), part

    start = (even, odd), (jnp.abs(even), jnp.abs(odd))
    return jnp.prod(jax.lax.scan(step, start, length=n - 1)[1])


def crossing_frequency2(c: Sequence[Array] | Float[Array, "n"]) -> Float[Array, ""]:
    """omega^2 of the pair with opposite roots where H_{n-1} = 0: negative at a neutral saddle.

    From the row of s^2, whose polynomial a s^2 + b is what is left of a common factor.
    """
    row = routh_rows(c)[-3]
    return row[1] / row[0]
