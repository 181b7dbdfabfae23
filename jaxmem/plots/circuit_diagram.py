"""The drawing of an equivalent circuit."""

from collections.abc import Mapping
from typing import Any

from jaxmem.plots.figure import ANSWER, DATA


def draw_circuit(ax: Any, values: Mapping[str, float]) -> None:
    """Draw a `CircuitDiagram` with these values into axes of matplotlib."""
    import schemdraw
    from schemdraw import elements as elm

    name = lambda key: f"${key[0]}_{{{key[2:]}}}$ = {values[key]:.4g}"
    slow = "L_k" in values
    kinds = {"C_m": elm.Capacitor, "R_b": elm.Resistor, "R_a": elm.Resistor} | {
        key: elm.Inductor2 for key in ("L_d", "L_k")
    }
    chain = [key for key in ("R_a", "L_d", "L_k") if key in values]
    drawing = schemdraw.Drawing(canvas=ax)
    drawing.config(unit=2.2, fontsize=9, lw=1.3)
    height = 2.2 * (len(chain) + slow)
    step = 3.1
    for k, column in enumerate((["C_m"], ["R_b"], chain)):
        x, colour = k * step, ANSWER if k == 2 else DATA
        part = height / (len(column) + (slow and k == 2))
        for j, key in enumerate(column):
            top = height - j * part
            made = kinds[key]().endpoints((x, top), (x, top - part)).color(colour)
            drawing += made.label(name(key), loc="bottom", color="black")
        if slow and k == 2:
            last = elm.ResistorVar().endpoints((x, part), (x, 0)).color(colour)
            drawing += last.label("$R_c(\\omega) < 0$", loc="bottom", color="black")
    for y in (height, 0.0):
        drawing += elm.Line().endpoints((0, y), (2 * step, y))
        drawing += elm.Line().endpoints((-1, y), (0, y))
        drawing += elm.Dot(open=True).at((-1, y))
    drawing.draw(show=False)
    ax.set_xlim(-1.6, 2 * step + 2.6)
    ax.set_ylim(-0.8, height + 0.8)
    ax.set_aspect("equal", adjustable="box")
    ax.axis("off")
