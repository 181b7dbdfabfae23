"""The pair of eigenvalues that crosses: its frequency, and the point of it for many states."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float

from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.devices.branch import Scalar
from jaxmem.responses.characteristic import EXPANDED, coefficients, small_solve
from jaxmem.responses.linear import circuit_matrix
from jaxmem.stability.equilibria.polynomial import crossing_frequency2

# A pair nearer to the axis than this share of its size is the one that crosses.
NEAR = 0.02


def nearest_pair(A: Float[Array, "n n"]) -> tuple[Complex[Array, ""], Scalar]:
    """The complex eigenvalue [1/s] nearest to the axis, and its |Re|/|.|: inf if all are real."""
    values = jnp.linalg.eigvals(A)
    lean = jnp.where(values.imag > 0, jnp.abs(values.real) / jnp.abs(values), jnp.inf)
    return values[jnp.argmin(lean)], jnp.min(lean)


def crossing_omega(A: Float[Array, "n n"]) -> Scalar:
    """omega [rad/s] of the pair on the imaginary axis where the margin is zero; NaN at a saddle."""
    n = A.shape[0]
    if n < 2:
        return jnp.full((), jnp.nan)
    if n > EXPANDED:
        pair, lean = nearest_pair(A)
        return jnp.where(lean < NEAR, pair.imag, jnp.nan)
    c, rate = coefficients(A)
    omega2 = crossing_frequency2(c)
    return jnp.sqrt(jnp.where(omega2 > 0, omega2, jnp.nan)) * rate


def on_axis(
    device: AbstractDevice, u: Scalar, drive: DriveKind, reach: Scalar
) -> tuple[Scalar, Scalar, Bool[Array, ""]]:
    """u [V] and omega [rad/s] at which a pair of eigenvalues is j omega, from a u nearby.

        Y(j omega; u) = 0 under current,   1/R_s + Y(j omega; u) = 0 under voltage drive

    where Y = j omega C_m + sum of the branches' admittances. The sum keeps the digits that
    polynomial and eigensolver lose where rates lie many decades apart. Derivatives follow from
    the implicit function theorem. The third value tells whether there is such a pair, no farther
    than `reach` [V] from the u given.
    """
    fixed = jax.lax.stop_gradient(device)
    pair, lean = nearest_pair(circuit_matrix(fixed, u, drive))
    omega = jnp.where(jnp.isfinite(lean), pair.imag, 1.0)

    def balance(device, z):
        u, omega = z[0], jnp.exp(z[1])
        Y = device.admittance(1j * omega, u)
        if drive == "voltage":
            Y = Y + 1 / device.R_s
        return jnp.stack([Y.real, Y.imag])

    slope = jax.jacfwd(lambda z: balance(fixed, z))

    def newton(_, z):
        return z - small_solve(slope(z), balance(fixed, z))

    start = jnp.stack([u, jnp.log(omega)])
    before = jax.lax.fori_loop(0, 11, newton, start)
    z = newton(0, before)
    close = 1e6 * jnp.finfo(z.dtype).eps
    settled = jnp.all(jnp.abs(z - before) < close * (1 + jnp.abs(before)))
    # Newton may have walked to another root: then this one is not found.
    here = (jnp.abs(z[1] - start[1]) < NEAR) & (jnp.abs(z[0] - u) <= reach)
    # One step with the live residual carries the derivatives.
    z = z - small_solve(slope(z), balance(device, z))
    good = (lean < NEAR) & settled & here
    return z[0], jnp.exp(z[1]), good
