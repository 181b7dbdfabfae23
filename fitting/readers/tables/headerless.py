"""Text without a header that names a spectrum: three columns of numbers, or the reason why not."""

from collections import Counter

from fitting.readers.source import NotASpectrum, ReadError, Source, shown
from fitting.readers.tables.headings import columns, complete, missing, roles
from fitting.readers.tables.layout import DELIMITERS, as_names, body_of, split
from fitting.readers.tables.table import Table
from fitting.readers.tables.text import number

EXPECTED = "columns such as freq_Hz, Re_Z_ohm, Im_Z_ohm"


def read_headerless(source: Source, lines: list[str]) -> Table:
    """Three columns of numbers, frequency, Re Z and Im Z, or the reason why there are none."""
    body = body_of(lines, 0)
    layout = numeric_layout([line for _, line in body])
    if layout is None:
        partial = _likeliest_names([line for _, line in body[:200]])
        if partial:
            named = {"freq", "re", "im", "mod", "phase"} & {c.role for c in columns(partial)}
            raise source.error(
                f"no rows of numbers follow the header; it should have {EXPECTED}",
                kind=ReadError if named else NotASpectrum,
            )
        raise source.error(
            "no table of numbers found; separate the columns by commas, semicolons, tabs or "
            f"spaces and name them in a first line, {EXPECTED}",
            kind=NotASpectrum,
        )
    delimiter, decimal, n = layout
    rows = [(line, split(content, delimiter)) for line, content in body]

    def is_row(cells, least):
        return len(cells) == n and sum(number(c, decimal) is not None for c in cells) >= least

    start = next(k for k, (_, cells) in enumerate(rows) if is_row(cells, n))
    # A first row with one bad cell is data, not a header.
    while start > 0 and is_row(rows[start - 1][1], 1):
        start -= 1
    line = rows[start][0]
    names, named_at = names_before(lines, line - 1, n)
    if names:
        raise _unknown_columns(source, names, named_at)
    if n == 1:
        raise source.error(
            f"only one column of numbers was found; a spectrum needs {EXPECTED}", line
        )
    if n == 2:
        raise source.error(
            "two columns of numbers and no frequency look like a current-voltage trace, not a "
            f"spectrum; read a trace with read_trace, or give {EXPECTED}",
            line,
            NotASpectrum,
        )
    if n > 3:
        raise source.error(
            f"{n} columns of numbers have no names; add a first line with {EXPECTED}",
            line,
            NotASpectrum,
        )
    table = Table(["frequency", "Re Z", "Im Z"], decimal=decimal, named=False)
    for line, cells in rows[start:]:
        if len(cells) != 3:
            raise source.error(
                f"the row has {len(cells)} cells, not 3 as the others; complete or remove it", line
            )
        table.add(cells, line)
    return table


def numeric_layout(lines: list[str]) -> tuple[str, str, int] | None:
    """Delimiter, decimal sign and number of columns under which most cells are numbers."""
    best, layout = 0, None
    for delimiter in DELIMITERS:
        split_lines = [split(line, delimiter) for line in lines]
        for decimal in (".",) if delimiter == "," else (".", ","):
            counts = Counter(
                len(cells)
                for cells in split_lines
                if cells and all(number(cell, decimal) is not None for cell in cells)
            )
            for n, rows in counts.items():
                # One row of numbers may be part of a preamble.
                if rows * n > best and (rows > 1 or len(lines) == 1):
                    best, layout = rows * n, (delimiter, decimal, n)
    return layout


def names_before(lines: list[str], stop: int, n: int) -> tuple[list[str], int]:
    """The names in the last line before the data, if any, and the number of that line.

    Names are as many as the columns, or at least two of them are understood.
    """
    at = next((k for k in range(stop, 0, -1) if lines[k - 1].strip()), 0)
    ways = [
        names
        for names, _ in as_names(lines[at - 1] if at else "")
        if len(names) > 1 and not any(number(name) is not None for name in names)
    ]
    ways = [names for names in ways if len(names) == n or len(columns(names)) > 1]
    return max(ways, key=lambda names: (len(columns(names)), len(names) == n), default=[]), at


def _likeliest_names(lines: list[str]) -> list[str]:
    """The names of the line with the most understood columns, at least two."""
    ways = [names for line in lines for names, _ in as_names(line)]
    best = max(ways, key=lambda names: len(columns(names)), default=[])
    return best if len(columns(best)) > 1 else []


def _unknown_columns(source: Source, names: list[str], line: int | None) -> ReadError:
    """The error for a header that names no spectrum."""
    by_role = roles(columns(names))
    lacking = missing(by_role)
    listed = ", ".join(shown(name) for name in names[:12]) + (", ..." if len(names) > 12 else "")
    impedance = {"re", "im", "mod"} & set(by_role)
    if "I" in by_role and {"u", "V", "time"} & set(by_role) and not impedance:
        kind, advice = (
            NotASpectrum,
            "this looks like a current-voltage trace; read it with read_trace",
        )
    else:
        # Nothing of a spectrum is named; it may be a recording.
        kind = ReadError if impedance or "freq" in by_role else NotASpectrum
        advice = f"export {'it' if len(lacking) == 1 else 'them'} too, and name the columns"
    said = f"no column for {' and '.join(lacking)} among {listed}; {advice}"
    return source.error(said, line, kind)


def require_spectrum(source: Source, names: list[str], line: int | None) -> None:
    """Raise the reason if the names do not include frequency and impedance."""
    if not complete(roles(columns(names))):
        raise _unknown_columns(source, names, line)
