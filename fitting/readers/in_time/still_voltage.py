"""A voltage that is zero at all samples while a current flows was not measured."""

import numpy as np

from fitting.readers.in_time.meanings import is_commanded
from fitting.readers.source import Source
from fitting.readers.tables.headings import Column
from fitting.readers.tables.table import Table


def voltage_that_moves(
    source: Source,
    table: Table,
    found: dict[str, list[Column]],
    values: dict[str, np.ndarray],
    notes: list[str],
) -> np.ndarray:
    """The voltage [V] of each row: the chosen column, or another where that is zero throughout.

    BioLogic writes `Ewe-Ece/V` and `Ece/V` beside an `Ewe/V` that was not recorded; their sum is
    Ewe.

    **Raises:** `ReadError` if no column has a voltage though a current flows.
    """
    first, *others = found["V"]
    V = values["V"]
    if np.nan_to_num(V).any() or not np.nan_to_num(values["I"]).any():
        return V
    zero = (
        f"the voltage (column {first.name}) is zero at all {len(V)} samples while a current flows"
    )
    between = [c for c in others if c.core == "eweece"]
    ways = [(c, f"{c.name} is taken") for c in others]
    if between and found.get("counter"):
        counter = found["counter"][0]
        V = table.optional(source, between[0]) + table.optional(source, counter)
        if np.nan_to_num(V).any():
            notes.append(f"{zero}; the sum of {between[0].name} and {counter.name} is taken")
            return V
    for column, said in ways:
        V = table.optional(source, column)
        if np.nan_to_num(V).any():
            asked = ", which is what was asked for" if is_commanded(column) else ""
            notes.append(f"{zero}; {said}{asked}")
            return V
    raise source.error(f"{zero}; export the voltage that was measured", table.lines[0])
