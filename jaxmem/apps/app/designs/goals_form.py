"""Goals and knobs as a page has them, and the file that `jaxmem design` reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tomlkit

from fitting.designs.goals_file import GOAL_KEYS
from jaxmem.apps.app.explore.exploration import number_of

ONSET = "onset"
NUMBERS = ("target", "at_least", "at_most", "tolerance")
KNOB_NUMBERS = ("low", "high", "cost")


@dataclass
class AskedGoal:
    """A goal as texts; what is empty is not said."""

    quantity: str = "frequency"
    target: str = ""
    at_least: str = ""
    at_most: str = ""
    tolerance: str = ""


@dataclass
class AskedKnob:
    """A knob as texts: a parameter, or several that change by one factor."""

    parameter: str = ""
    low: str = ""
    high: str = ""
    cost: str = ""


def quantities_offered() -> tuple[str, ...]:
    """What a goal may be of."""
    return tuple(GOAL_KEYS["quantity"].choices)


def goals_toml(
    drive: str, place: float, goals: Sequence[AskedGoal], knobs: Sequence[AskedKnob]
) -> str:
    """The text of a file of goals; its device lies beside it as `device.toml`.

    **Arguments:**

    - `drive`: `"current"` or `"voltage"`.
    - `place`: where in the window cycles are meant, between 0 and 1.
    - `goals`, `knobs`: the rows; those without a word are left out.

    **Raises:** `ValueError` for what is no number, and without a goal.
    """
    made = tomlkit.document()
    made.add("device", "device.toml")
    made.add("drive", drive)
    at = tomlkit.inline_table()
    at.add("window", place)
    made.add("at", at)
    rows: list[tuple[str, Any]] = [("goal", _goal(g)) for g in goals]
    rows += [("knob", _knob(k)) for k in knobs if k.parameter.strip()]
    if not any(kind == "goal" for kind, _ in rows):
        raise ValueError("there is no goal yet; add one")
    for kind in ("goal", "knob"):
        tables = tomlkit.aot()
        for _, table in (row for row in rows if row[0] == kind):
            tables.append(table)
        if len(tables):
            made.add(kind, tables)
    return tomlkit.dumps(made)


def _goal(goal: AskedGoal) -> Any:
    table = tomlkit.table()
    table.add("quantity", goal.quantity)
    if goal.quantity == ONSET:
        table.add("target", "soft")
        return table
    said = {name: getattr(goal, name).strip() for name in NUMBERS}
    if not any(said[name] for name in NUMBERS[:3]):
        raise ValueError(f"goal {goal.quantity}: give its target, or the least or most it may be")
    for name, text in said.items():
        if text:
            table.add(name, number_of(text, f"{goal.quantity}: {name}"))
    return table


def _knob(knob: AskedKnob) -> Any:
    table = tomlkit.table()
    names = knob.parameter.replace(",", " ").split()
    table.add("parameter", names[0] if len(names) == 1 else names)
    for name in KNOB_NUMBERS:
        if text := getattr(knob, name).strip():
            table.add(name, number_of(text, f"{knob.parameter}: {name}"))
    return table
