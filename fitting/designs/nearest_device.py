"""A device that has given properties: `design`."""

from collections.abc import Sequence

import numpy as np

from fitting.designs.bounds.oscillation import impossible
from fitting.designs.goals.goal import DesignGoal
from fitting.designs.goals.knob import Knob, Knobs
from fitting.designs.outcome import Design
from fitting.designs.search.gauss_newton import Ended, Values, nearest
from fitting.designs.search.starts import intervals, starts
from fitting.designs.search.task import Task
from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import LETTER
from jaxmem.devices import AbstractDevice
from jaxmem.devices.device import check_device
from jaxmem.lens import Lens
from jaxmem.output.reporter import Reporter, Silent

# How many of the starts are searched from.
SEARCHED = 4


def design(
    goals: Sequence[DesignGoal],
    device: AbstractDevice,
    knobs: Sequence[Knob | Lens],
    *,
    drive: DriveKind = "current",
    at: tuple[str, float] = ("window", 0.5),
    designs: int = 1,
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
    excluded = impossible(task.goals, device, own, drive)
    if excluded:
        return Design.of(task, [], excluded, designs, impossible=True)
    progress = progress or Silent()
    begun, found = starts(task, seed, progress), []
    tried = begun.points[: max(SEARCHED, 2 * designs)]
    for done, start in enumerate(tried):
        progress.step("searches", done, len(tried))
        found.append(_go(begun.task, *start))
    progress.step("searches", len(tried), len(tried))
    return Design.of(begun.task, found, [begun.why] if begun.why else [], designs)


def _go(task: Task, z: np.ndarray, values: Values) -> Ended:
    box = task.knobs.low, task.knobs.high
    return nearest(task.evaluate, z, box, task.knobs.cost, intervals(task), first=values)
