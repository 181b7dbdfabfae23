"""`jaxmem design`: goals and knobs to a device, in a folder."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from fitting.designs.goals_file import read_goals
from fitting.designs.outcome import Design
from fitting.yields.scatter_file import made_devices
from jaxmem.apps.counting import Counted, counted, figure_of, write_devices, yield_record
from jaxmem.devices import write_device
from jaxmem.output.provenance import provenance_of
from jaxmem.output.results_folder import check_folder, new_folder
from jaxmem.plots import save_if_possible


class Designed(NamedTuple):
    """What `write_design` wrote: the folder, the design, its yield if one was asked for, and notes
    in words."""

    folder: Path
    design: Design
    counted: Counted | None
    notes: list[str]

    @property
    def statements(self) -> list[str]:
        """The design and its yield in words."""
        return self.design.statements() + (self.counted.statements if self.counted else [])


def write_design(
    file: str | Path, out: str | Path, *, force: bool = False, allow_import: bool = False,
    command: str = "",
) -> Designed:  # fmt: skip
    """Find the device that a file of goals asks for, and write design.json, device.toml, and
    device-2.toml, ... of further designs.

    Where no device meets the goals the nearest is written, and where that is proved to be
    impossible, none. With a [scatter] the yield of the design goes to design.json, devices.csv and
    yield.png; where it is maximised device.toml is what was found, and nearest.toml the design.

    **Arguments:**

    - `file`: goals and knobs, see `fitting.designs.goals_file.GoalsFile`. `out`: the folder.
    - `force`: replace earlier results there; `allow_import`: see `read_device`; `command`: what the
      user typed, for the record.

    **Raises:** `ValueError` for what cannot be read or asked; `FolderError`.
    """
    check_folder(out, force=force)
    asked = read_goals(file, allow_import=allow_import)
    making = made_devices(f"{file}", asked)
    found = asked.design()
    made = counted(making, found.device) if making is not None and found.met else None
    record = record_of(found) | {
        "drive": asked.drive, "at": dict([asked.at]),
        "others": [record_of(other) for other in found.others],
        "provenance": provenance_of(command, [file, asked.device_file], asked.seed),
    }  # fmt: skip
    if made is not None:
        record["yield"] = yield_record(made)
    with new_folder(out, force=force) as results:
        (results.path / "design.json").write_text(json.dumps(record, indent=1) + "\n")
        if found.starts:
            for k, one in enumerate((found, *found.others), 1):
                name = "device.toml" if k == 1 else f"device-{k}.toml"
                write_device(results.path / name, one.device)
        if made is not None:
            if made.centred is not None:
                write_device(results.path / "nearest.toml", found.device)
                write_device(results.path / "device.toml", made.centred.device)
            write_devices(results.path, made)
            if figure := figure_of(made):
                results.notes += filter(None, [save_if_possible(figure, results.path, "yield")[1]])
    return Designed(results.place, found, made, results.notes)


def record_of(found: Design) -> dict[str, Any]:
    """A design as dictionaries and numbers; what is not finite is None."""
    plain = lambda x: float(x) if math.isfinite(x) else None
    return {
        "met": found.met,
        "statements": found.statements(),
        "goals": {
            name: {
                "value": plain(value), "wanted": found.wanted[name],
                "tolerances_off": plain(found.misses[name]),
                "slopes": dict(zip(found.factors, map(plain, row), strict=True)),
            }
            for (name, value), row in zip(found.values.items(), found.slopes, strict=True)
        },
        "factors": found.factors,
        "cost": found.cost,
        "at_limit": list(found.at_limit),
        "impossible": found.impossible,
        "starts": found.starts,
    }  # fmt: skip
