"""The cycle next to a Hopf point, where Newton's method loses it: that of the normal form."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float, Int

from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.devices.branch import Scalar
from jaxmem.stability.cycles.collocation import Field, Orbit, linearise, phases
from jaxmem.stability.cycles.frame import Frame
from jaxmem.stability.cycles.mesh import halved
from jaxmem.stability.cycles.newton import Polished
from jaxmem.stability.equilibria.criticality import normal_form
from jaxmem.stability.equilibria.folds import drive_slope
from jaxmem.stability.equilibria.hopf import HopfPoints

# The relative error of the normal form is the square of the relative amplitude, that of Newton's
# method the rounding over its cube. Below this amplitude the first one is smaller.
NEAR = 5e-4


def nearest_hopf(
    hopf: HopfPoints, kind: DriveKind, value: Scalar
) -> tuple[Int[Array, ""], Scalar, Bool[Array, ""]]:
    """The Hopf point whose cycle is smallest at a drive, its size, and whether it is very small.

    The size is the square of the relative amplitude: the share of the cubic term in the growth,
    |l1| a^2, or in the period, if larger; infinite where there is no cycle of it. Only of points
    with a soft onset: beside an unstable small cycle there may be a stable one.
    """
    along = value - hopf.imposed(kind)
    a2 = hopf.amplitude2_slope * along
    share = jnp.maximum(jnp.abs(hopf.l1) * a2, jnp.abs(hopf.period_slope * along) / hopf.period)
    share = jax.lax.stop_gradient(jnp.where((a2 > 0) & (hopf.l1 < 0), share, jnp.inf))
    k = jnp.argmin(share)
    return k, share[k], share[k] < NEAR**2


def error_of(near: Scalar, hopf: HopfPoints, k, kind: DriveKind, value: Scalar) -> Scalar:
    """The relative error: of the normal form, and of the root of a distance that is rounded."""
    at = hopf.imposed(kind)[k]
    rounding = jnp.finfo(value.dtype).eps / 4 * jnp.abs(at) / jnp.abs(value - at)
    return jax.lax.stop_gradient(near + rounding)


def with_weakest(
    mu: Complex[Array, "k"], hopf: HopfPoints, k: Int[Array, ""], kind: DriveKind, value: Scalar
) -> Complex[Array, "k"]:
    """Multipliers with the one nearest to 1 as the normal form has it: exp(pi l1 a^2)."""
    a2 = hopf.amplitude2_slope[k] * (value - hopf.imposed(kind)[k])
    weak = jnp.exp(jnp.pi * hopf.l1[k] * a2).astype(mu.dtype)
    mu = mu.at[jnp.argmin(jnp.abs(mu - 1))].set(weak)
    return mu[jnp.argsort(-jnp.abs(mu))]


def normal_form_orbit(
    device: AbstractDevice, kind: DriveKind, frame: Frame, hopf: HopfPoints, k: Int[Array, ""],
    value: Scalar, intervals: int,
) -> tuple[Float[Array, "N"], Orbit]:  # fmt: skip
    """The cycle of Hopf point number k at a drive, to second order in its amplitude a.

        y = rest + Re(a q e^(i s)) + a^2 (mean + Re(double e^(2 i s)))/4,   s = 2 pi t/T

    a^2 and T in first order of the distance (Kuznetsov, Elements of Applied Bifurcation Theory,
    section 3.5). Its relative error is of the order of (a/size)^2. With derivatives, if the device
    and the points have some.
    """
    place, at = hopf.place[k], hopf.imposed(kind)[k]
    form = normal_form(device, place, hopf.omega[k], kind)
    along = value - at
    a = jnp.sqrt(hopf.amplitude2_slope[k] * along)
    moved = place + along / drive_slope(device, place, kind)
    rest = jnp.concatenate([y.ravel() for y in device.equilibrium(moved)])

    def state(phase):
        turn = jnp.exp(2j * jnp.pi * phase)
        first = a * (form.q * turn).real
        second = a**2 / 4 * (form.mean + (form.double * turn**2).real)
        return (rest + first + second) / frame.size

    mesh = jnp.full((intervals,), 1 / intervals)
    stages = jax.vmap(jax.vmap(state))(phases(mesh))
    period = 2 * jnp.pi / hopf.omega[k] + hopf.period_slope[k] * along
    drive = (value - frame.origin) / frame.unit
    return mesh, Orbit(state(jnp.zeros(())), stages, jnp.log(period), drive)


def as_polished(field: Field, mesh: Float[Array, "N"], orbit: Orbit) -> Polished:
    """An orbit as if it were found by Newton's method."""
    linear = linearise(field, mesh, orbit)
    return Polished(mesh, orbit, linear, jnp.zeros(()), *halved(mesh, orbit))
