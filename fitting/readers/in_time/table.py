"""From the text of a file to tables whose columns include voltage and current."""

from fitting.readers.in_time.bare import read_bare
from fitting.readers.in_time.meanings import is_trace, trace_columns, unknown_columns
from fitting.readers.in_time.open_circuit import is_open_circuit, with_no_current
from fitting.readers.in_time.spice import is_spice, spice_tables
from fitting.readers.in_time.timing import said_rate
from fitting.readers.instruments.biologic import MPT_MARKS, mpt_table
from fitting.readers.instruments.gamry import DTA_MARKS, dta_table, refuse_joined
from fitting.readers.instruments.palmsens import is_session, session_tables
from fitting.readers.instruments.versastudio import is_versastudio, par_tables
from fitting.readers.source import NotARecording, ReadError, Source
from fitting.readers.tables.blocks import side_by_side
from fitting.readers.tables.delimited import find_header, mostly_data, refuse_stray, table_below
from fitting.readers.tables.headings import columns, complete, roles
from fitting.readers.tables.layout import DELIMITERS, as_names, body_of, split
from fitting.readers.tables.table import Table
from fitting.readers.tables.text import has_decimal_comma, lines_of, number

# A header lies near the top, and its data soon follow.
_SEARCHED, _NEAR = 2000, 5


def trace_tables(source: Source, text: str) -> list[Table]:
    """The tables of a text of any make; without names their columns are t, V, I or V, I.

    **Raises:** `ReadError` if there is none, or if the file holds an impedance spectrum.
    """
    lines = lines_of(text)
    if text.lstrip().startswith(MPT_MARKS):
        tables = [_biologic(source, text)]
    elif text.lstrip().startswith(DTA_MARKS):
        tables = [_gamry(source, lines)]
    elif is_session(text):
        tables = _session(source, text)
    elif is_versastudio(text):
        tables = _versastudio(source, lines)
    elif is_spice(text):
        return spice_tables(source, text, lines)
    else:
        return side_by_side(_delimited(source, lines), is_trace)
    for table in tables:
        find_decimal(table)
    return tables


def require_trace(source: Source, names: list[str], line: int | None) -> None:
    """Raise the reason if the names do not include voltage and current."""
    by_role = roles(columns(names))
    # A spectrum whose frequencies were not exported is no trace either.
    explicit = {role for role, some in by_role.items() if some[0].explicit}
    if complete(by_role) or {"re", "im"} <= explicit or {"mod", "phase"} <= explicit:
        raise _is_spectrum(source, line)
    if not is_trace(names):
        raise unknown_columns(source, names, line)


def _biologic(source: Source, text: str) -> Table:
    """The table of an .mpt; one of the technique OCV has no current."""
    opened: list[bool] = []

    def require(source: Source, names: list[str], line: int | None) -> None:
        opened.append(is_open_circuit(source, names, text[:4000]))
        if not opened[0]:
            require_trace(source, names, line)

    table = mpt_table(source, text, require)
    return with_no_current(table) if opened[0] else table


def _session(source: Source, text: str) -> list[Table]:
    """The measurements of a session of PSTrace that have a voltage and a current."""
    source.row_word = "point"
    found = session_tables(source, text)
    tables = [table for table in found if is_trace(table.names)]
    if not tables:
        if any(complete(roles(columns(table.names))) for table in found):
            raise _is_spectrum(source, None)
        raise unknown_columns(source, found[0].names, None)
    return tables


def find_decimal(table: Table) -> None:
    """Find the decimal sign from the columns of numbers."""
    table.find_decimal([c for c in trace_columns(table.names) if c.role in ("t", "V", "I")])


def _is_spectrum(source: Source, line: int | None) -> ReadError:
    return source.error(
        "this is an impedance spectrum and no trace in time; read it with read_spectra",
        line,
        NotARecording,
    )


def _gamry(source: Source, lines: list[str]) -> Table:
    """The curves of a .DTA, one behind the other; each one is a cycle of the same clock."""
    refuse_joined(source, lines)
    starts = [k for k, line in enumerate(lines) if line.split("\t")[1:2] == ["TABLE"]]
    tables = [dta_table(source, lines, k) for k in starts]
    curves = [table for table in tables if table.rows and is_trace(table.names)]
    tag = next((line for line in lines[:20] if line.startswith("TAG\t")), "")
    if not curves:
        opened = [t for t in tables if t.rows and is_open_circuit(source, t.names, tag)]
        curves = [with_no_current(table) for table in opened]
    if any(complete(roles(columns(table.names))) for table in tables):
        raise _is_spectrum(source, None)
    if not curves:
        kinds = ", ".join(lines[k].split("\t")[0] for k in starts[:6]) or "no table at all"
        raise source.error(f"no table of voltages and currents, only {kinds}; export the curves")
    curves = [_with_times(lines, table) for table in curves]
    first = curves[0]
    for table in curves[1:]:
        if table.names == first.names:
            for row, line in zip(table.rows, table.lines, strict=True):
                first.add(row, line)
    return first


