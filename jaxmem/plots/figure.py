"""A figure as data: what is shown, over which axes, in which units. It knows no drawing library.

A figure is a grid of panels, and a panel is marks over two axes. `draw` makes a picture of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Literal

# Okabe and Ito's colours, which colour-blind readers tell apart; data are drawn in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DATA, BLACK, GREY, PALE = "#777777", "#000000", "#999999", "#CCCCCC"
# The paper's colours: grey for what is applied, magenta for what the device answers.
STIMULUS, ANSWER = "#8C8C8C", "#C2187A"
SHADES = ("#E58BBE", ANSWER, "#5E0B3B")

# A colour as #rrggbb, or a place from 0 to 1 in a series; None is the panel's own.
Colour = str | float | None
# How a curve looks: a line, or a symbol at each point.
Role = Literal[
    "line", "dashed", "dotted", "thin", "data", "excluded", "triangle", "mark", "ring", "cross",
    "plus", "star", "cloud",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class AbstractMark:
    """Something in a panel; a `label` puts it into the legend."""

    label: str = ""
    colour: Colour = None


@dataclass(frozen=True)
class Curve(AbstractMark):
    """Points with the coordinates `x` and `y`, joined by a line or not, as their role says.

    `size` is the line's width or the symbol's diameter in points, by default that of the role.
    """

    x: Any
    y: Any
    role: Role = "line"
    size: float | None = None


@dataclass(frozen=True)
class Rule(AbstractMark):
    """A line across the panel at a value of the axis `of`; with `to`, the strip between."""

    of: Literal["x", "y"]
    at: float
    to: float | None = None
    role: Role = "thin"
    _: KW_ONLY
    colour: Colour = GREY


@dataclass(frozen=True)
class Band(AbstractMark):
    """The area over `x` between `low` and `high`."""

    x: Any
    low: Any
    high: Any
    alpha: float = 0.2


@dataclass(frozen=True)
class Map(AbstractMark):
    """Values over x (columns) and y (rows) as colours, whose scale has the label and `unit`.

    `kind`: "signed" (blue above zero, red below), or one hue over a "linear" or "log" scale.
    """

    x: Any
    y: Any
    values: Any
    unit: str = ""
    kind: Literal["signed", "linear", "log"] = "linear"


@dataclass(frozen=True)
class Contour(AbstractMark):
    """The line along which values over x (columns) and y (rows) are zero."""

    x: Any
    y: Any
    values: Any
    _: KW_ONLY
    colour: Colour = BLACK


@dataclass(frozen=True)
class Note(AbstractMark):
    """Words at a point, moved by `offset` points; without a point in the middle of the panel."""

    text: str
    at: tuple[float, float] | None = None
    offset: tuple[float, float] = (0.0, 0.0)
    _: KW_ONLY
    colour: Colour = "#444444"


@dataclass(frozen=True)
class Arrow(AbstractMark):
    """An arrow from `start` to `end`."""

    start: tuple[float, float]
    end: tuple[float, float]


@dataclass(frozen=True)
class CircuitDiagram(AbstractMark):
    """The equivalent circuit of eqs 6, 13: C_m, R_b and the chemical inductor side by side.

    `values` are written at the elements by their names: R_b, C_m, R_a, L_d, and of a second order
    L_k. Then the chain R_a, L_d, L_k ends in R_c(omega), a resistance that is negative and grows
    with the square of the frequency (17).
    """

    values: Mapping[str, float]


@dataclass(frozen=True)
class NetworkDiagram(AbstractMark):
    """An impedance circuit of elements in series and in parallel.

    - `layout`: as in `Network.layout`.
    - `labels`: of the elements, by name.
    """

    layout: Any
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Inset(AbstractMark):
    """A small panel within the panel: left, bottom, width and height as shares of it."""

    box: tuple[float, float, float, float]
    panel: "Panel"


@dataclass(frozen=True)
class PlotAxis:
    """What an axis shows.

    - `unit`: in SI; numbers are written with its prefixes. "1" takes prefixes on a logarithmic axis
      alone, and without a unit numbers are plain.
    - `limits`: ends, each None where it follows from what is shown.
    - `names`: words at 0, 1, 2, ... in the place of numbers; `numbers`: whether there are any.
    """

    label: str = ""
    unit: str = ""
    scale: Literal["linear", "log"] = "linear"
    limits: tuple[float | None, float | None] = (None, None)
    names: Sequence[str] = ()
    numbers: bool = True


@dataclass(frozen=True)
class Panel:
    """Marks over two axes.

    - `colour`: of all marks that have none of their own.
    - `legend`: where it stands, if a mark has a label: "best", "upper right", ...
    - `equal`: whether a unit is as long on both axes.
    """

    marks: Sequence[AbstractMark]
    x: PlotAxis = PlotAxis()
    y: PlotAxis = PlotAxis()
    title: str = ""
    colour: Colour = COLOURS[0]
    legend: str = "best"
    equal: bool = False


@dataclass(frozen=True)
class Figure:
    """Rows of panels, equally many in each, None where one is left out.

    `size` is in inches; `widths` are the columns' shares of it.
    """

    rows: Sequence[Sequence[Panel | None]]
    size: tuple[float, float]
    widths: Sequence[float] | None = None


def grid(panels: Sequence[Panel], columns: int) -> list[list[Panel | None]]:
    """Panels in rows, the last one filled up with None."""
    filled = [*panels, *[None] * (-len(panels) % columns)]
    return [filled[k : k + columns] for k in range(0, len(filled), columns)]


def overlay(panels: Sequence[Panel]) -> Panel:
    """Panels over the same axes as one, in which each keeps its colour; the limits hold all."""

    def axis(axes: Sequence[PlotAxis]) -> PlotAxis:
        low, high = ([e for a in axes if (e := a.limits[k]) is not None] for k in (0, 1))
        return replace(axes[0], limits=(min(low, default=None), max(high, default=None)))

    marks = [m if m.colour is not None else replace(m, colour=p.colour)
             for p in panels for m in p.marks]  # fmt: skip
    return replace(
        panels[0], marks=marks, x=axis([p.x for p in panels]), y=axis([p.y for p in panels])
    )


def nyquist_axes(unit: str = "ohm") -> dict[str, Any]:
    """Of a panel in the complex plane: equal scales, -Im Z up; in ohm, or in units of another."""
    if unit == "ohm":
        return dict(x=PlotAxis("Re Z", "ohm"), y=PlotAxis("-Im Z", "ohm"), equal=True)
    return dict(x=PlotAxis(f"Re Z / ${unit}$"), y=PlotAxis(f"-Im Z / ${unit}$"), equal=True)
