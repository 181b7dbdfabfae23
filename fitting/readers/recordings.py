"""The door for measurements in time: a path in, recordings out."""

import os
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fitting.readers.grouping import without_zeros
from fitting.readers.in_time.asked import imposed_quantity
from fitting.readers.in_time.compliance import at_compliance, beyond
from fitting.readers.in_time.meanings import candidates, given_units
from fitting.readers.in_time.recording import Recording
from fitting.readers.in_time.rows import rows_of_recordings
from fitting.readers.in_time.spice import refuse_binary_raw
from fitting.readers.in_time.still_voltage import voltage_that_moves
from fitting.readers.in_time.table import require_trace, trace_tables
from fitting.readers.in_time.timing import by_frequency, by_rate, continued
from fitting.readers.instruments.biologic import MPR_MARK, mpr_table
from fitting.readers.instruments.ivium import refuse_ivium
from fitting.readers.source import Source
from fitting.readers.tables.endings import without_cut_number
from fitting.readers.tables.spacing import off_grid
from fitting.readers.tables.table import Table
from fitting.readers.tables.text import decode
from fitting.readers.tables.units import Unit
from fitting.readers.tables.workbooks import refuse_workbook

# Fewer samples are no trace; where more than this share has no value, the file is damaged.
LEAST_SAMPLES, LARGEST_LOSS = 8, 0.2
# Above these a unit was probably forgotten.
LARGE = {"I": 1.0, "V": 100.0}


def read_recordings(
    path: str | os.PathLike,
    *,
    units: str | Mapping[str, str] | None = None,
    rate: float | None = None,
    freq: float | None = None,
    compliance: float | None = None,
    area: float | None = None,
    fewest: int = LEAST_SAMPLES,
) -> list[Recording]:
    """The voltages and currents against time in a file: loops, steps, trains of pulses.

    Delimited text of any make is read, with a header that names time, voltage and current in
    one of many ways (also as BioLogic, Gamry, VersaStudio, Autolab, Keithley and Keysight write
    it), with units there (`<I>/mA`, `t (ms)`), SI by default. Without a header three columns
    are t, V, I if the first ascends, and two are V, I. Of a measured voltage and the one asked
    for, the measured one is taken.

    Columns `label`, `sweep`, `run` and the like, and headers that come again, tell recordings
    apart. Cycles stay in one recording; a clock that restarts with each is made to go on.

    Samples at the current compliance are kept and marked as not used. A compliance is found by
    its plateau while the voltage moves. It is not found where the voltage stands still, as in a
    pulse; give it there. A device whose current saturates sharply may look the same: give
    `compliance=math.inf` then.

    **Arguments:**

    - `path`: the file.
    - `units`: units of t, V and I in place of the header's, as `"t=ms,I=uA"` or a dict.
    - `rate`: scan rate [V/s] of a file without times: t is the path of the voltage over the rate.
    - `freq`: frequency [Hz] of a file without times: its points, or those of each cycle of a
      column `cycle`, are one whole period.
    - `compliance`: largest current [A] that the instrument gave, if it is known.
    - `area`: of the electrode [m^2], for a current in mA/cm2; refused without it.
    - `fewest`: samples that a recording has at least; fewer are taken for something else.

    **Returns:** the recordings, in the order of the file; what was assumed is in their `notes`.

    **Raises:** `ReadError` (a `ValueError`) if the file is not there or is no trace; the message
    names the file and the line, what was found, and what to do. `ValueError` for an argument
    that cannot be used.
    """
    return recordings_in(
        *(Source.open(path, area),),
        **{"units": units, "rate": rate, "freq": freq, "compliance": compliance, "fewest": fewest},
    )


def recordings_in(
    source: Source,
    *,
    units: str | Mapping[str, str] | None = None,
    rate: float | None = None,
    freq: float | None = None,
    compliance: float | None = None,
    fewest: int = LEAST_SAMPLES,
) -> list[Recording]:
    """The recordings in a file that was opened; the arguments are those of `read_recordings`.

    **Raises:** `ReadError`, as `read_recordings` does; `NotARecording` if the file holds a
    spectrum.
    """
    for name, value in (("rate", rate), ("freq", freq), ("compliance", compliance)):
        finite = name == "compliance" or value is None or np.isfinite(value)
        if value is not None and not (value > 0 and finite):
            raise ValueError(f"{name} must be a positive number, got {value}")
    if rate is not None and freq is not None:
        raise ValueError("rate and freq both give the times; give one of them")
    given = given_units(units)
    # What overflows is found by the checks for finite values, and refused.
    with np.errstate(all="ignore"):
        tables = _tables(source, source.data)
        found = [
            replace(r, label=r.label or table.label)
            for table in tables
            for r in _recordings(source, table, given, rate, freq, compliance, fewest)
        ]
    if len(tables) > 1:
        found = [_labelled(r, f"{source.path.stem}, {k + 1}") for k, r in enumerate(found)]
    return found


def _labelled(recording: Recording, label: str) -> Recording:
    r = recording
    return replace(r, label=r.label or label)


def _tables(source: Source, data: bytes) -> list[Table]:
    if data.startswith(MPR_MARK):
        return [mpr_table(source, data, require_trace)]
    refuse_ivium(source, data)
    refuse_binary_raw(source, data)
    refuse_workbook(source, data)
    if data.startswith((b"PK", b"\x93NUMPY")):
        raise source.error(
            "this is an archive of arrays; save the trace as CSV with the columns t_s, V_V, I_A"
        )
    return trace_tables(source, decode(source, data))


