"""Which columns of a table are time, voltage and current, by their names."""

import re
from collections.abc import Mapping
from dataclasses import replace

from fitting.readers.source import ReadError, Source, shown
from fitting.readers.tables.headings import Column, Vocabulary, columns
from fitting.readers.tables.table import Table
from fitting.readers.tables.text import number
from fitting.readers.tables.units import Unit, unit

EXPECTED = "columns such as t_s, V_V, I_A"
QUANTITIES = {"t": ("time", "s"), "V": ("voltage", "V"), "I": ("current", "A")}

# Of several columns of one role the earliest here is taken: a measured voltage goes before the
# one that was asked for. `reading`, `value` and `source` are what their unit says.
_CORES = {
    "t": "t time times times timesec elapsedtime timeelapsed elapsed relativetime reltime "
    "correctedtime timestamp testtime totaltime runtime zeit",
    "V": "v ewe eweece we1potential wepotential vmeas vmeasured measuredvoltage voltagemeasured "
    "measuredpotential vf voltage potential vds vd v1 av anodev drainv vdut vdevice voltage1 "
    "ch1v ch1voltage spannung reading value e vapp vapplied appliedvoltage voltageapplied "
    "potentialapplied appliedpotential eapplied control vset vsource vsrc vin vbias bias "
    "sourcevoltage voltagesource source",
    "I": "i current we1current wecurrent im imeas imeasured measuredcurrent currentmeasured ids "
    "id i1 ai anodei draini idut idevice iout current1 ch1i ch1current strom reading value",
}
_DIMENSION = {role: symbol for role, (_, symbol) in QUANTITIES.items()}
VOCABULARY: Vocabulary = {
    **{
        role: (frozenset(cores.split()), frozenset({_DIMENSION[role]}))
        for role, cores in _CORES.items()
    },
    "reading": (frozenset({"reading"}), frozenset()),
    "set": (frozenset({"source", "value", "sourcevalue"}), frozenset()),
    # Cycles of one recording follow each other in time; columns `apart` and `label` tell
    # recordings apart.
    "cycle": (
        frozenset("cycle cyclenumber cycleno cycleindex loop scan scannumber".split()),
        frozenset(),
    ),
    "apart": (frozenset("sweep run spectrum measurement recording trace".split()), frozenset()),
    "label": (frozenset("label name sample device".split()), frozenset()),
    "used": (frozenset({"used"}), frozenset()),
    "limited": (frozenset("sourcelimit incompliance compliancestatus".split()), frozenset()),
}
_MISSING = ("", "nan", "na", "n/a", "none", "-", "--", "#n/a")


def trace_columns(names: list[str]) -> list[Column]:
    """The columns of a trace that are understood."""
    return columns(names, VOCABULARY)


def is_trace(names: list[str]) -> bool:
    """Whether the names have a voltage and a current, or a reading of unknown kind."""
    found = {column.role for column in trace_columns(names)}
    return {"V", "I"} <= found or {"reading", "set"} <= found


def given_units(units: str | Mapping[str, str] | None) -> dict[str, Unit]:
    """The units that a caller gives, as `t=ms,I=uA` or a dict, by column.

    **Raises:** `ValueError` for a column or a unit that is not known.
    """
    if units is None:
        return {}
    if isinstance(units, str):
        pieces = [piece for piece in re.split(r"[,;\s]+", units.strip()) if piece]
        pairs = [piece.partition("=") for piece in pieces]
        units = {name.strip(): text for name, _, text in pairs}
    found = {}
    for name, text in units.items():
        meant = unit(text.strip())
        if name not in QUANTITIES or meant is None or meant.dimension != QUANTITIES[name][1]:
            raise ValueError(
                f"units must name t, V or I with a unit of it, as in 't=ms,V=mV,I=uA'; got "
                f"{name}={text!r}"
            )
        found[name] = meant
    return found


