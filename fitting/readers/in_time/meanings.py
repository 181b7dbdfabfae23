"""Which columns of a table are time, voltage and current, by their names."""

import re
from collections.abc import Mapping
from dataclasses import replace

from fitting.readers.source import NotARecording, ReadError, Source, shown
from fitting.readers.tables.headings import Column, Vocabulary, columns
from fitting.readers.tables.table import MISSING, Table
from fitting.readers.tables.text import number
from fitting.readers.tables.units import Unit, unit

EXPECTED = "columns such as t_s, V_V, I_A"
QUANTITIES = {"t": ("time", "s"), "V": ("voltage", "V"), "I": ("current", "A")}

# Of several columns of one role the earliest here is taken. `reading`, `value` and `source` are
# what their unit says. German, French, Spanish and Chinese words are those of instruments.
_MEASURED = {
    "t": "correctedtime time times timesec elapsedtime timeelapsed elapsed relativetime reltime "
    "timestamp testtime totaltime runtime t zeit temps tempsecoule tiempo tempo 时间 测试时间",
    "V": "ewe ecell eweece we1potential wepotential vmeas vmeasured measuredvoltage "
    "voltagemeasured measuredpotential vf voltage potential vds vd v1 av anodev drainv vdut "
    "vdevice voltage1 v ch1v ch1voltage spannung potenzial tension potentiel voltaje potencial "
    "tensione potenziale 电压 电位 电势 reading value e",
    "I": "current we1current wecurrent im imeas imeasured measuredcurrent currentmeasured ids "
    "id i1 ai anodei draini idut idevice iout current1 i ch1i ch1current strom courant corriente "
    "corrente intensite intensidad 电流 reading value j currentdensity stromdichte 电流密度",
}
# What was asked for is taken only where nothing was measured.
_COMMANDED = {
    "t": "",
    "V": "vapp vapplied appliedvoltage voltageapplied potentialapplied appliedpotential eapplied "
    "control vset setvoltage voltageset vsource vsrc vin vbias bias sourcevoltage voltagesource "
    "sollspannung vprog vcmd source 设定电压",
    "I": "control iapplied appliedcurrent currentapplied iset setcurrent currentset isource isrc "
    "sourcecurrent currentsource ibias iapp sollstrom source 设定电流",
}
_CORES = {role: f"{_MEASURED[role]} {_COMMANDED[role]}" for role in QUANTITIES}
_DIMENSION = {role: symbol for role, (_, symbol) in QUANTITIES.items()}
VOCABULARY: Vocabulary = {
    **{
        role: (frozenset(cores.split()), frozenset({_DIMENSION[role]}))
        for role, cores in _CORES.items()
    },
    # The potential of the counter electrode, which with Ewe-Ece makes Ewe.
    "counter": (frozenset({"ece"}), frozenset({"V"})),
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


def trace_columns(names: list[str]) -> list[Column]:
    """The columns of a trace that are understood.

    A unit for a name, as in `s,V,µA`, says what the column is.
    """
    units = [unit(name.strip()) for name in names]
    bare = sum(u is not None for u in units) == len(names) > 1
    symbols = {"s": "t", "V": "V", "A": "I"}
    spelled = [
        f"{symbols[u.dimension]} ({name.strip()})"
        if bare and u and u.dimension in symbols
        else name
        for name, u in zip(names, units, strict=True)
    ]
    return [replace(c, name=names[c.index]) for c in columns(spelled, VOCABULARY)]


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


def is_commanded(column: Column) -> bool:
    """Whether a column says what was asked of the instrument, and not what it measured."""
    return column.core in _COMMANDED.get(column.role, "").split()


def candidates(
    source: Source, table: Table, units: dict[str, Unit], notes: list[str]
) -> dict[str, list[Column]]:
    """The columns of each role, the best first, in the units given where there are any.

    What was measured goes before what was asked for, and an explicit name before a letter.

    **Raises:** `ReadError` if there is no voltage or current, or two columns of one name differ.
    """
    found = trace_columns(table.names)
    by_role = {role: [c for c in found if c.role == role] for role in VOCABULARY}
    _kinds_of_readings(table, by_role, notes)
    taken: dict[str, list[Column]] = {}
    for role, (word, _) in QUANTITIES.items():
        order = _CORES[role].split()
        # Columns of numbers come before a clock in words, and I before its average <I>.
        rank = lambda c, order=order: (
            not _numeric(table, c),
            is_commanded(c),
            not c.explicit,
            order.index(c.core),
            "<" in c.name,
        )
        some = sorted(by_role[role], key=rank)
        if role == "t":
            some = [c for c in some if _numeric(table, c)]
        if not some:
            continue
        first, others = some[0], [shown(c.name) for c in some[1:]]
        if others and rank(first) == rank(some[1]) and table.cells(first) != table.cells(some[1]):
            raise source.error(
                f"columns {shown(first.name)} and {others[0]} mean the same; keep one, and one "
                "recording below the other with a column `run` that tells them apart"
            )
        if others:
            notes.append(
                f"of the columns for the {word}, {shown(first.name)} is taken and "
                f"{', '.join(others)} left out"
            )
        if is_commanded(first):
            notes.append(
                f"only the {word} that was asked for is in the file (column {first.name}); what "
                "was measured may differ"
            )
        if role in units:
            u = units[role]
            first = replace(first, factor=u.factor, offset=0.0, remark="", area=u.area)
        if first.remark:
            notes.append(f"column {first.name}: {first.remark}")
        taken[role] = [first, *some[1:]]
    if not {"V", "I"} <= set(taken):
        raise unknown_columns(source, table.names, None)
    for role in ("cycle", "used", "limited", "counter"):
        if by_role[role]:
            taken[role] = by_role[role]
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
    kind = ReadError if found & set(QUANTITIES) else NotARecording
    said = f"no column for {' and '.join(lacking)} among {listed}; {advice}"
    return source.error(said, line, kind)


def _numeric(table: Table, column: Column) -> bool:
    """Whether most of a column's first cells are numbers."""
    cells = table.cells(column)[:20]
    good = sum(number(c, table.decimal) is not None or c.strip().lower() in MISSING for c in cells)
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
