"""Where a device oscillates, and its cycle at the drive where one is meant."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import jaxmem as jm
from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import LETTER


class Behaviour(NamedTuple):
    """A device, its window of drives from Hopf point to Hopf point, the l1 of the first one, the
    voltage by which it is measured, the drive at which a cycle is meant, and the cycle there."""

    device: Any
    low: Any
    high: Any
    l1: Any
    volt: Any
    level: Any
    cycle: Any


def without_window(device: Any, drive: DriveKind, at: tuple[str, Any]) -> Behaviour:
    """A device of which no Hopf points are asked; the drive is known only where `at` gives it."""
    nan = jnp.asarray(jnp.nan)
    how, value = at
    level = jnp.asarray(value, dtype=float) if how == LETTER[drive] else nan
    return Behaviour(device, nan, nan, nan, nan, level, None)


def in_window(
    device: Any, drive: DriveKind, at: tuple[str, Any], points: jm.HopfPoints
) -> Behaviour:
    """A device with its Hopf points, and no cycle yet.

    `at`: where on the window the cycle is meant: `("window", 0.5)` its middle, `("threshold", 1.2)`
    at so many times the first Hopf point's drive, `("I", 2e-4)` or `("V", 2.0)`.
    """
    low, high, level = drives_of(points, drive, at)
    # l1 is in 1/V^2 whatever is imposed.
    I = jnp.abs(points.I[0])
    volt = jax.lax.stop_gradient(jm.Circuit(device, jm.CurrentDrive(I)).scale(I))
    return Behaviour(device, low, high, points.l1[0], volt, level, None)


def drives_of(points: jm.HopfPoints, drive: DriveKind, at: tuple[str, Any]) -> tuple[Any, Any, Any]:
    """The first and the last drive of the window, and the one where a cycle is meant; NaN where
    there are not two Hopf points."""
    imposed = points.imposed(drive)
    last = jnp.clip(points.found - 1, 0, imposed.shape[0] - 1)
    two = points.found >= 2
    low, high = jnp.where(two, imposed[0], jnp.nan), jnp.where(two, imposed[last], jnp.nan)
    how, value = at
    if how == LETTER[drive]:
        return low, high, jnp.asarray(value, dtype=float)
    return low, high, low + value * (high - low) if how == "window" else value * low


def circuit_at(device: Any, drive: DriveKind, level: Any) -> jm.Circuit:
    """The device under a constant drive."""
    wave = jm.CurrentDrive if drive == "current" else jm.VoltageDrive
    return jm.Circuit(device, wave(jm.Constant(level)))
