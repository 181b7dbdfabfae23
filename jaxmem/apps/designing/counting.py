"""The yield of a design in its folder: numbers, words, the devices, a figure."""

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fitting.designs.outcome import Design
from fitting.designs.search.meant_drives import MeantDrive, where_driven
from fitting.yields.centring import CentredDesign
from fitting.yields.counting import Yield
from fitting.yields.pictures import yield_figure
from fitting.yields.scatter_file import MadeDevices
from jaxmem import plots
from jaxmem.apps.designing.record import drive_record
from jaxmem.devices import write_device
from jaxmem.output.reporter import Reporter

# A design stands at a limit if it is no farther from it than this share of it.
ON = 0.01


class Counted(NamedTuple):
    """The yield of a design, and where it was maximised the device that was found."""

    asked: MadeDevices
    nominal: Yield
    centred: CentredDesign | None
    driven: MeantDrive | None
    design: Design

    @property
    def statements(self) -> list[str]:
        """In words."""
        if self.centred is not None:
            lines = self.centred.statements()
            if self.driven is not None:
                lines.append(f"device.toml is that one, driven at {self.driven.place()}.")
            return lines
        return self.nominal.statements() + self._advice()

    def _advice(self) -> list[str]:
        """What helps a design that stands at the limit by which most of its devices are lost."""
        lost = {name: sum(sides) for name, sides in self.nominal.missed.items()}
        name = max(lost, key=lambda one: lost[one])
        if 2 * lost[name] <= self.nominal.devices - self.nominal.count or not lost[name]:
            return []
        goal = next(goal for goal in self.asked.asked.goals if goal.called == name)
        value, (low, high) = self.design.values[name], goal.ends
        ends = [end for end in (low, high) if low < high and math.isfinite(end)]
        if not any(abs(value - end) <= ON * abs(end) for end in ends):
            return []
        return [
            f"Most are lost by {name}, which the design has just at its limit, {goal.wanted()}: "
            "maximise = true below [yield] moves the design into the specification."
        ]


def counted(asked: MadeDevices, found: Design, progress: Reporter) -> Counted:
    """Count what is made after a design, and move it to where most is good, if that is asked."""
    progress.step("made devices", 0, 1)
    centred = asked.centred(found) if asked.maximise else None
    nominal = asked.count(found) if centred is None else centred.before
    progress.step("made devices", 1, 1)
    driven = found.driven
    if centred is not None:
        driven = where_driven(asked.asked.task, np.log(list(centred.factors.values())))
    return Counted(asked, nominal, centred, driven, found)


def yield_record(made: Counted) -> dict[str, Any]:
    """A yield as dictionaries and numbers; what is not finite is None."""
    record = {
        "statements": made.statements, "drive": made.nominal.driven,
        "nominal": _numbers(made.nominal),
    }  # fmt: skip
    if made.centred is not None:
        record["centred"] = _numbers(made.centred.after) | {
            "factors": made.centred.factors,
            "at_limit": list(made.centred.at_limit),
            "at": dict([made.centred.at]),
            "driven": drive_record(made.driven),
        }
    return record


def _numbers(found: Yield) -> dict[str, Any]:
    plain = lambda x: float(x) if math.isfinite(x) else None
    return {
        "share": found.share, "interval": [found.low, found.high], "within": found.count,
        "devices": found.devices, "resting": found.resting, "not_computed": found.unknown,
        "missed": {n: {"below": a, "above": b} for n, (a, b) in found.missed.items()},
        "as_designed": {
            n: {"share": plain(loss.share), "standard_error": plain(loss.error)}
            for n, loss in found.losses.items()
        },
        "corners": [
            {"limit": c.limit, "standard_deviations": c.distance, "parameters": c.parameters}
            for c in found.corners
        ],
    }  # fmt: skip


def write_made(folder: Path, made: Counted) -> None:
    """devices.csv: parameters, goals and verdict of each device that was counted; and the device
    with the largest yield in the place of the design, which becomes nearest.toml."""
    found = made.nominal if made.centred is None else made.centred.after
    if made.centred is not None:
        write_device(folder / "nearest.toml", made.design.device)
        write_device(folder / "device.toml", made.centred.device)
    with (folder / "devices.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*found.names, *(g.called for g in made.asked.specification), "within"])
        for p, q, ok in zip(found.parameters, found.values, found.within, strict=True):
            writer.writerow([*(f"{v:.9g}" for v in (*p, *q)), int(ok)])


def figure_of(made: Counted) -> Callable[[], plots.Figure]:
    """What draws the yield."""
    goals, drive = made.asked.specification, made.asked.asked.drive
    found = {"design": made.nominal}
    if made.centred is not None:
        found = {"nearest": made.nominal, "largest yield": made.centred.after}
    return lambda: yield_figure(goals, drive, found)
