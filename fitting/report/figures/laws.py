"""The figure of elements over the bias beside the paper's laws."""

import numpy as np

from fitting.estimate.element_laws import BiasLaws
from jaxmem import plots

# What spans more than this factor is drawn over a logarithm.
WIDE = 5.0


def laws_figure(laws: BiasLaws) -> plots.Figure:
    """R_a(u), C(u), R_b(u) and tau(u) with 68 % intervals, and the laws through them.

    **Arguments:**

    - `laws`: what was measured and what was fitted.
    """
    panels = []
    for curve in laws.curves:
        across = np.repeat(curve.u, 3)
        bars = np.stack([curve.low, curve.high, np.full(len(curve.u), np.nan)], axis=1).ravel()
        every = np.concatenate([curve.value, curve.line])
        scale = "log" if every.max() > WIDE * every.min() else "linear"
        marks = [
            plots.Curve(curve.line_u, curve.line, label=curve.words.rstrip(",")),
            plots.Curve(across, bars, colour=plots.PALE),
            plots.Curve(curve.u, curve.value, "data", label="each spectrum"),
        ]
        u = plots.PlotAxis("u", "V")
        panels.append(plots.Panel(marks, u, plots.PlotAxis("", curve.unit, scale), curve.name))
    rows = plots.grid(panels, min(3, len(panels)))
    return plots.Figure(rows, (4.2 * len(rows[0]), 3.0 * len(rows)))
