"""Figures as pictures, by matplotlib: the one module that imports it, when something is drawn."""

import io
import warnings
from collections.abc import Sequence
from functools import singledispatch
from itertools import chain
from typing import Any

import matplotlib.figure
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, TwoSlopeNorm
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import (
    EngFormatter,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

from jaxmem import plots
from jaxmem.output.numbers import SYMBOLS, takes_prefix, without_prefix
from jaxmem.plots.circuit_diagram import draw_circuit
from jaxmem.plots.network_diagram import draw_network

SYMBOL: dict[str, Any] = dict(linestyle="none", marker="o")
ROLES: dict[str, dict[str, Any]] = {
    "line": dict(linestyle="-", linewidth=1.4, solid_capstyle="butt"),
    "dashed": dict(linestyle="--", linewidth=1.2),
    "dotted": dict(linestyle=":", linewidth=0.9),
    "thin": dict(linestyle="-", linewidth=0.7),
    "data": SYMBOL | dict(markersize=3.5, alpha=0.6, markeredgewidth=0),
    "excluded": SYMBOL | dict(markersize=4, alpha=0.6, markerfacecolor="none"),
    "triangle": SYMBOL | dict(marker="^", markersize=3.5, markerfacecolor="none"),
    "mark": SYMBOL | dict(markersize=4.5),
    "ring": SYMBOL | dict(markersize=6, markerfacecolor="none"),
    "cross": SYMBOL | dict(marker="x", markersize=4),
    "plus": SYMBOL | dict(marker="+", markersize=7),
    "star": SYMBOL | dict(marker="*", markersize=12, markeredgecolor="w", markeredgewidth=0.8),
    # As an image within the drawing: thousands of vectors make a page slow.
    "cloud": SYMBOL | dict(markersize=1.5, alpha=0.35, markeredgewidth=0, rasterized=True),
}
# Room in inches at the figure's edges, and between panels with and without numbers there. A layout
# that matplotlib finds itself draws every text twice.
LEFT, RIGHT, BOTTOM, TOP, BETWEEN, CLOSE = 0.9, 0.3, 0.55, 0.36, 0.95, 0.12
# Over more decades than this the marks between them are a grey line, and most of the time it takes
# to draw.
DECADES = 4.0


def draw(figure: plots.Figure) -> matplotlib.figure.Figure:
    """A figure as one of matplotlib."""
    panels = list(chain(*figure.rows))
    # Colour scales and words at an axis want room that only matplotlib knows.
    wide = any(p.y.names or any(isinstance(m, plots.Map) for m in p.marks) for p in panels if p)
    made = matplotlib.figure.Figure(figsize=figure.size, layout="constrained" if wide else None)
    if wide and len(figure.rows[0]) > 1:
        # The words of a colour scale keep off those of the next panel's axis.
        engine = made.get_layout_engine()
        assert isinstance(engine, ConstrainedLayoutEngine)
        engine.set(w_pad=0.12)
    room: dict[str, Any] = {"width_ratios": figure.widths} | ({} if wide else _room(figure))
    axes = made.subplots(len(figure.rows), len(figure.rows[0]), squeeze=False, gridspec_kw=room)
    for ax, panel in zip(axes.ravel(), panels, strict=True):
        draw_panel(ax, panel) if panel else ax.remove()
    return made


def _room(figure: plots.Figure) -> dict[str, float]:
    """Margins and distances between panels, as matplotlib counts them."""
    (width, height), n, m = figure.size, len(figure.rows), len(figure.rows[0])
    inner = [panel.y for row in figure.rows for panel in row[1:] if panel]
    upper = [panel.x for row in figure.rows[:-1] for panel in row if panel]
    across, down = (
        BETWEEN if any(a.numbers or a.label for a in axes) else CLOSE for axes in (inner, upper)
    )
    wide, high = width - LEFT - RIGHT - (m - 1) * across, height - BOTTOM - TOP - (n - 1) * down
    return dict(
        left=LEFT / width, right=1 - RIGHT / width, bottom=BOTTOM / height, top=1 - TOP / height,
        wspace=across * m / wide, hspace=down * n / high,
    )  # fmt: skip


def draw_panel(ax: Axes, panel: plots.Panel) -> None:
    """Draw a panel into axes of matplotlib."""
    for mark in panel.marks:
        _put(mark, ax, _colour(panel.colour if mark.colour is None else mark.colour))
    small = ax.bbox.width < 2 * ax.figure.dpi
    ax.set_title(_plain(panel.title), fontsize="x-small" if small else "medium", loc="left")
    if any(isinstance(m, plots.CircuitDiagram | plots.NetworkDiagram) for m in panel.marks):
        return
    if panel.equal:
        ax.set_aspect("equal", adjustable="datalim")
        ax.margins(0.08)
    for which, axis in (("x", panel.x), ("y", panel.y)):
        _axis(ax, which, axis, panel.equal)
    if small:
        ax.tick_params(labelsize=7)
    if not any(isinstance(mark, plots.Map) for mark in panel.marks):
        ax.grid(alpha=0.25, lw=0.5)
    handles, labels = ax.get_legend_handles_labels()
    if once := dict(zip(labels, handles, strict=True)):
        style: dict[str, Any] = dict(loc=panel.legend, frameon=False, fontsize="small")
        ax.legend(list(once.values()), [_plain(label) for label in once], **style)


def _axis(ax: Axes, which: str, spec: plots.PlotAxis, free: bool) -> None:
    """Scale, limits, label and numbers of an axis."""
    axis = getattr(ax, f"{which}axis")
    getattr(ax, f"set_{which}scale")(spec.scale)
    ends = getattr(ax, f"set_{which}lim")
    if spec.limits != (None, None):
        # Of equal scales matplotlib widens the limits, where they are free.
        low, high = spec.limits
        shown = getattr(ax, f"get_{which}lim")()[1]
        if low is not None and high is None and spec.scale != "log" and shown > low:
            # The margin was that of the data alone, which may be narrow far above this end.
            high = shown + 0.04 * (shown - low)
        ends(low, high, auto=free)
    inches = (ax.bbox.width if which == "x" else 2 * ax.bbox.height) / ax.figure.dpi
    label_axis(axis, spec.label, spec.unit, max(2, round(1.4 * inches)))
    if spec.names:
        axis.set_ticks(range(len(spec.names)), [_plain(name) for name in spec.names])
    if not spec.numbers:
        axis.set_major_formatter(NullFormatter())
        axis.set_tick_params(length=0)


def label_axis(axis: Any, label: str, unit: str = "", ticks: int = 5) -> None:
    """Label an axis of matplotlib, and write at most so many numbers with the unit's prefixes."""
    shown, (own, base) = SYMBOLS.get(unit, unit), without_prefix(unit)
    prefixes = takes_prefix(unit)
    axis.set_label_text(label if prefixes or not shown else f"{label}  ({shown})")
    if not unit:
        return
    if own and prefixes:
        # The unit's own prefix becomes part of the numbers, so that there are not two.
        scaled = EngFormatter(unit=base)
        axis.set_major_formatter(FuncFormatter(lambda x, _: scaled(x * 10.0**own)))
    elif shown or axis.get_scale() == "log":
        axis.set_major_formatter(EngFormatter(unit=shown if prefixes else ""))
    if axis.get_scale() != "log":
        axis.set_major_locator(MaxNLocator(min(ticks, 7), steps=(1, 2, 2.5, 5, 10)))
        return
    low, high = np.log10(axis.get_view_interval())
    decades = high - low
    axis.set_minor_formatter(NullFormatter())
    if decades < 0.7:
        axis.set_major_locator(MaxNLocator(4))
        axis.set_minor_locator(NullLocator())
    else:
        fits = [s for s in ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3)) if decades * len(s) < ticks + 1]
        subs = fits[0] if fits else (1,)
        axis.set_major_locator(LogLocator(subs=subs, numticks=max(4, ticks)))
        if decades > DECADES:
            axis.set_minor_locator(NullLocator())


