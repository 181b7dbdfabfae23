"""Figures of a yield: made devices in and out of specification, and what loses them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from fitting.designs.goals.goal import DesignGoal
from fitting.yields.counting import Yield
from jaxmem import plots
from jaxmem.circuits import DriveKind

# So many devices are shown as symbols, so many bars of a histogram.
SHOWN_DEVICES, BARS = 600, 40
# What lies beyond these quantiles would make all else small.
SHOWN = (0.005, 0.995)
# A blue ring and a vermilion cross differ by shape, and to every eye by colour.
IN, OUT = plots.COLOURS[0], plots.COLOURS[1]


def yield_figure(
    goals: Sequence[DesignGoal], drive: DriveKind, counted: Mapping[str, Yield]
) -> plots.Figure:
    """For each yield, by name, its devices over the two goals that lose most of them (there is one
    goal at least) and the limits; and for the last yield, which parameter loses it."""
    two = _losing(goals, list(counted.values()))
    views = [_devices(goals, two, drive, name, found) for name, found in counted.items()]
    panels = [*views, _losses(list(counted.values())[-1])]
    return plots.Figure([panels], (4.4 * len(panels), 3.6))


def _losing(goals: Sequence[DesignGoal], counted: Sequence[Yield]) -> list[int]:
    """Indices of the two goals that most devices miss, in the order in which they were asked."""
    lost = [sum(sum(found.missed[goal.called]) for found in counted) for goal in goals]
    return sorted(np.argsort(-np.array(lost), kind="stable")[:2].tolist())


def _devices(goals, two: list[int], drive, name, found: Yield) -> plots.Panel:
    title = f"{name}: {100 * found.share:.1f} % in specification".lstrip(": ")
    across = _axis(goals[two[0]], drive, found.values[:, two[0]])
    if len(goals) < 2:
        return _histogram(goals[0], found, across, title)
    first, second = (goals[k] for k in two)
    x, y = found.values[:SHOWN_DEVICES, two].T
    inside, marks = found.within[:SHOWN_DEVICES], []
    looks: tuple[tuple[Any, plots.Role, str, str], ...] = (
        (~inside, "cross", OUT, "out of specification"), (inside, "ring", IN, "in specification"),
    )  # fmt: skip
    for kind, role, colour, label in looks:
        marks.append(plots.Curve(x[kind], y[kind], role, 3.5, label=label, colour=colour))
    both: tuple[tuple[Literal["x", "y"], DesignGoal], ...] = (("x", first), ("y", second))
    for of, goal in both:
        marks += [plots.Rule(of, end, role="dashed") for end in goal.allowed if np.isfinite(end)]
    return plots.Panel(
        marks, across, _axis(second, drive, found.values[:, two[1]]), title, legend="best"
    )


def _axis(goal: DesignGoal, drive: DriveKind, values: np.ndarray) -> plots.PlotAxis:
    ends = [end for end in goal.allowed if np.isfinite(end)]
    if np.any(np.isfinite(values)):
        ends += list(np.nanquantile(values, SHOWN))
    room = 0.05 * (max(ends) - min(ends))
    return plots.PlotAxis(
        goal.called, goal.kind.unit_under(drive), limits=(min(ends) - room, max(ends) + room)
    )


def _histogram(goal, found: Yield, across: plots.PlotAxis, title: str) -> plots.Panel:
    values = found.values[:, 0]
    ends: Any = across.limits
    edges = np.linspace(ends[0], ends[1], BARS + 1)
    marks = []
    for kind, colour, label in ((slice(None), OUT, "all"), (found.within, IN, "in")):
        count, _ = np.histogram(values[kind][np.isfinite(values[kind])], edges)
        x, y = np.repeat(edges, 2)[1:-1], np.repeat(count, 2)
        marks.append(plots.Band(x, np.zeros_like(y), y, 0.5, label=label, colour=colour))
    marks += [plots.Rule("x", end, role="dashed") for end in goal.allowed if np.isfinite(end)]
    return plots.Panel(marks, across, plots.PlotAxis("devices"), title)


def _losses(found: Yield) -> plots.Panel:
    rows = sorted(found.losses.items(), key=lambda item: item[1].share)
    names, share = [name for name, _ in rows], np.array([100 * loss.share for _, loss in rows])
    error, at = 100 * np.array([loss.error for _, loss in rows]), np.arange(len(rows))
    now = 100 * found.share
    marks: list[plots.AbstractMark] = [plots.Rule("x", now, label="all scatter")]
    for k, (s, e) in enumerate(zip(share, error, strict=True)):
        marks.append(plots.Curve([now, s], [k, k], "line", size=5.0, colour=plots.PALE))
        marks.append(plots.Curve([s - 2 * e, s + 2 * e], [k, k], "line", colour=IN))
    marks.append(plots.Curve(share, at, "mark", colour=IN, label="this one as designed"))
    return plots.Panel(
        marks, plots.PlotAxis("yield  (%)"), plots.PlotAxis("", names=names),
        "Yield without the scatter of one parameter", legend="lower right",
    )  # fmt: skip
