"""At which drive a device has its goals: the current or the voltage where its cycle is meant."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from fitting.designs.goals.behaviour import circuit_at
from fitting.designs.search.programs import cycle_found, drive_at
from fitting.designs.search.task import Task
from jaxmem.circuits.drive import LETTER
from jaxmem.output.numbers import engineering


@dataclass(frozen=True)
class MeantDrive:
    """The drive at which goals are meant.

    - `letter`: "I" [A] or "V" [V], and its `level`; NaN of a device without a window of
      oscillation, unless the drive itself was given.
    - `low`, `high`: the drives of the first and the last Hopf point; NaN where there are not two.
    - `at`: how the drive was told, as in `design`. `goals`: names of those that are meant there.
    - `period` [s] of the stable cycle there; NaN where none was asked or found.
    """

    letter: str
    level: float
    low: float
    high: float
    at: tuple[str, float]
    goals: tuple[str, ...]
    period: float = math.nan

    @property
    def known(self) -> bool:
        """Whether there is such a drive."""
        return math.isfinite(self.level)

    def place(self) -> str:
        """In words: `I = 215.8 µA, the middle of the window from 101 µA to 330 µA`."""
        unit = "A" if self.letter == "I" else "V"
        how, value = self.at
        if not self.known:
            return f"no {self.letter}: no two Hopf points with a window between them were found"
        said = f"{self.letter} = {engineering(self.level, unit)}"
        if not math.isfinite(self.low):
            return said
        low, high = engineering(self.low, unit), engineering(self.high, unit)
        if how == "window":
            part = "the middle of" if value == 0.5 else f"{value:g} of the way through"
            return f"{said}, {part} the window from {low} to {high}"
        if how == "threshold":
            return f"{said}, {value:g} times the first Hopf point's; the window is {low} to {high}"
        inside = "in" if self.low < self.level < self.high else "outside of"
        return f"{said}, {inside} the window from {low} to {high}"


def goals_at_the_drive(task: Task) -> tuple[str, ...]:
    """Names of the goals that are about the cycle, or about a response to its drive."""
    letter = LETTER[task.drive]
    return tuple(
        goal.called
        for goal in task.goals
        if goal.kind.needs == "cycle" or (goal.kind.level and letter not in goal.where)
    )


def where_driven(task: Task, z: np.ndarray, *, cycle: bool = True) -> MeantDrive | None:
    """The drive at which the device at z has its goals; None if no goal is meant at a drive.

    `cycle`: whether its period is computed. It takes only programs that the search has compiled.
    """
    goals, at = goals_at_the_drive(task), (task.at[0], task.imposed(z))
    if not goals:
        return None
    low = high = period = math.nan
    level, letter = at[1] if at[0] == LETTER[task.drive] else math.nan, LETTER[task.drive]
    if task.needs & {"hopf", "cycle"}:
        points = jax.tree.map(lambda a: jnp.asarray(a[0]), task.hopf(z[None])[0])
        place = at[0], jnp.asarray(at[1], dtype=float)
        low, high, level = map(float, drive_at(points, task.drive, place))
        if cycle and "cycle" in task.needs and math.isfinite(level) and int(points.found) >= 2:
            circuit = circuit_at(task.moved(z), task.drive, jnp.asarray(level))
            search = cycle_found(circuit, points, transients=task.transients)
            if bool(search.stable):
                period = math.exp(float(search.cycle.fine()[1].log_period))
    return MeantDrive(letter, level, low, high, at, goals, period)
