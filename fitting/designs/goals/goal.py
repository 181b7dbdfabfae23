"""What a design is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fitting.designs.goals.named_quantities import QUANTITIES, Quantity
from jaxmem.circuits import DriveKind

# How far below zero the l1 of a soft onset is, in units of the device's own voltage.
SOFT = 1e-3


@dataclass(frozen=True)
class DesignGoal:
    """One property that a designed device is to have.

        DesignGoal("frequency", 50.0)             50 Hz, within 1 %
        DesignGoal("amplitude", at_least=0.2)     [V]
        DesignGoal("onset", "soft")
        DesignGoal(lambda d: d.R_b * d.C_m, 1e-3, name="RC", unit="s")

    **Arguments:**

    - `quantity`: one of "frequency", "amplitude", "energy" (of the limit cycle), "threshold",
      "window", "onset" (of the Hopf points), or a function of the device that returns a number, by
      pure JAX. One that is kept and given again does not compile again.
    - `target`: its value, in SI units. Or `at_least`, `at_most`, or both of them.
    - `tolerance`: by which fraction of the target, or of a limit, it may be missed.
    - `name`, `unit`: of a function.

    **Raises:** `ValueError` for a quantity that there is not, and for no or contradictory targets.
    """

    quantity: str | Callable[[Any], Any]
    target: float | str | None = None
    at_least: float | None = None
    at_most: float | None = None
    tolerance: float = 0.01
    name: str = ""
    unit: str = ""

    def __post_init__(self):
        if not callable(self.quantity) and self.quantity not in QUANTITIES:
            raise ValueError(
                f"goal: there is no quantity {self.quantity!r}; there are {', '.join(QUANTITIES)}, "
                "and functions of the device"
            )
        said = self.called
        if self.quantity == "onset" and (self.target != "soft" or self.limits):
            raise ValueError('goal onset: its target is "soft"')
        if self.quantity != "onset" and isinstance(self.target, str):
            raise ValueError(f"goal {said}: its target is a number, got {self.target!r}")
        if (self.target is None) == (not self.limits):
            raise ValueError(f"goal {said}: give a target, or at_least and at_most")
        low, high = self.at_least, self.at_most
        if low is not None and high is not None and not low < high:
            raise ValueError(f"goal {said}: at_least {low:g} is not below at_most {high:g}")
        if not 0 < self.tolerance < 1:
            raise ValueError(
                f"goal {said}: tolerance is a fraction between 0 and 1, got {self.tolerance:g}"
            )
        for value in (self.target, low, high):
            if isinstance(value, str) or value is None:
                continue
            if not np.isfinite(value) or (self.kind.positive and value <= 0):
                raise ValueError(f"goal {said}: {value:g} is not positive and finite")
            if not self.kind.positive and value == 0:
                raise ValueError(
                    f"goal {said}: a tolerance is a fraction, which 0 has not; shift the function"
                )

    @property
    def limits(self) -> bool:
        """Whether it has limits instead of a target."""
        return self.at_least is not None or self.at_most is not None

    @property
    def kind(self) -> Quantity:
        """What is asked for."""
        if isinstance(self.quantity, str):
            return QUANTITIES[self.quantity]
        return Quantity(self.unit, self.called, False, of_device=self.quantity)

    @property
    def called(self) -> str:
        """Its name."""
        own = self.quantity if isinstance(self.quantity, str) else self.quantity.__name__
        return self.name or own

    def coordinate(self, value: Any) -> Any:
        """What the search measures by: ln of a positive quantity, else value over target."""
        if self.kind.positive:
            return np.log(value)
        return np.asarray(value) / self.scale

    def slope(self, value: Any) -> Any:
        """d coordinate/d value."""
        if self.kind.positive:
            return 1 / np.asarray(value)
        return 1 / self.scale

    @property
    def scale(self) -> float:
        """What its coordinate is a fraction of, where that is no logarithm."""
        chosen = [abs(v) for v in (self.target, self.at_least, self.at_most)
                  if isinstance(v, float | int)]  # fmt: skip
        return max(chosen, default=1.0)

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the largest value that are asked for; both are one for a target."""
        if isinstance(self.target, float | int):
            return float(self.target), float(self.target)
        low = -np.inf if self.at_least is None else float(self.at_least)
        return low, np.inf if self.at_most is None else float(self.at_most)

    @property
    def allowed(self) -> tuple[float, float]:
        """The least and the largest value that will do, with the tolerance."""
        if self.quantity == "onset":
            return -np.inf, 0.0
        low, high = self.ends
        return low - self.tolerance * abs(low), high + self.tolerance * abs(high)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the search wants its coordinate; both ends are one for a target."""
        if self.quantity == "onset":
            return -np.inf, -SOFT
        low, high = (float(self.coordinate(v)) if np.isfinite(v) else v for v in self.ends)
        return low, high

    def misses(self, value: float) -> float:
        """By how many tolerances a value misses what was asked; infinite for NaN."""
        if not np.isfinite(value):
            return np.inf
        if self.quantity == "onset":
            return 0.0 if value < 0 else 1.0 + value / SOFT
        low, high = self.ends
        off = max((low - value) / abs(low) if np.isfinite(low) else 0.0,
                  (value - high) / abs(high) if np.isfinite(high) else 0.0, 0.0)  # fmt: skip
        return float(off / self.tolerance)

    def wanted(self, drive: DriveKind = "current") -> str:
        """In words: `50 Hz`, `at least 0.2 V`."""
        if isinstance(self.target, str):
            return self.target
        unit = f" {self.kind.unit_under(drive)}".rstrip()
        if self.target is not None:
            return f"{self.target:.4g}{unit}"
        ends = [("at least", self.at_least), ("at most", self.at_most)]
        return " and ".join(f"{word} {v:.4g}{unit}" for word, v in ends if v is not None)
