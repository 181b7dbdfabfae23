"""Parameters of a series along the bias, the temperature or the time: a table and a CSV."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fitting.estimate.abscissa import Abscissa, abscissa_of
from fitting.estimate.series import Series
from fitting.report.areas import scaled_rows
from fitting.report.section import Section
from fitting.terms.checked import Checked
from jaxmem.output.numbers import engineering
from jaxmem.output.table import write_csv

KEYS = ("value", "low", "high")


def series_order(series: Series, measured: Sequence[Checked]) -> tuple[Abscissa, list[int]]:
    """Along what the spectra go, and their numbers along it, file by file where each is a series.

    **Arguments:**

    - `series`, `measured`: the fits and what was fitted, in one order.
    """
    spectra = [m.fitted for m in measured[: len(series.fits)]]
    along = abscissa_of(spectra)
    return along, [k for members in series.members for k in _within(members, along)]


def _within(members: Sequence[int], along: Abscissa) -> list[int]:
    if not along.swept:
        return list(members)
    return sorted(members, key=lambda k: along.values[k])


def write_along(folder: Path, series: Series, measured: Sequence[Checked]) -> list[Section]:
    """Write by_bias.csv (temperature, time), and give its table; none where nothing is known.

    **Arguments:**

    - `folder`: where. `series`, `measured`: the fits and what was fitted, in one order.
    """
    along, order = series_order(series, measured)
    if along.name == "spectrum":
        return []
    file = f"by_{along.name}.csv"
    rows = [f.rows() for f in series.fits]
    first = f"{along.words} [{along.unit}]"
    at = [(first, float(along.values[k])) for k in order]
    _write(folder / file, series, measured, order, rows, at)
    title = f"Parameters along the {along.words}"
    place = [engineering(float(along.values[k]), along.unit, 5) for k in order]
    return [_table(f"by_{along.name}", title, along.words, series, order, rows, place, file)]


def write_per_area(
    folder: Path, series: Series, measured: Sequence[Checked], area: float
) -> list[Section]:
    """Write per_area.csv, the parameters of a series per cm2 of the electrode, and its table.

    **Arguments:**

    - `folder`: where. `series`, `measured`: the fits and what was fitted, in one order.
    - `area`: of the electrode [m^2].
    """
    along, order = series_order(series, measured)
    rows = [scaled_rows(f, area) for f in series.fits]
    if not rows[0]:
        return []
    known = along.name != "spectrum"
    at = [(f"{along.words} [{along.unit}]" if known else "number", float(along.values[k]))
          for k in order]  # fmt: skip
    _write(folder / "per_area.csv", series, measured, order, rows, at)
    size = engineering(area * 1e4, "", 4)
    place = [engineering(float(along.values[k]), along.unit, 5) for k in order]
    title = f"Per area, of an electrode of {size} cm2"
    return [_table("per_area", title, along.words, series, order, rows, place, "per_area.csv")]


def _write(path: Path, series: Series, measured, order, rows, at) -> None:
    """One row a spectrum: where it stands, and every value with its interval."""
    lines: list[dict[str, Any]] = []
    for k, (name, place) in zip(order, at, strict=True):
        f = series.fits[k]
        line: dict[str, Any] = {name: place, "spectrum": k, "label": measured[k].fitted.name}
        line |= {"file": measured[k].fitted.source, "describes": f.describes}
        line |= {"outlier": int(series.outlier[k])}
        for row in rows[k]:
            line |= {f"{row['name']} [{row['unit']}]": row["value"]}
            line |= {f"{row['name']} low": row["low"], f"{row['name']} high": row["high"]}
            line |= {f"{row['name']} identifiable": int(row["identifiable"])}
        lines.append(line)
    write_csv(path, list(lines[0]), (list(line.values()) for line in lines))


def _table(key, title, words, series: Series, order, rows, place, file) -> Section:
    names = [row["name"] for row in rows[0]]
    table = [(words, "spectrum", "describes", *names)]
    for k, where in zip(order, place, strict=True):
        grade = series.fits[k].describes.replace("_", " ")
        cells = [_cell(row) for row in rows[k]]
        table.append((where, str(k), grade, *cells))
    line = (
        f"With 68 % intervals, from {file}; an open cell is a value that its spectrum does not "
        "determine, or one of a model that does not describe it."
    )
    return Section(key, title, (line,), {}, tuple(table))


def _cell(row: dict[str, Any]) -> str:
    if not row["identifiable"] or row["low"] is None:
        return ""
    # So many digits that the ends of the interval differ.
    for digits in range(3, 8):
        value, low, high = (engineering(row[k], row["unit"], digits) for k in KEYS)
        if low != high and value not in (low, high):
            break
    return f"{value} ({low} to {high})"
