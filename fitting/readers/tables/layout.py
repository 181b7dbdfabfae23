"""Lines into cells, and what a line may be: a header, units, a row or nothing."""

import csv
import re
from collections.abc import Iterator

from fitting.readers.tables.units import unit

WHITESPACE = " "
DELIMITERS = (",", ";", "\t", WHITESPACE)
# A cell `#REF!` or `#N/A` at the beginning of a row is an error of a spreadsheet and no comment.
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eEdD][+-]?\d+)?", re.ASCII)
_COMMENT = re.compile(r"\s*(#+(?![A-ZÄÖÜ/0]+[!?]|N/A|NV\b)|%+|//|!)")


def split(line: str, delimiter: str) -> list[str]:
    """The cells of a line, those empty at its end left out."""
    if delimiter == WHITESPACE:
        cells = line.split()
    elif '"' in line:
        # Quotes keep the blanks inside them.
        try:
            cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
        except csv.Error:
            cells = line.split(delimiter)
    else:
        cells = [cell.strip() for cell in line.split(delimiter)]
    while cells and cells[-1] == "":
        cells.pop()
    return cells


def as_names(line: str) -> Iterator[tuple[list[str], str]]:
    """The ways to read a line as column names, with the delimiter that each implies."""
    if not 3 <= len(line) <= 5000 or not re.search(r"[A-Za-zω]", line):
        return
    if comment := _COMMENT.match(line):
        # Further signs are a header's own: `sigma (%)`, `Segment #`.
        line = line[comment.end() :]
    # One export quotes the whole line of names.
    if line.count('"') == 2 and line.strip().startswith('"') and line.strip().endswith('"'):
        line = line.strip()[1:-1]
    # Where there are tabs, blanks and commas belong to the names: `Potential applied (V)`.
    tabbed = split(line, "\t")
    if sum(cell != "" for cell in tabbed) > 1:
        yield _names([cell.rstrip(",;") for cell in tabbed]), "\t"
        return
    for delimiter in (",", ";"):
        if delimiter in line:
            yield _names(split(line, delimiter)), delimiter
    yield _names(re.split(r"\s{2,}|\t", line.strip())), WHITESPACE
    # In `Freq (Hz) Re (Ohm)` the units belong to the words before them.
    yield _names(re.sub(r"\s+([\[(])", r"\1", line).split()), WHITESPACE


def _names(cells: list[str]) -> list[str]:
    return [cell.strip() for cell in cells]


def are_units(cells: list[str], n: int) -> bool:
    """Whether a row has nothing but units and fillers."""
    bare = [cell.strip().strip("[]()") for cell in cells]
    known = [unit(cell) is not None for cell in bare]
    rest = all(k or b in ("", "#", "-", "1") for k, b in zip(known, bare, strict=True))
    return 2 <= sum(known) <= len(cells) <= n and rest


# Lines with which other files begin.
_FIRST = re.compile(r"(EC-Lab|BT-Lab) ASCII FILE|EXPLAIN\s*$|VFP600\s*$|<Application>|Plotname: ")
# So many rows of numbers, one below the other, where none belong are a file of their own.
MOST_STRAY = 5


def stray_rows(lines: list[str], start: int = 0, stop: int | None = None) -> int | None:
    """The number of the first of several rows of numbers, or of a line with which another file
    begins, counted from 1; None if there are none.
    """
    run, width = 0, 0
    for k, line in enumerate(lines[start:stop], start + 1):
        if k > 1 and _FIRST.match(line):
            return k
        here = _width(line)
        run = run + 1 if here and here == width else int(here > 0)
        width = here
        if run > MOST_STRAY:
            return k - MOST_STRAY
    return None


def _width(line: str) -> int:
    """How many cells a line of mostly numbers has, 0 for another line."""
    if sum(character.isdigit() for character in line) < 0.3 * len(line.strip()) or len(line) > 5000:
        return 0
    for delimiter in DELIMITERS:
        cells = split(line, delimiter)
        if len(cells) > 1 and sum(bool(_NUMBER.fullmatch(cell)) for cell in cells) >= 2:
            return len(cells)
    return 0


def body_of(lines: list[str], start: int) -> list[tuple[int, str]]:
    """The lines from an index on that are neither blank nor comments, numbered from 1."""
    return [
        (k + 1, line)
        for k, line in enumerate(lines[start:], start)
        if line.strip(" \t\f\x1a,;") and not _COMMENT.match(line)
    ]
