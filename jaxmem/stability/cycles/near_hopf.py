"""The cycle next to a Hopf point, where Newton's method loses it: that of the normal form."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float, Int

from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.devices.branch import Scalar
from jaxmem.stability.cycles.collocation import Field, Orbit, linearise, phases
from jaxmem.stability.cycles.frame import Frame
from jaxmem.stability.cycles.polish import Polished
from jaxmem.stability.equilibria.criticality import normal_form
from jaxmem.stability.equilibria.folds import drive_slope
from jaxmem.stability.equilibria.hopf import HopfPoints

# Relative amplitudes below this: the normal form's relative error is its square, and that of
# Newton's method the rounding over its cube. Here they are alike.
NEAR = 1e-3


def nearness(frame: Frame, hopf: HopfPoints, kind: DriveKind, value: Scalar) -> Float[Array, "m"]:
    """Of each Hopf point the square of the relative amplitude of its cycle at a drive.

    The amplitude over the size of the voltage, or its share in the growth, |l1| a^2, if larger;
    infinite where no cycle of it is.
    """
    a2 = hopf.amplitude2_slope * (value - hopf.imposed(kind))
    share = jnp.maximum(a2 / frame.size[0] ** 2, jnp.abs(hopf.l1) * a2)
    return jax.lax.stop_gradient(jnp.where(a2 > 0, share, jnp.inf))


def is_near(near: Float[Array, "m"], hopf: HopfPoints) -> tuple[Int[Array, ""], Bool[Array, ""]]:
    """Which Hopf point the drive is next to, on the side of its cycles, and whether it is.

    Only of points with a soft onset: beside an unstable small cycle there may be a stable one.
    """
    near = jnp.where(hopf.l1 < 0, near, jnp.inf)
    k = jnp.argmin(near)
    return k, near[k] < NEAR**2


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
    """An orbit as if it were found by Newton's method, on two meshes that are the same."""
    twice = lambda a: jnp.stack([a, a])
    return Polished(
        twice(mesh), jax.tree.map(twice, orbit), linearise(field, mesh, orbit), jnp.zeros(())
    )
