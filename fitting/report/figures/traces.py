"""Figures of traces and curves with their fit."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fitting.terms.curve import SteadyCurve
from fitting.terms.trace import Trace
from jaxmem.circuits import VoltageDrive
from jaxmem.plots.devices import COLOURS, DATA, engineering_axis


def traces_figure(
    traces: Sequence[Trace],
    signals: Sequence[np.ndarray],
    curves: Sequence[SteadyCurve] = (),
    values: Sequence[np.ndarray] = (),
) -> Figure:
    """A row for each trace: the signal against time, against what was applied, and residuals.

    A step or a pulse, whose applied value takes few levels, is drawn over the logarithm of the time
    in the middle. `signals` and `values` are the model's, of traces and of curves; samples that
    were not fitted are hollow. A curve's row has the steady current-voltage curve in the place of
    the first two.
    """
    rows = len(traces) + len(curves)
    figure = Figure(figsize=(11, 2.9 * rows), layout="constrained")
    axes = figure.subplots(rows, 3, squeeze=False, gridspec_kw=dict(width_ratios=(1.25, 1, 1)))
    for k, (trace, signal) in enumerate(zip(traces, signals, strict=True)):
        colour = COLOURS[k % len(COLOURS)]
        _trace_row(axes[k], trace, np.asarray(signal), colour)
    for k, (curve, value) in enumerate(zip(curves, values, strict=True)):
        row = axes[len(traces) + k]
        _curve_row(row, curve, np.asarray(value), COLOURS[(len(traces) + k) % len(COLOURS)])
    return figure


def _trace_row(row: Sequence[Axes], trace: Trace, signal: np.ndarray, colour: str) -> None:
    applied = np.asarray(trace.drive.wave(trace.t))
    name = {"I": "current I", "V": "voltage V", "u": "voltage u"}[trace.observe]
    voltage = isinstance(trace.drive, VoltageDrive)
    cause, unit = ("V", "V") if voltage else ("I", "A")
    used = trace.used
    swept = len(np.unique(applied)) > 8
    since = trace.t - trace.t[0]
    middle = applied if swept else np.where(since > 0, since, np.nan)
    for ax, x in ((row[0], trace.t), (row[1], middle)):
        ax.plot(x[used], trace.observed[used], "o", color=DATA, ms=3, alpha=0.6, mew=0)
        if not used.all():
            hollow = dict(mfc="none", mec=DATA, ms=4, mew=0.8)
            ax.plot(x[~used], trace.observed[~used], "o", **hollow)  # pyright: ignore
        ax.plot(x, signal, color=colour, lw=1.4)
        engineering_axis(ax, "y", name, trace.unit)
    row[0].set_title(trace.name, fontsize="medium", loc="left")
    engineering_axis(row[0], "x", "time", "s")
    if swept:
        engineering_axis(row[1], "x", f"applied {cause}", unit)
        row[1].xaxis.set_major_locator(MaxNLocator(5))
        # Arrows show which way a loop is run through.
        _arrows(row[1], applied, signal, colour)
    else:
        row[1].set_xscale("log")
        engineering_axis(row[1], "x", "time since the first sample", "s")
    off = trace.observed - signal
    row[2].plot(trace.t[used], off[used], "o", color=colour, ms=3, alpha=0.7, mew=0)
    row[2].axhline(0, color="0.6", lw=0.6)
    engineering_axis(row[2], "x", "time", "s")
    engineering_axis(row[2], "y", "data - fit", trace.unit)
    for ax in row:
        ax.grid(alpha=0.25, lw=0.5)


def _arrows(ax: Axes, x: np.ndarray, y: np.ndarray, colour: str) -> None:
    if np.ptp(x) == 0 or np.ptp(y) == 0 or len(np.unique(x)) < 8:
        return
    length = np.hypot(np.diff(x) / np.ptp(x), np.diff(y) / np.ptp(y))
    along = np.cumsum(length)
    for share in (0.2, 0.45, 0.7, 0.95):
        k = int(np.searchsorted(along, share * along[-1]))
        if 0 < k < len(x) - 1:
            ax.annotate(
                "", xy=(x[k + 1], y[k + 1]), xytext=(x[k], y[k]),
                arrowprops=dict(arrowstyle="-|>", color=colour, lw=1, mutation_scale=9),
            )  # fmt: skip


def _curve_row(row: Sequence[Axes], curve: SteadyCurve, value: np.ndarray, colour: str) -> None:
    cause, unit = (curve.kind, "A" if curve.kind == "I" else "V")
    name = "voltage V" if curve.kind == "I" else "current I"
    order = np.argsort(curve.bias)
    for ax, logarithmic in ((row[0], False), (row[1], True)):
        size = np.abs if logarithmic else np.asarray
        ax.plot(curve.bias, size(curve.observed), "o", color=DATA, ms=3, alpha=0.6, mew=0)
        ax.plot(curve.bias[order], size(value[order]), color=colour, lw=1.4)
        if logarithmic:
            ax.set_yscale("log")
            ax.set_ylabel(f"size of {name}  ({curve.unit})")
        else:
            engineering_axis(ax, "y", name, curve.unit)
        engineering_axis(ax, "x", f"steady {cause}", unit)
    row[0].set_title(curve.name, fontsize="medium", loc="left")
    row[2].plot(curve.bias, curve.observed - value, "o", color=colour, ms=3, alpha=0.7, mew=0)
    row[2].axhline(0, color="0.6", lw=0.6)
    engineering_axis(row[2], "x", f"steady {cause}", unit)
    engineering_axis(row[2], "y", "data - fit", curve.unit)
    for ax in row:
        ax.grid(alpha=0.25, lw=0.5)
