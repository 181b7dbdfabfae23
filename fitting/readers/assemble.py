"""From a table to spectra: units, signs, what tells spectra apart, and where they were taken."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fitting.readers.grouping import LEAST_FREQUENCIES, Group, groups
from fitting.readers.source import NotASpectrum, Source
from fitting.readers.tables.endings import without_cut_number
from fitting.readers.tables.headerless import require_spectrum
from fitting.readers.tables.headings import Column, columns, roles
from fitting.readers.tables.impedance import impedances
from fitting.readers.tables.spacing import off_grid
from fitting.readers.tables.table import Table, short_row
from fitting.terms.spectrum import Spectrum

# A sign is doubted when at least this share of the points comes out inductive.
DOUBTED = 0.9
# Standard deviations: of both parts of Z, of Re Z, of Im Z.
DEVIATIONS = ("sigma", "sigma_re", "sigma_im")
# A dc value that moves by more than this within one spectrum is worth a remark.
DRIFT = {"V": 0.02, "u": 0.02}


def spectra_of(source: Source, table: Table, *, instrument: bool = False) -> list[Spectrum]:
    """The spectra in a table whose columns include frequency and impedance.

    Rows of one spectrum may repeat a frequency: they are replicates. In a table that an
    instrument recorded (`instrument=True`) the dc columns are measured values, so they do not
    tell spectra apart; a sweep that starts again does.

    **Raises:** `ReadError` for a cell, a row or a spectrum that cannot be used, and for names that
    include no frequency and impedance.
    """
    if table.named:
        require_spectrum(source, table.names, None)
    by_role = roles(columns(table.names)) if table.named else _by_order(table)
    if len(by_role["freq"]) > 1:
        refuse_duplicates(source, {"freq": by_role["freq"]})
    _refuse_short_rows(source, table, by_role, instrument)
    used = {column.index for some in by_role.values() for column in some}
    table, cut = without_cut_number(source, table, used)
    if cut:
        source.note(cut)
    table = _without_dc_rows(source, table, by_role, instrument)
    freq = table.numbers(source, by_role["freq"][0])
    if (freq <= 0).any():
        at = int(np.argmax(freq <= 0))
        raise source.error(
            f"the frequency is {freq[at]:g} Hz, not positive; remove the row; a current-voltage "
            "trace is read by read_trace",
            table.lines[at],
            NotASpectrum,
        )
    step = np.diff(freq)
    if not table.named and len(freq) > 2 and step[0] > 0 and np.ptp(step) < 1e-3 * step[0]:
        source.note(
            "the first of three columns without names is taken as frequency, but is evenly spaced "
            "as times are; add a first line with names, freq_Hz, Re_Z_ohm, Im_Z_ohm"
        )
    Z, known_sign = impedances(source, table, by_role)
    _check_sign(source, Z, known_sign or instrument)
    for column in (c for found in by_role.values() for c in found if c.remark):
        source.note(f"column {column.name}: {column.remark}")

    _leave_out_densities(source, by_role)
    optional = {
        role: table.optional(source, by_role[role][0])
        for role in ("u", "V", "I", "time", "temperature", *DEVIATIONS)
        if role in by_role
    }
    for role in set(DEVIATIONS) & set(by_role):
        if by_role[role][0].measured_in == "%":
            optional[role] = optional[role] * np.abs(Z)
    if "V" in optional and "ampl" in by_role:
        # Some converters fill missing columns with zeros. No spectrum has an amplitude of zero, so
        # where all are zero the bias beside them was not measured either.
        if not table.optional(source, by_role["ampl"][0]).any():
            del optional["V"]
    found = groups(source, table, freq, Z, optional, by_role, instrument)
    return _spectra(source, table, freq, Z, optional, found, instrument)


def _by_order(table: Table) -> dict[str, list[Column]]:
    """The columns of a table without a header: frequency, Re Z, Im Z."""
    return {r: [Column(r, k, table.names[k])] for k, r in enumerate(("freq", "re", "im"))}


def refuse_duplicates(source: Source, by_role: dict[str, list[Column]]) -> None:
    """Raise if two columns may be the frequency or the impedance."""
    used = ("freq", "re", "im") if {"re", "im"} <= set(by_role) else ("freq", "mod", "phase")
    for role in used:
        if len(by_role.get(role, [])) > 1:
            names = " and ".join(repr(c.name) for c in by_role[role])
            raise source.error(
                f"columns {names} mean the same; keep one, and one spectrum below the other "
                "with a column `spectrum` that tells them apart"
            )


def _refuse_short_rows(source: Source, table: Table, by_role, instrument: bool) -> None:
    """Raise if a row breaks off: an instrument leaves no cell empty, as a spreadsheet may beside
    the impedance.
    """
    # A column that most rows lack has a number once: it is ragged, and the rows are whole.
    lengths = [len(row) for row in table.rows]
    usual = float(np.median(lengths)) if lengths else 0.0
    always = ("freq", "re", "im", "mod", "phase")
    some = [found for role, found in by_role.items() if instrument or role in always]
    used = [c.index for found in some for c in found]
    least = 1 + max(index for index in used if index < usual or index == min(used))
    for row, line in zip(table.rows, table.lines, strict=True):
        if len(row) < least:
            raise short_row(source, table, row, line)


def _without_dc_rows(source, table: Table, by_role, instrument: bool) -> Table:
    """The table without rows of frequency zero that a recording of dc segments leaves.

    Only a file with a time or a dc column has such rows, and they have no impedance; the
    spectra before and after them are different ones.
    """
    if not (instrument or {"u", "V", "I", "time"} & set(by_role)):
        return table
    freq = table.numbers(source, by_role["freq"][0])
    dc = freq == 0
    if not instrument and dc.any():
        size = by_role.get("re", by_role.get("mod", []))
        dc &= table.optional(source, size[0]) == 0
    if dc.all():
        raise source.error(
            "no row has a frequency: this is a dc or time-domain recording, not a spectrum; "
            "read it with read_trace",
            table.lines[0],
            NotASpectrum,
        )
    if not dc.any():
        return table
    # Rows between two dc rows have the same count of dc rows before them.
    segment = np.cumsum(dc)
    table.blocks = [b * (len(dc) + 1) + int(s) for b, s in zip(table.blocks, segment, strict=True)]
    return table.only(~dc)


def _leave_out_densities(source: Source, by_role: dict[str, list[Column]]) -> None:
    """Drop a dc current per area where the area is not known: the impedance does not need it."""
    dc = by_role.get("I", [])
    if dc and dc[0].area and source.area is None:
        source.note(
            f"column {dc[0].name} is per area and is left out; give --area to have the dc current"
        )
        del by_role["I"]


def _check_sign(source: Source, Z: np.ndarray, known: bool) -> None:
    positive = int((np.imag(Z) > 0).sum())
    if not known and positive >= DOUBTED * len(Z):
        source.note(
            f"Im Z is taken as the file has it and is positive (inductive) at {positive} of "
            f"{len(Z)} points; if the file holds -Im Z, name the column -Im_Z_ohm"
        )


def _spectra(source, table, freq, Z, optional, found: list[Group], instrument) -> list[Spectrum]:
    spectra = []
    times = optional.get("time")
    for group in found:
        rows, name = group.rows, f" of {group.label}" if group.label else ""
        distinct = len(np.unique(freq[rows]))
        if distinct < LEAST_FREQUENCIES:
            few = f"the spectrum{name} has {distinct} distinct frequencies"
            # A run that was stopped ends with an incomplete sweep.
            if instrument and len(found) > 1:
                source.note(f"{few}; it is left out", table.lines[rows[0]])
                continue
            raise source.error(
                f"{few}, and {LEAST_FREQUENCIES} are the least; measure more points",
                table.lines[rows[0]],
            )
        for at in rows[off_grid(np.log(freq[rows]))]:
            source.note(
                f"the frequency {freq[at]:.6g} Hz does not fit between its neighbours; check it",
                table.lines[at],
            )
        here = {role: values[rows] for role, values in optional.items()}
        spectra.append(
            Spectrum(
                freq[rows],
                Z[rows],
                **_bias(source, here, table.lines[rows[0]]),
                sigma=_sigma(source, here, table.lines[rows[0]]),
                label=group.label if group.keep_label else "",
                source=str(source.path),
                temperature=_middle(here.get("temperature"), positive=True),
                time=_start(times, rows),
            )
        )
    if not spectra:
        raise source.error(
            f"no sweep has {LEAST_FREQUENCIES} distinct frequencies; measure more points",
            table.lines[0],
        )
    return spectra


def _bias(source, here, line: int) -> dict[str, Any]:
    """The bias of one spectrum; a voltage over the memristor goes before V, and V before I."""
    for role in ("u", "V", "I"):
        value = _middle(here.get(role))
        if value is None:
            continue
        values = here[role][np.isfinite(here[role])]
        drift = float(np.ptp(values))
        if drift > DRIFT.get(role, 0.1 * abs(value)):
            source.note(
                f"{role} moves from {values[0]:.4g} to {values[-1]:.4g} within one spectrum; its "
                f"median {value:.4g} is taken as the bias",
                line,
            )
        return {role: value}
    return {}


def _middle(values: np.ndarray | None, positive: bool = False) -> float | None:
    """The median of the values that are there (the lower one of two, so that it is one of them)."""
    if values is None:
        return None
    values = values[np.isfinite(values)]
    if positive:
        # Without a sensor some instruments write a temperature below absolute zero.
        values = values[values > 0]
    if len(values) == 0:
        return None
    return float(np.sort(values)[(len(values) - 1) // 2])


def _start(times: np.ndarray | None, rows: np.ndarray) -> float | None:
    """When a spectrum began; a clock that runs within it counts from the file's first row."""
    if times is None or not np.isfinite(times[rows]).all():
        return None
    here = times[rows]
    running = (here != here[0]).any()
    return float(here[0] - times[0]) if running else float(here[0])


