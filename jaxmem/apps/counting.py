"""The yield of a design in its folder: numbers, words, the devices, a figure."""

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from fitting.yields.centring import CentredDesign
from fitting.yields.counting import Yield
from fitting.yields.pictures import yield_figure
from fitting.yields.scatter_file import MadeDevices
from jaxmem import plots
from jaxmem.devices import AbstractDevice


class Counted(NamedTuple):
    """The yield of a design, and where it was maximised the device that was found."""

    asked: MadeDevices
    nominal: Yield
    centred: CentredDesign | None

    @property
    def statements(self) -> list[str]:
        """In words."""
        return (self.centred or self.nominal).statements()


def counted(asked: MadeDevices, device: AbstractDevice) -> Counted:
    """Count what is made after a design, and move it to where most is good, if that is asked."""
    if not asked.maximise:
        return Counted(asked, asked.count(device), None)
    centred = asked.centred(device)
    return Counted(asked, centred.before, centred)


def yield_record(made: Counted) -> dict[str, Any]:
    """A yield as dictionaries and numbers; what is not finite is None."""
    record = {"statements": made.statements, "nominal": _numbers(made.nominal)}
    if made.centred is not None:
        record["centred"] = _numbers(made.centred.after) | {
            "factors": made.centred.factors,
            "at_limit": list(made.centred.at_limit),
            "at": dict([made.centred.at]),
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


def write_devices(folder: Path, made: Counted) -> None:
    """devices.csv: parameters, goals and verdict of each device that was counted."""
    found = made.nominal if made.centred is None else made.centred.after
    with (folder / "devices.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*found.names, *(g.called for g in made.asked.specification), "within"])
        for p, q, ok in zip(found.parameters, found.values, found.within, strict=True):
            writer.writerow([*(f"{v:.9g}" for v in (*p, *q)), int(ok)])


def figure_of(made: Counted) -> Callable[[], plots.Figure] | None:
    """What draws the yield, if there is a goal to draw it over."""
    goals, drive = made.asked.specification, made.asked.asked.drive
    found = {"design": made.nominal}
    if made.centred is not None:
        found = {"nearest": made.nominal, "largest yield": made.centred.after}
    return (lambda: yield_figure(goals, drive, found)) if goals else None
