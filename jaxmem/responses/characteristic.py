"""The characteristic polynomial of a small matrix, and other sums over its minors."""

from functools import lru_cache
from itertools import combinations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

# Up to here determinants are expanded; beyond, the expansion has too many terms.
EXPANDED = 6


def coefficients(A: Float[Array, "n n"]) -> tuple[Float[Array, "m"], Float[Array, ""]]:
    """1, c_{n-1}, ..., c_0 of det(lambda - A) in units of a rate, and that rate [1/s].

    Sums of principal minors up to six states, which keep the digits of stiff devices; beyond,
    the Faddeev-LeVerrier recursion by traces, whose errors are relative to the fastest rate.
    """
    n = A.shape[0]
    rate = jax.lax.stop_gradient(jnp.exp(jnp.mean(jnp.log(jnp.abs(jnp.diag(A)) + 1e-300))))
    A = A / rate
    if n > EXPANDED:
        M, found = jnp.zeros_like(A), [jnp.ones((), A.dtype)]
        for k in range(1, n + 1):
            M = A @ M + found[-1] * jnp.eye(n, dtype=A.dtype)
            found.append(-jnp.trace(A @ M) / k)
        return jnp.stack(found), rate
    rows = [[-A[i, j] for j in range(n)] for i in range(n)]
    minor = lambda s: expand(_part(rows, s), False)
    sums = [
        jnp.sum(jnp.stack([minor(s) for s in combinations(range(n), k)])) for k in range(1, n + 1)
    ]
    return jnp.stack([jnp.ones((), A.dtype), *sums]), rate


def small_solve(A, b):
    """A x = b for a vector (see `solve_columns`), real or complex."""
    return solve_columns(A, b[:, None])[:, 0]


def solve_columns(A: Inexact[Array, "n n"], B: Inexact[Array, "n m"]) -> Inexact[Array, "n m"]:
    """A X = B by Gauss-Jordan elimination with pivots, real or complex; unrolled if it is small.

    Thousands of batched LAPACK solves side by side were seen to wait for one another for ever
    on a CPU of two cores.
    """
    n = A.shape[0]
    if n > EXPANDED:  # unrolled it would take minutes to compile
        return _solve_rolled(jnp.concatenate([A, B], axis=1), n)
    W = list(jnp.concatenate([A, B], axis=1))
    for k in range(n):
        for i in range(k + 1, n):
            larger = jnp.abs(W[i][k]) > jnp.abs(W[k][k])
            W[k], W[i] = jnp.where(larger, W[i], W[k]), jnp.where(larger, W[k], W[i])
        row = W[k] / W[k][k]
        W = [row if i == k else W[i] - W[i][k] * row for i in range(n)]
    return jnp.stack(W)[:, n:]


def _solve_rolled(W, n):
    at = jnp.arange(n)

    def eliminate(W, k):
        pivot = jnp.argmax(jnp.where(at >= k, jnp.abs(W[:, k]), -1.0))
        W = W[jnp.where(at == k, pivot, jnp.where(at == pivot, k, at))]
        row = W[k] / W[k, k]
        cleared = W - W[:, k][:, None] * row[None, :]
        return jnp.where((at == k)[:, None], row[None, :], cleared), None

    return jax.lax.scan(eliminate, W, at)[0][:, n:]


def _part(rows, chosen):
    return [[rows[i][j] for j in chosen] for i in chosen]


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
