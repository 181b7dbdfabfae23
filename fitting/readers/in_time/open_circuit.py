"""Recordings of the voltage at open circuit: no current was measured, for none flows."""

import re

from fitting.readers.in_time.meanings import trace_columns
from fitting.readers.source import Source
from fitting.readers.tables.table import Table

# What instruments call it: `OCP value (V)`, `Open Circuit Voltage`, OCVCURVE, CORPOT, Leerlauf.
_OPEN = re.compile(
    r"(?<![a-z])(ocp|ocv|ocvd|corpot|v_?oc|open.?circuit|leerlauf\w*|circuit ouvert|"
    r"circuito abierto)(?![a-rt-z])|开路",
    re.IGNORECASE,
)
# Names that may hold a current, whatever it is called there.
_CURRENT = re.compile(
    r"current|strom|courant|corriente|电流|\bi\b|\bj\b|[/(\[ _][munpfµμ]?A(?![a-z])", re.IGNORECASE
)


def is_open_circuit(source: Source, names: list[str], above: str = "") -> bool:
    """Whether a table is of an open circuit: time and voltage, no current, and a word that says so.

    **Arguments:**

    - `names`: of the columns.
    - `above`: what stands above them in the file.
    """
    found = {column.role for column in trace_columns(names)}
    if not {"t", "V"} <= found or "I" in found or any(_CURRENT.search(name) for name in names):
        return False
    return any(_OPEN.search(text) for text in (*names, above, source.path.stem))


def with_no_current(table: Table) -> Table:
    """The table with a column of currents that are zero, and a note that says so."""
    width = len(table.names)
    table.names = [*table.names, "I (A)"]
    table.rows = [[*row, *[""] * (width - len(row)), "0"] for row in table.rows]
    table.notes.append("an open-circuit recording without a column of currents: I = 0 is imposed")
    return table
