"""The Pareto front of two goals: no device found has more of the one without less of the other."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fitting.designs.goals.goal import DesignGoal
from fitting.designs.search.beginnings import wanted_intervals
from fitting.designs.search.gauss_newton import Ended, Values, nearest
from fitting.designs.search.task import Task
from jaxmem.devices import AbstractDevice
from jaxmem.output.reporter import Reporter, Silent

# How far beyond what it has a goal is aimed at, as a logarithm, and how often at most; less than
# this is no gain.
AIM, ROUNDS, LEAST = 1.0, 12, 1e-3
# The share with which what is aimed at counts against the goals that are held.
GENTLY = 0.03
# Points along the front between the best of the one and the best of the other.
POINTS = 9


class Front(NamedTuple):
    """A Pareto front: the two goals, whether more of each is better, values of shape `(n, 2)` by
    the first one, the n devices, and what was not found, in words."""

    goals: tuple[str, str]
    units: tuple[str, str]
    more: tuple[bool, bool]
    values: np.ndarray
    devices: tuple[AbstractDevice, ...]
    notes: tuple[str, ...] = ()


def pareto_front(
    task: Task, z: np.ndarray, pair: tuple[str, str], *, progress: Reporter | None = None
) -> Front:
    """The front of two goals that have one limit each, from a design at z on.

    The best of either is looked for, then for levels of the first one in between the best of the
    second, all other goals held. Each point is the end of a local search: the front is that of what
    was found.

    **Raises:** `ValueError` for a goal that is not there, or that has not exactly one limit.
    """
    check_front(task.goals, pair)
    progress = progress or Silent()
    names = [goal.called for goal in task.goals]
    a, b = (names.index(name) for name in pair)
    more = tuple(task.goals[k].at_least is not None for k in (a, b))
    sign = np.array([1.0 if m else -1.0 for m in more])
    walk = _Walk(task, (a, b), sign)
    total = POINTS + 2
    progress.step("points of the front", 0, total)
    # The best of one, and of those that have it the best of the other.
    ends = []
    for k, own in enumerate((a, b)):
        end = walk.best(z, k, None)
        ends.append(walk.best(end.z, 1 - k, float(task.evaluate(end.z).r[own])))
    progress.step("points of the front", 2, total)
    first, last = (float(task.evaluate(end.z).r[a]) for end in ends)
    found, at = [*ends], ends[0]
    for done, level in enumerate(np.linspace(first, last, POINTS + 2)[1:-1]):
        at = walk.best(at.z, 1, float(level))
        found.append(at)
        progress.step("points of the front", 3 + done, total)
    rows = np.array([task.values(end.z)[0][[a, b]] for end in found])
    kept = _not_dominated(rows * sign)
    _, once = np.unique(np.round(np.log(np.abs(rows[kept])), 6), axis=0, return_index=True)
    kept = kept[once]
    kept = kept[np.argsort(rows[kept, 0])]
    units = tuple(task.goals[k].kind.unit_under(task.drive) for k in (a, b))
    devices = tuple(task.moved(found[k].z) for k in kept)
    return Front((pair[0], pair[1]), (units[0], units[1]), (more[0], more[1]), rows[kept], devices)


def check_front(goals: Sequence[DesignGoal], pair: tuple[str, str]) -> None:
    """Refuse a front of what is no goal, or has no direction that is better."""
    names = [goal.called for goal in goals]
    for name in pair:
        if name not in names:
            raise ValueError(f"front: there is no goal {name!r}; there are {', '.join(names)}")
        goal = goals[names.index(name)]
        if (goal.at_least is None) == (goal.at_most is None):
            raise ValueError(
                f"front: {name} needs at_least, where more of it is better, or at_most, where "
                "less is"
            )
    if len(set(pair)) != 2:
        raise ValueError(f"front: wants the names of two goals, got {', '.join(pair)}")


class _Walk:
    """Searches in which one of two goals is pushed and the other is held at a level, if given."""

    def __init__(self, task: Task, pair: tuple[int, int], sign: np.ndarray):
        self.task, self.pair, self.sign = task, pair, sign

    def best(self, z: np.ndarray, pushed: int, level: float | None) -> Ended:
        """The most of the pushed one; the other is held at least as good as `level`."""
        task, (low, high) = self.task, (ends.copy() for ends in wanted_intervals(self.task))
        weights = np.ones(low.size)
        weights[self.pair[pushed]] = GENTLY
        low, high = low * weights, high * weights

        def evaluate(z):
            at = task.evaluate(z)
            return Values(at.r * weights, at.J * weights[:, None])

        k, other = self.pair[pushed], self.pair[1 - pushed]
        low[other], high[other] = -np.inf, np.inf
        if level is not None:
            up = self.sign[1 - pushed] > 0
            low[other], high[other] = (level, np.inf) if up else (-np.inf, level)
        box, cost = (task.knobs.low, task.knobs.high), np.ones(z.size)
        at = Ended(z, evaluate(z), np.inf, 0)
        for _ in range(ROUNDS):
            aim = float(at.values.r[k]) + AIM * GENTLY * self.sign[pushed]
            low[k] = high[k] = aim
            new = nearest(evaluate, at.z, box, cost, (low, high), first=at.values)
            gained = (new.values.r[k] - at.values.r[k]) * self.sign[pushed]
            if not self._holds(new.values, low, high, k) or gained < LEAST * GENTLY:
                break
            at = new
        return at

    def _holds(self, values: Values, low: np.ndarray, high: np.ndarray, pushed: int) -> bool:
        off = np.maximum(values.r - high, low - values.r)
        return bool(np.all(np.delete(off, pushed) < 1e-2))


def _not_dominated(rows: np.ndarray) -> np.ndarray:
    """Indices of rows than which no other has more of one and not less of the other."""
    return np.array([
        k for k, row in enumerate(rows)
        if not any(np.all(o >= row) and np.any(o > row * (1 + 1e-9 * np.sign(row))) for o in rows)
    ])  # fmt: skip
