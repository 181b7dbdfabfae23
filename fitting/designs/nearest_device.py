"""A device that has given properties: `design`."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import qmc

import jaxmem as jm
from fitting.designs.bounds import impossible
from fitting.designs.goal import DesignGoal
from fitting.designs.knob import Knob, Knobs
from fitting.designs.outcome import Design
from fitting.designs.programs import Rough, Task
from fitting.designs.search import Ended, Values, distances, nearest
from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import LETTER
from jaxmem.devices import AbstractDevice
from jaxmem.devices.device import check_device
from jaxmem.lens import Lens

# Devices in the knobs' ranges that are looked at roughly, those whose cycle is computed, and those
# from which is searched.
DRAWN, LOOKED_AT, SEARCHED = 256, 12, 4
# What a cost of one counts against a goal missed by a factor of e, when starts are ranked.
SHARE = 0.1


def design(
    goals: Sequence[DesignGoal],
    device: AbstractDevice,
    knobs: Sequence[Knob | Lens],
    *,
    drive: DriveKind = "current",
    at: tuple[str, float] = ("window", 0.5),
    designs: int = 1,
    seed: int = 0,
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
    - `seed`: of the draws.

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
    own = Knobs(tuple(k if isinstance(k, Knob) else Knob(k) for k in knobs), device)
    task = Task(tuple(goals), device, own, drive, (at[0], float(at[1])))
    excluded = impossible(task.goals, device, own, drive)
    if excluded:
        return Design.of(task, [], excluded, designs, impossible=True)
    starts, why = _starts(task, seed)
    found = [_go(task, *start) for start in starts[: max(SEARCHED, 2 * designs)]]
    return Design.of(task, found, why, designs)


def _intervals(task: Task) -> tuple[np.ndarray, np.ndarray]:
    low, high = (np.array(ends) for ends in zip(*(g.interval for g in task.goals), strict=True))
    return low, high


def _go(task: Task, z: np.ndarray, values: Values) -> Ended:
    box = task.knobs.low, task.knobs.high
    return nearest(task.evaluate, z, box, task.knobs.cost, _intervals(task), first=values)


def _starts(task: Task, seed: int) -> tuple[list[tuple[np.ndarray, Values]], list[str]]:
    """Points where all goals have values, by how far they are from these and from today's device;
    where there are none, why."""
    knobs, (low, high) = task.knobs, _intervals(task)
    unit = qmc.Sobol(knobs.low.size, rng=seed).random(DRAWN)
    z = knobs.low + unit * (knobs.high - knobs.low)
    z[0] = np.clip(0.0, knobs.low, knobs.high)  # today's device, if it is in the ranges
    rough = task.roughly(z)
    unknown = [g.kind.needs == "cycle" and g.kind.unit != "Hz" for g in task.goals]
    off = np.where(unknown, 0.0, distances(rough.r, low, high))
    spent = 0.5 * (knobs.cost @ (z**2).T) / np.max(knobs.cost)
    score = np.sum(off**2, axis=1) + SHARE * spent
    cycles = any(g.kind.needs == "cycle" for g in task.goals)
    score[~(rough.inside if cycles else rough.window)] = np.inf
    if np.isfinite(score[0]):
        score[0] = -1.0
    chosen = [k for k in np.argsort(score) if np.isfinite(score[k])][:LOOKED_AT]
    seen = [(z[k], task.evaluate(z[k]), spent[k]) for k in chosen]
    seen = [row for row in seen if row[1].finite]
    if not seen and not rough.window.any():
        seen = _beyond_the_boundary(task)
    rank = lambda row: np.sum(distances(row[1].r, low, high) ** 2) + SHARE * row[2]
    why = [] if seen else [_why_none(task, rough, bool(chosen))]
    return [(at, values) for at, values, _ in sorted(seen, key=rank)], why


def _why_none(task: Task, rough: Rough, looked: bool) -> str:
    if not rough.window.any():
        return (
            f"Not found: none of {DRAWN} devices that were drawn from the knobs' ranges "
            "oscillates, nor does one just beyond the nearest boundary of oscillation. That none "
            "does is not known; widen the ranges."
        )
    if not looked:
        where = f"{task.at[0]} = {task.at[1]:g}"
        return (
            f"Not found: of {DRAWN} devices that were drawn from the knobs' ranges "
            f"{int(rough.window.sum())} oscillate, but none of them at {where}. Ask for a cycle "
            'elsewhere, as at = ("window", 0.5), or widen the ranges.'
        )
    return (
        "Not found: devices in the knobs' ranges oscillate, but those that come nearest have no "
        "value for every goal: a stable cycle that can be computed, a quantity that is positive."
    )


def _beyond_the_boundary(task: Task):
    """Where none of those that were drawn oscillates: just beyond the nearest boundary."""
    knobs = task.knobs
    change = jm.smallest_change(task.device, *knobs.lenses, drive=task.drive)
    edge = np.log(np.asarray(change.factors))
    if bool(change.spikes) or not np.all(np.isfinite(edge)):
        return []
    found = []
    for beyond in (1.02, 1.1, 1.3, 1.6):
        z = np.clip(beyond * edge, knobs.low, knobs.high)
        values = task.evaluate(z)
        if values.finite:
            found.append((z, values, 0.5 * float(knobs.cost @ z**2) / np.max(knobs.cost)))
    return found
