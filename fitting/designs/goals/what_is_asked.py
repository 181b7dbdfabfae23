"""A number that a goal is about: its unit, its meaning, and how it follows from a device."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp

from fitting.designs.goals.behaviour import Behaviour
from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import LETTER, UNIT

# The other one of current and voltage, which answers to what is imposed.
ANSWER: dict[str, str] = {"current": "V", "voltage": "A"}
BIASES = ("u", "I", "V")


class Meant(NamedTuple):
    """Where a number is meant: under which drive, and what else was said, `{"freq": 100.0}`."""

    drive: DriveKind
    values: Mapping[str, Any]

    def level(self, at: Behaviour) -> Any:
        """The drive, as it was said, or where cycles are meant."""
        return self.values.get(LETTER[self.drive], at.level)

    @property
    def bias(self) -> dict[str, Any]:
        """The one of u, I and V that was said."""
        return {k: v for k, v in self.values.items() if k in BIASES}


class Quantity(NamedTuple):
    """A number that a goal is about.

    - `unit`, `meaning`; `positive`: whether it is above 0 for every device.
    - `of`: a function of a `Behaviour` and of where it is meant, or `of_device`: one of the device
      alone.
    - `needs`: "hopf", "cycle", "transient" (an integration in time), or "device".
    - `keys`: what has to be said with it, by name; `level`: whether the drive may be said, by its
      letter; `bias`: of which one has to be said.
    - `optional`: what else may be said.
    """

    unit: str
    meaning: str
    positive: bool = True
    needs: str = "device"
    of: Callable[[Behaviour, Meant], Any] | None = None
    of_device: Callable[[Any], Any] | None = None
    keys: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    level: bool = False
    bias: tuple[str, ...] = ()

    def value(self, at: Behaviour, meant: Meant | None = None) -> Any:
        """The number; NaN where the cycle is not stable, which no device shows."""
        if self.of is None:
            assert self.of_device is not None
            return self.of_device(at.device)
        value = self.of(at, meant or Meant("current", {}))
        return jnp.where(at.cycle.stable, value, jnp.nan) if self.needs == "cycle" else value

    def unit_under(self, drive: DriveKind) -> str:
        """Its unit, which may be that of what is imposed or of the answer; none for a number."""
        return {"A or V": UNIT[drive], "V or A": ANSWER[drive], "1": ""}.get(self.unit, self.unit)
