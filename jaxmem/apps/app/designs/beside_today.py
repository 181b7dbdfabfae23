"""What a design came to, as rows of tables beside the device as it is today."""

import json
from pathlib import Path
from typing import NamedTuple

import jaxmem as jm
from jaxmem.lens import describe, get, lenses
from jaxmem.output.numbers import engineering


class BesideToday(NamedTuple):
    """Rows of goals (name, wanted, got), and of parameters (name, today, designed, factor)."""

    goals: list[tuple[str, str, str]]
    parameters: list[tuple[str, str, str, str]]


def compared(folder: Path) -> BesideToday:
    """The design in a folder of a visit, beside the `device.toml` that it began with."""
    record = json.loads((folder / "design" / "design.json").read_text(encoding="utf-8"))
    goals = [
        (name, str(g["wanted"]), "" if g["value"] is None else f"{g['value']:.4g}")
        for name, g in record["goals"].items()
    ]
    made = folder / "design" / "device.toml"
    if not made.is_file():
        return BesideToday(goals, [])
    today, new = jm.read_device(folder / "device.toml"), jm.read_device(made)
    known, rows = lenses(new), []
    for name, lens in lenses(today).items():
        if name not in known:
            continue
        unit = describe(lens, today)["unit"]
        a, b = float(get(lens, today)), float(get(known[name], new))
        factor = f"{b / a:.3g}" if a else ""
        rows.append((name, engineering(a, unit), engineering(b, unit), factor))
    return BesideToday(goals, rows)
