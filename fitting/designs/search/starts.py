"""From where a design is searched: devices of which all goals have values."""

import numpy as np
from scipy.stats import qmc

import jaxmem as jm
from fitting.designs.search.gauss_newton import Values, distances
from fitting.designs.search.programs import Rough, Task

# Devices in the knobs' ranges that are looked at roughly, and those whose cycle is computed.
DRAWN, LOOKED_AT = 256, 12
# What a cost of one counts against a goal missed by a factor of e, when starts are ranked.
SHARE = 0.1


def intervals(task: Task) -> tuple[np.ndarray, np.ndarray]:
    low, high = (np.array(ends) for ends in zip(*(g.interval for g in task.goals), strict=True))
    return low, high


def starts(task: Task, seed: int) -> tuple[list[tuple[np.ndarray, Values]], list[str]]:
    """Points where all goals have values, by how far they are from these and from today's device;
    where there are none, why."""
    knobs, (low, high) = task.knobs, intervals(task)
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
