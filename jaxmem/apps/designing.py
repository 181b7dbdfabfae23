"""`jaxmem design`: goals and knobs to a device, in a folder."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from fitting.designs.goals_file import read_goals
from fitting.designs.outcome import Design
from jaxmem.devices import write_device
from jaxmem.output.provenance import provenance_of
from jaxmem.output.results_folder import check_folder, new_folder


class Designed(NamedTuple):
    """What `write_design` wrote: the folder, the design, and notes in words."""

    folder: Path
    design: Design
    notes: list[str]


def write_design(
    file: str | Path, out: str | Path, *, force: bool = False, allow_import: bool = False,
    command: str = "",
) -> Designed:  # fmt: skip
    """Find the device that a file of goals asks for, and write design.json, device.toml, and
    device-2.toml, ... of further designs.

    Where no device meets the goals the nearest is written, and where that is proved to be
    impossible, none.

    **Arguments:**

    - `file`: goals and knobs, see `fitting.designs.goals_file.GoalsFile`. `out`: the folder.
    - `force`: replace earlier results there; `allow_import`: see `read_device`; `command`: what the
      user typed, for the record.

    **Raises:** `ValueError` for what cannot be read or asked; `FolderError`.
    """
    check_folder(out, force=force)
    asked = read_goals(file, allow_import=allow_import)
    found = asked.design()
    record = record_of(found) | {
        "drive": asked.drive, "at": dict([asked.at]),
        "others": [record_of(other) for other in found.others],
        "provenance": provenance_of(command, [file, asked.device_file], asked.seed),
    }  # fmt: skip
    with new_folder(out, force=force) as results:
        (results.path / "design.json").write_text(json.dumps(record, indent=1) + "\n")
        if found.starts:
            for k, one in enumerate((found, *found.others), 1):
                name = "device.toml" if k == 1 else f"device-{k}.toml"
                write_device(results.path / name, one.device)
    return Designed(results.place, found, results.notes)


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
