"""Tables as CSV: UTF-8, one line a row, numbers with all digits."""

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def write_csv(
    path: str | os.PathLike,
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    quote_text: bool = False,
) -> None:
    """Write a header and rows to a CSV file.

    **Arguments:**

    - `path`: the file to write; one that exists is replaced.
    - `header`: the names of the columns.
    - `rows`: the cells of each row in that order, numbers of Python rather than of numpy, so that
      they are written with all digits. None is an empty cell.
    - `quote_text`: whether every text in the rows is quoted, so that blanks around it survive.
    """
    quoting = csv.QUOTE_NONNUMERIC if quote_text else csv.QUOTE_MINIMAL
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerow(header)
        csv.writer(file, lineterminator="\n", quoting=quoting).writerows(rows)
