"""What a design is asked for."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np

from fitting.designs.goals.named_quantities import KEYS, POSITIVE_KEYS, QUANTITIES, Quantity
from fitting.designs.goals.what_is_asked import Meant
from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import LETTER
from jaxmem.output.numbers import engineering

# How far below zero the l1 of a soft onset is, in units of the device's own voltage.
SOFT = 1e-3


@dataclass(frozen=True)
class DesignGoal:
    """One property that a designed device is to have.

        DesignGoal("frequency", 50.0)             50 Hz, within 1 %
        DesignGoal("amplitude", at_least=0.2)     [V]
        DesignGoal("onset", "soft")
        DesignGoal("impedance", 1e4, where={"freq": 100.0, "u": 0.5})
        DesignGoal(lambda d: d.R_b * d.C_m, 1e-3, name="RC", unit="s")

    **Arguments:**

    - `quantity`: one of "frequency", "amplitude", "energy" (of the limit cycle), "threshold",
      "window", "onset" (of the Hopf points), "current", "impedance", "resistance", "phase" (at a
      bias), "crossover" (of C_lf), "latency", "pulse_response", "loop_area" (in time); or a
      function of the device that returns a number, by pure JAX. One that is kept and given again
      does not compile again.
    - `target`: its value, in SI units. Or `at_least`, `at_most`, or both of them. What is positive
      for every device, and a threshold or current with a target, is searched by its logarithm.
    - `tolerance`: by which fraction of the target, or of a limit, it may be missed.
    - `name`, `unit`: of a function; a name tells two goals about one quantity apart, too.
    - `where`: where it is meant, in SI units: a bias `u`, `I` or `V` and `freq` of an impedance;
      the bias of a current; `rate` and `V` (where it turns) of a loop; `width` and `delay` of a
      pulse, `within` of a latency, and for both the drive, `I` or `V`, if it is not that of the
      cycle.

    **Raises:** `ValueError` for a quantity that there is not, for no or contradictory targets, and
    where it is not said where it is meant.
    """

    quantity: str | Callable[[Any], Any]
    target: float | str | None = None
    at_least: float | None = None
    at_most: float | None = None
    tolerance: float = 0.01
    name: str = ""
    unit: str = ""
    where: Mapping[str, float] = field(default_factory=dict)

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
                    f"goal {said}: a tolerance is a fraction, which 0 has not; ask for limits on "
                    "both sides of it, or shift the function"
                )
        self._check_where()

    def _check_where(self) -> None:
        said, kind = f"goal {self.called}", self.kind
        known = {*kind.keys, *kind.optional, *kind.bias, *("IV" if kind.level else "")}
        for key, value in self.where.items():
            if key not in known:
                may = f"there are {', '.join(sorted(known))}" if known else "there are none"
                raise ValueError(f"{said}: where it is meant has no {key!r}; {may}")
            if not math.isfinite(value):
                raise ValueError(f"{said}: {key} must be a finite number, got {value}")
            if (value < 0 and key == "delay") or (value <= 0 and key in POSITIVE_KEYS):
                raise ValueError(f"{said}: {key} must be positive, got {value:g} {KEYS[key][0]}")
        for key in kind.keys:
            if self.where.get(key, 0.0) == 0:
                unit, meaning = KEYS[key]
                raise ValueError(f"{said}: give {key}, the {meaning} [{unit}]")
        if kind.bias and len(set(self.where) & set(kind.bias)) != 1:
            raise ValueError(f"{said}: give the bias, one of {', '.join(kind.bias)}")

    def meant(self, drive: DriveKind) -> Meant:
        """Where it is meant, as numbers that a compiled program takes."""
        values = dict(self.where)
        if "within" in self.kind.optional:
            most = max(abs(end) for end in self.ends if np.isfinite(end))
            values.setdefault("within", 10.0 * most)
        return Meant(drive, {k: jnp.asarray(v, dtype=float) for k, v in values.items()})

    def needs_window(self, drive: DriveKind, at: str) -> bool:
        """Whether it is about Hopf points, or at a drive that is told by them."""
        letter = LETTER[drive]
        unsaid = self.kind.level and letter not in self.where and at != letter
        return self.kind.needs in ("hopf", "cycle") or unsaid

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

    @property
    def sign(self) -> float:
        """1 or -1 where its logarithm, or that of its opposite, is searched; else 0."""
        if self.kind.positive:
            return 1.0
        if self.quantity not in ("threshold", "current"):
            return 0.0
        # One limit alone may leave both signs allowed, which no logarithm does.
        low, high = self.ends
        return 1.0 if low > 0 else -1.0 if high < 0 else 0.0

    def coordinate(self, value: Any) -> Any:
        """What the search measures by: ln of what has one sign, else value over target; NaN where
        a value has the other sign."""
        if self.sign:
            value = np.asarray(value) * self.sign
            return self.sign * np.log(np.where(value > 0, value, np.nan))
        return np.asarray(value) / self.scale

    def slope(self, value: Any) -> Any:
        """d coordinate/d value."""
        if self.sign:
            return self.sign / np.asarray(value)
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

    def place(self) -> str:
        """Where it is meant, in words: `at freq = 100 Hz, u = 0.5 V`; empty if nothing was said."""
        parts = [f"{k} = {engineering(v, KEYS[k][0])}" for k, v in self.where.items()]
        return f"at {', '.join(parts)}" if parts else ""
