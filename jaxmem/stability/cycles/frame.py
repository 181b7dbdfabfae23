"""Units in which cycles are followed, and the equilibria and modes where their branches begin."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.devices.branch import Scalar
from jaxmem.responses.linear import circuit_matrix
from jaxmem.stability.cycles import continuation
from jaxmem.stability.equilibria.criticality import mode, sizes
from jaxmem.stability.equilibria.folds import drive_slope
from jaxmem.stability.equilibria.hopf import HopfPoints

# The amplitude of the first cycle, in units of the voltage's size.
AMPLITUDE = 0.05


class Frame(NamedTuple):
    """Units of the continuation: sizes of the states, and the drive as origin + unit p."""

    size: Float[Array, "n"]
    origin: Scalar
    unit: Scalar

    def field(self, device: AbstractDevice, kind: DriveKind):
        """F(tau, y, p) of the device in these units."""

        def field(tau, z, p):
            del tau
            y = z * self.size
            into = self.origin + p * self.unit
            if kind == "voltage":
                into = (into - y[0]) / device.R_s
            du = (into - device.current(y[0], y[1:])) / device.C_m
            return jnp.concatenate([du[None], device.rates(y[0], y[1:])]) / self.size

        return field

    def power(self, device: AbstractDevice, kind: DriveKind):
        """V I at the terminals [W]."""

        def power(z, p):
            given = self.origin + p * self.unit
            V, I = terminals(device, kind, z[0] * self.size[0], given)
            return V * I

        return power


def terminals(device, kind, u, given):
    """V and I at the terminals, from u and the drive's value."""
    if kind == "voltage":
        return given, (given - u) / device.R_s
    return device.R_s * given + u, given


def frame_at(
    device: AbstractDevice, place: Scalar, kind: DriveKind, origin: Scalar, span: Scalar
) -> Frame:
    """The units that fit a device round a place of its curve of equilibria.

    - `origin`: the drive whose p is 0 [A] or [V].
    - `span`: how far drives of interest lie apart; where that is not positive and finite, what
      the drive changes over the size of u takes its place.
    """
    y = jnp.concatenate([a.ravel() for a in device.equilibrium(place)])
    size = sizes(device, place, y)
    slope = drive_slope(device, place, kind)
    unit = jnp.where(jnp.isfinite(span) & (span > 0), span, jnp.abs(slope) * size[0])
    return Frame(size, origin, jnp.where(jnp.isfinite(unit) & (unit > 0), unit, 1.0))


def anywhere(device: AbstractDevice) -> Scalar:
    """A place of the curve of equilibria, for a device without a Hopf point."""
    if device.curve is None:
        return jnp.zeros(())
    return jnp.asarray(device.branches[device.curve].rest_range()[0])


def starts(device: AbstractDevice, hopf: HopfPoints, kind: DriveKind, intervals: int):
    """For each Hopf point the equilibrium with its mode, and the units of the continuation."""
    at = hopf.imposed(kind)
    good = jnp.isfinite(at)
    low = jnp.min(jnp.where(good, at, jnp.inf))
    high = jnp.max(jnp.where(good, at, -jnp.inf))
    u0 = jnp.where(good[0], hopf.place[0], anywhere(device))
    frame = frame_at(device, u0, kind, jnp.where(good[0], at[0], 0.0), high - low)

    def one(u, omega, value):
        ok = jnp.isfinite(value)
        u, omega = jnp.where(ok, u, u0), jnp.where(ok, omega, 1.0)
        y = jnp.concatenate([a.ravel() for a in device.equilibrium(u)]) / frame.size
        A = circuit_matrix(device, u, kind) * frame.size[None] / frame.size[:, None]
        drive = jnp.where(ok, (value - frame.origin) / frame.unit, 0.0)
        return continuation.from_hopf(mode(A, omega), y, omega, drive, AMPLITUDE, intervals)

    places, amplitudes = jax.vmap(one)(hopf.place, hopf.omega, at)
    return frame, places, amplitudes
