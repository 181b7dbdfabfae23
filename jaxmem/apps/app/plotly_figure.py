"""Panels of figures for plotly.js: the same marks, colours and units as in the reports."""

from functools import singledispatch
from typing import Any

import numpy as np

from jaxmem import plots
from jaxmem.output.numbers import SYMBOLS, takes_prefix, without_prefix

LINES = {
    "line": ("solid", 2),
    "dashed": ("dash", 1.8),
    "dotted": ("dot", 1.3),
    "thin": ("solid", 1),
}
SYMBOLS_OF = {
    "data": ("circle", 6), "excluded": ("circle-open", 7), "triangle": ("triangle-up-open", 7),
    "mark": ("circle", 6), "ring": ("circle-open", 10), "cross": ("x", 7), "plus": ("cross", 9),
    "star": ("star", 14), "cloud": ("circle", 3),
}  # fmt: skip
# On a dark ground, in the place of those that would not be seen there.
ON_DARK = {
    plots.BLACK: "#FFFFFF", "#0072B2": "#5CB3E8", "#D55E00": "#F08A3C", "#009E73": "#2FCB9E",
    plots.DATA: "#B0B0B0", plots.GREY: "#8A8A8A", "#444444": "#D0D0D0",
}  # fmt: skip
INK, GRID = ("#222222", "#DDDDDD"), ("#E6E6E6", "#3C3C3C")
BLUE_ABOVE = [[0.0, "#B2182B"], [0.5, "#F7F7F7"], [1.0, "#2166AC"]]


def as_plotly(panel: plots.Panel, *, dark: bool = False, select: bool = False) -> dict[str, Any]:
    """A panel as data, layout and configuration of plotly.js.

    **Arguments:**

    - `dark`: whether it stands on a dark ground. `select`: whether points can be boxed.

    **Raises:** `TypeError` for a mark that has no interactive form (diagrams, insets).
    """
    ink, grid = (INK[0], GRID[0]) if not dark else (GRID[0], GRID[1])
    grid = INK[1] if not dark else GRID[1]
    layout: dict[str, Any] = {
        "title": {"text": _words(panel.title), "font": {"size": 14}, "x": 0.02, "y": 0.97},
        "margin": {"l": 66, "r": 14, "t": 34, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": ink, "size": 12}, "showlegend": any(m.label for m in panel.marks),
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "xanchor": "left",
                   "font": {"size": 11}},
        "shapes": [], "annotations": [], "uirevision": "kept",
        "dragmode": "select" if select else "zoom",
        "xaxis": _axis_of(panel.x, grid), "yaxis": _axis_of(panel.y, grid),
    }  # fmt: skip
    for axis, spec, which in (("xaxis", panel.x, "x"), ("yaxis", panel.y, "y")):
        if spec.scale == "log":
            layout[axis]["dtick"] = _ticks(panel, spec, which)
    if panel.equal:
        layout["yaxis"] |= {"scaleanchor": "x", "scaleratio": 1}
    drawn = _Drawn([], layout, dark, panel)
    for mark in panel.marks:
        _add(mark, drawn)
    if layout["showlegend"]:
        layout["margin"]["t"] = 58
    config = {"displaylogo": False, "responsive": True, "displayModeBar": "hover",
              "modeBarButtonsToRemove": [] if select else ["select2d", "lasso2d"]}  # fmt: skip
    return {"data": drawn.traces, "layout": layout, "config": config}


class _Drawn:
    """What is being made, and on which ground."""

    def __init__(self, traces: list, layout: dict, dark: bool, panel: plots.Panel):
        self.traces, self.layout, self.dark, self.panel = traces, layout, dark, panel
        self.labels: set[str] = set()

    def colour(self, mark: plots.AbstractMark) -> str:
        """Of a mark, or the panel's own."""
        asked = self.panel.colour if mark.colour is None else mark.colour
        if asked is None:
            asked = plots.COLOURS[0]
        if not isinstance(asked, str):
            asked = _between(asked)
        return ON_DARK.get(asked, asked) if self.dark else asked

    def named(self, mark: plots.AbstractMark) -> dict[str, Any]:
        """Its entry in the legend; what has one name stands there once."""
        shown = bool(mark.label) and mark.label not in self.labels
        self.labels.add(mark.label)
        return {"name": _words(mark.label), "showlegend": shown, "legendgroup": mark.label}

    def at(self, point: tuple[float, float]) -> tuple[float, float]:
        """Coordinates of an annotation, which on a logarithmic axis are logarithms."""
        x, y = point
        return (
            float(np.log10(x)) if self.panel.x.scale == "log" else float(x),
            float(np.log10(y)) if self.panel.y.scale == "log" else float(y),
        )


