"""What a goal may name, as functions of where a device oscillates and of its cycle there."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from fitting.designs.goals.behaviour import Behaviour
from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import UNIT


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
