"""The characteristic polynomial of a small matrix, and other sums over its minors."""

from functools import lru_cache
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

# Up to here determinants are expanded; beyond, the expansion has too many terms.
EXPANDED = 6


def coefficients(A: Float[Array, "n n"]) -> tuple[Float[Array, "m"], Float[Array, ""]]:
    """1, c_{n-1}, ..., c_0 of det(lambda - A) in units of a rate, and that rate [1/s].

    Sums of principal minors up to six states, which keep the digits of stiff devices; beyond,
    the Faddeev-LeVerrier recursion by traces, whose errors are relative to the fastest rate.
    """
    n = A.shape[0]
    # A diagonal element may vanish, where products of the others must not overflow.
    least = 1e-30 * jnp.max(jnp.abs(A)) + 1e-300
    rate = jax.lax.stop_gradient(jnp.exp(jnp.mean(jnp.log(jnp.abs(jnp.diag(A)) + least))))
    A = A / rate
    if n > EXPANDED:
        M, found = jnp.zeros_like(A), [jnp.ones((), A.dtype)]
        for k in range(1, n + 1):
            M = A @ M + found[-1] * jnp.eye(n, dtype=A.dtype)
            found.append(-jnp.trace(A @ M) / k)
        return jnp.stack(found), rate
    # Of the last k rows of lambda - A the minors of all choices of k columns, as polynomials: from
    # those of k - 1 rows by expansion along the row above. All of one k are computed side by side.
    minors = jnp.ones((1, 1), A.dtype)
    for k in range(n):
        signs, has_lambda = _arrays(n, k + 1)
        constant = -jnp.tensordot(A[n - 1 - k], signs, 1) @ minors
        rising = has_lambda @ minors
        minors = jnp.pad(constant, ((0, 0), (1, 0))) + jnp.pad(rising, ((0, 0), (0, 1)))
    return minors[0], rate


@lru_cache(maxsize=64)
def _arrays(n, k):
    """`_expansion` as an array (columns of the row, minors, old ones), and its part of lambda."""
    below = {columns: i for i, columns in enumerate(combinations(range(n), k - 1))}
    table = _expansion(n, k)
    signs = np.zeros((n, len(table), len(below)))
    for i, (_, places) in enumerate(table):
        for j, others, sign in places:
            signs[j, i, below[others]] = sign
    return signs, signs[n - k]


def small_solve(A, b):
    """A x = b for a vector (see `solve_columns`), real or complex."""
    if not jnp.iscomplexobj(A):
        return solve_columns(A, b[:, None])[:, 0]
    # As a real system of twice the size: complex division is slow, and slow to compile.
    n = A.shape[0]
    whole = jnp.block([[A.real, -A.imag], [A.imag, A.real]])
    x = solve_columns(whole, jnp.concatenate([b.real, b.imag])[:, None])[:, 0]
    return x[:n] + 1j * x[n:]


def solve_columns(A: Inexact[Array, "n n"], B: Inexact[Array, "n m"]) -> Inexact[Array, "n m"]:
    """A X = B by Gauss-Jordan elimination with pivots, real or complex.

    The loop over the columns is not unrolled: it compiles faster, and runs no slower. Thousands of
    batched LAPACK solves side by side were seen to wait for one another for ever on a CPU of two
    cores.
    """
    n = A.shape[0]
    at = np.arange(n)

    def eliminate(W, k):
        pivot = jnp.argmax(jnp.where(at >= k, jnp.abs(W[:, k]), -1.0))
        chosen = (at == pivot)[:, None]
        row = jnp.sum(jnp.where(chosen, W, 0.0), axis=0)
        row = row / row[k]
        W = jnp.where(chosen, W[k][None, :], W)  # the two rows change places
        return jnp.where(
            (at == k)[:, None], row[None, :], W - W[:, k][:, None] * row[None, :]
        ), None

    return jax.lax.scan(eliminate, jnp.concatenate([A, B], axis=1), at)[0][:, n:]


def expand(rows, permanent: bool):
    """Determinant or permanent by expansion along the rows, each minor computed once."""
    n = len(rows)
    minors: dict[tuple[int, ...], Array] = {(): jnp.ones_like(rows[0][0])}
    for k in range(n):
        row = rows[n - 1 - k]
        new = {}
        for columns, places in _expansion(n, k + 1):
            terms = [row[j] * minors[rest] * (1 if permanent else sign) for j, rest, sign in places]
            new[columns] = sum(terms)
        minors = new
    return minors[(*range(n),)]


@lru_cache(maxsize=64)
def _expansion(n: int, k: int):
    found = []
    for columns in combinations(range(n), k):
        places = [(j, columns[:i] + columns[i + 1 :], (-1) ** i) for i, j in enumerate(columns)]
        found.append((columns, places))
    return found
