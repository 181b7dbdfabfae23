"""Which rows of a table belong to one recording."""

import numpy as np

from fitting.readers.grouping import without_zeros
from fitting.readers.in_time.meanings import trace_columns
from fitting.readers.source import Source
from fitting.readers.tables.headings import Column
from fitting.readers.tables.table import Table


def rows_of_recordings(source: Source, table: Table, fewest: int) -> list[tuple[str, np.ndarray]]:
    """Label and rows of each recording, in the order of their first rows.

    Recordings are told apart by repeated headers, and by columns `label`, `run` and the like. A
    column with fewer than `fewest` rows for each of its values, on the average, counts points and
    is not used.
    """
    keys: list[list] = [list(table.blocks)]
    kept: list[Column] = []
    for column in trace_columns(table.names):
        if column.role not in ("label", "apart"):
            continue
        cells = [without_zeros(cell) for cell in table.cells(column)]
        if len(set(cells)) == 1 or len(cells) >= fewest * len(set(cells)):
            keys.append(cells)
            kept.append(column)
    rows: dict[tuple, list[int]] = {}
    for k, key in enumerate(zip(*keys, strict=True)):
        rows.setdefault(key, []).append(k)
    found = []
    for n, (key, index) in enumerate(rows.items()):
        named = [cell for column, cell in zip(kept, key[1:], strict=True) if column.role == "label"]
        counted = [
            f"{column.name} {cell}"
            for column, cell, all_cells in zip(kept, key[1:], keys[1:], strict=True)
            if column.role == "apart" and len(set(all_cells)) > 1
        ]
        blocks = [f"{source.path.stem}, {n + 1}"] if len(set(keys[0])) > 1 else []
        label = ", ".join(named + counted) or ", ".join(blocks)
        found.append((label, np.array(index)))
    return found
