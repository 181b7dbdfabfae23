"""Figures of what was measured in time or at rest, with its fit."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from fitting.terms.curve import SteadyCurve
from fitting.terms.trace import Trace
from jaxmem.circuits import VoltageDrive
from jaxmem.plots.figure import (
    COLOURS,
    DATA,
    AbstractMark,
    Arrow,
    Curve,
    Figure,
    Panel,
    PlotAxis,
    Rule,
)

# The first column is wider: it holds time.
WIDTHS = (1.25, 1.0, 1.0)


def traces_figure(
    traces: Sequence[Trace],
    signals: Sequence[np.ndarray],
    curves: Sequence[SteadyCurve] = (),
    values: Sequence[np.ndarray] = (),
) -> Figure:
    """A row for each trace and each curve; `signals` and `values` are the model's."""
    rows = [trace_panels(t, np.asarray(s)) for t, s in zip(traces, signals, strict=True)]
    rows += [curve_panels(c, np.asarray(v)) for c, v in zip(curves, values, strict=True)]
    return rows_figure(rows)


def rows_figure(rows: Sequence[Sequence[Panel]]) -> Figure:
    """Rows of three panels, each row in a colour of its own."""
    coloured = [
        [replace(panel, colour=COLOURS[k % len(COLOURS)]) for panel in row]
        for k, row in enumerate(rows)
    ]
    return Figure(coloured, (11, 2.9 * len(rows)), WIDTHS)


def trace_panels(trace: Trace, signal: np.ndarray) -> list[Panel]:
    """The row of a trace: see `time_row`."""
    name = {"I": "current I", "V": "voltage V", "u": "voltage u"}[trace.observe]
    voltage = isinstance(trace.drive, VoltageDrive)
    return time_row(
        trace.name, trace.t, np.asarray(trace.drive.wave(trace.t)), trace.observed, signal,
        trace.used, PlotAxis(name, trace.unit),
        PlotAxis("applied V", "V") if voltage else PlotAxis("applied I", "A"),
    )  # fmt: skip


def curve_panels(curve: SteadyCurve, value: np.ndarray) -> list[Panel]:
    """The row of a steady curve: see `curve_row`."""
    name = "voltage V" if curve.kind == "I" else "current I"
    cause = PlotAxis(f"steady {curve.kind}", "A" if curve.kind == "I" else "V")
    return curve_row(
        curve.name, curve.bias, curve.observed, value, PlotAxis(name, curve.unit), cause
    )


def time_row(
    title: str,
    t: Float[np.ndarray, " t"],
    applied: Float[np.ndarray, " t"],
    observed: Float[np.ndarray, " t"],
    signal: Float[np.ndarray, " t"],
    used: Bool[np.ndarray, " t"],
    effect: PlotAxis,
    cause: PlotAxis,
) -> list[Panel]:
    """What was observed and its fit against time, against what was applied, and their difference.

    A step or a pulse, whose applied value takes few levels, is shown over the logarithm of the time
    in the middle. Arrows say which way a loop is run through.

    **Arguments:**

    - `title`: of the row. `t` [s]: times. `applied`, `observed`: in the units of `cause`, `effect`.
    - `signal`: the model's; `used`: which samples were fitted, the others are hollow.
    """
    swept = len(np.unique(applied)) > 8
    since = t - t[0]
    middle = applied if swept else np.where(since > 0, since, np.nan)
    other = cause if swept else PlotAxis("time since the first sample", "s", "log")
    time, off = PlotAxis("time", "s"), PlotAxis("data - fit", effect.unit)
    return [
        Panel(_beside(t, observed, signal, used), time, effect, title),
        Panel(
            _beside(middle, observed, signal, used) + (_arrows(applied, signal) if swept else []),
            other, effect,
        ),
        Panel([Rule("y", 0.0), Curve(t[used], (observed - signal)[used], "data")], time, off),
    ]  # fmt: skip


def curve_row(
    title: str,
    cause_values: Float[np.ndarray, " n"],
    observed: Float[np.ndarray, " n"],
    value: Float[np.ndarray, " n"],
    effect: PlotAxis,
    cause: PlotAxis,
) -> list[Panel]:
    """What was observed and its fit over what was applied, their sizes, and their difference.

    **Arguments:**

    - `title`: of the row. `cause_values`, `observed`: in the units of `cause` and `effect`.
    - `value`: the model's.
    """
    order = np.argsort(cause_values)
    x, y, fit = cause_values[order], observed[order], value[order]
    every = np.ones(x.size, bool)
    size = PlotAxis(f"size of {effect.label}", effect.unit, "log")
    return [
        Panel(_beside(x, y, fit, every), cause, effect, title),
        Panel(_beside(x, np.abs(y), np.abs(fit), every), cause, size),
        Panel(
            [Rule("y", 0.0), Curve(x, y - fit, "data")], cause, PlotAxis("data - fit", effect.unit)
        ),
    ]


def _beside(x, observed, signal, used) -> list[AbstractMark]:
    """Data, what was left out of them, and the model."""
    return [
        Curve(x[used], observed[used], "data", colour=DATA),
        Curve(x[~used], observed[~used], "excluded", colour=DATA),
        Curve(x, signal),
    ]


def _arrows(x, y) -> list[AbstractMark]:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return []
    along = np.cumsum(np.hypot(np.diff(x) / np.ptp(x), np.diff(y) / np.ptp(y)))
    places = np.searchsorted(along, np.array((0.2, 0.45, 0.7, 0.95)) * along[-1])
    return [
        Arrow((float(x[k]), float(y[k])), (float(x[k + 1]), float(y[k + 1])))
        for k in places
        if 0 < k < len(x) - 1
    ]
