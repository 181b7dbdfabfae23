"""Tables as an Excel workbook, by openpyxl where it is installed."""

import importlib.util
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# What no cell of a workbook may hold.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def check_workbook() -> None:
    """Say what is missing before any work is done.

    **Raises:** `ValueError` if openpyxl is not installed.
    """
    if importlib.util.find_spec("openpyxl") is None:
        raise ValueError(
            'a workbook (xlsx) needs openpyxl, which is not installed: pip install "jaxmem[xlsx]"; '
            "origin.csv holds the same table as text"
        )


def write_workbook(
    path: str | os.PathLike, sheets: Mapping[str, Iterable[Sequence[Any]]], *, heads: int = 1
) -> None:
    """Write tables as the sheets of a workbook.

    **Arguments:**

    - `path`: the file to write; one that exists is replaced.
    - `sheets`: rows by the name of their sheet; None and what is no finite number are empty cells.
    - `heads`: how many rows of the first sheet are heads, which stay in sight.

    **Raises:** `ValueError` if openpyxl is not installed.
    """
    check_workbook()
    from openpyxl import Workbook

    book = Workbook()
    assert book.active is not None
    book.remove(book.active)
    for k, (title, rows) in enumerate(sheets.items()):
        sheet = book.create_sheet(title)
        for i, row in enumerate(rows, 1):
            for j, value in enumerate(row, 1):
                if isinstance(value, float) and not math.isfinite(value):
                    continue
                text = isinstance(value, str)
                cell = sheet.cell(i, j, _CONTROL.sub("", value) if text else value)
                if text:
                    # A label that begins with `=` is no formula.
                    cell.data_type = "s"
        sheet.freeze_panes = f"A{(heads if k == 0 else 1) + 1}"
    book.save(path)
