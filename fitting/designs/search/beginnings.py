"""From where a design is searched: devices of which all goals have values."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.stats import qmc

import jaxmem as jm
from fitting.designs.search.gauss_newton import Values, distances
from fitting.designs.search.programs import compiled_aside
from fitting.designs.search.task import Rough, Task
from jaxmem.output.reporter import Reporter

# Devices in the knobs' ranges that are looked at roughly, and those whose cycle is computed.
DRAWN, LOOKED_AT = 128, 12
# What a cost of one counts against a goal missed by a factor of e, when starts are ranked.
SHARE = 0.1


def wanted_intervals(task: Task) -> tuple[np.ndarray, np.ndarray]:
    low, high = (np.array(ends) for ends in zip(*(g.interval for g in task.goals), strict=True))
    return low, high


class Starts(NamedTuple):
    """Points where all goals have values, by how far they are from these and from today's device.

    `why`: where there are none, a sentence. `task`: the task, which finds cycles by transients if
    the branches of cycles gave none.
    """

    points: list[tuple[np.ndarray, Values]]
    why: str
    task: Task


def promising_starts(task: Task, seed: int, progress: Reporter) -> Starts:
    """From where to search: devices drawn from the ranges, the best of which are computed."""
    knobs, (low, high) = task.knobs, wanted_intervals(task)
    aside = compiled_aside(task)
    progress.step("devices drawn from the ranges", 0, DRAWN)
    unit = qmc.Sobol(knobs.low.size, rng=seed).random(DRAWN)
    z = knobs.low + unit * (knobs.high - knobs.low)
    z[0] = np.clip(0.0, knobs.low, knobs.high)  # today's device, if it is in the ranges
    rough = task.roughly(z)
    unknown = [
        g.kind.needs == "transient" or (g.kind.needs == "cycle" and g.quantity != "frequency")
        for g in task.goals
    ]
    off = np.where(unknown, 0.0, distances(rough.r, low, high))
    spent = 0.5 * (knobs.cost @ (z**2).T) / np.max(knobs.cost)
    score = np.sum(off**2, axis=1) + SHARE * spent
    cycles = "cycle" in task.needs
    score[~(rough.inside if cycles else rough.window)] = np.inf
    if np.isfinite(score[0]):
        score[0] = -1.0
    chosen = [k for k in np.argsort(score) if np.isfinite(score[k])][:LOOKED_AT]
    if aside is not None:
        aside.result()
    progress.step("devices drawn from the ranges", DRAWN, DRAWN)
    seen = []
    for transients in (False, True) if cycles and chosen else (False,):
        task = replace(task, transients=transients)
        for done, k in enumerate(chosen):
            progress.step("the nearest of them computed", done, len(chosen))
            seen.append((z[k], task.evaluate(z[k]), spent[k]))
        seen = [row for row in seen if row[1].finite]
        if seen:
            break
    if not seen and not rough.window.any():
        seen = _beyond_the_boundary(task)
    progress.step("the nearest of them computed", len(chosen), len(chosen))
    rank = lambda row: np.sum(distances(row[1].r, low, high) ** 2) + SHARE * row[2]
    why = "" if seen else _why_none(task, rough, bool(chosen))
    found = [(at, values) for at, values, _ in sorted(seen, key=rank)]
    return Starts(found, why, task)


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
    if not knobs.lenses:
        return []
    change = jm.smallest_change(task.device, *knobs.lenses, drive=task.drive)
    if bool(change.spikes) or not np.all(np.isfinite(np.asarray(change.factors))):
        return []
    edge = np.zeros(len(knobs.names))
    edge[[k for k, name in enumerate(knobs.names) if name not in ("I", "V")]] = np.log(
        np.asarray(change.factors)
    )
    found = []
    for beyond in (1.02, 1.1, 1.3, 1.6):
        z = np.clip(beyond * edge, knobs.low, knobs.high)
        values = task.evaluate(z)
        if values.finite:
            found.append((z, values, 0.5 * float(knobs.cost @ z**2) / np.max(knobs.cost)))
    return found
