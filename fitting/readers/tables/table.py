"""A table of text cells that knows the line of the file each row stands on."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from fitting.readers.source import ReadError, Source, shown
from fitting.readers.tables.headings import Column, columns
from fitting.readers.tables.text import (
    GROUPED,
    OVERLOAD,
    SHEET_ERRORS,
    groups_thousands,
    half_of_last_digit,
    has_decimal_comma,
    number,
)

# What instruments and people write where there is no value.
MISSING = ("", "nan", "na", "n/a", "none", "-", "--", "#n/a")


@dataclass
class Table:
    """Rows of cells under names, as a file has them.

    `blocks` numbers the pieces into which headers repeated in the file divide the rows.
    """

    names: list[str]
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    decimal: str = "."
    # What the file calls it.
    label: str = ""
    # What was assumed of it, in words.
    notes: list[str] = field(default_factory=list)
    # Of a loop, where the file says it above the table [V/s].
    scan_rate: float | None = None
    # False for a table without a header, whose columns are taken by their order.
    named: bool = True

    def add(self, cells: list[str], line: int, block: int = 0) -> None:
        """Append a row."""
        self.rows.append(cells)
        self.lines.append(line)
        self.blocks.append(block)

    def find_decimal(self, numeric: Sequence[Column] | None = None) -> None:
        """Take a comma as the decimal sign if numbers have one and none has a point.

        The columns of numbers are those that a spectrum may have, unless they are given.
        """
        if numeric is None:
            numeric = [c for c in columns(self.names) if c.role not in ("label", "group")]
        found = [self.cells(column) for column in numeric]
        cells = [cell for some in found for cell in some]
        if any(has_decimal_comma(cell) for cell in cells):
            points = any("." in cell and number(cell) is not None for cell in cells)
            # 1,234 beside 999 groups thousands; it stays a cell that is no number.
            grouped = any(groups_thousands(some) for some in found)
            self.decimal = "." if points or grouped else ","

    def only(self, keep: Sequence[bool] | np.ndarray) -> "Table":
        """The rows where `keep` is true."""
        some = replace(self, rows=[], lines=[], blocks=[])
        for row, line, block, kept in zip(self.rows, self.lines, self.blocks, keep, strict=True):
            if kept:
                some.add(row, line, block)
        return some

    def cells(self, column: Column) -> list[str]:
        """The cells of a column; those that a short row lacks are empty."""
        at = column.index
        return [row[at] if at < len(row) else "" for row in self.rows]

    def numbers(self, source: Source, column: Column) -> np.ndarray:
        """The values of a column in SI units; each must be a finite number and no overload."""
        values = np.empty(len(self.rows))
        for k, (row, line) in enumerate(zip(self.rows, self.lines, strict=True)):
            if column.index >= len(row):
                raise short_row(source, self, row, line)
            values[k] = self._value(source, column, row[column.index], line)
            if np.isnan(values[k]):
                raise _unusable(source, column, row[column.index], line)
        return values

    def optional(self, source: Source, column: Column) -> np.ndarray:
        """As `numbers`, with NaN where a cell is empty, is an overload or says that it is none."""
        values = np.full(len(self.rows), np.nan)
        for k, (cell, line) in enumerate(zip(self.cells(column), self.lines, strict=True)):
            if cell.strip().lower() not in MISSING:
                values[k] = self._value(source, column, cell, line)
        return values

    def resolution(self, source: Source, column: Column) -> np.ndarray:
        """Half of the last digit that is written of each value, in SI units.

        A number with far fewer digits than its column lost zeros, or is damaged: it counts as one
        of the column's.
        """
        cells = self.cells(column)
        halves = np.array([half_of_last_digit(cell) for cell in cells])
        sizes = abs(np.array([number(cell, self.decimal) or 0.0 for cell in cells]))
        there = (halves > 0) & (sizes > 0) & np.isfinite(sizes)
        if there.any():
            share = float(np.median(halves[there] / sizes[there]))
            sizes = np.where(np.isfinite(sizes), sizes, 0.0)
            usual = np.maximum(10 * share * sizes, np.median(halves[there]))
            halves = np.minimum(halves, usual)
        return halves * abs(column.factor) * per_area(source, column)

    def _value(self, source: Source, column: Column, cell: str, line: int) -> float:
        """A cell in SI units, NaN for an overload."""
        value = number(cell, self.decimal)
        if value is not None and OVERLOAD <= abs(value) < np.inf:
            return np.nan
        scaled = np.nan if value is None else value * column.factor + column.offset
        if not np.isfinite(scaled):
            raise _unusable(source, column, cell, line)
        return float(scaled) * per_area(source, column)


def per_area(source: Source, column: Column) -> float:
    """The factor that makes a value per area absolute.

    **Raises:** `ReadError` if the area is not known.
    """
    if not column.area:
        return 1.0
    if source.area is None:
        kind = "a current density" if column.area > 0 else "an impedance times an area"
        raise source.error(
            f"column {column.name}: {kind} needs the area of the electrode; give --area, as in "
            "--area 0.1cm2 (area= in m2)"
        )
    return source.area**column.area


def _unusable(source: Source, column: Column, cell: str, line: int) -> ReadError:
    """The error for a cell that is no value that was measured."""
    what, hint, value = "not a finite number", "", number(cell)
    if cell.strip().upper() in SHEET_ERRORS:
        what = "an error of the spreadsheet and no number"
    elif value is not None and OVERLOAD <= abs(value) < np.inf:
        what = "an overload of the instrument and no measured value"
    elif GROUPED.fullmatch(cell.strip()) or groups_thousands([cell, "1"]):
        hint = "; write numbers without a sign that groups thousands"
    elif "," in cell:
        hint = "; use one decimal sign in the whole file"
    return source.error(
        f"{column.name} is {shown(cell)}, {what}; correct the cell or remove the row{hint}", line
    )


def refuse_long_rows(source: Source, table: Table, at: int) -> None:
    """Raise if a row has more cells than the header in line `at`: one of them is damaged."""
    for row, line in zip(table.rows, table.lines, strict=True):
        if len(row) > len(table.names) and any(cell.strip() for cell in row[len(table.names) :]):
            raise source.error(
                f"the row has {len(row)} cells where the header (line {at}) has "
                f"{len(table.names)}; export the file again",
                line,
            )


def short_row(source: Source, table: Table, row: list[str], line: int) -> ReadError:
    """The error for a row that lacks cells."""
    return source.error(
        f"the row has {len(row)} cells where the header has {len(table.names)}; complete or "
        "remove it",
        line,
    )