def _sigma(source, here, line: int) -> np.ndarray | None:
    """The standard deviations of one spectrum, see `sigma_of`."""
    return sigma_of(source, {role: here[role] for role in DEVIATIONS if role in here}, line)


def sigma_of(
    source: Source, given: Mapping[str, np.ndarray], line: int | None = None
) -> np.ndarray | None:
    """The standard deviations of a spectrum, `(n,)`, or `(2, n)` of Re Z and of Im Z; None where
    there are none.

    **Arguments:**

    - `source`, `line`: where it stands. `given`: numbers [ohm] by the roles in `DEVIATIONS`.

    **Raises:** `ReadError` for what is not positive, or of one part of Z only.
    """
    given = {role: values for role, values in given.items() if not np.isnan(values).all()}
    for values in given.values():
        if not (values > 0).all():
            raise source.error("sigma must be positive at every point of a spectrum", line)
    parts = [given[role] for role in DEVIATIONS[1:] if role in given]
    if len(parts) == 1 and "sigma" not in given:
        raise source.error(
            "the standard deviation of one part of Z only is there; give a column for each, "
            "sigma_Re_ohm and sigma_Im_ohm, or one for both, sigma_ohm",
            line,
        )
    return np.stack(parts) if len(parts) == 2 else given.get("sigma")
