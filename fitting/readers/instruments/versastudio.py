"""AMETEK VersaStudio .par: segments of points, each under a line of names."""

import re
from dataclasses import replace

from fitting.readers.assemble import spectra_of
from fitting.readers.source import NotASpectrum, Source
from fitting.readers.tables.delimited import mostly_data, refuse_stray
from fitting.readers.tables.headerless import require_spectrum
from fitting.readers.tables.headings import columns, complete, roles
from fitting.readers.tables.table import Table, refuse_long_rows
from fitting.readers.tables.text import lines_of, number
from fitting.terms.spectrum import Spectrum

_SEGMENT = re.compile(r"<Segment\d+>")


def is_versastudio(text: str) -> bool:
    """Whether a text has the tags of VersaStudio."""
    return text.startswith("<Application>") or _SEGMENT.search(text) is not None


def read_par(source: Source, text: str) -> list[Spectrum]:
    """The spectra of a .par, one for each segment of impedances, with the measured E as V.

    Segments in which no point has a frequency (open circuit, loops, steps) are passed over.
    """
    lines = lines_of(text)
    tables = par_tables(source, lines)
    if not tables:
        raise source.error("no <Segment> with points; save the file again after the measurement")
    spectra, dc = [], None
    for table in tables:
        by_role = roles(columns(table.names))
        if not table.rows or not complete(by_role):
            dc = dc or table
            continue
        at = by_role["freq"][0].index
        if all(len(row) > at and number(row[at]) == 0 for row in table.rows):
            dc = dc or table
            continue
        spectra += spectra_of(source, table, instrument=True)
    if not spectra:
        assert dc is not None
        require_spectrum(source, dc.names, dc.lines[0] - 1 if dc.lines else None)
        raise source.error(
            "no segment has points with a frequency, so this is no spectrum; a current-"
            "voltage trace is read by read_trace",
            kind=NotASpectrum,
        )
    if len(spectra) > 1:
        name = source.path.stem
        spectra = [replace(s, label=f"{name}, {k + 1}") for k, s in enumerate(spectra)]
        if len(tables) > 1:
            # The clock of a segment starts with it.
            spectra = [replace(s, time=None) for s in spectra]
    return spectra


def par_tables(source: Source, lines: list[str]) -> list[Table]:
    """The tables of points, one for each segment."""
    starts = [k for k, line in enumerate(lines) if _SEGMENT.match(line.strip())]
    ends = [k for k, line in enumerate(lines) if line.startswith("</Segment")]
    if starts:
        refuse_stray(source, lines, 0, starts[0])
    if ends:
        refuse_stray(source, lines, ends[-1])
    return [_segment(source, lines, k) for k in starts]


def _segment(source: Source, lines: list[str], start: int) -> Table:
    """The points between <Segment> and </Segment>, under the names in `Definition=`."""
    table = Table([])
    for k in range(start + 1, len(lines)):
        line = lines[k].strip()
        if line.startswith("</"):
            break
        if line.startswith("Definition="):
            table.names = [name.strip() for name in line.removeprefix("Definition=").split(",")]
        elif table.names and line:
            table.add(line.split(","), k + 1)
    if not table.names:
        raise source.error("the segment has no line Definition=; save the file again", start + 1)
    if mostly_data(table.names):
        raise source.error(
            "the line Definition= runs into the rows; copy the file again", start + 1
        )
    refuse_long_rows(source, table, start + 1)
    return table
