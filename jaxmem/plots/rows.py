"""Measured and modelled side by side: a row of three panels for a trace or a curve, as data."""

import numpy as np
from jaxtyping import Bool, Float

from jaxmem.plots.figure import DATA, AbstractMark, Arrow, Curve, Panel, PlotAxis, Rule

# What the letters of quantities are called on an axis.
NAMES = {"I": "current I", "V": "voltage V", "u": "voltage u"}


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
    used: Bool[np.ndarray, " n"],
) -> list[Panel]:
    """What was observed and its fit over what was applied, their sizes, and their difference.

    **Arguments:**

    - `title`: of the row. `cause_values`, `observed`: in the units of `cause` and `effect`.
    - `value`: the model's. `used`: which points were fitted, the others are hollow.
    """
    order = np.argsort(cause_values)
    x, y, fit, every = (a[order] for a in (cause_values, observed, value, used))
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
