"""Which rows of a table belong to one spectrum."""

from dataclasses import dataclass

import numpy as np

from fitting.readers.source import Source
from fitting.readers.sweeps import stacked_sweeps, sweep_numbers
from fitting.readers.tables.headings import Column
from fitting.readers.tables.table import Table

# A spectrum with fewer distinct frequencies determines nothing.
LEAST_FREQUENCIES = 4


@dataclass
class Group:
    """The rows of one spectrum, and what the file calls it."""

    rows: np.ndarray
    label: str = ""
    # A label that only counts (from a column `spectrum`) is used in messages and not kept.
    keep_label: bool = True


def groups(
    source: Source,
    table: Table,
    freq: np.ndarray,
    Z: np.ndarray,
    optional: dict[str, np.ndarray],
    by_role: dict[str, list[Column]],
    instrument: bool,
) -> list[Group]:
    """The spectra of a table as groups of rows, in the order of their first rows.

    Spectra are told apart by headers or dc segments between them; by a column `label`,
    `spectrum`, `cycle` or the like, unless it counts points; and by a bias, time or temperature
    that was set (see `_was_set`). In an instrument's recording a sweep that starts again is
    another spectrum; elsewhere it is one where it differs beyond the noise (see `stacked_sweeps`).
    """
    keys: list[list] = [list(table.blocks)]
    names: list[tuple[Column, list[str]]] = []
    for column in by_role.get("label", []) + by_role.get("group", []):
        cells = table.cells(column)
        if column.role == "group":
            cells = [without_zeros(cell) for cell in cells]
        if max(_distinct(cells, freq).values()) >= LEAST_FREQUENCIES or len(set(cells)) == 1:
            keys.append(cells)
            names.append((column, cells))
    if instrument:
        keys.append(list(sweep_numbers(freq)))
    else:
        for role in ("u", "V", "I", "time", "temperature"):
            values = optional.get(role)
            if values is not None and _was_set(values, freq):
                keys.append([None if np.isnan(v) else v for v in values.tolist()])
    rows: dict[tuple, list[int]] = {}
    for k, key in enumerate(zip(*keys, strict=True)):
        rows.setdefault(key, []).append(k)
    pieces = [np.array(some) for some in rows.values()]
    stacked = False
    # A column that names spectra leaves no doubt which rows are one.
    if not (instrument or names):
        split = [
            [p[k] for k in stacked_sweeps(source, freq[p], Z[p], table.lines[p[0]])] for p in pieces
        ]
        stacked = any(len(some) > 1 for some in split)
        pieces = [p for some in split for p in some]
    found = [_named(piece, names) for piece in pieces]
    # Without a name, several spectra of one recording are numbered.
    apart_by_piece = len(set(keys[0])) > 1 or (instrument and len(set(keys[-1])) > 1)
    if (apart_by_piece or stacked) and len({g.label for g in found}) < len(found):
        for k, group in enumerate(found):
            stem = group.label or source.path.stem
            group.label, group.keep_label = f"{stem}, sweep {k + 1}", True
    return found


def _named(rows: np.ndarray, names: list[tuple[Column, list[str]]]) -> Group:
    labels = [cells[rows[0]] for column, cells in names if column.role == "label"]
    if labels:
        return Group(rows, labels[0])
    counted = [(column.name, cells[rows[0]]) for column, cells in names if len(set(cells)) > 1]
    label = ", ".join(f"{name.removesuffix(' number')} {value}" for name, value in counted)
    return Group(rows, label, keep_label=[name for name, _ in counted] != ["spectrum"])


def without_zeros(cell: str) -> str:
    """A counter without trailing zeros: 1.000000000000000E+000 is 1."""
    try:
        return f"{float(cell):g}"
    except ValueError:
        return cell.strip()


def _distinct(values: list, freq: np.ndarray) -> dict:
    """How many distinct frequencies come with each value."""
    seen: dict = {}
    for value, frequency in zip(values, freq.tolist(), strict=True):
        seen.setdefault(value, set()).add(frequency)
    return {value: len(frequencies) for value, frequencies in seen.items()}


def _was_set(values: np.ndarray, freq: np.ndarray) -> bool:
    """Whether a column was set spectrum by spectrum, and not measured point by point.

    Most values of a column that was set come with a whole sweep, and the sweeps cover a common
    band; a measured one scatters, or drifts along the sweep.
    """
    present = values[np.isfinite(values)]
    distinct = _distinct(present.tolist(), freq[np.isfinite(values)])
    whole = [value for value, n in distinct.items() if n >= LEAST_FREQUENCIES]
    if not whole or 2 * len(whole) < len(distinct):
        return False
    bands = [freq[values == value] for value in whole]
    return bool(max(b.min() for b in bands) < min(b.max() for b in bands))
