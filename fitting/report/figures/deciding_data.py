"""The figure of where in the data each parameter comes from."""

from collections.abc import Sequence

import numpy as np

from fitting.estimate.deciding_data import Origin
from jaxmem import plots

# So many measurements are drawn at most.
MOST = 6


def origins_figure(found: Sequence[Origin]) -> plots.Figure | None:
    """For each measurement that decides a parameter, how much each of its points says.

    A row is a parameter, the colour its weight relative to its largest one.
    """
    places: dict[tuple[str, str, tuple[float, ...]], list[Origin]] = {}
    for origin in found:
        if len(origin.x) > 1:
            # Two measurements may bear one name; rows of a panel have one abscissa.
            panel = (origin.place, origin.unit, tuple(map(float, origin.x)))
            places.setdefault(panel, []).append(origin)
    panels = []
    for (title, _, _), rows in list(places.items())[:MOST]:
        # The first parameter stands on top.
        rows = rows[::-1]
        x, unit = rows[0].x, rows[0].unit
        values = np.stack([row.weight / row.weight.max() for row in rows])
        wide = bool(x[0] > 0 and unit == "Hz")
        across = plots.PlotAxis("frequency" if wide else "", unit, "log" if wide else "linear")
        names = [row.name for row in rows]
        # A single row would be no map.
        values, names = (values, names) if len(rows) > 1 else (np.repeat(values, 2, 0), names * 2)
        y = np.arange(len(names))
        panels.append(
            plots.Panel(
                [plots.Map(x, y, values, label="weight")], across,
                plots.PlotAxis("", names=names), title,
            )
        )  # fmt: skip
    if not panels:
        return None
    grid = plots.grid(panels, min(2, len(panels)))
    high = max(len(rows) for rows in places.values())
    return plots.Figure(grid, (5.5 * len(grid[0]), (1.2 + 0.28 * high) * len(grid)))
