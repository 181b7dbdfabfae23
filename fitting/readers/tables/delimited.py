"""Delimited text of any make, under a header that names frequency and impedance.

CSV files, spreadsheets' exports and most instruments write the same thing: some lines of
preamble, one line of names, perhaps one of units, and rows of numbers. The header is the first
line whose names say frequency and impedance.
"""

import re
from collections.abc import Callable

from fitting.readers.source import Source, shown
from fitting.readers.tables.headerless import read_headerless
from fitting.readers.tables.headings import Column, columns, complete, roles
from fitting.readers.tables.layout import (
    DELIMITERS,
    WHITESPACE,
    are_units,
    as_names,
    body_of,
    split,
    stray_rows,
)
from fitting.readers.tables.table import Table
from fitting.readers.tables.text import has_decimal_comma, lines_of, number

# A header lies near the top, and a delimiter shows in a few rows.
_SEARCHED, _SAMPLED = 2000, 50
_NEEDED = ("freq", "omega", "re", "im", "mod", "phase")
# Every name of a frequency has one of these; lines of numbers are passed over quickly.
_FREQUENCY = re.compile(r"[fFwWωΩ]|mega|pulsation", re.IGNORECASE)


def read_delimited(source: Source, text: str) -> Table:
    """The table in a delimited text.

    **Raises:** `ReadError` if there is no table of numbers, or if its columns are no spectrum.
    """
    lines = lines_of(text)
    found = find_header(lines)
    if found is None:
        return read_headerless(source, lines)
    at, names, delimiter = found
    refuse_stray(source, lines, 0, at)
    if "bias" in map(str.lower, names) and any("Control Current" in line for line in lines[:at]):
        # The dc current of a `Bias` column has no stated unit; it is not a voltage at any rate.
        source.note("the bias of a current-controlled run has no unit and is left out; give bias=")
        names = ["" if name.lower() == "bias" else name for name in names]
    return table_below(source, lines, at, names, delimiter)


def table_below(
    source: Source,
    lines: list[str],
    at: int,
    names: list[str],
    delimiter: str,
    understood: Callable[[list[str]], list[Column]] = columns,
    needed: tuple[str, ...] = _NEEDED,
) -> Table:
    """The rows below the header in `lines[at]`, with the units of a second header line.

    `understood` finds the columns among names; those of the roles in `needed` hold numbers and
    show which delimiter the rows have.

    **Raises:** `ReadError` for a row that does not fit the header.
    """
    start = at + 1
    # A second line of names may hold the units.
    for after in range(start, min(start + 2, len(lines))):
        units = split(lines[after], delimiter)
        if are_units(units, len(names)):
            bare = [u.strip().strip("[]()") for u in units]
            names = [f"{n} ({u})" for n, u in zip(names, bare, strict=False)] + names[len(bare) :]
            start = after + 1
            break
    body = body_of(lines, start)
    # Impedance analysers of Keysight close a block with END.
    if body and body[-1][1].strip() == "END":
        body.pop()
    # Some instruments write a line such as `End Comments` between the names and the data.
    while body and not _has_number(body[0][1]):
        line, words = body.pop(0)
        if match := re.search(r"\bDC\s*=\s*([-+.\d]\S*)", words):
            source.note(
                f"a dc value of {match[1]} stands there without a unit and is not read; give the "
                "bias (bias=)",
                line,
            )
    if not body:
        raise source.error("the file has a header and no data; export it again", at + 1)
    indices = [c.index for c in understood(names) if c.role in needed]
    split_at_blanks = delimiter == WHITESPACE
    delimiter = _delimiter(body, names, delimiter, indices)
    if split_at_blanks:
        _refuse_words(source, body, names, delimiter, at)
    _drop_count(source, body, delimiter)
    table = Table(names)
    block = 0
    for line, content in body:
        cells = split(content, delimiter)
        if content in lines[at:start]:
            # The header again, and its units, begin another spectrum.
            block += content == lines[at]
        elif len(cells) > len(names):
            raise source.error(
                f"the row has {len(cells)} cells where the header (line {at + 1}) has "
                f"{len(names)}; use one delimiter in the whole file, and no decimal comma if "
                "that is a comma",
                line,
            )
        elif len(cells) == 1 and len(names) > 1 and number(cells[0]) is None:
            raise source.error(
                f"{shown(content.strip())} is no row of numbers; remove the line, or start it "
                "with # if it is a comment",
                line,
            )
        else:
            table.add(cells, line, block)
    if delimiter != ",":
        table.find_decimal([c for c in understood(names) if c.role not in ("label", "group")])
    return table


def refuse_stray(source: Source, lines: list[str], start: int, stop: int | None = None) -> None:
    """Raise if several rows of numbers stand where a table has none: another file's."""
    if stray := stray_rows(lines, start, stop):
        raise source.error(
            "rows of numbers stand here outside of the table that is read; if the file is two in "
            "one, split it",
            stray,
        )


def find_header(lines: list[str]) -> tuple[int, list[str], str] | None:
    """The first line that names frequency and impedance: its index, names and delimiter."""
    for at, line in enumerate(lines[:_SEARCHED]):
        for names, delimiter in as_names(line) if _FREQUENCY.search(line) else ():
            if complete(roles(columns(names))) and not mostly_data(names):
                return at, names, delimiter
    return None


def _refuse_words(source: Source, body, names: list[str], delimiter: str, at: int) -> None:
    """Raise if a header that was split at blanks has more names than the rows have cells.

    A name of two words then shifts all columns behind it.
    """
    lengths = sorted(len(split(line, delimiter)) for _, line in body[:_SAMPLED])
    usual = lengths[len(lengths) // 2]
    if 1 < usual < len(names):
        raise source.error(
            f"the rows have {usual} cells and the header, split at blanks, {len(names)} names; "
            "separate the names by tabs or commas",
            at + 1,
        )


def _drop_count(source: Source, body: list[tuple[int, str]], delimiter: str) -> None:
    """Drop a line that only says how many points follow, and compare."""
    cells = split(body[0][1], delimiter)
    count = int(cells[0]) if len(cells) == 1 and cells[0].isdecimal() else 0
    rest = len(body) - 1
    if not rest or len(split(body[1][1], delimiter)) < 2 or not rest <= count <= 4 * rest:
        return
    line, _ = body.pop(0)
    if count > rest:
        source.note(f"{count} points are announced and {rest} follow; the file was cut off", line)


def mostly_data(names: list[str]) -> bool:
    """Whether a line of names has several numbers, because it ran into the rows."""
    return sum(number(name) is not None for name in names) > 1


def _has_number(line: str) -> bool:
    cells = (cell for delimiter in DELIMITERS for cell in split(line, delimiter))
    return any(number(cell) is not None or has_decimal_comma(cell) for cell in cells)


def _delimiter(body: list[tuple[int, str]], names: list[str], first: str, needed: list[int]) -> str:
    """The delimiter of the rows: the header's, unless numbers show better with another one."""
    sample = [line for _, line in body[:_SAMPLED]]

    def fitting(delimiter):
        rows = [split(line, delimiter) for line in sample]
        cells = [row[k] for row in rows if len(row) <= len(names) for k in needed if k < len(row)]
        return sum(number(cell) is not None or has_decimal_comma(cell) for cell in cells)

    # If several do equally well, `max` takes the first, the delimiter of the header.
    return max((first, *DELIMITERS), key=fitting)
