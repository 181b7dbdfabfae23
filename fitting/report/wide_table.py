"""Spectra side by side, with heads as Origin takes them: long name, units, comments."""

import csv
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from fitting.terms.checked import Checked
from jaxmem.output.table import write_csv
from jaxmem.output.workbook import write_workbook

# Rows of heads: long names, units, comments.
HEADS = 3
BIAS_UNITS = {"u": "V", "V": "V", "I": "A"}
_COLUMNS = (
    ("Frequency", "Hz"), ("Re Z", "ohm"), ("Im Z", "ohm"), ("Re Z fit", "ohm"),
    ("Im Z fit", "ohm"), ("Re residual", "% of |Z|"), ("Im residual", "% of |Z|"), ("used", ""),
)  # fmt: skip


def wide_rows(shown: Sequence[tuple[Checked, np.ndarray]]) -> list[list[Any]]:
    """Three rows of heads and the points of all spectra, a block of columns for each.

    A block holds frequency, data, fit, the difference of data and fit in per cent of |Z|, and
    whether a point was fitted. The comment is the spectrum's name and its bias. Shorter blocks end
    in None. No rows where there is no spectrum.

    **Arguments:**

    - `shown`: each measurement, and what the model says in its place.
    """
    heads: list[list[str]] = [[], [], []]
    columns: list[list[Any]] = []
    for checked, signal in shown:
        if checked.check is None:
            continue
        s = checked.whole
        fit: Any = signal[: len(s.freq)] + 1j * signal[len(s.freq) :]
        off = 100 * (s.Z - fit) / np.abs(s.Z)
        block = (s.freq, s.Z.real, s.Z.imag, fit.real, fit.imag, off.real, off.imag)
        kind, value = s.bias
        name = " ".join(s.name.split())
        comment = name if kind is None else f"{name}, {kind} = {value:.6g} {BIAS_UNITS[kind]}"
        for head, cells in zip(heads, zip(*_COLUMNS, strict=True), strict=False):
            head += cells
        heads[2] += [comment] * len(_COLUMNS)
        columns += [*(column.tolist() for column in block), checked.used.astype(int).tolist()]
    return [*heads, *map(list, zip_longest(*columns))] if columns else []


def write_wide(folder: Path, shown: Sequence[tuple[Checked, np.ndarray]]) -> None:
    """Write `wide_rows` as origin.csv, if there is a spectrum."""
    if rows := wide_rows(shown):
        write_csv(folder / "origin.csv", rows[0], rows[1:])


def write_tables_xlsx(
    folder: Path,
    shown: Sequence[tuple[Checked, np.ndarray]],
    parameters: Sequence[dict[str, Any]],
    others: Sequence[str] = (),
) -> None:
    """Write tables.xlsx: a sheet `spectra` of `wide_rows`, `parameters`, and others.

    **Arguments:**

    - `folder`, `shown`: as in `write_wide`.
    - `parameters`: rows with the same keys, which are the heads.
    - `others`: names of tables that lie in the folder as CSV, each a sheet.

    **Raises:** `ValueError` if openpyxl is not installed.
    """
    rows = wide_rows(shown)
    sheets: dict[str, list[list[Any]]] = {"spectra": rows} if rows else {}
    flat = lambda x: "; ".join(x) if isinstance(x, list) else x
    of_fits = [list(map(flat, row.values())) for row in parameters]
    sheets["parameters"] = [list(parameters[0]), *of_fits]
    sheets |= {name: _cells(folder / f"{name}.csv") for name in others}
    write_workbook(folder / "tables.xlsx", sheets, heads=HEADS if rows else 1)


def _cells(path: Path) -> list[list[Any]]:
    """The rows of a CSV file, numbers as numbers."""

    def value(text: str) -> Any:
        try:
            return float(text)
        except ValueError:
            return text or None

    with path.open(newline="", encoding="utf-8") as file:
        return [[value(text) for text in row] for row in csv.reader(file)]
