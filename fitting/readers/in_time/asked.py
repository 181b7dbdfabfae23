"""What an instrument was asked for, beside what it measured."""

from typing import Literal

import numpy as np

from fitting.readers.in_time.meanings import is_commanded
from fitting.readers.source import Source
from fitting.readers.tables.headings import Column
from fitting.readers.tables.table import Table

# What is measured follows what is asked for within this share of the largest value.
FOLLOWS = 0.05
# One or two samples off by more than this, where nine of ten keep to a fifth of it, are odd.
ODD = 0.1


def imposed_quantity(
    source: Source,
    table: Table,
    found: dict[str, list[Column]],
    values: dict[str, np.ndarray],
    notes: list[str],
) -> Literal["voltage", "current"] | None:
    """Which of voltage and current was asked for and came, if it is one of them.

    Where what was measured does not follow, a note says so; so it does of single samples.
    """
    asked: set[str] = set()
    for role in ("V", "I"):
        measured = found[role][0]
        for column in filter(is_commanded, found[role][:4]):
            wanted = table.optional(source, column)
            size = float(np.nanmax(abs(values[role]), initial=0.0))
            apart = abs(wanted - values[role])
            there = np.isfinite(apart)
            if size == 0 or not there.any():
                continue
            if np.median(apart[there]) > FOLLOWS * size:
                if measured is not column and np.nanmax(abs(wanted), initial=0.0) > 0:
                    notes.append(
                        f"{measured.name} was measured and does not follow {column.name}, which "
                        "was asked for; check the units and the names"
                    )
                continue
            asked.add(role)
            odd = np.flatnonzero(there & (apart > ODD * size))
            if 0 < len(odd) <= 2 and np.quantile(apart[there], 0.9) < 0.2 * ODD * size:
                lines = " and ".join(str(table.lines[k]) for k in odd)
                notes.append(
                    f"{measured.name} is far from {column.name} in {source.row_word} {lines}; "
                    "check it"
                )
    if len(asked) != 1:
        return None
    return "voltage" if "V" in asked else "current"
