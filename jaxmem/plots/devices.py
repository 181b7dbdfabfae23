"""Figures of what devices answer. Functions draw into axes that they get, or return a Figure."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from jaxmem.output.numbers import SYMBOLS
from jaxmem.responses.transient import Transient

# Okabe and Ito's colours, which colour-blind readers tell apart; data are drawn in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DATA = "#777777"
# The paper's colours: grey for what is applied, magenta for what the device answers.
STIMULUS, ANSWER = "#8C8C8C", "#C2187A"
SHADES = ("#E58BBE", ANSWER, "#5E0B3B")


def engineering_axis(ax: Axes, which: str, name: str, unit: str) -> None:
    """Label an axis and write its ticks with prefixes."""
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_formatter(EngFormatter(unit=SYMBOLS.get(unit, unit)))
    axis.set_label_text(name)


def nyquist_axes(ax: Axes, unit: str = "ohm") -> None:
    """Axes of the complex plane: equal scales, -Im Z up; in ohm, or in units of a resistance."""
    ax.set_aspect("equal", adjustable="datalim")
    ax.axhline(0, color="0.6", lw=0.6)
    if unit == "ohm":
        engineering_axis(ax, "x", "Re Z", "ohm")
        engineering_axis(ax, "y", "-Im Z", "ohm")
    else:
        ax.set(xlabel=f"Re Z / ${unit}$", ylabel=f"-Im Z / ${unit}$")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.grid(alpha=0.25, lw=0.5)


def time_axes(
    ax: Axes, t: np.ndarray, signals: Mapping[str, tuple[np.ndarray, str]], lw: float = 1.4
) -> None:
    """Signals against time, each with its name and colour, in the device's own units."""
    for name, (values, colour) in signals.items():
        ax.plot(t, values, color=colour, lw=lw, label=name)
    ax.axhline(0, color="0.8", lw=0.6, zorder=0)
    ax.set_xlabel("t")
    ax.set_ylabel(", ".join(signals))
    ax.margins(x=0)


def circuit_drawing(ax: Axes, values: Mapping[str, float], *, second_order: bool = False) -> None:
    """The equivalent circuit of eqs 6, 13: C_m, R_b and the chemical inductor side by side.

    `values` are written at the elements by their names (R_b, C_m, R_a, L_d, with `second_order`
    L_k too). Then the chain R_a, L_d, L_k ends in R_c(omega), a resistance that is negative and
    grows with the square of the frequency (17).
    """
    import schemdraw
    from schemdraw import elements as elm

    name = lambda key: f"${key[0]}_{{{key[2:]}}}$ = {values[key]:.4g}"
    chain = [(elm.Resistor, "R_a"), (elm.Inductor2, "L_d")]
    if second_order:
        chain.append((elm.Inductor2, "L_k"))
    drawing = schemdraw.Drawing(canvas=ax)
    drawing.config(unit=2.2, fontsize=9, lw=1.3)
    height = 2.2 * (len(chain) + second_order)
    step = 3.1
    colour = [DATA, DATA, ANSWER]
    for k, one in enumerate((((elm.Capacitor, "C_m"),), ((elm.Resistor, "R_b"),), tuple(chain))):
        x = k * step
        part = height / (len(one) + (second_order and k == 2))
        for j, (element, key) in enumerate(one):
            top = height - j * part
            made = element().endpoints((x, top), (x, top - part)).color(colour[k])
            drawing += made.label(name(key), loc="bottom", color="black")
        if second_order and k == 2:
            last = elm.ResistorVar().endpoints((x, part), (x, 0)).color(colour[k])
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


def transient_figure(run: Transient, title: str = "") -> Figure:
    """Voltages, current and memory states of a transient against time."""
    occupations = [k for k, unit in enumerate(run.state_units) if unit == "1"]
    currents = [k for k, unit in enumerate(run.state_units) if unit == "A"]
    figure = Figure(figsize=(7, 6 if occupations else 4.6), layout="constrained")
    rows = 3 if occupations else 2
    axes = np.atleast_1d(figure.subplots(rows, 1, sharex=True))
    axes[0].plot(run.t, run.u, color=COLOURS[0], label="u, over the memristor")
    if not np.allclose(run.V, run.u, rtol=1e-9, atol=0, equal_nan=True):
        axes[0].plot(run.t, run.V, color=DATA, lw=1, label="V, applied", zorder=1)
    engineering_axis(axes[0], "y", "voltage", "V")
    axes[1].plot(run.t, run.I, color=DATA, label="I, terminal")
    for n, k in enumerate(currents):
        axes[1].plot(run.t, run.x[:, k], color=COLOURS[1 + n % 6], label=_short(run, k))
    engineering_axis(axes[1], "y", "current", "A")
    for n, k in enumerate(occupations):
        axes[2].plot(run.t, run.x[:, k], color=COLOURS[2 + n % 5], label=_short(run, k))
        axes[2].set_ylabel("occupation")
        axes[2].set_ylim(-0.03, 1.03)
    for ax in axes:
        ax.legend(loc="best", frameon=False, fontsize="small")
        ax.grid(alpha=0.25, lw=0.5)
    engineering_axis(axes[-1], "x", "time", "s")
    if title:
        axes[0].set_title(title, fontsize="medium")
    return figure


def save(figure: Figure, folder: Path, name: str) -> None:
    """Write a figure as `name.png` and `name.svg`."""
    figure.savefig(folder / f"{name}.png", dpi=150)
    figure.savefig(folder / f"{name}.svg")


def _short(run: Transient, k: int) -> str:
    """A state's name without its branch, where that is enough."""
    short = [name.split(".")[-1] for name in run.state_names]
    return short[k] if short.count(short[k]) == 1 else run.state_names[k]
