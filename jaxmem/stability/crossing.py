"""A Hopf point of a device with many states, from its admittance."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float

from jaxmem.devices import AbstractDevice
from jaxmem.devices.branch import Scalar
from jaxmem.responses.characteristic import small_solve
from jaxmem.responses.linear import circuit_matrix

# A pair nearer to the axis than this share of its size is the one that crosses.
NEAR = 0.02


def nearest_pair(A: Float[Array, "n n"]) -> tuple[Complex[Array, ""], Scalar]:
    """The complex eigenvalue [1/s] nearest to the axis, and its |Re|/|.|: inf if all are real."""
    values = jnp.linalg.eigvals(A)
    lean = jnp.where(values.imag > 0, jnp.abs(values.real) / jnp.abs(values), jnp.inf)
    return values[jnp.argmin(lean)], jnp.min(lean)


def on_axis(
    device: AbstractDevice, u: Scalar, drive: str
) -> tuple[Scalar, Scalar, Bool[Array, ""]]:
    """u [V] and omega [rad/s] at which a pair of eigenvalues is j omega, from a u nearby.

        Y(j omega; u) = 0 under current,   1/R_s + Y(j omega; u) = 0 under voltage drive

    where Y = j omega C_m + sum of the branches' admittances. The sum keeps the digits that
    polynomial and eigensolver lose where rates lie many decades apart. Derivatives follow from
    the implicit function theorem. The third value tells whether there is such a pair.
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
    settled = jnp.all(jnp.abs(z - before) < 1e-9 * (1 + jnp.abs(before)))
    # One step with the live residual carries the derivatives.
    z = z - small_solve(slope(z), balance(device, z))
    good = (lean < NEAR) & settled & (jnp.abs(z[1] - start[1]) < NEAR)
    return z[0], jnp.exp(z[1]), good
