"""A file that was cut off ends within a line, and perhaps within a number."""

import re
from collections.abc import Collection

from fitting.readers.source import Source
from fitting.readers.tables.table import Table

_NUMBER = re.compile(r"[+-]?(\d*)[.,]?(\d*)(?:[eEdD][+-]?(\d+))?", re.ASCII)
# So many other numbers show how long the last one should be.
_LEAST = 8


def without_cut_number(source: Source, table: Table, used: Collection[int]) -> tuple[Table, str]:
    """The table without a last row that ends within a number, and a sentence about it, or "".

    A file that ends without an end of line is whole if its last number has as many digits as the
    shortest of its column.

    **Arguments:**

    - `source`: the file.
    - `table`: its rows.
    - `used`: indices of the columns that are read.
    """
    if not _is_cut(source, table, used):
        return table, ""
    cell, line = table.rows[-1][-1].strip(), table.lines[-1]
    said = (
        f"the file ends in {source.row_word} {line} without an end of line, and its last number, "
        f"{cell}, has fewer digits than all others of its column: it may be cut off, and the row "
        "is left out"
    )
    return table.only([True] * (len(table.rows) - 1) + [False]), said


def _is_cut(source: Source, table: Table, used: Collection[int]) -> bool:
    if not table.rows or source.data[-1:] in b"\r\n" or source.data[-2:] in (b"\n\0", b"\r\0"):
        return False
    last = table.rows[-1]
    cell, at = last[-1].strip(), len(last) - 1
    if not cell or at not in used or not _ends_with(source.data, cell):
        return False
    others = [_digits(row[at]) for row in table.rows[:-1] if len(row) > at]
    lengths = [(n, e) for n, e in others if n]
    own, exponent = _digits(cell)
    if len(lengths) < _LEAST or not own:
        return False
    return own < min(n for n, _ in lengths) or exponent < min(e for _, e in lengths)


def _ends_with(data: bytes, cell: str) -> bool:
    return any(
        data.endswith(cell.encode(encoding, "replace")) for encoding in ("utf-8", "utf-16-le")
    )


def _digits(cell: str) -> tuple[int, int]:
    """How many digits a number has before its exponent, and in it."""
    match = _NUMBER.fullmatch(cell.strip())
    return (len(match[1] + match[2]), len(match[3] or "")) if match else (0, 0)
