"""What a goal may name, as functions of where a device oscillates and of its cycle there."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import jaxmem as jm
from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import LETTER, UNIT


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


class Quantity(NamedTuple):
    """A number that a goal is about.

    - `unit`, `meaning`; `positive`: whether it is measured by its logarithm.
    - `of`: a function of a `Behaviour`, or `of_device`: one of the device alone.
    - `needs`: "hopf", "cycle", or "device".
    """

    unit: str
    meaning: str
    positive: bool = True
    needs: str = "device"
    of: Callable[[Behaviour], Any] | None = None
    of_device: Callable[[Any], Any] | None = None

    def value(self, at: Behaviour) -> Any:
        """The number; NaN where the cycle is not stable, which no device shows."""
        if self.of is None:
            assert self.of_device is not None
            return self.of_device(at.device)
        value = self.of(at)
        return jnp.where(at.cycle.stable, value, jnp.nan) if self.needs == "cycle" else value

    def unit_under(self, drive: DriveKind) -> str:
        """Its unit, which for a drive is that of what is imposed; empty for a pure number."""
        return {"A or V": UNIT[drive], "1": ""}.get(self.unit, self.unit)


def _swing(at):
    return at.cycle.u_max - at.cycle.u_min


QUANTITIES = {
    "frequency": Quantity(
        "Hz", "1/period of the limit cycle", needs="cycle", of=lambda at: 1 / at.cycle.period
    ),
    "amplitude": Quantity(
        "V", "u from the least to the largest of the cycle", needs="cycle", of=_swing
    ),
    "energy": Quantity(
        "J", "energy of one period at the terminals", needs="cycle", of=lambda at: at.cycle.energy
    ),
    "threshold": Quantity(
        "A or V", "drive at the first Hopf point, where rest loses its stability", needs="hopf",
        of=lambda at: at.low,
    ),
    "window": Quantity(
        "A or V", "width of the drives between the first and the last Hopf point", needs="hopf",
        of=lambda at: at.high - at.low,
    ),
    "onset": Quantity(
        "1", "l1 of the first Hopf point in units of the device's own voltage: negative where soft",
        positive=False, needs="hopf", of=lambda at: at.l1 * at.volt**2,
    ),
}  # fmt: skip


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
