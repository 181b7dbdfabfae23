"""What a panel of the paper is: curves, what is said of them as numbers, what is drawn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq

from jaxmem.plots.figure import Panel

# A curve as it is written: names of its columns, and the columns.
Table = Mapping[str, np.ndarray]


class Check(NamedTuple):
    """A feature as a number beside the expected one, or a statement that must be true.

    - `says`: the feature in words. `value` is computed, `expected` known beforehand.
    - `tolerance`: the largest difference that passes; half a unit of the last digit given.
    - `digits`: how many are given behind the point.
    """

    says: str
    value: float | bool
    expected: float | bool
    tolerance: float = 0.0
    digits: int = 6

    @property
    def passed(self) -> bool:
        """Whether value and expectation agree."""
        if isinstance(self.expected, bool):
            return bool(self.value) is self.expected
        return bool(abs(self.value - self.expected) <= self.tolerance)

    def record(self) -> dict[str, Any]:
        """Ready for JSON."""
        plain = lambda x: x if isinstance(x, bool) else (float(x) if np.isfinite(x) else None)
        value = bool(self.value) if isinstance(self.expected, bool) else self.value
        return {
            "says": self.says, "value": plain(value), "expected": plain(self.expected),
            "tolerance": self.tolerance, "digits": self.digits, "passed": self.passed,
        }  # fmt: skip


@dataclass(frozen=True)
class PaperPanel:
    """One lettered panel of the paper, or one statement of it, computed.

    - `name`: the paper's, as "2k". `shows`: what is to be seen, in words.
    - `given`: the parameter set, in the paper's units.
    - `curves`: what is written as CSV, by name; `drawn`: what is shown of them.
    - `size`: of the figure when the panel stands alone, in inches.
    """

    name: str
    shows: str
    given: Mapping[str, Any]
    checks: tuple[Check, ...]
    curves: Mapping[str, Table] = field(default_factory=dict)
    drawn: Panel | None = None
    size: tuple[float, float] = (4.6, 3.4)

    @property
    def passed(self) -> bool:
        """Whether all checks pass."""
        return all(check.passed for check in self.checks)


Builder = Callable[[], PaperPanel]


def occupation(u: Any, V_T: float = 1.0, V_m: float = 0.05) -> Any:
    """Equation 4 by hand, f_ss = 1/(1 + exp(-(u - V_T)/V_m)), in the paper's units."""
    return 1 / (1 + np.exp(-(u - V_T) / V_m))


def root(fn: Callable[[float], Any], low: float, high: float) -> float:
    """The zero of a function between two values of opposite sign."""
    found: Any = brentq(fn, low, high, xtol=1e-14)
    return float(found)


def near(says: str, value: Any, text: str) -> Check:
    """A check against a number as it is printed: `near("peak", u.max(), "5.9989")`."""
    digits = len(text.partition(".")[2])
    return Check(says, float(value), float(text), 0.5 * 10.0**-digits * (1 + 1e-9), digits)


def true(says: str, value: Any) -> Check:
    """A check of a statement."""
    return Check(says, bool(value), True)
