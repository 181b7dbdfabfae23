"""Figures of what devices answer. Functions draw into axes that they get, or return a Figure."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from jaxmem.responses.transient import Transient

# Okabe and Ito's colours, which colour-blind readers tell apart; data are drawn in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DATA = "#777777"
# Units as they are printed.
SYMBOLS = {"ohm": "Ω", "1": "", "S s^n": "S·sⁿ"}


def engineering(value: float, unit: str = "", digits: int = 4) -> str:
    """A number for people: `12.5 kΩ`; what has no prefix, `1e-08 S·sⁿ`."""
    symbol = SYMBOLS.get(unit, unit)
    if not np.isfinite(value):
        return f"{value} {symbol}".strip()
    if not symbol or "·" in symbol or "^" in symbol:
        return f"{value:.{digits}g} {symbol}".strip()
    exponent = 3 * int(np.floor(np.log10(abs(value)) / 3)) if value else 0
    exponent = int(np.clip(exponent, -18, 18))
    prefix = EngFormatter.ENG_PREFIXES[exponent]
    return f"{value / 10.0**exponent:.{digits}g} {prefix}{symbol}"


def engineering_axis(ax: Axes, which: str, name: str, unit: str) -> None:
    """Label an axis and write its ticks with prefixes."""
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_formatter(EngFormatter(unit=SYMBOLS.get(unit, unit)))
    axis.set_label_text(name)


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
