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


def behaviour(
    device: Any, drive: DriveKind, at: tuple[str, Any], needs: frozenset[str]
) -> Behaviour:
    """What the quantities are computed from; NaN where the device does not oscillate.

    **Arguments:**

    - `at`: where on the window the cycle is meant: `("window", 0.5)` its middle, `("threshold",
      1.2)` at so many times the first Hopf point's drive, `("I", 2e-4)` or `("V", 2.0)`.
    - `needs`: what the goals need: "hopf", "cycle".
    """
    nan = jnp.asarray(jnp.nan)
    if not needs & {"hopf", "cycle"}:
        return Behaviour(device, nan, nan, nan, nan, nan, None)
    points = jm.hopf_points(device, drive=drive)
    imposed = points.imposed(drive)
    last = jnp.clip(points.found - 1, 0, imposed.shape[0] - 1)
    two = points.found >= 2
    low, high = jnp.where(two, imposed[0], jnp.nan), jnp.where(two, imposed[last], jnp.nan)
    how, value = at
    level = {
        "window": lambda: low + value * (high - low),
        "threshold": lambda: value * low,
        LETTER[drive]: lambda: jnp.asarray(value, dtype=float),
    }[how]()
    # l1 is in 1/V^2 whatever is imposed.
    I = jnp.abs(points.I[0])
    volt = jax.lax.stop_gradient(jm.Circuit(device, jm.CurrentDrive(I)).scale(I))
    cycle = None
    if "cycle" in needs:
        wave = jm.CurrentDrive if drive == "current" else jm.VoltageDrive
        # A device without a window has no cycle to look for.
        there = jnp.where(two, level, jax.lax.stop_gradient(jnp.nan_to_num(level, nan=0.0)))
        cycle = jm.limit_cycle(jm.Circuit(device, wave(jm.Constant(there))), throw=False)
    return Behaviour(device, low, high, points.l1[0], volt, level, cycle)
