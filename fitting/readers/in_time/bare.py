"""Recordings in columns of numbers without names."""

from itertools import pairwise
from math import isfinite

from fitting.readers.in_time.meanings import EXPECTED, unknown_columns
from fitting.readers.in_time.spice import turn_delivered
from fitting.readers.source import NotARecording, Source
from fitting.readers.tables.headerless import names_before, numeric_layout
from fitting.readers.tables.layout import body_of, split
from fitting.readers.tables.table import Table
from fitting.readers.tables.text import OVERLOAD, number

NGSPICE = "columns 1 and 3 are the same times, as ngspice writes: 2 is taken as V, 4 as I"


def read_bare(source: Source, lines: list[str]) -> Table:
    """Columns of numbers without names: t, V, I if the first of three ascends; V, I of two."""
    body = body_of(lines, 0)
    layout = numeric_layout([line for _, line in body])
    if layout is None:
        raise source.error(
            "no table of numbers found; separate the columns by commas, semicolons, tabs or "
            f"spaces and name them in a first line, {EXPECTED}",
            kind=NotARecording,
        )
    delimiter, decimal, n = layout
    rows = [(line, split(content, delimiter)) for line, content in body]
    is_row = lambda cells: len(cells) == n and all(number(c, decimal) is not None for c in cells)
    start = next(k for k, (_, cells) in enumerate(rows) if is_row(cells))
    line = rows[start][0]
    names, named_at = names_before(lines, line - 1, n)
    if names:
        raise unknown_columns(source, names, named_at)
    if (kept := _known_layout([cells for _, cells in rows if is_row(cells)], decimal)) is not None:
        names, note, pick = kept
        table = Table(names, decimal=decimal, notes=[note])
        for line, cells in rows[start:]:
            if len(cells) != n:
                raise source.error(f"the row has {len(cells)} cells, not {n} as the others", line)
            table.add([cells[k] for k in pick], line)
        if note == NGSPICE:
            turn_delivered(table, 1, 2)
        return table
    if n not in (2, 3):
        said = "only one column of numbers was found" if n == 1 else f"{n} columns have no names"
        raise source.error(
            f"{said}; a trace needs a first line with {EXPECTED}", line, NotARecording
        )
    table = Table(["t", "V", "I"][3 - n :], decimal=decimal, named=False)
    for line, cells in rows[start:]:
        if len(cells) != n:
            raise source.error(
                f"the row has {len(cells)} cells, not {n} as the others; complete or remove it",
                line,
            )
        table.add(cells, line)
    if n == 3:
        first = [number(row[0], decimal) for row in table.rows]
        first = [value for value in first if value is not None and isfinite(value)]
        if sorted(first) != first or not first or first[0] == first[-1]:
            raise source.error(
                "the first of three columns without names does not ascend, so it is no time; "
                f"sort the rows by time, or add a first line with {EXPECTED}",
                table.lines[0],
            )
    return table


def _known_layout(
    rows: list[list[str]], decimal: str
) -> tuple[list[str], str, tuple[int, int, int]] | None:
    """Names, a note and the columns taken of four or five columns that instruments write bare."""
    values = [[number(cell, decimal) for cell in row] for row in rows]
    if not values or len(values[0]) not in (4, 5):
        return None
    columns = list(zip(*values, strict=True))
    ascends = lambda t: all(a <= b for a, b in pairwise(t)) and t[0] < t[-1]
    if len(columns) == 4 and columns[0] == columns[2] and ascends(columns[0]):
        return ["t_s", "V_V", "I_A"], NGSPICE, (0, 1, 3)
    # Keithley 24xx: the resistance is not measured and reads as an overload.
    if len(columns) == 5 and all(x is not None and abs(x) >= OVERLOAD for x in columns[2]):
        if ascends(columns[3]):
            note = "five columns are taken as V, I, R, t and status, as a Keithley 24xx writes"
            return ["t_s", "V_V", "I_A"], note, (3, 0, 1)
    return None
