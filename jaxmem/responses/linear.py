"""Small signals: a device linearised at an operating point."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Complex, Float, Real

from jaxmem.circuits.drive import DriveKind, check_kind, choose
from jaxmem.devices.branch import Scalar, States
from jaxmem.devices.device import AbstractDevice, check_device
from jaxmem.printed import Printed
from jaxmem.responses.characteristic import coefficients
from jaxmem.responses.steady import OperatingPoint, operating_point


class Linearised(Printed):
    """A device near an operating point; what `linearize` returns.

    `jacobian` is the matrix of the states (u, x) at constant terminal current, eq. 18 for the
    3D device; constant-phase elements are ladders in it. `impedance` is exact.
    """

    device: AbstractDevice
    point: OperatingPoint
    jacobian: Float[Array, "n n"]

    def admittance(self, omega: Real[ArrayLike, "..."]) -> Complex[Array, "..."]:
        """Y(j omega) = j omega C_m + sum of the branches' Y [S], omega in rad/s."""
        omega = jnp.asarray(omega, dtype=jnp.result_type(float))
        return self.device.admittance(1j * omega, self.point.u, self.point.x)

    def impedance(self, omega: Real[ArrayLike, "..."]) -> Complex[Array, "..."]:
        """Z(j omega) = R_s + j omega L_s + 1/Y at the terminals [ohm] (eqs 6, 13)."""
        omega = jnp.asarray(omega, dtype=jnp.result_type(float))
        return self.device.impedance(1j * omega, self.point.u, self.point.x)

    def eigenvalues(self, drive: DriveKind = "current") -> Complex[Array, "n"]:
        """Eigenvalues lambda [1/s] under constant `"current"`, or `"voltage"` through R_s > 0."""
        return jnp.linalg.eigvals(self._matrix(drive))

    def polynomial(self, drive: DriveKind = "current") -> Float[Array, "n_plus_1"]:
        """Characteristic polynomial, highest power first: lambda^n + c_{n-1} lambda^{n-1} + ...

        Differentiable and without an eigensolver, see `coefficients`.
        For the 3D device c2, c1, c0 are those of eqs 21, 22 and the corrected 20.
        """
        c, rate = coefficients(self._matrix(drive))
        return c * rate ** jnp.arange(c.shape[0])

    def _matrix(self, drive):
        return _driven(self.device.in_time(), self.jacobian, drive)


def linearize(
    device: AbstractDevice,
    point: OperatingPoint | None = None,
    *,
    u=None,
    I=None,
    V=None,
    u_range: tuple[Any, Any] | None = None,
    branch: int | Literal["rest"] | None = None,
) -> Linearised:
    """Linearise a device at an operating point, or at a bias u [V], I [A] or V [V].

    The Jacobian comes by automatic differentiation of the branches' currents and rates.

    **Arguments:**

    - `device`: any device.
    - `point`: an operating point of it; or instead of it one bias, a number: `u` over the
      memristor [V], `I` [A], or `V` applied [V].
    - `u_range`: voltages to look for the equilibrium in [V], as in `operating_points`.
    - `branch`: which of several equilibria, as in `operating_point`.

    **Raises:** `ValueError` as `operating_point`.
    """
    check_device("linearize", device)
    if point is None:
        point = operating_point(device, u=u, I=I, V=V, u_range=u_range, branch=branch)
    inner = device.in_time()
    # A constant-phase element has no states at the point and some in the matrix.
    x = point.x if inner.curve is not None else inner.rest(point.u)
    return Linearised(device, point, _jacobian(inner, point.u, x))


def circuit_matrix(device: AbstractDevice, u: Scalar, drive: DriveKind) -> Float[Array, "n n"]:
    """The Jacobian of (u, x) at rest at u under a constant drive.

    At the place u of the curve of equilibria, if a branch gives one (`AbstractDevice.equilibrium`).
    """
    return matrix_at(device, *device.in_time().equilibrium(u), drive)


def matrix_at(
    device: AbstractDevice, u: Scalar, x: States, drive: DriveKind
) -> Float[Array, "m m"]:
    """The Jacobian of (u, x) at a voltage and states (of the device in time)."""
    device = device.in_time()
    return _driven(device, _jacobian(device, u, x), drive)


def driven_matrix(
    device: AbstractDevice, u: Scalar, x: States, is_voltage: bool | Bool[Array, ""]
) -> Float[Array, "m m"]:
    """The Jacobian of (u, x) there, under a drive whose kind the run may decide.

    With the voltage imposed and R_s = 0, u does not move: its row is a decay of its own.
    """
    J = matrix_at(device, u, x, "current")
    lag = device.R_s * device.in_time().C_m
    behind = J.at[0, 0].add(-1 / jnp.where(lag > 0, lag, 1.0))
    fixed = J.at[0].set(0.0).at[0, 0].set(-jnp.max(jnp.abs(jnp.diagonal(J))))
    return choose(is_voltage, lambda: jnp.where(lag > 0, behind, fixed), lambda: J)


def unstable_roots(polynomial: Float[np.ndarray, "n_plus_1"]) -> int:
    """How many roots of a polynomial with known coefficients, highest power first, grow (Routh).

    Where a number of Routh's array is lost in rounding none is counted: what is said must be so.
    """
    size = len(polynomial)
    width = (size + 1) // 2
    rows = [np.zeros(width + 1) for _ in range(2)]
    for k in range(2):
        part = np.asarray(polynomial, dtype=float)[k::2]
        rows[k][: len(part)] = part
    column = [rows[0][0]]
    for _ in range(size - 1):
        above, row = rows
        if not np.isfinite(row[0]) or row[0] == 0:
            return 0
        column.append(row[0])
        product = above[0] / row[0] * row[1:]
        below = above[1:] - product
        lost = np.abs(below) <= 1e-9 * (np.abs(above[1:]) + np.abs(product))
        rows = [row, np.append(np.where(lost, 0.0, below), 0.0)]
    signs = np.sign(column)
    return int(np.sum(signs[1:] != signs[:-1]))


def _driven(device, jacobian, drive):
    check_kind("drive", drive)
    if drive == "current":
        return jacobian
    return jacobian.at[0, 0].add(-1 / (device.R_s * device.C_m))


def _jacobian(device: AbstractDevice, u: Scalar, x: States) -> Float[Array, "m m"]:
    def field(y):
        du = -device.current(y[0], y[1:]) / device.C_m
        return jnp.concatenate([du[None], device.rates(y[0], y[1:])])

    return jax.jacfwd(field)(jnp.concatenate([u[None], x]))
