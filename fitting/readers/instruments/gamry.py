"""Gamry Framework .DTA: tables of points, each behind a line `ZCURVE TABLE`."""

import math
from dataclasses import replace

from fitting.readers.assemble import spectra_of
from fitting.readers.source import NotASpectrum, Source
from fitting.readers.tables.delimited import refuse_stray
from fitting.readers.tables.headerless import require_spectrum
from fitting.readers.tables.headings import columns, roles
from fitting.readers.tables.table import Table, refuse_long_rows
from fitting.readers.tables.text import lines_of, number
from fitting.readers.tables.units import unit
from fitting.terms.spectrum import Spectrum

# VFP600, the virtual front panel, writes the same tables under another first line.
DTA_MARKS = ("EXPLAIN", "VFP600")


def read_dta(source: Source, text: str) -> list[Spectrum]:
    """The spectra of a .DTA, one for each table of impedances, with the measured Vdc as V.

    Of an aborted run the valid points are read, and a warning says so.
    """
    lines = lines_of(text)
    refuse_joined(source, lines)
    aborted = any(
        line.startswith("EXPERIMENTABORTED\t") and line.split("\t")[2:3] == ["T"] for line in lines
    )
    starts = [k for k, line in enumerate(lines) if _is_table(line)]
    if not starts:
        kinds = [line.split("\t")[0] for line in lines if line.split("\t")[1:2] == ["TABLE"]]
        seen = f"only {', '.join(kinds[:6])}" if kinds else "no table at all"
        raise source.error(
            f"no table ZCURVE of impedances, {seen}; export the impedance measurement",
            kind=NotASpectrum,
        )
    spectra, dropped = [], 0
    for start in starts:
        table = dta_table(source, lines, start)
        require_spectrum(source, table.names, start + 2)
        table.find_decimal()
        if aborted:
            whole = _whole_rows(table)
            dropped += len(whole) - sum(whole)
            table = table.only(whole)
        if not table.rows:
            raise source.error("the table has no points; measure again", start + 1)
        spectra += spectra_of(source, table, instrument=True)
    if aborted:
        points = " + ".join(str(len(s.freq)) for s in spectra)
        also = f", {dropped} incomplete rows are left out" if dropped else ""
        source.note(f"the run was aborted; its {points} valid points are read{also}")
    if len(starts) > 1:
        # Each table has its own clock, so times of different tables cannot be compared.
        name = source.path.stem
        spectra = [replace(s, label=f"{name}, {k + 1}", time=None) for k, s in enumerate(spectra)]
    return spectra


def _is_table(line: str) -> bool:
    cells = line.split("\t")
    return cells[0].startswith("ZCURVE") and cells[1:2] == ["TABLE"]


def refuse_joined(source: Source, lines: list[str]) -> None:
    """Raise if a second file follows."""
    marks = [k for k, line in enumerate(lines) if line.strip() in DTA_MARKS]
    if len(marks) > 1:
        raise source.error("a second file begins here; split them, one to a file", marks[1] + 1)
    # The rows of a table begin with a tab.
    refuse_stray(source, ["" if line.startswith("\t") else line for line in lines], 0)


def dta_table(source: Source, lines: list[str], start: int) -> Table:
    """The table behind a line: names, units, and rows that begin with a tab."""
    head = [line.split("\t")[1:] for line in lines[start + 1 : start + 3]]
    if len(head) < 2:
        raise source.error("the file ends within the header of its table; copy it again", start + 1)
    names, units = head
    units = units + [""] * len(names)
    names = [f"{n} ({u})" if unit(u) else n for n, u in zip(names, units, strict=False)]
    table = Table(names)
    for k in range(start + 3, len(lines)):
        if not lines[k].startswith("\t"):
            break
        if lines[k].strip():
            table.add(lines[k].split("\t")[1:], k + 1)
    refuse_long_rows(source, table, start + 2)
    return table


def _whole_rows(table: Table) -> list[bool]:
    """Which rows have all that an impedance needs."""
    understood = columns(table.names)
    least = 1 + max(column.index for column in understood)
    by_role = roles(understood)
    needed = [by_role[r][0].index for r in ("freq", "re", "im", "mod", "phase") if r in by_role]

    def whole(row: list[str]) -> bool:
        if len(row) < least:
            return False
        values = [number(row[k], table.decimal) for k in needed]
        return all(v is not None and math.isfinite(v) for v in values) and values[0] != 0

    return [whole(row) for row in table.rows]
