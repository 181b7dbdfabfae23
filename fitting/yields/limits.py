"""Which devices are within specification, and by how much."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fitting.designs.goals.goal import DesignGoal
from fitting.yields.many_devices import SPIKES, Numbers
from jaxmem.circuits.drive import LETTER, UNIT
from jaxmem.output.numbers import engineering


class Limits(NamedTuple):
    """The least and the largest coordinate of each goal that will do, with its tolerance: of a
    quantity of one sign ln of it. Arrays `(m,)`; infinite on a side without a limit."""

    low: np.ndarray
    high: np.ndarray

    @property
    def half(self) -> np.ndarray:
        """Half of the distance of two limits; of one limit, what it would be of 10 %."""
        both = np.isfinite(self.low) & np.isfinite(self.high)
        return np.where(both, np.subtract(self.high, self.low, where=both, out=np.ones(len(both)))
                        / 2, 0.1)  # fmt: skip


def limits_of(goals: Sequence[DesignGoal]) -> Limits:
    """The limits of goals with their tolerances."""

    def end(goal, value):
        if not np.isfinite(value):
            return value
        if goal.sign and value * goal.sign <= 0:  # beyond what has a logarithm
            return -np.inf if goal.sign > 0 else np.inf
        return float(goal.coordinate(value))

    ends = [[end(goal, float(v)) for v in goal.allowed] for goal in goals]
    low, high = np.array(ends, dtype=float).reshape(len(goals), 2).T
    return Limits(low, high)


def coordinates(goals: Sequence[DesignGoal], values: np.ndarray) -> np.ndarray:
    """The goals' coordinates of n devices, shape `(n, m)`."""
    with np.errstate(all="ignore"):
        columns = [goal.coordinate(values[:, j]) for j, goal in enumerate(goals)]
    return np.stack(columns, axis=1) if goals else np.empty((len(values), 0))


def needs_spikes(goals: Sequence[DesignGoal]) -> bool:
    """Whether only a device that spikes can be within: not where all goals are of the device."""
    return not goals or any(goal.kind.needs in ("cycle", "hopf") for goal in goals)


def how_driven(goals: Sequence[DesignGoal], at: tuple[str, float]) -> str:
    """How made devices are driven, in words; empty where none has to spike."""
    how, value = at
    if not needs_spikes(goals):
        return ""
    if how == "window":
        part = "in the middle of" if value == 0.5 else f"{value:g} of the way through"
        return f"each driven {part} its own window"
    if how == "threshold":
        return f"each driven at {value:g} times the drive of its own first Hopf point"
    unit = {LETTER[drive]: UNIT[drive] for drive in LETTER}[how]
    return f"all driven at {how} = {engineering(value, unit)}"


class Verdicts(NamedTuple):
    """Of n devices: `within` specification; `unknown`, those that could not be computed; `below`
    and `above` (n, m): which limits are missed, of those whose quantities are known."""

    within: np.ndarray
    unknown: np.ndarray
    below: np.ndarray
    above: np.ndarray


def judge(goals: Sequence[DesignGoal], found: Numbers) -> Verdicts:
    """Compare n devices with their specification."""
    limits, r = limits_of(goals), coordinates(goals, found.values)
    below, above = r < limits.low, r > limits.high
    needed = needs_spikes(goals)
    spikes = found.state == SPIKES if needed else np.ones(len(r), bool)
    known = np.all(np.isfinite(r), axis=1)
    # One that spikes and has no number of a goal is not known, unless another goal is missed.
    missed = np.any(below | above, axis=1)
    unknown = (found.state < 0 if needed else np.zeros(len(r), bool)) | (spikes & ~known & ~missed)
    return Verdicts(spikes & known & ~missed, unknown & ~missed, below, above)
