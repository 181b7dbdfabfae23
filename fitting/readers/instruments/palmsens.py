"""PalmSens .pssession: JSON in UTF-16, with the arrays of each measurement."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fitting.readers.assemble import spectra_of
from fitting.readers.source import NotASpectrum, Source
from fitting.readers.tables.headings import columns, complete, roles
from fitting.readers.tables.table import Table
from fitting.terms.spectrum import Spectrum


def is_session(text: str) -> bool:
    """Whether a text is a session of PSTrace."""
    head = text[:2000].lower()
    return text.lstrip("\ufeff \r\n").startswith("{") and "palmsens" in head


def read_session(source: Source, text: str) -> list[Spectrum]:
    """The spectra of a session, in their order.

    **Raises:** `ReadError` if it cannot be read; `NotASpectrum` if it holds none.
    """
    source.row_word = "point"
    tables = [t for t in session_tables(source, text) if complete(roles(columns(t.names)))]
    if not tables:
        raise source.error("the session has no impedance spectrum", kind=NotASpectrum)
    spectra = []
    for table in tables:
        found = spectra_of(source, table, instrument=True)
        spectra += [replace(s, label=table.label or s.label, time=None) for s in found]
    return spectra


def session_tables(source: Source, text: str) -> list[Table]:
    """The arrays of each measurement as a table, named by quantity and unit."""
    try:
        content = json.loads(text.strip("\ufeff \r\n\0"))
    except (ValueError, RecursionError):
        raise source.error(
            "this PalmSens session is broken; export the measurement as CSV from PSTrace"
        ) from None
    tables = []
    for measurement in _listed(content, "measurements"):
        spectra = [_table(_get(eis, "dataset")) for eis in _listed(measurement, "eisdatalist")]
        title = _get(measurement, "title")
        for table in spectra or [_table(_get(measurement, "dataset"))]:
            if table.rows:
                table.label = title if isinstance(title, str) else ""
                tables.append(table)
    if not tables:
        raise source.error(
            "this PalmSens session has no measured arrays; export the measurement as CSV from "
            "PSTrace"
        )
    return tables


def _table(dataset: Any) -> Table:
    arrays = list(_arrays(dataset))
    table = Table([name for name, _ in arrays])
    count = max((len(values) for _, values in arrays), default=0)
    for k in range(count):
        table.add([values[k] if k < len(values) else "" for _, values in arrays], k + 1)
    return table


def _arrays(dataset: Any) -> Iterator[tuple[str, list[str]]]:
    """Name and cells of each array: quantity and unit are `unit.q` and `unit.s`."""
    for array in _listed(dataset, "values"):
        unit, values = _get(array, "unit"), _listed(array, "datavalues")
        quantity, symbol = _get(unit, "q"), _get(unit, "s")
        if not isinstance(quantity, str):
            quantity = _get(array, "description")
        if isinstance(quantity, str) and quantity:
            name = f"{quantity} ({symbol})" if isinstance(symbol, str) and symbol else quantity
            yield name, ["" if _get(v, "v") is None else str(_get(v, "v")) for v in values]


def _get(node: Any, key: str) -> Any:
    """The value of a key in any case, None where there is none."""
    if not isinstance(node, dict):
        return None
    return next((value for name, value in node.items() if str(name).lower() == key), None)


def _listed(node: Any, key: str) -> list[Any]:
    value = _get(node, key)
    return value if isinstance(value, list) else []
