"""Figures of profile likelihoods, and of draws from a posterior or a bootstrap."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator, NullFormatter

from fitting.estimate.result import Fit
from fitting.inference.intervals import quantile
from fitting.inference.profiles import Profile
from jaxmem.output.numbers import SYMBOLS
from jaxmem.plots.devices import COLOURS

# So many draws are shown as dots: more are one blot.
DOTS = 1500


def profiles_figure(fit: Fit, profiles: Sequence[Profile]) -> Figure:
    """How -2 ln L of the best fit rises as each quantity is moved.

    Dashed: the rise that the covariance says; dotted: the quantile of chi2 at the level.
    """
    columns = min(3, len(profiles))
    rows = -(-len(profiles) // columns)
    figure = Figure(figsize=(3.6 * columns, 2.7 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, p in zip(axes, profiles, strict=False):
        top = quantile(p.level) ** 2
        if p.closed[0]:
            ax.axvline(p.low, color="0.8", lw=1)
        if p.closed[1]:
            ax.axvline(p.high, color="0.8", lw=1)
        ax.axhline(top, color="0.5", lw=0.8, ls=":")
        log = bool(np.all(p.values > 0)) and p.values.max() > 3 * p.values.min()
        if p.name in fit.names and fit.identifiable[fit.names.index(p.name)]:
            k = fit.names.index(p.name)
            z = fit.z[k] + np.linspace(-3, 3, 121) * fit.standard_errors[k]
            moved = np.tile(fit.z, (z.size, 1))
            moved[:, k] = z
            x = fit.problem.coordinates.to_values(moved)[:, k]
            y = ((z - fit.z[k]) / fit.standard_errors[k]) ** 2
            ax.plot(x, y, color=COLOURS[1], lw=1, ls="--")
        ax.plot(p.values, p.increase, "o-", color=COLOURS[0], ms=3, lw=1.4)
        ax.set(xlim=(p.values.min(), p.values.max()), ylim=(-0.02 * 2.5 * top, 2.5 * top))
        _axis(ax, "x", p.name, p.unit, log)
        ax.set_ylabel("rise of -2 ln L")
    for ax in axes[len(profiles) :]:
        ax.set_visible(False)
    return figure


def draws_figure(
    fit: Fit, values: Float[np.ndarray, "n p"], decided: Sequence[bool] | None = None
) -> Figure:
    """Histograms of the parameters, and every pair of them as dots.

    `decided`: which to show; by default what the fit can identify, or all if that is nothing.
    """
    keep = np.asarray(fit.identifiable if decided is None else decided, dtype=bool)
    keep = np.flatnonzero(keep if keep.any() else np.ones(len(keep), bool))
    n = len(keep)
    figure = Figure(figsize=(1.75 * n + 0.8, 1.6 * n + 0.6), layout="constrained")
    axes = figure.subplots(n, n, squeeze=False)
    thin = values[:: max(1, len(values) // DOTS)]
    # As an image within the drawing: thousands of vectors make a page slow.
    dots: dict[str, Any] = dict(marker=".", ls="none", color=COLOURS[0], alpha=0.35)
    dots |= dict(ms=1.5 if len(thin) > 300 else 4, mew=0, rasterized=True)
    bins = int(np.clip(np.sqrt(len(values)), 8, 40))
    log = [bool(np.all(values[:, k] > 0) and np.ptp(np.log(values[:, k])) > 1.5) for k in keep]
    for i, row in enumerate(keep):
        for j, column in enumerate(keep):
            ax = axes[i, j]
            if j > i:
                ax.set_visible(False)
                continue
            if i == j:
                x = values[:, row]
                edges = np.geomspace(x.min(), x.max(), bins + 1) if log[i] else bins
                ax.hist(x, bins=edges, color=COLOURS[0], alpha=0.7)
                ax.axvline(fit.values[row], color=COLOURS[1], lw=1)
                ax.set_yticks([])
            else:
                ax.plot(thin[:, column], thin[:, row], **dots)
                ax.plot(fit.values[column], fit.values[row], "+", color=COLOURS[1], ms=7)
                left = j == 0
                _axis(ax, "y", fit.names[row] if left else "", fit.units[row], log[i])
                if not left:
                    ax.yaxis.set_major_formatter(NullFormatter())
            last = i == n - 1
            _axis(ax, "x", fit.names[column] if last else "", fit.units[column], log[j])
            if not last:
                ax.xaxis.set_major_formatter(NullFormatter())
            ax.tick_params(labelsize=7)
    return figure


def _axis(ax: Axes, which: str, name: str, unit: str, log: bool) -> None:
    axis = ax.xaxis if which == "x" else ax.yaxis
    if log:
        (ax.set_xscale if which == "x" else ax.set_yscale)("log")
        axis.set_minor_formatter(NullFormatter())
    else:
        axis.set_major_locator(MaxNLocator(3))
    shown = SYMBOLS.get(unit, unit)
    plain = not shown or "·" in shown
    axis.set_major_formatter(EngFormatter(unit="" if plain else shown))
    axis.set_label_text(f"{name}  ({shown})" if name and plain and shown else name)
