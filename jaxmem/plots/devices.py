"""Figures of what devices answer."""

import numpy as np

from jaxmem.plots.figure import COLOURS, DATA, Curve, Figure, Panel, PlotAxis
from jaxmem.responses.transient import Transient


def transient_figure(run: Transient, title: str = "") -> Figure:
    """Voltages, current and memory states of a transient against time."""
    states = lambda kind, first: [
        Curve(run.t, run.x[:, k], label=_short(run, k), colour=COLOURS[first + n % 5])
        for n, k in enumerate(k for k, unit in enumerate(run.state_units) if unit == kind)
    ]
    voltages = [Curve(run.t, run.u, label="u, over the memristor", colour=COLOURS[0])]
    if not np.allclose(run.V, run.u, rtol=1e-9, atol=0, equal_nan=True):
        voltages.insert(0, Curve(run.t, run.V, label="V, applied", colour=DATA))
    currents = [Curve(run.t, run.I, label="I, terminal", colour=DATA), *states("A", 1)]
    parts = [(voltages, PlotAxis("voltage", "V")), (currents, PlotAxis("current", "A"))]
    if occupations := states("1", 2):
        parts.append((occupations, PlotAxis("occupation", limits=(-0.03, 1.03))))
    # Only the last one tells the time.
    times = [PlotAxis("", "s", numbers=False)] * (len(parts) - 1) + [PlotAxis("time", "s")]
    titles = [title] + [""] * (len(parts) - 1)
    rows = [
        [Panel(curves, time, y, head)]
        for (curves, y), time, head in zip(parts, times, titles, strict=True)
    ]
    return Figure(rows, (7, 2.0 * len(parts) + 0.4))


def _short(run: Transient, k: int) -> str:
    """A state's name without its branch, where that is enough."""
    short = [name.split(".")[-1] for name in run.state_names]
    return short[k] if short.count(short[k]) == 1 else run.state_names[k]