def chosen(
    source: Source, table: Table, units: dict[str, Unit], notes: list[str]
) -> dict[str, Column]:
    """The column of each role, in the units given where there are any.

    **Raises:** `ReadError` if there is no voltage or current, or two columns of one name.
    """
    found = trace_columns(table.names)
    by_role = {role: [c for c in found if c.role == role] for role in VOCABULARY}
    _kinds_of_readings(table, by_role, notes)
    taken = {}
    for role, (word, _) in QUANTITIES.items():
        order = _CORES[role].split()
        # Columns of numbers come before a clock in words, and I before its average <I>.
        rank = lambda c, order=order: (
            not _numeric(table, c),
            order.index(c.core),
            "<" in c.name,
        )
        candidates = sorted(by_role[role], key=rank)
        if role == "t":
            candidates = [c for c in candidates if _numeric(table, c)]
        if not candidates:
            continue
        first, others = candidates[0], [shown(c.name) for c in candidates[1:]]
        if others and rank(first) == rank(candidates[1]):
            raise source.error(
                f"columns {shown(first.name)} and {others[0]} mean the same; keep one, and one "
                "recording below the other with a column `run` that tells them apart"
            )
        if others:
            notes.append(
                f"of the columns for the {word}, {shown(first.name)} is taken and "
                f"{', '.join(others)} left out"
            )
        if role in units:
            first = replace(first, factor=units[role].factor, offset=0.0, remark="")
        if first.remark:
            notes.append(f"column {first.name}: {first.remark}")
        taken[role] = first
    if not {"V", "I"} <= set(taken):
        raise unknown_columns(source, table.names, None)
    for role in ("cycle", "used", "limited"):
        if by_role[role]:
            taken[role] = by_role[role][0]
    return taken


def unknown_columns(source: Source, names: list[str], line: int | None) -> ReadError:
    """The error for a header that names no trace."""
    found = {column.role for column in trace_columns(names)}
    lacking = [f"{QUANTITIES[r][0]} ({r}_{QUANTITIES[r][1]})" for r in "VI" if r not in found]
    listed = ", ".join(shown(name) for name in names[:12]) + (", ..." if len(names) > 12 else "")
    density = any(re.search(r"A.{0,3}(cm|m)\^?-?[2²]", name) for name in names)
    advice = "name the columns t_s, V_V and I_A"
    if density and "I" not in found:
        advice = "a current density needs the area; multiply by it and name the column I_A"
    return source.error(f"no column for {' and '.join(lacking)} among {listed}; {advice}", line)


def _numeric(table: Table, column: Column) -> bool:
    """Whether most of a column's first cells are numbers."""
    cells = table.cells(column)[:20]
    good = sum(number(c, table.decimal) is not None or c.strip().lower() in _MISSING for c in cells)
    return 2 * good > len(cells)


def _kinds_of_readings(table: Table, by_role: dict[str, list[Column]], notes: list[str]) -> None:
    """Say which of voltage and current a bare `Reading` and `Value` or `Source` are.

    Some instruments write the unit of a reading into a column `Unit` behind it.
    """
    for column in by_role["reading"] + by_role["set"]:
        named = [k for k, name in enumerate(table.names) if name.strip().lower() == "unit"]
        after = next((k for k in named if k > column.index), None)
        cell = table.rows[0][after] if after is not None and after < len(table.rows[0]) else ""
        found = unit(re.sub(r"\s*(DC|AC)$", "", cell.strip()))
        role = {"V": "V", "A": "I"}.get(found.dimension) if found else None
        if found is None and after is None:
            role = "I" if column.role == "reading" else "V"
            if not by_role[role]:
                notes.append(
                    f"column {column.name} has no unit and is taken as the "
                    f"{QUANTITIES[role][0]} [{QUANTITIES[role][1]}]"
                )
        if role and not by_role[role]:
            core = "reading" if column.role == "reading" else "value"
            by_role[role].append(
                replace(column, role=role, core=core, factor=found.factor if found else 1.0)
            )