def _plain(text: str) -> str:
    """A text as it stands: a name of a file may hold a $, which begins a formula otherwise."""
    return text.replace("$", r"\$")


def _colour(colour: plots.Colour) -> Any:
    return colormaps["viridis"](colour) if isinstance(colour, float) else colour


@singledispatch
def _put(mark: plots.AbstractMark, ax: Axes, colour: Any) -> None:
    """Draw a mark into axes."""
    raise TypeError(f"there is no drawing of a {type(mark).__name__}")


@_put.register
def _(mark: plots.Curve, ax, colour):
    style = dict(ROLES[mark.role])
    if mark.size is not None:
        style["markersize" if "marker" in style else "linewidth"] = mark.size
    ax.plot(mark.x, mark.y, color=colour, label=mark.label, **style)


@_put.register
def _(mark: plots.Rule, ax, colour):
    upright = mark.of == "x"
    if mark.to is None:
        (ax.axvline if upright else ax.axhline)(
            mark.at, color=colour, label=mark.label, zorder=1, **ROLES[mark.role]
        )
    else:
        (ax.axvspan if upright else ax.axhspan)(
            mark.at, mark.to, color=colour, label=mark.label, alpha=0.2, lw=0, zorder=0
        )


@_put.register
def _(mark: plots.Band, ax, colour):
    ax.fill_between(
        mark.x, mark.low, mark.high, color=colour, alpha=mark.alpha, lw=0, label=mark.label
    )


