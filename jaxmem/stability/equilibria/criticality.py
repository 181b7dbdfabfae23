"""What grows out of a Hopf point: the normal form's cubic coefficient, by nested derivatives."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
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
    - `q`, `mean`, `double`: the centre manifold, y = rest + z q + z* q* + |z|^2 mean +
      Re(z^2 double), of all states, u first, for z in V.
    """

    c1: Complex[Array, ""]
    l1: Float[Array, ""]
    l1_kuznetsov: Float[Array, ""]
    slope_lambda: Complex[Array, ""]
    q: Complex[Array, "n"]
    mean: Float[Array, "n"]
    double: Complex[Array, "n"]


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

    n = A.shape[0]
    eye = jnp.eye(n)
    q, p = jax.vmap(mode, (0, None))(jnp.stack([A, A.T]), omega)
    p = p / (p @ q)
    bar = q.conj()
    # The derivatives are real multilinear forms. Along all pairs of states the second one, and the
    # four parts of C(q, q, q*): one traced function for all.
    one, other = np.repeat(np.arange(n), n), np.tile(np.arange(n), n)
    a, b = q.real, q.imag
    first = jnp.concatenate([eye[one], jnp.stack([a, a, a, b])])
    then = jnp.concatenate([eye[other], jnp.stack([a, b, a, b])])
    last = jnp.concatenate([jnp.zeros((n * n, n)), jnp.stack([a, b, b, b])])
    second, third = jax.vmap(_derivatives, (None, None, 0, 0, 0))(
        field, y / scale, first, then, last
    )
    H = second[: n * n].reshape(n, n, n)
    aaa, abb, aab, bbb = third[n * n :]
    cubic = (aaa + abb) + 1j * (aab + bbb)

    def B(v, w):
        return v @ jnp.einsum("ijk,j->ik", H, w)

    mean, double = jax.vmap(small_solve)(
        jnp.stack([A.astype(q.dtype), 2j * omega * eye - A]), jnp.stack([B(q, bar), B(q, q)])
    )
    c1 = p @ (cubic - 2 * B(q, mean) + B(bar, double)) / 2
    size2 = (q.real**2 + q.imag**2) @ (scale / scale[0]) ** 2
    c1 = c1 / scale[0] ** 2  # q_u = 1 [V] and not 1 in units of scale
    rise, moved = jax.jvp(device.equilibrium, (u,), (jnp.ones_like(u),))[1]
    slope = jnp.einsum("ijk,i->kj", H, jnp.append(rise, moved) / scale)
    per_volt = scale / scale[0]
    return NormalForm(
        c1, c1.real / omega, c1.real / omega / size2, p @ (slope @ q),
        q * per_volt, -mean.real * per_volt / scale[0], double * per_volt / scale[0],
    )  # fmt: skip


def mode(A, omega):
    """The vector of A q = i omega q with q_0 = 1, from the other rows."""
    n = A.shape[0]
    right = A[1:, 0].astype(jnp.result_type(A, jnp.complex64))
    rest = small_solve(1j * omega * jnp.eye(n - 1) - A[1:, 1:], right)
    return jnp.concatenate([jnp.ones((1,), rest.dtype), rest])


def _derivatives(field, y, v, w, x):
    """The second derivative of a field along v, w, and the third along v, w, x."""
    return jax.jvp(lambda y: _along(_along(field, v), w)(y), (y,), (x,))


def _along(field, v):
    return lambda y: jax.jvp(field, (y,), (v,))[1]


def sizes(device, u, y):
    """Sizes of the states: the voltage where the device is steep, and how x moves with it.

    `u` is the voltage, or the place of the curve of equilibria; `y` is (u, x) there. In other
    units the sizes are the same voltages and states.
    """
    widths = [w for _, w in device.windows()]
    if device.curve is not None:
        u_by, x_by = jax.jvp(device.equilibrium, (u,), (jnp.ones_like(u),))[1]
        low, high = device.branches[device.curve].rest_range()
        step = (high - low) / 20
        size = jnp.maximum(jnp.abs(jnp.concatenate([u_by[None], x_by])) * step, 1e-3 * jnp.abs(y))
        return jax.lax.stop_gradient(jnp.where(size > 0, size, 1.0))
    volt = jnp.min(jnp.stack(widths)) if widths else bending(device, u)
    moved = jnp.abs(jax.jacfwd(device.rest)(u)) * volt
    still = jnp.where(y[1:] != 0, jnp.abs(y[1:]), 1.0)
    size = jnp.concatenate([volt[None], jnp.where(moved > 0, moved, still)])
    return jax.lax.stop_gradient(size)


def bending(device, u):
    """The distance in u [V] over which current, rates or states at rest bend, where it is least.

    For each, of derivatives h', h'', h''' by u: the larger of sqrt(|h'/h'''|) and |h''/h'''|, or
    |h'/h''| of a parabola. The current's h' is what conducts at once and through the states,
    without their signs: at a Hopf point they cancel.
    """
    x = device.rest(u)

    def answers(v):
        return jnp.concatenate([device.current(v, x)[None], device.rates(v, x), device.rest(v)])

    along = lambda h: lambda v: jax.jvp(h, (v,), (jnp.ones_like(v),))[1]
    first = along(answers)
    second = along(first)
    a, b, c = (jnp.abs(h(u)) for h in (first, second, along(second)))
    through = jnp.abs(jax.grad(device.current, argnums=1)(u, x)) @ a[1 + device.size :]
    a = a.at[0].add(through)
    over = lambda p, q: p / jnp.where(q > 0, q, 1.0)
    length = jnp.where(c > 0, jnp.maximum(jnp.sqrt(over(a, c)), over(b, c)), over(a, b) * (b > 0))
    length = jnp.where(jnp.isfinite(length) & (length > 0), length, jnp.inf)
    least = jnp.min(length)
    straight = jnp.where(u != 0, jnp.abs(u), 1.0)
    return jnp.where(jnp.isfinite(least), least, straight)
