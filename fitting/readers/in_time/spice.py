"""Traces of LTspice and ngspice: exported text, `wrdata`, and ASCII raw files."""

import re
from itertools import pairwise

from fitting.readers.source import NotASpectrum, Source, shown
from fitting.readers.tables.layout import split
from fitting.readers.tables.table import Table
from fitting.readers.tables.text import number

_VOLTAGE = re.compile(r"v\(.+\)", re.IGNORECASE)
_CURRENT = re.compile(r"i[a-z]?\(.+\)|@.+\[i[a-z]*\]|.+#branch", re.IGNORECASE)
# SPICE counts the current of a source from its positive end through the source.
_SOURCE = re.compile(r"i\(v.*\)|v.*#branch", re.IGNORECASE)
_STEP = re.compile(r"Step Information:\s*(.*?)\s*(?:\((?:Run|Step).*\))?\s*$", re.IGNORECASE)
_AC = (
    "this is an AC analysis; write frequency and impedance as text, with the columns freq_Hz, "
    "Re_Z_ohm, Im_Z_ohm"
)


def is_spice(text: str) -> bool:
    """Whether a text is a raw file, or has a line of names such as `time V(in) I(V1)`."""
    return is_raw(text) or _header(text[:5000].splitlines()) is not None


def refuse_binary_raw(source: Source, data: bytes) -> None:
    """Raise for a raw file whose values are binary, as LTspice writes by default."""
    head = data[:20000].replace(b"\0", b"").removeprefix(b"\xff\xfe")
    if head.startswith(b"Title:") and b"\nBinary:" in head.replace(b"\r", b""):
        raise source.error(
            "this raw file of SPICE is binary; write it as text (set filetype=ascii in ngspice, "
            "File > Export data as text in LTspice)",
            kind=NotASpectrum,
        )


def is_raw(text: str) -> bool:
    """Whether a text is a raw file of SPICE."""
    return text.startswith("Title:") and "Plotname:" in text[:3000]


def spice_tables(source: Source, text: str, lines: list[str]) -> list[Table]:
    """The tables of a text of SPICE, one for each step, with columns t, V and I.

    **Raises:** `ReadError` for another analysis, and if there are several voltages or currents.
    """
    tables = [_raw(source, lines)] if is_raw(text) else _text(source, lines)
    return [_of_one_device(source, table) for table in tables]


def _header(lines: list[str]) -> tuple[int, list[str]] | None:
    for at, line in enumerate(lines[:20]):
        names = split(line, "\t") if "\t" in line.strip() else line.split()
        if len(names) > 2 and names[0].lower() in ("time", "freq.", "frequency"):
            others = [n for n in names[1:] if n.lower() not in ("time", "frequency")]
            if others and all(_VOLTAGE.fullmatch(n) or _CURRENT.fullmatch(n) for n in others):
                return at, names
    return None


def _text(source: Source, lines: list[str]) -> list[Table]:
    found = _header(lines)
    assert found is not None
    at, names = found
    if names[0].lower() != "time":
        raise source.error(_AC, at + 1)
    tables = [Table(list(names))]
    for k, line in enumerate(lines[at + 1 :], at + 2):
        if step := _STEP.match(line):
            tables.append(Table(list(names), label=step[1]))
        elif line.strip():
            cells = line.split()
            if len(cells) != len(names):
                raise source.error(
                    f"the row has {len(cells)} cells where the header has {len(names)}; complete "
                    "or remove it",
                    k,
                )
            tables[-1].add(cells, k)
    tables = [table for table in tables if table.rows]
    if not tables:
        raise source.error("the file has a header and no data; export it again", at + 1)
    return tables


def _raw(source: Source, lines: list[str]) -> Table:
    """The values of an ASCII raw file: a number, and the variables of a point line by line."""
    header = {}
    start = next((k for k, line in enumerate(lines) if line.strip() == "Values:"), None)
    for line in lines[: start or len(lines)]:
        name, _, said = line.partition(":")
        header.setdefault(name.strip().lower(), said.strip())
    if start is None:
        raise source.error("this raw file has no values; write it again")
    plot = header.get("plotname", "")
    if "complex" in header.get("flags", "") or "transient" not in plot.lower():
        raise source.error(_AC if "AC" in plot else f"{shown(plot)} is no transient analysis")
    count = header.get("no. variables", "")
    width = int(count) if count.isdecimal() else 0
    names = _raw_names(lines[:start], width)
    if len(names) != width or not width:
        raise source.error(f"{count or 'no'} variables are announced and {len(names)} named", start)
    table = Table(names)
    rows = [
        (k, line.split()) for k, line in enumerate(lines[start + 1 :], start + 2) if line.strip()
    ]
    cells = [(k, cell) for k, row in rows for cell in row]
    for first in range(0, len(cells) - width, width + 1):
        point, *values = cells[first : first + width + 1]
        if number(point[1]) != len(table.rows):
            raise source.error(
                f"{shown(point[1])} stands where point {len(table.rows)} begins; write it again",
                point[0],
            )
        table.add([cell for _, cell in values], point[0])
    points = header.get("no. points", "").split()
    if len(cells) % (width + 1) or (points and points[0] != str(len(table.rows))):
        raise source.error(
            f"{points[0] if points else 'some'} points are announced and {len(table.rows)} are "
            "whole; the file was cut off, write it again"
        )
    return table


def _raw_names(lines: list[str], width: int) -> list[str]:
    at = next((k for k, line in enumerate(lines) if line.strip().startswith("Variables:")), None)
    rows = [line.split() for line in lines[at + 1 :]] if at is not None else []
    return [row[1] for row in rows if len(row) > 2][:width]


def _of_one_device(source: Source, table: Table) -> Table:
    """The table with the names t, V and I, the current as it flows into the device."""
    names = table.names
    first = {"t": [0]}
    first["V"] = [k for k, name in enumerate(names) if k and _VOLTAGE.fullmatch(name)]
    first["I"] = [k for k, name in enumerate(names) if k and _CURRENT.fullmatch(name)]
    if len(first["V"]) != 1 or len(first["I"]) != 1:
        listed = ", ".join(names[1:])
        raise source.error(
            f"a trace needs one voltage and one current, and the file has {listed}; write only "
            "those of the device, or name their columns V_V and I_A"
        )
    v, i = first["V"][0], first["I"][0]
    table.notes.append(f"{names[v]} and {names[i]} are taken as voltage and current of the device")
    if _SOURCE.fullmatch(names[i]):
        turn_delivered(table, v, i)
    table.names = [{0: "t_s", v: "V_V", i: "I_A"}.get(k, "") for k in range(len(names))]
    return table


def turn_delivered(table: Table, v: int, i: int) -> None:
    """Turn the current of column `i` where energy comes out over the trace: a circuit simulator
    writes the current of a source as it flows through the source."""
    if not _delivers(table, v, i):
        return
    table.notes.append(
        f"{table.names[i]} delivers energy over the trace, as that of a source does; its sign is "
        "turned, so that it enters the device"
    )
    for row in table.rows:
        row[i] = row[i][1:] if row[i].startswith("-") else "-" + row[i].lstrip("+")


def _delivers(table: Table, v: int, i: int) -> bool:
    """Whether the energy over the trace comes out of the source."""
    points = [[number(row[k]) if k < len(row) else None for k in (0, v, i)] for row in table.rows]
    whole = [[float(x) for x in p if x is not None] for p in points if None not in p]
    energy = sum((b[0] - a[0]) * (a[1] * a[2] + b[1] * b[2]) for a, b in pairwise(whole))
    return energy < 0
