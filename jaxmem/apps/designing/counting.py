"""The yield of a design in its folder: numbers, words, the devices, a figure."""

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from fitting.designs.outcome import Design
from fitting.yields.centring import CentredDesign
from fitting.yields.counting import Yield
from fitting.yields.pictures import yield_figure
from fitting.yields.scatter_file import MadeDevices
from jaxmem import plots
from jaxmem.devices import write_device
from jaxmem.output.reporter import Reporter


class Counted(NamedTuple):
    """The yield of a design, and where it was maximised the device that was found."""

    asked: MadeDevices
    nominal: Yield
    centred: CentredDesign | None

    @property
    def statements(self) -> list[str]:
        """In words."""
        return (self.centred or self.nominal).statements()


def counted(asked: MadeDevices, found: Design, progress: Reporter) -> Counted:
    """Count what is made after a design, and move it to where most is good, if that is asked."""
    progress.step("made devices", 0, 1)
    centred = asked.centred(found) if asked.maximise else None
    nominal = asked.count(found) if centred is None else centred.before
    progress.step("made devices", 1, 1)
    return Counted(asked, nominal, centred)


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


def write_made(folder: Path, made: Counted, design: Design) -> None:
    """devices.csv: parameters, goals and verdict of each device that was counted; and the device
    with the largest yield in the place of the design, which becomes nearest.toml."""
    found = made.nominal if made.centred is None else made.centred.after
    if made.centred is not None:
        write_device(folder / "nearest.toml", design.device)
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
