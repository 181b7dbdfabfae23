"""Figures of spectra and their fits."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, NullLocator

from fitting.estimate.result import Fit
from fitting.terms.spectrum import Spectrum
from jaxmem.devices import AbstractDevice
from jaxmem.output.numbers import SYMBOLS
from jaxmem.plots.devices import COLOURS, engineering_axis, nyquist_axes

# From this many spectra on they are coloured by their place in the series, without a legend.
MANY = 7


def impedance_figure(
    spectra: Sequence[Spectrum],
    model: AbstractDevice,
    *,
    used: Sequence[np.ndarray] | None = None,
    floor: float | None = None,
) -> Figure:
    """Nyquist plot, Bode plot and residuals of spectra and the model at their biases.

    `used` marks the points that were fitted (the others are hollow); `floor` is the noise, a
    fraction of |Z|, drawn as a band under the residuals.
    """
    # Margins set by hand: a constrained layout draws every text twice, and a series of spectra
    # is a hundred such figures.
    figure = Figure(figsize=(10, 7.2))
    room = dict(left=0.085, right=0.985, bottom=0.075, top=0.95, wspace=0.2, hspace=0.32)
    axes = figure.subplots(2, 2, gridspec_kw=room)
    colours = _colours(len(spectra))
    for k, s in enumerate(spectra):
        keep = np.ones(len(s.freq), bool) if used is None else used[k]
        label = s.name if len(spectra) > 1 else None
        line = _dense(s, model)
        Z = line.impedance(model)
        nyquist(axes[0, 0], s, keep, colours[k], label)
        axes[0, 0].plot(Z.real, -Z.imag, color=colours[k], lw=1.4)
        fitted = s.impedance(model)
        phase = np.unwrap(np.angle(Z[::-1]))[::-1]
        # The data's phase on the branch of the model's, which runs on where Re Z < 0.
        near = np.interp(np.log(s.freq), np.log(line.freq), phase)
        own = near + np.angle(s.Z * np.exp(-1j * near))
        for ax, points, curve in (
            (axes[0, 1], np.abs(s.Z), np.abs(Z)),
            (axes[1, 1], np.degrees(own), np.degrees(phase)),
        ):
            _points(ax, s.freq, points, keep, colours[k])
            ax.plot(line.freq, curve, color=colours[k], lw=1.4)
        off = 100 * (s.Z - fitted) / np.abs(s.Z)
        for part, marker, name in ((off.real, "o", "Re"), (off.imag, "^", "Im")):
            axes[1, 0].plot(
                s.freq[keep], part[keep], marker, color=colours[k], ms=3.5,
                label=name if k == 0 else None,
                mfc=colours[k] if marker == "o" else "none",
            )  # fmt: skip
    nyquist_axes(axes[0, 0])
    _frame(axes[0, 0], spectra)
    axes[0, 0].set_title("Nyquist")
    if 1 < len(spectra) < MANY:
        axes[0, 0].legend(frameon=False, fontsize="small")
    axes[0, 1].set(xscale="log", yscale="log", title="Bode: modulus", ylabel="|Z|  (Ω)")
    axes[1, 1].set(xscale="log", title="Bode: phase", ylabel="phase of Z  (degrees)")
    axes[1, 0].set(xscale="log", title="residuals", ylabel="(data - fit)/|Z|  (%)")
    if floor is not None and np.isfinite(floor):
        axes[1, 0].axhspan(
            -100 * floor, 100 * floor, color="0.9", zorder=0, label="± Kramers-Kronig noise"
        )
    axes[1, 0].axhline(0, color="0.6", lw=0.6)
    axes[1, 0].legend(frameon=False, fontsize="small")
    for ax in (axes[0, 1], axes[1, 0], axes[1, 1]):
        engineering_axis(ax, "x", "frequency", "Hz")
        ax.xaxis.set_major_locator(LogLocator(numticks=7))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.grid(alpha=0.25, lw=0.5)
    return figure


def nyquist(ax: Axes, s: Spectrum, used: np.ndarray, colour, label: str | None = None) -> None:
    """The points of a spectrum, -Im Z up."""
    _points(ax, s.Z.real, -s.Z.imag, used, colour, label)


def series_figure(spectra: Sequence[Spectrum], fits: Sequence[Fit], outlier: np.ndarray) -> Figure:
    """Spectra of a series and how the fitted parameters go along it, with 68 % intervals."""
    names = [*fits[0].names, *fits[0].derived]
    columns = 4
    rows = -(-(len(names) + 2) // columns)
    figure = Figure(figsize=(13, 2.7 * rows), layout="constrained")
    axes = figure.subplots(rows, columns).ravel()
    sources = list(dict.fromkeys(s.source for s in spectra))
    many = len(sources) == 1 or len(sources) > len(COLOURS)
    group = [0 if many else sources.index(s.source) for s in spectra]
    colours = _colours(len(spectra)) if many else [COLOURS[g] for g in group]
    for k, (s, colour) in enumerate(zip(spectra, colours, strict=True)):
        first = not many and group.index(group[k]) == k
        name = Path(s.source).stem if first else None
        axes[0].plot(s.Z.real, -s.Z.imag, "-", color=colour, lw=0.8, label=name)
    nyquist_axes(axes[0])
    axes[0].set_title("Nyquist")
    if not many:
        axes[0].legend(frameon=False, fontsize="small")
    dots = np.array([COLOURS[g] for g in group])
    place, label = _places(spectra)
    residual = np.array([100 * f.relative_rms_residual for f in fits])
    _trend(axes[1], place, residual, None, outlier, np.ones(len(fits), bool), dots)
    axes[1].set(title="relative rms residual  (%)", ylim=(0, None))
    for ax, name in zip(axes[2:], names, strict=False):
        table = [next(row for row in f.rows() if row["name"] == name) for f in fits]
        value = np.array([row["value"] for row in table], dtype=float)
        ends = np.array([[row["low"], row["high"]] for row in table], dtype=float)
        fine = np.array([row["identifiable"] for row in table])
        _trend(ax, place, value, ends, outlier, fine, dots)
        unit = table[0]["unit"]
        shown = SYMBOLS.get(unit, unit)
        if np.all(value[fine] > 0) and fine.any() and np.ptp(np.log10(value[fine])) > 1:
            ax.set_yscale("log")
        if shown and "·" not in shown:
            engineering_axis(ax, "y", "", unit)
            if ax.get_yscale() == "log":
                engineering = EngFormatter(unit=shown)
                short = np.ptp(np.log10(ax.get_ylim())) < 1.3
                ax.yaxis.set_minor_formatter(engineering if short else NullFormatter())
            ax.set_title(name)
        else:
            ax.set_title(f"{name}  ({shown})" if shown else name)
    for ax in axes[1 : 2 + len(names)]:
        ax.set_xlabel(label)
        ax.grid(alpha=0.25, lw=0.5)
    for ax in axes[2 + len(names) :]:
        ax.set_visible(False)
    return figure


def _trend(ax, place, value, ends, outlier, fine, colours):
    """Dots where identifiable, crosses where not, a ring round an outlier."""
    good = fine & np.isfinite(value)
    if ends is not None and good.any():
        reach = np.abs(np.where(np.isfinite(ends), ends, np.nan) - value[:, None]).T
        ax.errorbar(place[good], value[good], reach[:, good], fmt="none", ecolor="0.7", lw=1)
    ax.scatter(place[good], value[good], c=colours[good], s=9, zorder=2)
    if good.any():
        low, high = value[good].min(), value[good].max()
        bad = ~good & (value >= low / 3) & (value <= high * 3)
        ax.plot(place[bad], value[bad], "x", color="0.5", ms=4)
    else:
        ax.text(0.5, 0.5, "not identifiable", transform=ax.transAxes, ha="center", color="0.5")
    ring = outlier & good
    ax.plot(place[ring], value[ring], "o", mfc="none", mec=COLOURS[6], ms=10, mew=1.5)


def _places(spectra):
    times = [s.time for s in spectra]
    if all(t is not None for t in times):
        return np.array(times, dtype=float) / 3600, "time  (h)"
    return np.arange(len(spectra)), "spectrum"


def _points(ax, x, y, used, colour, label=None):
    ax.plot(x[used], y[used], "o", color=colour, ms=4, alpha=0.6, mew=0, label=label)
    if not used.all():
        ax.plot(x[~used], y[~used], "o", mfc="none", mec=colour, ms=4, alpha=0.5)


def _frame(ax: Axes, spectra: Sequence[Spectrum]) -> None:
    """Room for the points; of a line that runs far away between two of them, only a part."""
    Z = np.concatenate([s.Z for s in spectra])
    room = 0.3 * max(np.ptp(Z.real), np.ptp(Z.imag))
    if room == 0:
        return
    for limits, shown, part in (
        (ax.set_xlim, ax.get_xlim(), Z.real), (ax.set_ylim, ax.get_ylim(), -Z.imag),
    ):  # fmt: skip
        limits(max(shown[0], part.min() - room), min(shown[1], part.max() + room), auto=True)


def _dense(s: Spectrum, model: AbstractDevice) -> Spectrum:
    """Frequencies for a smooth line, closer where Z moves faster, as at a resonance."""
    at = lambda freq: replace(s, freq=freq, Z=np.ones(freq.size, complex), sigma=None)
    first = at(np.geomspace(s.freq.min(), s.freq.max(), 2000))
    Z = first.impedance(model)
    moved = np.abs(np.diff(Z))
    walk = np.append(0.0, np.cumsum(moved / max(moved.sum(), 1e-300) + 1 / moved.size))
    even = np.linspace(0, walk[-1], walk.size)
    return at(np.exp(np.interp(even, walk, np.log(first.freq))))


def _colours(n):
    if n < MANY:
        return COLOURS[:n]
    from matplotlib import colormaps

    return [colormaps["viridis"](k / (n - 1)) for k in range(n)]
