"""Figures of profile likelihoods, and of draws from a posterior or a bootstrap."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from fitting.estimate.result import Fit
from fitting.inference.intervals import quantile
from fitting.inference.profiles import Profile
from jaxmem import plots

# So many draws are shown as dots: more are one blot.
DOTS = 1500


def profiles_figure(fit: Fit, profiles: Sequence[Profile]) -> plots.Figure:
    """How -2 ln L of the best fit rises as each quantity is moved.

    Dashed: the rise that the covariance says; dotted: the quantile of chi2 at the level.
    """
    columns = min(3, len(profiles))
    rows = plots.grid([_profile_panel(fit, p) for p in profiles], columns)
    return plots.Figure(rows, (3.6 * columns, 2.7 * len(rows)))


def _profile_panel(fit: Fit, p: Profile) -> plots.Panel:
    top = quantile(p.level) ** 2
    ends = zip(p.closed, (p.low, p.high), strict=True)
    marks: list[plots.AbstractMark] = [
        plots.Rule("x", end, colour=plots.PALE) for closed, end in ends if closed
    ]
    marks.append(plots.Rule("y", top, role="dotted", colour=plots.GREY))
    if p.name in fit.names and fit.identifiable[fit.names.index(p.name)]:
        k = fit.names.index(p.name)
        z = fit.z[k] + np.linspace(-3, 3, 121) * fit.standard_errors[k]
        moved = np.tile(fit.z, (z.size, 1))
        moved[:, k] = z
        x = fit.problem.coordinates.to_values(moved)[:, k]
        y = ((z - fit.z[k]) / fit.standard_errors[k]) ** 2
        marks.append(plots.Curve(x, y, "dashed", colour=plots.COLOURS[1]))
    marks += [plots.Curve(p.values, p.increase), plots.Curve(p.values, p.increase, "mark", 3)]
    low, high = float(p.values.min()), float(p.values.max())
    scale = "log" if high > 3 * low > 0 else "linear"
    return plots.Panel(
        marks, plots.PlotAxis(p.name, p.unit, scale, (low, high)),
        plots.PlotAxis("rise of -2 ln L", limits=(-0.05 * top, 2.5 * top)),
    )  # fmt: skip


def draws_figure(
    fit: Fit, values: Float[np.ndarray, "n p"], decided: Sequence[bool] | None = None
) -> plots.Figure:
    """Histograms of the parameters, and every pair of them as dots.

    `decided`: which to show; by default what the fit can identify, or all if that is nothing.
    """
    keep = np.asarray(fit.identifiable if decided is None else decided, dtype=bool)
    keep = np.flatnonzero(keep if keep.any() else np.ones(len(keep), bool)).tolist()
    thin = values[:: max(1, len(values) // DOTS)]
    size = 1.5 if len(thin) > 300 else 4

    def axis(k: int, told: bool) -> plots.PlotAxis:
        log = np.all(values[:, k] > 0) and np.ptp(np.log(values[:, k])) > 1.5
        label = fit.names[k] if told else ""
        return plots.PlotAxis(label, fit.units[k], "log" if log else "linear", numbers=told)

    def panel(i: int, j: int) -> plots.Panel:
        x = axis(j, i == keep[-1])
        if i == j:
            bins = _histogram(values[:, i], x.scale == "log")
            best = plots.Rule("x", float(fit.values[i]), colour=plots.COLOURS[1])
            return plots.Panel([bins, best], x, plots.PlotAxis(numbers=False))
        dots = plots.Curve(thin[:, j], thin[:, i], "cloud", size)
        best = plots.Curve([fit.values[j]], [fit.values[i]], "plus", colour=plots.COLOURS[1])
        return plots.Panel([dots, best], x, axis(i, j == keep[0]))

    n = len(keep)
    rows = [[panel(i, j) if j <= i else None for j in keep] for i in keep]
    return plots.Figure(rows, (1.75 * n + 0.8, 1.6 * n + 0.6))


def _histogram(x: np.ndarray, log: bool) -> plots.Band:
    bins = int(np.clip(np.sqrt(len(x)), 8, 40))
    edges = np.geomspace(x.min(), x.max(), bins + 1) if log else bins
    counts, edges = np.histogram(x, edges)
    return plots.Band(np.repeat(edges, 2), 0, np.repeat([0, *counts, 0], 2)[1:-1], alpha=0.7)
