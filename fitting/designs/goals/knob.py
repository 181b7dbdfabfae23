"""What a design may change."""

import math
from dataclasses import dataclass

import jax
import numpy as np

from jaxmem.devices import AbstractDevice
from jaxmem.lens import Lens, get, lenses, locate, path


@dataclass(frozen=True)
class Knob:
    """A parameter that a design may change: `Knob(lambda d: d.C_m)`.

    **Arguments:**

    - `lens`: points at it; one that returns a tuple ties several, which then change by one factor.
    - `low`, `high`: its range, in its unit (of several the first one's). Default: a factor of
      `within` to both sides of its value now.
    - `within`: see there.
    - `cost`: of a change, per ln^2 of its factor: a capacitor that is soldered on is cheap, a time
      constant is a new material.
    """

    lens: Lens
    low: float | None = None
    high: float | None = None
    within: float = 5.0
    cost: float = 1.0

    def __post_init__(self):
        if not self.cost > 0 or not math.isfinite(self.cost):
            raise ValueError(f"knob: its cost must be positive, got {self.cost:g}")
        if self.low is not None and self.high is not None and not 0 < self.low < self.high:
            raise ValueError(f"knob: its range {self.low:g} to {self.high:g} is none")
        if not self.within > 1:
            raise ValueError(f"knob: within is a factor above 1, got {self.within:g}")


class Knobs:
    """All knobs of a device as a search sees them: z_k = ln(p_k/p_k now), from `low` to `high`.

    `positions`: for each knob the leaves of the device that it changes.
    """

    def __init__(self, knobs: tuple[Knob, ...], device: AbstractDevice):
        if not knobs:
            raise ValueError("design: there is no knob; give at least one Knob(lens)")
        leaves = jax.tree.leaves(device)
        names, positions, lows, highs, now = [], [], [], [], []
        for knob in knobs:
            where, name = locate(knob.lens, device), path(knob.lens, device)
            for k in where:
                if any(k in others for others in positions):
                    raise ValueError(f"knob {name} is a part of two knobs")
                if not float(leaves[k]) > 0 or not math.isfinite(float(leaves[k])):
                    raise ValueError(
                        f"knob {name} is {float(leaves[k]):g}; a knob changes by a factor, so "
                        "start it from a positive value"
                    )
            value = float(leaves[where[0]])
            low = value / knob.within if knob.low is None else knob.low
            high = value * knob.within if knob.high is None else knob.high
            if not 0 < low < high < math.inf:
                raise ValueError(f"knob {name}: its range {low:g} to {high:g} is none")
            names.append(name)
            positions.append(where)
            now.append(value)
            lows.append(low)
            highs.append(high)
        self.names, self.positions = tuple(names), tuple(positions)
        self.now = np.array(now)
        self.low, self.high = np.log(np.array(lows) / now), np.log(np.array(highs) / now)
        self.cost = np.array([knob.cost for knob in knobs], dtype=float)
        self.lenses = tuple(knob.lens for knob in knobs)

    def ranges(self, device: AbstractDevice) -> dict[str, tuple[float, float]]:
        """For each number of the device the least and the largest value that it can have."""
        found = {}
        for name, lens in lenses(device).items():
            value, factors = float(get(lens, device)), (1.0, 1.0)
            (k,) = locate(lens, device)
            for n, where in enumerate(self.positions):
                if k in where:
                    factors = float(np.exp(self.low[n])), float(np.exp(self.high[n]))
            found[name] = (value * factors[0], value * factors[1])
        return found
