"""What a design may change."""

import math
from dataclasses import dataclass

import jax
import numpy as np

from jaxmem.devices import AbstractDevice
from jaxmem.lens import Lens, get, lenses, locate, path

# Preferred numbers of IEC 60063, of one decade.
SERIES = {
    "E6": (1.0, 1.5, 2.2, 3.3, 4.7, 6.8),
    "E12": (1.0, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 3.9, 4.7, 5.6, 6.8, 8.2),
    "E24": (
        1.0, 1.1, 1.2, 1.3, 1.5, 1.6, 1.8, 2.0, 2.2, 2.4, 2.7, 3.0, 3.3, 3.6, 3.9, 4.3, 4.7, 5.1,
        5.6, 6.2, 6.8, 7.5, 8.2, 9.1,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Knob:
    """A parameter that a design may change: `Knob(lambda d: d.C_m)`; or the drive: `Knob("I")`.

    **Arguments:**

    - `lens`: points at it; one that returns a tuple ties several, which then change by one factor.
      `"I"` or `"V"` is the drive at which cycles are meant, which `at` then gives.
    - `low`, `high`: its range, in its unit (of several the first one's). Default: a factor of
      `within` to both sides of its value now.
    - `within`: see there.
    - `cost`: of a change, per ln^2 of its factor: a capacitor that is soldered on is cheap, a time
      constant is a new material.
    - `series`: "E6", "E12" or "E24" for a part that is bought: its value is one of that series, and
      the others are searched again beside it.
    """

    lens: Lens | str
    low: float | None = None
    high: float | None = None
    within: float = 5.0
    cost: float = 1.0
    series: str = ""

    def __post_init__(self):
        if not self.cost > 0 or not math.isfinite(self.cost):
            raise ValueError(f"knob: its cost must be positive, got {self.cost:g}")
        if self.low is not None and self.high is not None and not 0 < self.low < self.high:
            raise ValueError(f"knob: its range {self.low:g} to {self.high:g} is none")
        if self.series and self.series not in SERIES:
            raise ValueError(f"knob: series is one of {', '.join(SERIES)}, got {self.series!r}")
        if not self.within > 1:
            raise ValueError(f"knob: within is a factor above 1, got {self.within:g}")


class Knobs:
    """All knobs of a device as a search sees them: z_k = ln(p_k/p_k now), from `low` to `high`.

    `positions`: for each knob the leaves of the device that it changes; a number beyond them is the
    drive, `level` now.
    """

    def __init__(
        self, knobs: tuple[Knob, ...], device: AbstractDevice, at: tuple[str, float] = ("", 1.0)
    ):
        if not knobs:
            raise ValueError("design: there is no knob; give at least one Knob(lens)")
        leaves = jax.tree.leaves(device)
        names, positions, lows, highs, now = [], [], [], [], []
        for knob in knobs:
            if isinstance(knob.lens, str):
                if at[0] != knob.lens:
                    raise ValueError(
                        f"knob {knob.lens}: the drive is a knob where at = {{{knob.lens} = ...}} "
                        f"says its value today, got {at[0]} = {at[1]:g}"
                    )
                where, name, all_values = (len(leaves),), knob.lens, [*leaves, at[1]]
            else:
                where, name = locate(knob.lens, device), path(knob.lens, device)
                all_values = leaves
            for k in where:
                if any(k in others for others in positions):
                    raise ValueError(f"knob {name} is a part of two knobs")
                if not float(all_values[k]) > 0 or not math.isfinite(float(all_values[k])):
                    raise ValueError(
                        f"knob {name} is {float(all_values[k]):g}; a knob changes by a factor, so "
                        "start it from a positive value"
                    )
            value = float(all_values[where[0]])
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
        self.lenses = tuple(knob.lens for knob in knobs if not isinstance(knob.lens, str))
        self.series = tuple(knob.series for knob in knobs)

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
