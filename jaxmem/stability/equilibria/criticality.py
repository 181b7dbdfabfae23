"""What grows out of a Hopf point: the normal form's cubic coefficient, by nested derivatives."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.devices.branch import Scalar
from jaxmem.responses.characteristic import small_solve
from jaxmem.responses.linear import circuit_matrix


class NormalForm(NamedTuple):
    """z' = lambda z + c1 z |z|^2 on the mode q with q_u = 1, near a Hopf point.

    - `c1`: complex [1/(s V^2)]. `l1` = Re c1/omega [1/V^2]: negative where the onset is soft.
    - `l1_kuznetsov`: the same with |q| = 1 in raw states; it depends on the units of the states.
    - `slope_lambda`: d lambda/du along the equilibria [1/(s V)].
    """

    c1: Complex[Array, ""]
    l1: Float[Array, ""]
    l1_kuznetsov: Float[Array, ""]
    slope_lambda: Complex[Array, ""]


def normal_form(device: AbstractDevice, u: Scalar, omega: Scalar, drive: DriveKind) -> NormalForm:
    """The normal form at a Hopf point (u, omega), or at the place u of the curve of equilibria.

        c1 = <p, C(q, q, q*) - 2 B(q, A^-1 B(q, q*)) + B(q*, (2 i omega - A)^-1 B(q, q))>/2

    with A q = i omega q, p A = i omega p, <p, q> = 1 and the second and third derivatives B, C
    of the vector field (Kuznetsov, Elements of Applied Bifurcation Theory, eq. 5.39).
    """
    device = device.in_time()
    A = circuit_matrix(device, u, drive)
    volt, x = device.equilibrium(u)
    y = jnp.concatenate([volt[None], x])
    scale = sizes(device, u, y)
    A = A * scale[None, :] / scale[:, None]  # states of order one, or the solves lose digits

    def field(z):
        # Only its second and third derivatives are used: what is constant or linear is left out.
        y = z * scale
        du = -device.current(y[0], y[1:]) / device.C_m
        return jnp.concatenate([du[None], device.rates(y[0], y[1:])]) / scale

    # The derivatives are real multilinear forms: each complex one is four of them, side by side.
    second = jax.vmap(lambda v, w: _directional(field, y / scale, (v, w)))
    third = jax.vmap(lambda v, w, x: _directional(field, y / scale, (v, w, x)))

    def B(v, w):
        a, b, c, d = v.real, v.imag, w.real, w.imag
        ac, bd, ad, bc = second(jnp.stack([a, b, a, b]), jnp.stack([c, d, d, c]))
        return (ac - bd) + 1j * (ad + bc)

    def C(v):  # C(v, v, v*)
        a, b = v.real, v.imag
        aaa, abb, aab, bbb = third(
            jnp.stack([a, a, a, b]), jnp.stack([a, b, a, b]), jnp.stack([a, b, b, b])
        )
        return (aaa + abb) + 1j * (aab + bbb)

    n = A.shape[0]
    eye = jnp.eye(n)
    q, p = mode(A, omega), mode(A.T, omega)
    p = p / (p @ q)
    bar = q.conj()
    mean = small_solve(A, B(q, bar).real)
    double = small_solve(2j * omega * eye - A, B(q, q))
    c1 = p @ (C(q) - 2 * B(q, mean.astype(q.dtype)) + B(bar, double)) / 2
    q_raw = q * scale
    c1 = c1 / scale[0] ** 2  # q_u = 1 [V] and not 1 in units of scale
    norm = jnp.sum(jnp.abs(q_raw / scale[0]) ** 2)
    slope = jax.jacfwd(lambda u: circuit_matrix(device, u, drive))(u)
    slope = slope * scale[None, :] / scale[:, None]
    return NormalForm(c1, c1.real / omega, c1.real / omega / norm, p @ (slope @ q))


def mode(A, omega):
    """The vector of A q = i omega q with q_0 = 1, from the other rows."""
    n = A.shape[0]
    right = A[1:, 0].astype(jnp.result_type(A, jnp.complex64))
    rest = small_solve(1j * omega * jnp.eye(n - 1) - A[1:, 1:], right)
    return jnp.concatenate([jnp.ones((1,), rest.dtype), rest])


def _directional(field, y, directions):
    """The derivative of the field along one direction after another."""
    for v in directions:
        field = _along(field, v)
    return field(y)


def _along(field, v):
    return lambda y: jax.jvp(field, (y,), (v,))[1]


def sizes(device, u, y):
    """Sizes of the states: the voltage where the device is steep, and how x moves with it.

    `u` is the voltage, or the place of the curve of equilibria; `y` is (u, x) there.
    """
    widths = [w for _, w in device.windows()]
    if device.curve is not None:
        u_by, x_by = jax.jvp(device.equilibrium, (u,), (jnp.ones_like(u),))[1]
        low, high = device.branches[device.curve].rest_range()
        step = (high - low) / 20
        size = jnp.maximum(jnp.abs(jnp.concatenate([u_by[None], x_by])) * step, 1e-3 * jnp.abs(y))
        return jax.lax.stop_gradient(jnp.where(size > 0, size, 1.0))
    volt = jnp.min(jnp.stack(widths)) if widths else jnp.maximum(jnp.abs(u), 1.0)
    moved = jnp.abs(jax.jacfwd(device.rest)(u)) * volt
    size = jnp.concatenate([volt[None], jnp.where(moved > 0, moved, jnp.abs(y[1:]) + 1.0)])
    return jax.lax.stop_gradient(size)