@singledispatch
def _add(mark: plots.AbstractMark, drawn: _Drawn) -> None:
    raise TypeError(f"a {type(mark).__name__} has no interactive form; draw it as a picture")


@_add.register
def _(mark: plots.Curve, drawn: _Drawn) -> None:
    colour, trace = drawn.colour(mark), drawn.named(mark)
    hover = f"%{{x:.4s}}{_unit(drawn.panel.x)}, %{{y:.4s}}{_unit(drawn.panel.y)}<extra></extra>"
    trace |= {"type": "scatter", "x": _short(mark.x), "y": _short(mark.y), "hovertemplate": hover}
    if mark.role in LINES:
        dash, width = LINES[mark.role]
        line = {"color": colour, "dash": dash, "width": 1.4 * mark.size if mark.size else width}
        trace |= {"mode": "lines", "line": line}
    else:
        symbol, size = SYMBOLS_OF[mark.role]
        trace |= {"mode": "markers", "marker": {"color": colour, "symbol": symbol, "size": size}}
    drawn.traces.append(trace)


@_add.register
def _(mark: plots.Rule, drawn: _Drawn) -> None:
    dash, width = LINES.get(mark.role, ("solid", 1))
    other = "y" if mark.of == "x" else "x"
    end = mark.at if mark.to is None else mark.to
    shape = {
        "type": "line" if mark.to is None else "rect", f"{mark.of}0": mark.at, f"{mark.of}1": end,
        f"{other}ref": "paper", f"{other}0": 0, f"{other}1": 1, "layer": "below",
        "line": {"color": drawn.colour(mark), "dash": dash,
                 "width": width if mark.to is None else 0},
    }  # fmt: skip
    if mark.to is not None:
        shape |= {"fillcolor": drawn.colour(mark), "opacity": 0.2}
    drawn.layout["shapes"].append(shape)
    if mark.label:
        line = {"color": drawn.colour(mark), "dash": dash, "width": width}
        drawn.traces.append(
            {"type": "scatter", "x": [None], "y": [None], "mode": "lines", "line": line}
            | drawn.named(mark)
        )


@_add.register
def _(mark: plots.Band, drawn: _Drawn) -> None:
    colour = drawn.colour(mark)
    edge = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    fill = _faint(colour, mark.alpha)
    drawn.traces += [
        edge | {"x": _short(mark.x), "y": _short(mark.low), "showlegend": False},
        edge | {"x": _short(mark.x), "y": _short(mark.high), "fill": "tonexty", "fillcolor": fill}
        | drawn.named(mark),
    ]  # fmt: skip


@_add.register
def _(mark: plots.Map, drawn: _Drawn) -> None:
    values = np.asarray(mark.values, dtype=float)
    look: dict[str, Any] = {"colorscale": "Viridis"}
    if mark.kind == "signed":
        limit = max(float(np.nanquantile(np.abs(values), 0.98)), 1e-3)
        look = {"colorscale": BLUE_ABOVE, "zmin": -limit, "zmax": limit}
    if mark.kind == "log":
        values = np.log10(np.where(values > 0, values, np.nan))
    title = f"log10 of {mark.label}" if mark.kind == "log" else mark.label
    bar = {"title": {"text": _words(title), "side": "right"}, "thickness": 12}
    drawn.traces.append(
        {"type": "heatmap", "x": _short(mark.x), "y": _short(mark.y), "z": _short(values),
         "colorbar": bar, "hovertemplate": "%{x:.3s}, %{y:.3s}: %{z:.3g}<extra></extra>"} | look
    )  # fmt: skip


@_add.register
def _(mark: plots.Contour, drawn: _Drawn) -> None:
    if not np.min(mark.values) < 0 < np.max(mark.values):
        return
    drawn.traces.append({
        "type": "contour", "x": _short(mark.x), "y": _short(mark.y), "z": _short(mark.values),
        "contours": {"start": 0, "end": 0, "size": 1, "coloring": "none"}, "showscale": False,
        "line": {"color": plots.BLACK, "width": 2}, "hoverinfo": "skip", "showlegend": False,
    })  # fmt: skip


