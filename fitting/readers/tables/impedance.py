"""The impedance of each row, from whichever columns say it; those that say it twice are compared.

Instruments write the real and imaginary part, modulus and phase, or all four. The four must agree,
row by row; the phase decides whether a column of the imaginary part holds Im Z or -Im Z.
"""

from dataclasses import dataclass

import numpy as np

from fitting.readers.source import ReadError, Source, shown
from fitting.readers.tables.headings import Column
from fitting.readers.tables.table import Table, per_area

# Two columns agree within their last digits, this share, and so many times what is typical in the
# file, for an instrument may average them differently.
_SHARE, _DIGITS, _TYPICAL = 2e-4, 3.0, 8.0
# Columns that differ by more than this in most rows are of different things.
_APART = 0.02
Columns = dict[str, list[Column]]


@dataclass
class _Values:
    """A column's values in SI units, and half of the last digit of each."""

    column: Column
    is_: np.ndarray
    half: np.ndarray

    @property
    def name(self) -> str:
        return self.column.name


def impedances(source: Source, table: Table, by_role: Columns) -> tuple[np.ndarray, bool]:
    """Z [ohm] of each row, and whether the file says the sign of its imaginary part.

    **Raises:** `ReadError` where columns contradict one another, with the row.
    """
    rectangular = {"re", "im"} <= set(by_role)
    needed = ("re", "im") if rectangular else ("mod", "phase")
    given = {
        role: _agreed(source, table, by_role[role], role in needed)
        for role in ("re", "im", "mod", "phase")
        if role in by_role
    }
    if "mod" in given and (given["mod"].is_ < 0).any():
        at = int(np.argmax(given["mod"].is_ < 0))
        raise source.error(f"{given['mod'].name} is negative; it must be |Z|", table.lines[at])
    Z = given["re"].is_ + 1j * given["im"].is_ if rectangular else None
    if "phase" in given:
        _in_radians(source, given, Z)
    if Z is None:
        Z = given["mod"].is_ * np.exp(1j * given["phase"].is_)
    known = given[needed[1]].column.negative or given[needed[1]].name == "Im_Z_ohm"
    if {"im", "phase"} <= set(given):
        Z, decided = _signed(source, given, Z, rectangular)
        known = known or decided
    for role in given.keys() - set(needed):
        _compare(source, table, given, role, Z)
    return Z, known


def _agreed(source: Source, table: Table, some: list[Column], needed: bool) -> _Values:
    """The values of the first of the columns of one meaning, which the others must have too."""
    read = table.numbers if needed else table.optional
    first, *others = [
        _Values(column, (read if k == 0 else table.optional)(source, column),
                table.resolution(source, column))
        for k, column in enumerate(some)
    ]  # fmt: skip
    for other in others:
        allowed = _DIGITS * (first.half + other.half) + _SHARE * abs(first.is_)
        if (abs(other.is_ - first.is_) > allowed).any():
            raise source.error(
                f"columns {shown(first.name)} and {shown(other.name)} mean the same and differ; "
                "keep one, and one spectrum below the other with a column `spectrum` that tells "
                "them apart"
            )
    return first


def _in_radians(source: Source, given: dict[str, _Values], Z: np.ndarray | None) -> None:
    """Make radians of the phase, whose unit may have to be found from the other columns."""
    phase = given["phase"]
    small = bool((abs(phase.is_) <= np.pi)[np.isfinite(phase.is_)].all())
    if phase.column.unit is None and small:
        known = _angle_known_otherwise(given, Z)
        if known is None or not np.isfinite(phase.is_ * known).any():
            raise source.error(
                f"column {phase.name} may be in degrees or radians; write the unit into the "
                "header, as in phase_deg"
            )
        off = [np.nanmedian(abs(abs(k * phase.is_) - known)) for k in (1.0, np.pi / 180)]
        in_degrees = bool(off[1] < off[0])
    else:
        # A phase above pi without a unit can only be in degrees.
        in_degrees = phase.column.unit != "rad"
    if in_degrees:
        given["phase"] = _Values(phase.column, np.deg2rad(phase.is_), np.deg2rad(phase.half))