def _with_times(lines: list[str], table: Table) -> Table:
    """The table with times from the frequency of acquisition, if it has none (VFP600)."""
    cells = next((line.split("\t") for line in lines if line.startswith("FREQ\tQUANT\t")), [])
    freq = number(cells[2]) if len(cells) > 2 else None
    if any(c.role == "t" for c in trace_columns(table.names)) or not freq or freq <= 0:
        return table
    table.names = [*table.names, "T (s)"]
    width = len(table.names) - 1
    table.rows = [
        [*row[:width], *[""] * (width - len(row)), repr(k / freq)]
        for k, row in enumerate(table.rows)
    ]
    table.notes.append(f"times are computed from the acquisition frequency of {freq:g} Hz")
    return table


def _versastudio(source: Source, lines: list[str]) -> list[Table]:
    """The segments of a .par that are no spectra."""
    found = []
    for table in par_tables(source, lines):
        by_role = roles(columns(table.names))
        if table.rows and complete(by_role):
            at = by_role["freq"][0].index
            # All segments have a column of frequencies; it is zero where there are none.
            if any(len(row) > at and number(row[at]) != 0 for row in table.rows):
                continue
        if table.rows and is_trace(table.names):
            found.append(table)
    if not found:
        raise source.error(
            "no segment has voltages and currents in time; for a spectrum use read_spectra"
        )
    return found


def _delimited(source: Source, lines: list[str]) -> Table:
    """The table under the header of a delimited text, or of bare numbers."""
    found = _find_header(lines)
    if found is None:
        if opened := _open_circuit_header(source, lines):
            way = (trace_columns, ("t", "V"))
            return with_no_current(table_below(source, lines, *opened, *way))
        spectrum = find_header(lines)
        if spectrum is not None:
            raise _is_spectrum(source, spectrum[0] + 1)
        return read_bare(source, lines)
    at, names, delimiter = found
    require_trace(source, names, at + 1)
    refuse_stray(source, lines, 0, at)
    if names[0].lower() == "dataname":
        # EasyEXPERT begins each row with its kind; settings stand between the measurements.
        kept = ("dataname", "datavalue")
        others = ["" if line.strip().lower().startswith(kept) else line for line in lines]
        refuse_stray(source, others, 0)
        lines = [line if not other else "" for line, other in zip(lines, others, strict=True)]
    table = table_below(source, lines, at, names, delimiter, trace_columns, ("t", "V", "I"))
    table.scan_rate = said_rate(lines[:at])
    return table


def _find_header(lines: list[str]) -> tuple[int, list[str], str] | None:
    """The last line above the data that names voltage and current: index, names, delimiter.

    A sentence may contain such words too: it is a header only if numbers stand below.
    """
    for at, line in enumerate(lines[:_SEARCHED]):
        ways = [w for w in as_names(line) if is_trace(w[0]) and not mostly_data(w[0])]
        for names, delimiter in ways:
            below = body_of(lines[: at + 1 + 4 * _NEAR], at + 1)[:_NEAR]
            better = next(
                (k for k, _ in below if any(is_trace(n) for n, _ in as_names(lines[k - 1]))), None
            )
            if better is None and (not below or any(_fits(row, names) for _, row in below)):
                return at, names, delimiter
    return None


def _open_circuit_header(source: Source, lines: list[str]) -> tuple[int, list[str], str] | None:
    """The line that names time and voltage of an open circuit: index, names, delimiter."""
    for at, line in enumerate(lines[:_SEARCHED]):
        above = "\n".join(lines[max(at - 60, 0) : at])
        for names, delimiter in as_names(line):
            if is_open_circuit(source, names, above) and body_of(lines[: at + 5], at + 1):
                return at, names, delimiter
    return None


def _fits(row: str, names: list[str]) -> bool:
    """Whether a row has a number for the voltage and one for the current, under some delimiter."""
    pairs = [
        {c.index for c in trace_columns(names) if c.role in kinds}
        for kinds in (("V", "set"), ("I", "reading"))
    ]
    for delimiter in DELIMITERS:
        cells = split(row, delimiter)
        good = {k for k, c in enumerate(cells) if number(c) is not None or has_decimal_comma(c)}
        if len(cells) <= len(names) and all(good & indices for indices in pairs):
            return True
    return False