@_put.register
def _(mark: plots.Map, ax, colour):
    values = np.asarray(mark.values)
    style: dict[str, Any] = dict(cmap="viridis", norm=LogNorm() if mark.kind == "log" else None)
    if mark.kind == "signed":
        limit = max(np.nanquantile(np.abs(values), 0.98), 1e-3)
        values = np.clip(values, -limit, limit)
        style = dict(cmap="RdBu", norm=TwoSlopeNorm(0, -limit, limit))
    shown = ax.pcolormesh(mark.x, mark.y, values, shading="nearest", rasterized=True, **style)
    bar = ax.figure.colorbar(shown, ax=ax)
    label_axis(bar.ax.yaxis, mark.label, mark.unit, 8)


@_put.register
def _(mark: plots.Contour, ax, colour):
    if np.min(mark.values) < 0 < np.max(mark.values):
        ax.contour(mark.x, mark.y, mark.values, [0.0], colors=[colour], linewidths=1.2)


@_put.register
def _(mark: plots.Note, ax, colour):
    where = dict(xy=(0.5, 0.5), xycoords="axes fraction", ha="center")
    if mark.at is not None:
        where = dict(xy=mark.at, xytext=mark.offset, textcoords="offset points", va="center")
    ax.annotate(_plain(mark.text), color=colour, fontsize="small", **where)


@_put.register
def _(mark: plots.Arrow, ax, colour):
    style = dict(arrowstyle="-|>", color=colour, lw=1, mutation_scale=9, shrinkA=0, shrinkB=0)
    ax.annotate("", mark.end, mark.start, arrowprops=style)


@_put.register
def _(mark: plots.Inset, ax, colour):
    draw_panel(ax.inset_axes(mark.box), mark.panel)


@_put.register
def _(mark: plots.CircuitDiagram, ax, colour):
    draw_circuit(ax, mark.values)


@_put.register
def _(mark: plots.NetworkDiagram, ax, colour):
    draw_network(ax, mark.layout, mark.labels)


def drawn_files(figure: plots.Figure, formats: Sequence[str] = ("png", "svg")) -> dict[str, bytes]:
    """What the files of a figure hold, by their endings; `"svg"` is always among them."""
    made = draw(figure)
    files = {ending: io.BytesIO() for ending in dict.fromkeys(("svg", *formats))}
    with warnings.catch_warnings():
        # A name in letters that the font has not is drawn as boxes, and is no news.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        for ending, file in files.items():
            made.savefig(file, format=ending, dpi=130)
            # Where all stands is known now; to find it out takes half as long as to draw.
            made.set_layout_engine("none")
    return {ending: file.getvalue() for ending, file in files.items()}
