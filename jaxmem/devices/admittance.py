"""The small-signal admittance of a branch, by automatic differentiation of its three methods."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

# Elimination is unrolled up to this many states.
UNROLLED = 4


def state_space(branch: Any, u, x=None):
    """The branch linearised at rest, or at x: di/du, di/dx (n,), dr/du (n,), dr/dx (n, n)."""
    x = branch.rest(u) if x is None else x
    i_u, i_x = jax.jacfwd(branch.current, argnums=(0, 1))(u, x)
    if branch.size == 0:
        empty = jnp.zeros((0,), i_u.dtype)
        return i_u, empty, empty, jnp.zeros((0, 0), i_u.dtype)
    r_u, r_x = jax.jacfwd(branch.rates, argnums=(0, 1))(u, x)
    return i_u, i_x, r_u, r_x


def state_space_admittance(branch: Any, s, u, x=None):
    """Y(s) at any complex s, at rest or at x (the definition of `AbstractBranch.admittance`)."""
    i_u, i_x, r_u, r_x = state_space(branch, u, x)
    s = jnp.asarray(s, dtype=jnp.result_type(s, jnp.complex64))
    n = branch.size
    if n == 0:
        return jnp.broadcast_to(i_u.astype(s.dtype), s.shape)
    # (s - J) v = dr/du by elimination unrolled over the states: XLA's batched complex solve is
    # 40 times slower on CPU. Rows are scaled by their pivots' moduli through the reciprocal.
    if n > UNROLLED:
        eye, r_x = (jnp.expand_dims(matrix, range(s.ndim)) for matrix in (jnp.eye(n), r_x))
        full = s[..., None, None] * eye - r_x
        v = jnp.linalg.solve(full, jnp.broadcast_to(r_u, (*s.shape, n))[..., None])[..., 0]
        return i_u + v @ i_x.astype(s.dtype)
    matrix = [[(s if i == j else 0.0) - r_x[i, j] for j in range(n)] for i in range(n)]
    right = [jnp.broadcast_to(r_u[i].astype(s.dtype), s.shape) for i in range(n)]
    for k in reversed(range(n)):
        inverse = _reciprocal(matrix[k][k])
        for i in range(k):
            factor = matrix[i][k] * inverse
            right[i] = right[i] - factor * right[k]
            for j in range(k):
                matrix[i][j] = matrix[i][j] - factor * matrix[k][j]
        matrix[k] = [m * inverse for m in matrix[k]]
        right[k] = right[k] * inverse
    solution = []
    for i in range(n):
        solution.append(right[i] - sum(matrix[i][j] * solution[j] for j in range(i)))
    return i_u + sum(i_x[i] * v for i, v in enumerate(solution))


def state_space_parts(branch: Any, omega, u, x=None):
    """Re Y and Im Y at s = j omega, by the same elimination in real arithmetic.

    XLA's complex arithmetic on CPU is not vectorised; in pairs a spectrum and its derivatives
    take a fraction of the time.
    """
    n = branch.size
    if n > UNROLLED:
        Y = state_space_admittance(branch, 1j * omega, u, x)
        return Y.real, Y.imag
    return _transfer(*state_space(branch, u, x), omega)


@jax.custom_jvp
def _transfer(i_u, i_x, r_u, r_x, omega):
    """Re and Im of i_u + i_x (j omega - r_x)^-1 r_u."""
    v = _solve(r_x, r_u, omega)
    re, im = i_u + jnp.zeros_like(omega), jnp.zeros_like(omega)
    for k in range(len(v)):
        re, im = re + i_x[k] * v[k][0], im + i_x[k] * v[k][1]
    return re, im


def _transfer_jvp(primals, tangents):
    # Every derivative is a combination of a few numbers for each frequency: the resolvent applied
    # from the right and from the left. Differentiating the elimination would repeat it for each.
    i_u, i_x, r_u, r_x, omega = primals
    known = [None if isinstance(t, SymbolicZero) else t for t in tangents]
    d_i_u, d_i_x, d_r_u, d_r_x, d_omega = known
    states = range(r_u.shape[0])
    v, left = _solve(r_x, r_u, omega), _solve(r_x.T, i_x, omega)
    re, im = jnp.zeros_like(omega), jnp.zeros_like(omega)
    if d_i_u is not None:
        re = re + d_i_u
    for i in states:
        a, b = jnp.zeros_like(omega), jnp.zeros_like(omega)
        if d_r_u is not None:
            a = a + d_r_u[i]
        if d_r_x is not None:
            a = a + sum(d_r_x[i, j] * v[j][0] for j in states)
            b = b + sum(d_r_x[i, j] * v[j][1] for j in states)
        if d_omega is not None:
            a, b = a + d_omega * v[i][1], b - d_omega * v[i][0]
        x, y = _times(left[i], (a, b))
        re, im = re + x, im + y  # pyright: ignore[reportOperatorIssue]
        if d_i_x is not None:
            re, im = re + d_i_x[i] * v[i][0], im + d_i_x[i] * v[i][1]
    return _transfer(i_u, i_x, r_u, r_x, omega), (re, im)


_transfer.defjvp(_transfer_jvp, symbolic_zeros=True)


def _solve(J, b, omega):
    """The pairs of (j omega - J)^-1 b, for real J and b."""
    n = b.shape[0]
    # Off the diagonal the imaginary parts are zero at first. They are None until they are filled,
    # because zeros that are written out would be multiplied.
    matrix = [[(-J[i, j], omega if i == j else None) for j in range(n)] for i in range(n)]
    right = [(b[i], None) for i in range(n)]
    for k in reversed(range(n)):
        inverse = _invert(matrix[k][k])
        for i in range(k):
            factor = _times(matrix[i][k], inverse)
            right[i] = _minus(right[i], _times(factor, right[k]))
            for j in range(k):
                matrix[i][j] = _minus(matrix[i][j], _times(factor, matrix[k][j]))
        matrix[k] = [_times(m, inverse) for m in matrix[k][:k]]
        right[k] = _times(right[k], inverse)
    for i in range(n):
        for j in range(i):
            right[i] = _minus(right[i], _times(matrix[i][j], right[j]))
    return right


def _times(a, b):
    """The product of two numbers (re, im), im None where the number is real."""
    if a[1] is None and b[1] is None:
        return a[0] * b[0], None
    if a[1] is None:
        return a[0] * b[0], a[0] * b[1]
    if b[1] is None:
        return a[0] * b[0], a[1] * b[0]
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def _minus(a, b):
    if b[1] is None:
        return a[0] - b[0], a[1]
    return a[0] - b[0], -b[1] if a[1] is None else a[1] - b[1]


def _invert(a):
    size = 1 / (a[0] * a[0] + a[1] * a[1])
    return a[0] * size, -a[1] * size


def _reciprocal(z):
    """1/z without XLA's slow complex division, safe from overflow of |z|^2."""
    re, im = z.real, z.imag
    size = jnp.maximum(jnp.abs(re), jnp.abs(im))
    size = jnp.where(size == 0, 1.0, size)
    re, im = re / size, im / size
    modulus = re * re + im * im
    return jax.lax.complex(re / modulus / size, -im / modulus / size)
