"""A device that has given properties: `design`."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fitting.designs.bounds.proved import impossible
from fitting.designs.front import check_front, pareto_front
from fitting.designs.goals.goal import DesignGoal
from fitting.designs.goals.knob import Knob, Knobs
from fitting.designs.outcome import Design
from fitting.designs.search.beginnings import promising_starts, wanted_intervals
from fitting.designs.search.bought import with_parts
from fitting.designs.search.gauss_newton import Ended, Values, distances, nearest
from fitting.designs.search.task import Task
from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import LETTER
from jaxmem.devices import AbstractDevice
from jaxmem.devices.device import check_device
from jaxmem.lens import Lens
from jaxmem.output.reporter import Reporter, Silent

# How many of the starts are searched from, at most, and after how many designs that meet the goals
# no further one is looked for, if only one was asked for.
SEARCHED, ENOUGH = 4, 2
NOTHING_TO_BUY = (
    "Not found: with values of the series that are next to what was found, and in range, no device "
    "has a value for every goal. Widen the ranges of parts that are bought, or take a finer series."
)


def design(
    goals: Sequence[DesignGoal],
    device: AbstractDevice,
    knobs: Sequence[Knob | Lens],
    *,
    drive: DriveKind = "current",
    at: tuple[str, float] = ("window", 0.5),
    designs: int = 1,
    front: tuple[str, str] | None = None,
    seed: int = 0,
    progress: Reporter | None = None,
) -> Design:
    """The nearest device that meets all goals.

        minimise  1/2 sum c_k ln^2(p_k/p_k now)   where all goals hold and all knobs are in range

    Devices are drawn from the ranges (Sobol) and looked at roughly, by their Hopf points; from
    those that come nearest, and from the device itself, Gauss and Newton's steps go on with limit
    cycles and all derivatives, never to where there is no oscillation. It is a local search from
    several starts: of those that meet the goals the cheapest counts.

    **Arguments:**

    - `goals`: what it is to have. `device`: as it is today, the start and the measure of cost.
    - `knobs`: what may change, within which range, at which cost.
    - `drive`: whether "current" or "voltage" through R_s > 0 is imposed.
    - `at`: where cycles are meant: `("window", 0.5)` the middle between the first and the last Hopf
      point, `("threshold", 1.2)` at so many times the drive of the first one, `("I", 2e-4)` [A] or
      `("V", 2.0)` [V].
    - `designs`: how many distinct ones are wanted; there may be fewer.
    - `front`: names of two goals with one limit each, whose Pareto front is then found, too: what
      is the best of one for each level of the other, the rest held (`Design.front`).
    - `seed`: of the draws. `progress`: hears of how far it is.

    **Returns:** a `Design`. Where no device meets the goals, `met` is False, and `impossible` says
    why where that is proved.

    **Raises:** `ValueError` for what cannot be asked.
    """
    check_device("design", device)
    if not goals:
        raise ValueError("design: there is no goal; give at least one DesignGoal")
    places = ("window", "threshold", LETTER[drive])
    if at[0] not in places:
        raise ValueError(f"design: at is one of {', '.join(places)}, with a number; got {at[0]!r}")
    if at[0] == "window" and not 0 < at[1] < 1:
        raise ValueError(f"design: a place in the window lies between 0 and 1, got {at[1]:g}")
    names = [goal.called for goal in goals]
    if len(set(names)) < len(names):
        raise ValueError(f"design: two goals have one name in {', '.join(names)}; give name=")
    if at[0] == "threshold" and not at[1] > 1:
        raise ValueError(
            f"design: a cycle is meant beyond the first Hopf point, at more than 1 time its drive; "
            f"got {at[1]:g}"
        )
    own = Knobs(tuple(k if isinstance(k, Knob) else Knob(k) for k in knobs), device, at)
    task = Task(tuple(goals), device, own, drive, (at[0], float(at[1])))
    if front is not None:
        check_front(task.goals, front)
    excluded = impossible(task.goals, device, own, drive)
    if excluded:
        return Design.of(task, [], excluded, designs, impossible=True)
    progress = progress or Silent()
    begun, found = promising_starts(task, seed, progress), []
    tried = begun.points[: max(SEARCHED, 2 * designs)]
    for done, start in enumerate(tried):
        progress.step("searches", done, len(tried))
        found.append(_go(begun.task, *start))
        if designs == 1 and sum(_meets(begun.task, end) for end in found) >= ENOUGH:
            break
    searches = len(found)
    progress.step("searches", searches, searches)
    why = [begun.why] if begun.why else []
    if found and any(own.series):
        found = [
            end for one in _best(begun.task, found)[:designs] for end in with_parts(begun.task, one)
        ]
        why = [] if found else [NOTHING_TO_BUY]
    made = Design.of(begun.task, found, why, designs, starts=searches)
    if front is None or not found:
        return made
    z = _best(begun.task, found)[0].z
    return replace(made, front=pareto_front(begun.task, z, front, progress=progress))


def _meets(task: Task, end: Ended) -> bool:
    """Whether all goals hold, with their tolerances, by the coordinates that are searched."""
    off = distances(end.values.r, *wanted_intervals(task))
    return all(abs(miss) < g.tolerance for miss, g in zip(off, task.goals, strict=True))


def _best(task: Task, found: list[Ended]) -> list[Ended]:
    """Those that meet the goals first, then what is least."""
    return sorted(found, key=lambda end: (not _meets(task, end), end.merit))


def _go(task: Task, z: np.ndarray, values: Values) -> Ended:
    box = task.knobs.low, task.knobs.high
    return nearest(task.evaluate, z, box, task.knobs.cost, wanted_intervals(task), first=values)
