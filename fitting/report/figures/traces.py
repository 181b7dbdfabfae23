"""The figure of what was measured in time or at rest: a row for each, with its fit."""

from collections.abc import Sequence
from dataclasses import replace

from jaxmem.plots.figure import COLOURS, Figure, Panel

# The first column is wider: it holds time.
WIDTHS = (1.25, 1.0, 1.0)


def rows_figure(rows: Sequence[Sequence[Panel]]) -> Figure:
    """Rows of three panels (see `AbstractMeasurement.figure_row`), each in a colour of its own."""
    coloured = [
        [replace(panel, colour=COLOURS[k % len(COLOURS)]) for panel in row]
        for k, row in enumerate(rows)
    ]
    return Figure(coloured, (11, 2.9 * len(rows)), WIDTHS)
