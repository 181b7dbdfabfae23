"""The drawing of an impedance circuit."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from jaxmem.plots.figure import ANSWER, BLACK

# Width and height that an element takes, and what a parallel block adds to each side.
WIDE, HIGH, SIDE = 3.0, 1.9, 0.4


def draw_network(ax: Any, layout: Any, labels: Mapping[str, str]) -> None:
    """Draw a `NetworkDiagram` from left to right into axes of matplotlib."""
    import schemdraw
    from schemdraw import elements as elm

    drawing = schemdraw.Drawing(canvas=ax)
    drawing.config(unit=WIDE, fontsize=9, lw=1.3)
    kinds = {
        "R": elm.Resistor, "C": elm.Capacitor, "L": elm.Inductor2, "CPE": elm.CPE, "Q": elm.CPE,
    }  # fmt: skip

    def line(*points: tuple[float, float]) -> None:
        for a, b in pairwise(points):
            nonlocal drawing
            if a != b:
                drawing += elm.Line().endpoints(a, b)

    def put(part: Any, x: float, y: float, width: float) -> None:
        """A part from (x, y) to the right, `width` wide."""
        nonlocal drawing
        wide, _ = room_of(part)
        if isinstance(part, str):
            letter = part.partition("_")[0].rstrip("0123456789")
            colour = ANSWER if letter in ("Ld", "Y") else BLACK
            a, b = x + (width - WIDE) / 2, x + (width + WIDE) / 2
            made = kinds.get(letter, elm.RBox)().endpoints((a, y), (b, y)).color(colour)
            drawing += made.label(labels[part], loc="top", color="black", fontsize=8)
            line((x, y), (a, y))
            line((b, y), (x + width, y))
        elif part[0] == "series":
            at = x + (width - wide) / 2
            line((x, y), (at, y))
            for inner in part[1:]:
                put(inner, at, y, room_of(inner)[0])
                at += room_of(inner)[0]
            line((at, y), (x + width, y))
        else:
            a, b = x + (width - wide) / 2, x + (width + wide) / 2
            line((x, y), (a + SIDE, y))
            line((b - SIDE, y), (x + width, y))
            heights = [room_of(inner)[1] for inner in part[1:]]
            at = y + sum(heights) / 2
            middles = []
            for inner, high in zip(part[1:], heights, strict=True):
                middles.append(at - high / 2)
                put(inner, a + SIDE, middles[-1], wide - 2 * SIDE)
                at -= high
            for edge in (a + SIDE, b - SIDE):
                line((edge, middles[0]), (edge, middles[-1]))

    width, height = room_of(layout)
    put(layout, 0.0, 0.0, width)
    for x, end in ((0.0, -0.6), (width, width + 0.6)):
        line((x, 0.0), (end, 0.0))
        drawing += elm.Dot(open=True).at((end, 0.0))
    drawing.draw(show=False)
    ax.set_xlim(-1.0, width + 1.0)
    ax.set_ylim(-height / 2 - 0.4, height / 2 + 0.7)
    ax.set_aspect("equal", adjustable="box")
    ax.axis("off")


def room_of(layout: Any) -> tuple[float, float]:
    """Width and height that a part takes, in the drawing's units."""
    if isinstance(layout, str):
        return WIDE, HIGH
    parts = [room_of(part) for part in layout[1:]]
    wide, high = zip(*parts, strict=True)
    if layout[0] == "series":
        return sum(wide), max(high)
    return max(wide) + 2 * SIDE, sum(high)