def _angle_known_otherwise(given: dict[str, _Values], Z: np.ndarray | None) -> np.ndarray | None:
    """The magnitude of the phase [rad] from the other columns."""
    if Z is not None:
        return abs(np.angle(Z))
    with np.errstate(all="ignore"):
        if "im" in given:
            return abs(np.arcsin(np.clip(given["im"].is_ / given["mod"].is_, -1, 1)))
        if "re" in given:
            return np.arccos(np.clip(given["re"].is_ / given["mod"].is_, -1, 1))
    return None


def _signed(source, given, Z: np.ndarray, rectangular: bool) -> tuple[np.ndarray, bool]:
    """Z with the sign that the phase says, and whether imaginary part and phase say one.

    A minus in a header is beyond doubt; the phase is believed before a bare imaginary part.
    """
    im, phase = given["im"], given["phase"]
    agreement = im.is_ * np.sin(phase.is_)
    total, size = np.nansum(agreement), np.nansum(abs(agreement))
    if size == 0 or abs(total) < 0.5 * size:
        return Z, False
    if total > 0:
        return Z, True
    if im.column.negative and not phase.column.negative:
        wrong, right, role = phase, im, "phase"
        held = f"minus the phase, as {im.name} shows"
    else:
        wrong, right, role = im, phase, "im"
        held = f"{'Im Z' if im.column.negative else '-Im Z'}, as {phase.name} shows"
    given[role] = _Values(wrong.column, -wrong.is_, wrong.half)
    source.note(f"column {wrong.name} holds {held}, and is read so")
    # What Z was made of is turned with it.
    used = (wrong is im) == rectangular
    return (np.conj(Z) if used else Z), right.column is not None


def _compare(source: Source, table: Table, given, role: str, Z: np.ndarray) -> None:
    """Raise where a column says something else than those from which Z was made."""
    other = given[role]
    size = np.maximum(abs(Z), 1e-300)
    made = [v for name, v in given.items() if name != role]
    digits = sum(v.half if v.column.role != "phase" else v.half * size for v in made)
    if role == "phase":
        apart = abs(np.angle(np.exp(1j * (other.is_ - np.angle(Z)))))
        digits = other.half + digits / size
        expected = np.angle(Z) * _per_radian(other.column)
    else:
        expected = {"re": np.real(Z), "im": np.imag(Z), "mod": abs(Z)}[role]
        apart, digits = abs(other.is_ - expected) / size, (other.half + digits) / size
        expected = expected / (other.column.factor * per_area(source, other.column))
    there = np.isfinite(apart)
    if not there.any():
        return
    names = ", ".join(v.name for v in made)
    typical = float(np.median(apart[there]))
    if typical > max(_APART, _DIGITS * float(np.median(digits[there]))):
        raise source.error(
            f"columns {other.name} and {names} contradict one another: {other.name} is "
            f"{_cell(table, other.column, there)} where {_first(expected, there):.5g} follows from "
            "the others; correct the names or units in the header"
        )
    bad = apart > np.maximum(_DIGITS * digits + _SHARE, _TYPICAL * typical)
    if bad.any():
        raise _contradiction(source, table, other, names, expected, bad)


def _contradiction(source, table, other: _Values, names: str, expected, bad) -> ReadError:
    at = int(np.argmax(bad))
    more = f" (and {int(bad.sum()) - 1} rows more)" if bad.sum() > 1 else ""
    return source.error(
        f"{other.name} is {_cell(table, other.column, bad)} where {expected[at]:.5g} follows from "
        f"{names}{more}; correct the cell or remove the row",
        table.lines[at],
    )


def _cell(table: Table, column: Column, where: np.ndarray) -> str:
    return shown(table.cells(column)[int(np.argmax(where))].strip()).strip("'")


def _first(values: np.ndarray, where: np.ndarray) -> float:
    return float(values[int(np.argmax(where))])


def _per_radian(column: Column) -> float:
    """What one radian is in the unit and with the sign of a column of phases."""
    return (1.0 if column.unit == "rad" else 180 / np.pi) * (-1.0 if column.negative else 1.0)