@_add.register
def _(mark: plots.Note, drawn: _Drawn) -> None:
    note: dict[str, Any] = {"text": _words(mark.text), "showarrow": False,
                            "font": {"color": drawn.colour(mark)}}  # fmt: skip
    if mark.at is None:
        note |= {"xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5}
    else:
        x, y = drawn.at(mark.at)
        note |= {"x": x, "y": y, "xshift": mark.offset[0], "yshift": mark.offset[1]}
    drawn.layout["annotations"].append(note)


@_add.register
def _(mark: plots.Arrow, drawn: _Drawn) -> None:
    (x0, y0), (x1, y1) = drawn.at(mark.start), drawn.at(mark.end)
    drawn.layout["annotations"].append({
        "x": x1, "y": y1, "ax": x0, "ay": y0, "xref": "x", "yref": "y", "axref": "x",
        "ayref": "y", "showarrow": True, "arrowhead": 2, "arrowwidth": 1.5, "text": "",
        "arrowcolor": drawn.colour(mark),
    })  # fmt: skip


def _axis_of(axis: plots.PlotAxis, grid: str) -> dict[str, Any]:
    unit, (own, base) = SYMBOLS.get(axis.unit, axis.unit), without_prefix(axis.unit)
    made: dict[str, Any] = {
        "type": axis.scale, "gridcolor": grid, "zeroline": False,
        "showticklabels": axis.numbers, "linecolor": grid, "showline": True,
        "title": {"text": _words(axis.label), "standoff": 6},
    }  # fmt: skip
    if axis.unit and takes_prefix(axis.unit) and not own:
        made |= {"tickformat": "~s", "ticksuffix": base}
    elif unit:
        made["title"] = {"text": f"{_words(axis.label)} ({unit})", "standoff": 6}
    if axis.scale == "log":
        made |= {"tickformat": "~s", "nticks": 6}
    if axis.limits != (None, None):
        ends = [None if e is None else float(e) for e in axis.limits]
        if axis.scale == "log":
            ends = [None if e is None else float(np.log10(e)) for e in ends]
        made["range"] = ends
        if None in ends:
            made["autorange"] = "min" if ends[0] is None else "max"
            if ends == [None, None]:
                made["autorange"] = True
    if axis.names:
        made |= {"tickvals": list(range(len(axis.names))), "ticktext": list(axis.names)}
    return made


def _ticks(panel: plots.Panel, axis: plots.PlotAxis, which: str) -> str | int:
    """The distance of ticks on a logarithmic axis: 1, 2, 5 where it is short, else decades."""
    curves = [np.asarray(getattr(m, which), dtype=float) for m in panel.marks
              if isinstance(m, plots.Curve | plots.Map)]  # fmt: skip
    ends = [e for e in axis.limits if e is not None]
    if len(ends) < 2:
        ends += [x for c in curves for x in (c[(c > 0) & np.isfinite(c)])]
    if not ends:
        return 1
    decades = float(np.log10(max(ends) / min(ends)))
    return "D1" if decades < 0.5 else "D2" if decades < 2.5 else max(1, round(decades / 7))


def _unit(axis: plots.PlotAxis) -> str:
    return f" {SYMBOLS.get(axis.unit, axis.unit)}" if axis.unit not in ("", "1") else ""


def _short(values: Any) -> list:
    """Numbers with the digits that a screen shows; what is not finite is left out."""
    array = np.asarray(values, dtype=float)
    size = np.where(np.isfinite(array), array, 0.0)
    # Seven significant digits, in as few letters as they take.
    with np.errstate(divide="ignore"):
        power = np.where(size != 0, np.floor(np.log10(np.abs(size))), 0)
    scale = 10.0 ** np.clip(6 - power, -300, 300)
    rounded = np.round(size * scale) / scale
    plain = rounded.astype(object)
    plain[~np.isfinite(array)] = None
    return plain.tolist()


def _words(text: str) -> str:
    """A label without the marks of a formula."""
    return text.replace("$", "").replace("\\tau", "τ").replace("<", "&lt;")


def _between(place: float) -> str:
    """A place in a series from dark to light, as in the reports' figures."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return to_hex(colormaps["viridis"](place))


def _faint(colour: str, alpha: float) -> str:
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"
