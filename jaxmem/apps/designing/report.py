"""What `jaxmem design` writes: the device, the numbers, a page with figures."""

import json
from pathlib import Path
from typing import NamedTuple

from fitting.designs.goals_file import GoalsFile, read_goals
from fitting.designs.outcome import Design
from fitting.yields.scatter_file import made_devices
from jaxmem import plots
from jaxmem.apps.designing.counting import (
    Counted,
    counted,
    figure_of,
    write_made,
    yield_record,
)
from jaxmem.apps.designing.figures import figures_of
from jaxmem.apps.designing.record import record_of
from jaxmem.apps.designing.to_see_it import next_commands
from jaxmem.devices import write_device
from jaxmem.lens import get, lenses, parameter
from jaxmem.output.page import render
from jaxmem.output.provenance import provenance_of
from jaxmem.output.reporter import Reporter, Silent
from jaxmem.output.results_folder import check_folder, new_folder
from jaxmem.output.table import write_csv

# A yield is that of a device which has what was asked: of another it would say nothing.
NO_YIELD = "No yield was counted: the design does not meet its goals."


class Designed(NamedTuple):
    """What `write_design` wrote: the page, the design, its yield if there is a scatter, commands
    that show the device at its drive, and notes in words."""

    page: Path
    design: Design
    counted: Counted | None
    uncounted: str
    commands: list[str]
    notes: list[str]

    @property
    def statements(self) -> list[str]:
        """The design and its yield in words."""
        lines = self.design.statements() + (self.counted.statements if self.counted else [])
        lines += [self.uncounted] if self.uncounted else []
        return lines + (["To see it:", *self.commands] if self.commands else [])


def write_design(
    file: str | Path, out: str | Path, *, force: bool = False, allow_import: bool = False,
    command: str = "", progress: Reporter | None = None,
) -> Designed:  # fmt: skip
    """Find the device that a file of goals asks for; write design.json, device.toml, report.html,
    figures, and device-2.toml, ... of further designs, front/ of a Pareto front.

    Where no device meets the goals the nearest is written, and where that is proved to be
    impossible, none. With a [scatter] the yield of a design that meets its goals goes to
    design.json, devices.csv and yield.png; of another none is counted, and that is said. Where it
    is maximised device.toml is what was found, and nearest.toml the design.

    **Arguments:**

    - `file`: goals and knobs, see `fitting.designs.goals_file.GoalsFile`. `out`: the folder.
    - `force`: replace earlier results there; `allow_import`: see `read_device`; `command`: what the
      user typed, for the record; `progress`: hears of how far it is.

    **Raises:** `ValueError` for what cannot be read or asked; `FolderError`.
    """
    check_folder(out, force=force)
    progress = progress or Silent()
    asked = read_goals(file, allow_import=allow_import)
    making = made_devices(f"{file}", asked)
    found = asked.design(progress)
    made = counted(making, found, progress) if making is not None and found.met else None
    uncounted = NO_YIELD if making is not None and made is None else ""
    driven, device = found.driven, found.device
    if made is not None and made.centred is not None:
        driven, device = made.driven, made.centred.device
    commands = lambda file: next_commands(device, file, driven, allow_import=allow_import)
    origin = provenance_of(command, [file, asked.device_file], asked.seed)
    record = record_of(found) | {
        "drive": asked.drive, "others": [record_of(other) for other in found.others],
        "provenance": origin,
    } | ({} if making is None else {
        "yield": {"statements": [uncounted]} if made is None else yield_record(made)
    })  # fmt: skip
    with new_folder(out, force=force) as results:
        folder = results.path
        (folder / "design.json").write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")
        if found.starts:
            for k, one in enumerate((found, *found.others), 1):
                name = "device.toml" if k == 1 else f"device-{k}.toml"
                write_device(folder / name, one.device)
        if made is not None:
            write_made(folder, made)
        _write_front(folder, found)
        results.publish()
        makes = figures_of(asked, found) if found.starts else {}
        makes |= {} if made is None else {"yield": figure_of(made)}
        progress.step("drawing", 0, 1)
        saved = plots.save_all(makes, folder)
        progress.step("drawing", 1, 1)
        page = render(
            "jaxmem.apps", "design.html", title=_title(found), source=Path(file).name,
            found=found, lines=found.statements(), goals=_goal_rows(asked, found),
            knobs=_knob_rows(asked, found), figures=saved.drawn,
            made=made.statements if made is not None else [uncounted] if uncounted else [],
            commands=commands(Path("device.toml")), counted=made,
            provenance=json.dumps(origin, indent=1),
        )  # fmt: skip
        (folder / "report.html").write_text(page, encoding="utf-8")
    notes = [*saved.problems, *results.notes]
    shown = commands(Path(out) / "device.toml")
    return Designed(results.place / "report.html", found, made, uncounted, shown, notes)


def _title(found: Design) -> str:
    if found.met:
        return "A device that has what is asked"
    return "Impossible" if found.impossible else "No device found that has all that is asked"


def _goal_rows(asked: GoalsFile, found: Design) -> list[dict[str, object]]:
    """What the page says of each goal, with what each knob buys."""
    rows = []
    for goal, slopes in zip(asked.goals, found.slopes, strict=True):
        name = goal.called
        rows.append({
            "name": name, "meaning": goal.kind.meaning, "place": goal.place(),
            "wanted": found.wanted[name], "value": found.values[name],
            "unit": found.units[name], "misses": found.misses[name],
            # Adding 0 leaves no minus sign before a zero.
            "slopes": [round(float(slope), 2) + 0.0 for slope in slopes],
        })  # fmt: skip
    return rows


def _knob_rows(asked: GoalsFile, found: Design) -> list[dict[str, object]]:
    """What the page says of each knob: today, designed, range."""
    known = lenses(asked.device)
    rows = []
    for (name, factor), knob in zip(found.factors.items(), asked.knobs, strict=True):
        first = name.split("=")[0]
        if first in known:
            now = float(get(known[first], asked.device))
            unit = parameter(known[first], asked.device).unit
        else:
            now, unit = asked.at[1], "A" if name == "I" else "V"
        low = now / knob.within if knob.low is None else knob.low
        high = now * knob.within if knob.high is None else knob.high
        rows.append({
            "name": name, "now": now, "value": now * factor, "unit": unit, "factor": factor,
            "low": low, "high": high, "cost": knob.cost, "series": knob.series,
            "ends": name in found.at_limit,
        })  # fmt: skip
    return rows


def _write_front(folder: Path, found: Design) -> None:
    front = found.front
    if front is None:
        return
    (folder / "front").mkdir()
    rows = []
    for k, (values, device) in enumerate(zip(front.values, front.devices, strict=True), 1):
        write_device(folder / "front" / f"device-{k}.toml", device)
        rows.append([f"device-{k}.toml", *map(float, values)])
    columns = [f"{n}_{u}" for n, u in zip(front.goals, front.units, strict=True)]
    write_csv(folder / "front" / "front.csv", ["device", *columns], rows)
