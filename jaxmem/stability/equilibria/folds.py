"""Folds of equilibria (saddle-nodes): where two equilibria meet, and beyond which neither is."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import check_kind
from jaxmem.devices import AbstractDevice
from jaxmem.devices.branch import Scalar
from jaxmem.devices.device import check_device
from jaxmem.output.tabular import Tabular
from jaxmem.programs import program
from jaxmem.responses.characteristic import EXPANDED, coefficients, small_solve
from jaxmem.responses.linear import circuit_matrix
from jaxmem.responses.search import check_range
from jaxmem.stability.equilibria.hopf import roots_on, scan, with_slope
from jaxmem.stability.equilibria.polynomial import routh_rows

# At a zero of a slope it is this small, in what it changes between two samples: at a jump it is
# not.
VANISHED = 1e-6


class FoldPoints(Tabular):
    """Folds of equilibria in the order of `place`; arrays of shape `(8,)`, padded with NaN.

    - `u`, `I`, `V`: voltage over the memristor [V], current [A], applied voltage [V].
    - `place`: u, or where equilibria are a curve over a parameter of its own, that parameter.
    - `bend`: second derivative of the drive by u, [A/V^2] or [1/V]. Where it is negative the two
      equilibria lie below the drive of the fold, and vanish as it is passed upwards.
    - `capacitance`: dY/ds at s = 0 [F], of all branches with C_m: the low-frequency capacitance.
      The eigenvalue that vanishes is -(dI/du)/capacitance near the fold; where the capacitance
      itself is zero a second one vanishes (a Bogdanov-Takens point).
    - `frequency2_slope`: derivative of 1/T^2 by the drive, [1/(s^2 A)] or [1/(s^2 V)], of a cycle
      that passes the place of the fold, as it does beyond a SNIC.
    - `stable_node`: whether one of the two is stable: then rest vanishes there.
    - `found`: how many there are; more than 8 are counted, but not kept.
    """

    u: Float[Array, "8"]
    I: Float[Array, "8"]
    V: Float[Array, "8"]
    bend: Float[Array, "8"]
    capacitance: Float[Array, "8"]
    frequency2_slope: Float[Array, "8"]
    stable_node: Bool[Array, "8"]
    place: Float[Array, "8"]
    found: Int[Array, ""]

    def imposed(self, kind: DriveKind) -> Float[Array, "8"]:
        """What a drive of that kind imposes at them: I [A] or V [V]."""
        return self.V if kind == "voltage" else self.I


def fold_points(
    device: AbstractDevice,
    *,
    drive: DriveKind = "current",
    u_range: tuple[float, float] | None = None,
) -> FoldPoints:
    """All folds of equilibria of a device under a constant drive, with derivatives.

        dI/du = 0 under current,   R_s dI/du + 1 = 0 under voltage drive

    along the steady curve I(u). Both sides of a fold obey C du/dt = p - p_fold - bend (u -
    u_fold)^2/2 with the low-frequency capacitance C (times R_s under voltage), so that a cycle
    through its place needs T = pi sqrt(2) C/sqrt(|bend| |p - p_fold|) (Kuznetsov, Elements of
    Applied Bifurcation Theory, section 3.2). Derivatives follow from the implicit function
    theorem. Works under `jit`, `vmap` and `grad`.

    **Arguments:**

    - `drive`: `"current"`, or `"voltage"`, under which a device without R_s has none.
    - `u_range`: voltages to look in [V]; by default as in `hopf_points`.

    **Raises:** `ValueError` for another kind of drive.
    """
    return folds_of("fold_points", device, drive, u_range)


def folds_of(name: str, device: AbstractDevice, drive: DriveKind, u_range: Any) -> FoldPoints:
    """`fold_points`, for a function of this name."""
    check_device(name, device)
    check_kind(f"{name}: drive", drive)
    return _fold_points(device.walked(), drive, check_range(name, u_range))


def drive_at(device: AbstractDevice, place: Scalar, kind: DriveKind) -> Scalar:
    """The constant drive under which a place is at rest: I [A] or R_s I + u [V].

    The place is u [V], or a value of the parameter of the branch that gives `rest_curve`.
    """
    u, x = device.equilibrium(place)
    I = device.current(u, x)
    return device.R_s * I + u if kind == "voltage" else I


def drive_slope(device: AbstractDevice, place: Scalar, kind: DriveKind) -> Scalar:
    """Its derivative by the place, zero at a fold."""
    return with_slope(lambda s: drive_at(device, s, kind))(place)[1]


def low_capacitance(device: AbstractDevice, place: Scalar) -> Scalar:
    """dY/ds at s = 0 [F] at rest at a place: C_m + (di/dx) J^-1 (dx/du), J = d rates/dx.

    dx/du is taken along the curve of equilibria.
    """
    if device.size == 0:
        return device.C_m
    (u, x), (rise, moved) = with_slope(device.equilibrium)(place)
    J = jax.jacfwd(lambda x: device.rates(u, x))(x)
    by_state = jax.grad(lambda x: device.current(u, x))(x)
    return device.C_m + by_state @ small_solve(J, moved) / rise


@program
def _fold_points(device, kind, u_range):
    device = device.in_time()
    fixed = jax.lax.stop_gradient(device)
    slope = lambda u: drive_slope(fixed, u, kind)
    grid = scan(fixed, u_range)
    roots = roots_on(slope, grid)
    last = grid.size - 1

    def describe(root):
        there = jnp.isfinite(root)
        u = jnp.where(there, root, grid[0])
        value, bend = with_slope(slope)(u)
        k = jnp.searchsorted(grid, u)
        spacing = grid[jnp.minimum(k + 1, last)] - grid[jnp.maximum(k - 2, 0)]
        good = there & (jnp.abs(value) <= VANISHED * jnp.abs(bend) * spacing)
        # One Newton step from the root carries the derivative and changes nothing else.
        u = u - drive_slope(device, u, kind) / jnp.where(good, bend, 1.0)
        (volt, x), (rise, _) = with_slope(device.equilibrium)(u)
        I = device.current(volt, x)
        bend = with_slope(lambda u: drive_slope(device, u, kind))(u)[1] / rise**2
        C = low_capacitance(device, u)
        lag = C * device.R_s if kind == "voltage" else C
        rate2 = -bend / (2 * jnp.pi**2 * lag**2)
        steady = others_stable(circuit_matrix(fixed, root, kind))
        return (u, volt, I, device.R_s * I + volt, bend, C, rate2), good, steady

    rows, good, steady = jax.vmap(describe)(roots)
    if u_range is not None and device.curve is not None:
        good = good & (rows[1] >= u_range[0]) & (rows[1] <= u_range[1])
    order = jnp.argsort(jnp.where(good, jax.lax.stop_gradient(rows[0]), jnp.inf))
    hide = lambda a: jnp.where(good, a, jnp.nan)[order]
    place, u, I, V, bend, C, rate2 = map(hide, rows)
    steady = (steady & good)[order]
    return FoldPoints(u, I, V, bend, C, rate2, steady, place, jnp.sum(good))


def others_stable(A: Float[Array, "n n"]) -> Bool[Array, ""]:
    """Whether a matrix with one eigenvalue 0 has all others in the left half plane."""
    n = A.shape[0]
    if n == 1:
        return jnp.asarray(True)
    if n > EXPANDED:
        values = jnp.linalg.eigvals(A)
        least = jnp.argmin(jnp.abs(values))
        return jnp.all((values.real < 0) | (jnp.arange(n) == least))
    c, _ = coefficients(A)
    # The last coefficient, the determinant, is zero: what is left has the other eigenvalues.
    return jnp.all(jnp.stack([row[0] for row in routh_rows(list(c)[:-1])]) > 0)
