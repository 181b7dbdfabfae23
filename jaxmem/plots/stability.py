"""Figures of what oscillates: bifurcation diagrams, loop gains, maps of stability."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter

from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice, Memristor2D, Memristor3D
from jaxmem.plots.devices import COLOURS, engineering_axis
from jaxmem.stability import CycleBranch, HopfPoints, hopf_margin, loop_gain, unstable_count
from jaxmem.stability.why.change import log_ratio

REST, CYCLE, HARD = COLOURS[6], COLOURS[0], COLOURS[1]


def bifurcation_figure(
    device: AbstractDevice, drive: DriveKind, hopf: HopfPoints, branches: Sequence[CycleBranch]
) -> Figure:
    """Rest and cycles over the drive: u, frequency, energy per period.

    Full lines are stable, dashed ones are not; rings are Hopf points.
    """
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    top, frequency, energy = figure.subplots(1, 3)
    letter, unit = ("I", "A") if drive == "current" else ("V", "V")
    at = np.asarray(getattr(hopf, letter))[: int(hopf.found)]
    ends = [at, *(np.asarray(b.drive)[np.isfinite(b.drive)] for b in branches)]
    values = np.concatenate(ends)
    reach = 0.25 * np.ptp(values) or 0.5 * abs(values[0])
    low, high = max(values.min() - reach, min(0.0, values.min())), values.max() + reach
    rest_curve(top, device, drive, (low, high))
    top.plot(at, np.asarray(hopf.u)[: at.size], "o", mfc="w", mec=REST, ms=6)
    for branch in branches:
        n = int(branch.count)
        stable = np.asarray(branch.stable)[:n]
        x = np.asarray(branch.drive)[:n]
        for y in (branch.u_max, branch.u_min):
            _line(top, x, np.asarray(y)[:n], stable)
        _line(frequency, x, 1 / np.asarray(branch.period)[:n], stable)
        _line(energy, x, np.asarray(branch.energy)[:n], stable)
        for fold in np.asarray(branch.fold_drive)[np.isfinite(branch.fold_drive)]:
            for ax in (top, frequency, energy):
                ax.axvline(fold, color=HARD, lw=0.8, ls=":")
    engineering_axis(top, "y", "u: rest, and the cycle's extrema", "V")
    engineering_axis(frequency, "y", "frequency", "Hz")
    engineering_axis(energy, "y", "energy per spike", "J")
    for ax in (top, frequency, energy):
        engineering_axis(ax, "x", letter, unit)
        ax.set_xlim(low, high)
        ax.grid(alpha=0.25, lw=0.5)
        ax.locator_params(axis="x", nbins=5)
    for ax in (frequency, energy):
        ax.set_ylim(0, None)
    return figure


def rest_curve(ax: Axes, device: AbstractDevice, drive: DriveKind, ends: tuple) -> None:
    """u at rest over the drive, dashed where it is unstable."""
    u, given, unstable = _rest(device, drive)
    inside = (given >= ends[0]) & (given <= ends[1])
    _line(ax, given[inside], u[inside], unstable[inside] == 0, REST, 1.2)


def _rest(device, drive, points=1201):
    windows = device.windows()
    low = min([0.0, *(float(c - 12 * w) for c, w in windows)])
    high = max(float(c + 25 * w) for c, w in windows)
    fine = np.concatenate(
        [np.linspace(float(c - 12 * w), float(c + 12 * w), points) for c, w in windows]
    )
    u = np.sort(np.concatenate([np.linspace(low, high, points), fine]))
    I = jax.vmap(device.steady_current)(jnp.asarray(u))
    given = np.asarray(I if drive == "current" else u + device.R_s * I)
    unstable = jax.jit(jax.vmap(lambda u: unstable_count(device, u, drive)))(jnp.asarray(u))
    return u, given, np.asarray(unstable)


def _line(ax, x, y, stable, colour=CYCLE, width=1.6):
    """A line in pieces, full where stable; neighbours meet."""
    change = np.flatnonzero(np.diff(stable.astype(int))) + 1
    for part in np.split(np.arange(len(x)), change):
        if not len(part):
            continue
        joined = np.append(part, min(part[-1] + 1, len(x) - 1))
        style = "-" if stable[part[0]] else "--"
        ax.plot(x[joined], y[joined], style, color=colour, lw=width)


def gain_axes(ax: Axes, device: AbstractDevice, drive: DriveKind) -> None:
    """Loop gain and its bound over u; for other devices the share b/a of the Hurwitz terms."""
    centre, width = min(device.windows(), key=lambda w: float(w[1]))
    u = jnp.linspace(centre - 8 * width, centre + 8 * width, 401)
    if isinstance(device, Memristor2D | Memristor3D) and not device.extra:
        g = jax.vmap(lambda u: loop_gain(device, u, drive))(u)
        ax.semilogy(u, g.gain, color=CYCLE, label="loop gain g")
        if np.isfinite(g.bound).all():
            ax.semilogy(u, g.bound, color=HARD, label="needed to oscillate")
            low = min(float(g.bound.min()), float(g.gain.max())) / 10
            ax.fill_between(u, g.bound, g.gain, where=g.gain > g.bound, color=CYCLE, alpha=0.15)
            ax.set_ylim(low, 3 * max(float(g.gain.max()), 3 * float(g.bound.min())))
        else:
            ax.axhline(8, color=HARD, ls="--", label="8: three equal lags would need")
            ax.set_ylim(min(8, float(g.gain.max())) / 30, 3 * max(8, float(g.gain.max())))
        ax.set_ylabel("loop gain")
        ax.legend(frameon=False, fontsize="small")
    else:
        margin = jax.vmap(lambda u: hopf_margin(device, u, drive))(u)
        ratio = jnp.exp(-log_ratio(margin))
        ax.semilogy(u, ratio, color=CYCLE)
        ax.axhline(1, color=HARD)
        # What is a thousand times too small is as good as nothing.
        ax.set_ylim(max(float(ratio.min()), 1e-3) / 2, 2 * max(1.0, float(ratio.max())))
        ax.set_ylabel("b/a of the Hurwitz determinant a - b")
    engineering_axis(ax, "x", "u", "V")
    ax.grid(alpha=0.25, lw=0.5)
    ax.locator_params(axis="x", nbins=5)
    ax.set_title("what it has and what it needs", fontsize="medium")


def map_axes(
    ax: Axes,
    data: xr.Dataset,
    *,
    here: tuple[float, float] | None = None,
    target: tuple[float, float] | None = None,
) -> Any:
    """ln(a/b) over two parameters: blue where it oscillates at some bias, a line where it begins.

    `data` is a sweep of `least_margin` over two axes; `here` the device, `target` the boundary's
    nearest point.
    """  # fmt: skip
    y, x = (data[name] for name in data.margin.dims[:2])
    values = -np.asarray(log_ratio(jnp.asarray(data.margin.values)))
    limit = max(np.nanquantile(np.abs(values), 0.98), 1e-3)
    shown = ax.pcolormesh(
        x, y, np.clip(values, -limit, limit), cmap="RdBu", norm=TwoSlopeNorm(0, -limit, limit),
        shading="nearest", rasterized=True,
    )  # fmt: skip
    if values.min() < 0 < values.max():
        ax.contour(x, y, values, [0.0], colors="k", linewidths=1.2)
    scale_axes(ax, x, y)
    if here is not None:
        ax.plot(*here, "*", color="k", ms=12, mec="w", mew=0.8)
        if target is not None:
            ax.annotate("", target, here, arrowprops=dict(arrowstyle="->", lw=1.3))
    return shown


def scale_axes(ax: Axes, x: xr.DataArray, y: xr.DataArray) -> None:
    """Scale and label the axes of a map by its coordinates."""
    for axis, coordinate in (("x", x), ("y", y)):
        log = _logarithmic(coordinate)
        getattr(ax, f"set_{axis}scale")("log" if log else "linear")
        engineering_axis(ax, axis, str(coordinate.name), coordinate.attrs["units"])
        if log:
            getattr(ax, f"{axis}axis").set_major_locator(LogLocator(numticks=5))
            getattr(ax, f"{axis}axis").set_minor_formatter(NullFormatter())
        else:
            getattr(ax, f"{axis}axis").set_major_locator(MaxNLocator(4))


def map_figure(data: xr.Dataset, **marks: Any) -> Figure:
    """A figure of `map_axes` with its scale."""
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    ax = figure.subplots()
    bar = figure.colorbar(map_axes(ax, data, **marks), ax=ax)
    bar.set_label("ln(b/a): above 0 it oscillates")
    return figure


def _logarithmic(coordinate) -> bool:
    v = np.asarray(coordinate.values)
    if v.size < 3 or v.min() <= 0:
        return False
    ratio = v[1:] / v[:-1]
    return bool(np.ptp(ratio) < 1e-6 * ratio[0])


def hopf_map_figure(data: xr.Dataset, drive: DriveKind) -> Figure:
    """Where devices of a sweep oscillate, from what drive and frequency on; over one or two axes.

    `data` is a sweep of `jaxmem.apps.oscillation_map.oscillation`.
    """
    figure = Figure(figsize=(12.5, 3.9), layout="constrained")
    axes = figure.subplots(1, 3)
    if len(data.margin.dims) == 1:
        _window_lines(axes, data, drive)
        return figure
    bar = figure.colorbar(map_axes(axes[0], data), ax=axes[0])
    bar.set_label("ln(b/a): above 0 it oscillates")
    unit = data.drive_low.attrs["units"]
    for ax, name, label, kind in (
        (axes[1], "drive_low", "drive at the onset", unit),
        (axes[2], "frequency_low", "frequency at the onset", "Hz"),
    ):
        y, x = (data[dim] for dim in data.margin.dims)
        values = data[name].values
        fine = values[np.isfinite(values)]
        ratio = fine.size and fine.min() > 0 and fine.max() > 5 * fine.min()
        shown = ax.pcolormesh(
            x, y, values, cmap="viridis", norm=LogNorm() if ratio else None, shading="nearest",
            rasterized=True,
        )  # fmt: skip
        scale_axes(ax, x, y)
        if np.any(data.l1_low.values > 0):
            hard = np.where(np.isfinite(data.l1_low.values), data.l1_low.values, -1.0)
            ax.contour(x, y, hard, [0.0], colors=[HARD], linewidths=1.2)
            ax.set_title("within the orange line the onset is hard", fontsize="small")
        if fine.size:
            bar = figure.colorbar(shown, ax=ax, label=label)
            if ratio:
                few = fine.max() < 100 * fine.min()
                bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
            bar.ax.yaxis.set_major_formatter(EngFormatter(unit=kind))
            bar.ax.yaxis.set_minor_formatter(NullFormatter())
        else:
            ax.text(0.5, 0.5, "nothing oscillates here", transform=ax.transAxes, ha="center")
    return figure


def _window_lines(axes, data, drive):
    (name,) = data.margin.dims
    x, letter = data[name], "I" if drive == "current" else "V"
    axes[0].plot(x, -log_ratio(jnp.asarray(data.margin.values)), color=CYCLE)
    axes[0].axhline(0, color=HARD, lw=1)
    axes[0].set_ylabel("ln(b/a): above 0 it oscillates")
    axes[1].fill_between(x, data.drive_low, data.drive_high, color=CYCLE, alpha=0.2)
    for ax, kind in ((axes[1], "drive"), (axes[2], "frequency")):
        for end, colour in (("low", CYCLE), ("high", COLOURS[2])):
            ax.plot(x, data[f"{kind}_{end}"], color=colour, label=f"{end}est Hopf point")
        if np.isfinite(data[f"{kind}_low"]).any():
            ax.set_yscale("log")
        ax.legend(frameon=False, fontsize="small")
    engineering_axis(axes[1], "y", f"window of {letter}", data.drive_low.attrs["units"])
    engineering_axis(axes[2], "y", "frequency at the Hopf points", "Hz")
    for ax in axes:
        ax.set_xscale("log" if _logarithmic(x) else "linear")
        engineering_axis(ax, "x", name, x.attrs["units"])
        ax.grid(alpha=0.25, lw=0.5)