def _recordings(
    source, table: Table, given: dict[str, Unit], rate, freq, compliance, fewest
) -> list[Recording]:
    notes = list(table.notes)
    found = candidates(source, table, given, notes)
    table, cut = without_cut_number(source, table, {some[0].index for some in found.values()})
    notes += [cut] if cut else []
    by_role = {role: some[0] for role, some in found.items()}
    if "t" not in by_role and rate is None and freq is None and table.scan_rate:
        rate = table.scan_rate
        notes.append("the scan rate is the one that stands above the table")
    if "t" not in by_role and rate is None and freq is None:
        raise source.error(
            "no column of times in numbers; name it t_s, or give the scan rate (rate=, V/s) or the "
            "frequency (freq=, Hz): FILE:rate=0.5 or FILE:freq=10 behind this file, --scan-rate or "
            "--loop-freq for all files, rate = or freq = under its [[trace]] in a fit.toml"
        )
    if "t" in by_role and not (rate is None and freq is None):
        notes.append("the file has times, so the rate or frequency given is not used")
        rate = freq = None
    if not table.named:
        order = ", ".join(table.names)
        notes.append(f"the columns have no names and are taken as {order}")
        if "t" in by_role and _log_spaced(table.optional(source, by_role["t"])):
            notes.append("the times are spaced as frequencies of a spectrum are; check the columns")
    values = {
        role: table.optional(source, by_role[role]) for role in ("t", "V", "I") if role in by_role
    }
    values["V"] = voltage_that_moves(source, table, found, values, notes)
    imposed = imposed_quantity(source, table, found, values, notes)
    cells = {
        role: table.cells(by_role[role]) for role in ("cycle", "used", "limited") if role in by_role
    }
    recordings = [
        _recording(
            source, table, rows, label, values, cells, list(notes), rate, freq, compliance, fewest
        )
        for label, rows in rows_of_recordings(source, table, fewest)
    ]
    return [replace(r, imposed=imposed) for r in recordings]


def _log_spaced(t: np.ndarray) -> bool:
    """Whether values climb by one factor, over a decade at least."""
    step = np.diff(np.log(t))
    return bool(t[0] > 0 and t[-1] > 10 * t[0] and np.ptp(step) < 0.02 * np.median(step))


def _recording(source, table, rows, label, values, cells, notes, rate, freq, compliance, fewest):
    """One recording of some rows: without samples that have no value, in time, masked."""
    V, I = values["V"][rows], values["I"][rows]
    lines = np.array(table.lines)[rows]
    cycle = (
        np.array([without_zeros(cells["cycle"][k]) for k in rows])
        if "cycle" in cells
        else np.zeros(len(rows))
    )
    of = f" of {label}" if label else ""
    if len(rows) < fewest:
        raise source.error(
            f"the trace{of} has {len(rows)} samples, and {fewest} are the least; measure more",
            int(lines[0]),
        )
    # The samples of a period are counted before any is left out.
    t = values["t"][rows] if "t" in values else by_frequency(cycle, freq, notes) if freq else 0 * V
    kept = np.isfinite(t) & np.isfinite(V) & np.isfinite(I)
    lost = int((~kept).sum())
    if lost > LARGEST_LOSS * len(rows) or len(rows) - lost < fewest:
        raise source.error(
            f"{lost} of {len(rows)} rows{of} have no number for time, voltage or current; export "
            "the trace again",
            int(lines[np.argmin(kept)]),
        )
    if lost:
        what = "no number for time, voltage or current"
        notes.append(f"{lost} of {len(rows)} rows have {what} and are left out")
    t, V, I, cycle, lines, rows = (x[kept] for x in (t, V, I, cycle, lines, rows))
    if "t" in values:
        t = continued(source, t, cycle, lines, notes)
        notes += [
            f"the time {t[at]:.6g} s in {source.row_word} {lines[at]} does not fit between its "
            "neighbours; check it"
            for at in off_grid(t)
        ]
    elif rate is not None:
        t = by_rate(V, rate, notes)
    for name, data, symbol in (("I", I, "A"), ("V", V, "V")):
        if abs(data).max() > LARGE[name]:
            notes.append(f"|{name}| reaches {abs(data).max():.3g} {symbol}; check units (units=)")
    used = _used(V, I, rows, cells, compliance, notes)
    return Recording(t, V, I, used, label, str(source.path), tuple(notes))


def _used(V, I, rows, cells, compliance, notes: list[str]) -> np.ndarray:
    """Which samples are of the device: what the file says, or what the plateaus say."""
    used = np.ones(len(V), bool)
    for role, bad in (("used", ("0", "false", "f", "no")), ("limited", ("1", "true", "t", "yes"))):
        if role in cells:
            used &= np.array([without_zeros(cells[role][k]).lower() not in bad for k in rows])
    if compliance is not None:
        used &= ~beyond(I, compliance)
        said = f"the compliance of {compliance:g} A that was given"
    elif cells.keys() & {"used", "limited"}:
        said = "the compliance, as the file says"
    else:
        at, levels = at_compliance(V, I)
        used &= ~at
        found = " and ".join(f"{level:.4g}" for level in levels)
        said = (
            f"a compliance found at {found} A, where the current stays while the voltage moves "
            "(give compliance=math.inf if that is the device)"
        )
    if not used.all():
        notes.append(
            f"{int((~used).sum())} of {len(used)} samples are not used: they are at {said}"
        )
    return used
