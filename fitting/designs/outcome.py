"""What a design came to, in numbers and in words."""

from dataclasses import dataclass, field, replace

import numpy as np

from fitting.designs.front import Front
from fitting.designs.search.beginnings import wanted_intervals
from fitting.designs.search.gauss_newton import Ended, distances
from fitting.designs.search.meant_drives import MeantDrive, where_driven
from fitting.designs.search.task import Task
from jaxmem.devices import AbstractDevice

# Two designs are one if no knob differs by more than this in ln.
APART = 0.1


@dataclass(frozen=True)
class Design:
    """A designed device, or the nearest to one.

    - `device`: it; `met`: whether all goals hold; `values`, `wanted` of the goals by name, and
      `misses`: by how many tolerances.
    - `factors`: what each knob is multiplied by; `cost`: 1/2 sum c ln^2 of them.
    - `slopes` (goals, knobs): d ln(value)/d ln(knob) at the design; of a quantity that may be
      negative d(value)/d ln(knob) over its target.
    - `at_limit`: names of knobs that stand at an end of their range.
    - `impossible`: whether goals are proved to be out of reach.
    - `why`: where there is no device: a sentence for each such goal, or what was looked at.
    - `starts`: how many searches there were, each from a start of its own.
    - `at`: the drive, or the place in the window, where cycles are meant; `driven`: the drive that
      this is, in A or V, with the window and the period, and `driven_today` that of the device as
      it was. None if no goal is meant at a drive.
    - `outwards`: of goals that are not met, the knobs at an end of their range beyond which the
      goal would come nearer.
    - `others`: further designs that meet the goals, the cheapest first; `front`: see `design`.
    """

    device: AbstractDevice
    met: bool
    values: dict[str, float]
    wanted: dict[str, str]
    misses: dict[str, float]
    factors: dict[str, float]
    cost: float
    slopes: np.ndarray
    at_limit: tuple[str, ...]
    impossible: bool
    why: tuple[str, ...]
    starts: int
    units: dict[str, str]
    at: tuple[str, float] = ("window", 0.5)
    driven: MeantDrive | None = None
    driven_today: MeantDrive | None = None
    outwards: dict[str, tuple[str, ...]] = field(default_factory=dict)
    others: tuple["Design", ...] = ()
    front: Front | None = None

    @classmethod
    def of(
        cls,
        task: Task,
        ended: list[Ended],
        why: list[str],
        designs: int,
        *,
        starts: int = 0,
        impossible: bool = False,
    ) -> "Design":
        """From where `starts` searches ended, or from what can be bought next to there; or from why
        there was none to begin."""
        made = [cls._one(task, found, starts) for found in ended]
        if not made:
            return cls._none(task, why, impossible)
        # What meets the goals comes before what is cheap.
        made.sort(key=lambda d: (not d.met, d.cost if d.met else max(d.misses.values())))
        first, *rest = _distinct(made)
        others = tuple(d.with_drive(task) for d in rest if d.met)[: designs - 1]
        return replace(first.with_drive(task), others=others)

    def with_drive(self, task: Task) -> "Design":
        """With the drive at which its goals are meant, now and of today's device."""
        z = np.log(list(self.factors.values()))
        return replace(
            self, driven=where_driven(task, z),
            driven_today=where_driven(task, np.zeros_like(z), cycle=False),
        )  # fmt: skip

    @classmethod
    def _one(cls, task: Task, found: Ended, starts: int) -> "Design":
        values, _ = task.values(found.z)
        by_name = dict(zip((g.called for g in task.goals), map(float, values), strict=True))
        misses = {g.called: g.misses(by_name[g.called]) for g in task.goals}
        knobs = task.knobs
        edge = np.minimum(found.z - knobs.low, knobs.high - found.z) < 1e-6
        return cls(
            device=task.moved(found.z), met=all(m <= 1 for m in misses.values()), values=by_name,
            wanted={g.called: g.wanted(task.drive) for g in task.goals}, misses=misses,
            factors=dict(zip(knobs.names, map(float, np.exp(found.z)), strict=True)),
            cost=float(0.5 * knobs.cost @ found.z**2), slopes=found.values.J,
            at_limit=tuple(n for n, e in zip(knobs.names, edge, strict=True) if e),
            impossible=False, why=(), starts=starts, units=_units(task),
            at=(task.at[0], task.imposed(found.z)), outwards=_outwards(task, found, misses),
        )  # fmt: skip

    @classmethod
    def _none(cls, task: Task, why: list[str], impossible: bool) -> "Design":
        nothing = {g.called: float("nan") for g in task.goals}
        return cls(
            device=task.device, met=False, values=nothing,
            wanted={g.called: g.wanted(task.drive) for g in task.goals},
            misses={name: float("inf") for name in nothing},
            factors=dict.fromkeys(task.knobs.names, 1.0), cost=0.0,
            slopes=np.full((len(task.goals), len(task.knobs.names)), np.nan), at_limit=(),
            impossible=impossible, why=tuple(why), starts=0, units=_units(task), at=task.at,
        )  # fmt: skip

    def statements(self) -> list[str]:
        """What was asked, what it came to, and what limits it, in sentences."""
        if self.why:
            return list(self.why)
        lines = ["All goals are met."]
        if not self.met:
            many = f"{self.starts} searches" if self.starts != 1 else "one search"
            lines = [f"Not found in {many}. That none exists is not known; the nearest:"]
        for name, value in self.values.items():
            word = "met" if self.misses[name] <= 1 else f"off by {self.misses[name]:.3g} tolerances"
            reached = f"{value:.4g} {self.units[name]}".rstrip()
            lines.append(f"{name}: {reached}, wanted {self.wanted[name]}: {word}.")
        if self.driven is not None:
            *most, last = self.driven.goals
            names = f"{', '.join(most)} and {last} are" if most else f"{last} is"
            lines.append(f"{names} meant at {self.driven.place()}.")
        changed = [
            f"{name} times {factor:.4g}"
            for name, factor in self.factors.items() if abs(np.log(factor)) > 1e-3
        ]  # fmt: skip
        lines.append(f"Changed: {', '.join(changed) or 'nothing'}.")
        if self.at_limit:
            lines.append(f"At an end of its range: {', '.join(self.at_limit)}.")
        for name, knobs in self.outwards.items():
            lines.append(f"{name} would come nearer with a wider range of {', '.join(knobs)}.")
        if self.front is not None and len(self.front.devices) == 1:
            a, b = self.front.goals
            lines.append(f"{a} and {b} do not compete: one device has the best found of both.")
        return lines


def _outwards(task: Task, found: Ended, misses: dict[str, float]) -> dict[str, tuple[str, ...]]:
    """Of goals that are not met, the knobs whose range ends on the way to it."""
    low, high = wanted_intervals(task)
    knobs, off = task.knobs, distances(found.values.r, low, high)
    upper = np.where(knobs.high - found.z < 1e-6, 1.0, 0.0)
    outward = upper - np.where(found.z - knobs.low < 1e-6, 1.0, 0.0)
    said = {}
    for goal, miss, row in zip(task.goals, off, found.values.J, strict=True):
        helps = [n for n, by in zip(knobs.names, -np.sign(miss) * row * outward, strict=True)
                 if by > 1e-3]  # fmt: skip
        if misses[goal.called] > 1 and helps:
            said[goal.called] = tuple(helps)
    return said


def _units(task: Task) -> dict[str, str]:
    return {g.called: g.kind.unit_under(task.drive) for g in task.goals}


def _distinct(made: list[Design]) -> list[Design]:
    kept: list[Design] = []
    for one in made:
        z = np.log(list(one.factors.values()))
        off = [np.max(np.abs(z - np.log(list(k.factors.values())))) for k in kept]
        if min(off, default=np.inf) > APART:
            kept.append(one)
    return kept
