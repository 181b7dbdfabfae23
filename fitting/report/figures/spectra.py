"""Figures of spectra and their fits."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Complex, Float

from fitting.estimate.result import Fit
from fitting.terms.spectrum import Spectrum
from jaxmem.devices import AbstractDevice
from jaxmem.plots.figure import (
    BLACK,
    COLOURS,
    GREY,
    AbstractMark,
    Colour,
    Curve,
    Figure,
    Interval,
    Note,
    Panel,
    PlotAxis,
    Rule,
    grid,
    nyquist_axes,
    overlay,
)

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
    named = 1 < len(spectra) < MANY
    rows = []
    for k, (s, colour) in enumerate(zip(spectra, _colours(len(spectra)), strict=True)):
        keep = np.ones(len(s.freq), bool) if used is None else used[k]
        line = _dense(s, model)
        row = spectrum_panels(
            s.name if named else "", s.freq, s.Z, s.impedance(model), keep, line.freq,
            line.impedance(model),
        )  # fmt: skip
        rows.append([replace(panel, colour=colour) for panel in row])
    panels = [overlay(column) for column in zip(*rows, strict=True)]
    if floor is not None and np.isfinite(floor):
        noise = Rule("y", -100 * floor, 100 * floor, label="± Kramers-Kronig noise")
        panels[2] = replace(panels[2], marks=[noise, *panels[2].marks])
    return Figure(grid(panels, 2), (10, 7.2))


def spectrum_panels(
    name: str,
    freq: Float[np.ndarray, " f"],
    Z: Complex[np.ndarray, " f"],
    fitted: Complex[np.ndarray, " f"],
    used: Bool[np.ndarray, " f"],
    line_freq: Float[np.ndarray, " l"],
    line_Z: Complex[np.ndarray, " l"],
) -> list[Panel]:
    """A spectrum and its fit in the complex plane, their moduli, residuals and phases.

    **Arguments:**

    - `name`: for the legend. `freq` [Hz], `Z` [ohm]: the data; `fitted`: the model's there.
    - `used`: which points were fitted, the others are hollow.
    - `line_freq` [Hz], `line_Z` [ohm]: the model at frequencies for a smooth line.
    """
    phase = np.unwrap(np.angle(line_Z[::-1]))[::-1]
    # The data's phase on the branch of the model's, which runs on where Re Z < 0.
    near = np.interp(np.log(freq), np.log(line_freq), phase)
    own = near + np.angle(Z * np.exp(-1j * near))
    off = 100 * (Z - fitted) / np.abs(Z)
    over = PlotAxis("frequency", "Hz", "log")
    x, y = np.real(Z), -np.imag(Z)
    line_x, line_y = np.real(line_Z), -np.imag(line_Z)
    room = 0.3 * float(max(np.ptp(x), np.ptp(y)))
    plane = nyquist_axes()
    for axis, points, line in (("x", x, line_x), ("y", y, line_y)):
        plane[axis] = replace(plane[axis], limits=_frame(points, line, room))
    return [
        Panel(
            [Rule("y", 0.0), *_points(x, y, used, name), Curve(line_x, line_y)],
            title="Nyquist", **plane,
        ),
        Panel(
            [*_points(freq, np.abs(Z), used), Curve(line_freq, np.abs(line_Z))],
            over, PlotAxis("|Z|", "ohm", "log"), "Bode: modulus",
        ),
        Panel(
            [Rule("y", 0.0), Curve(freq[used], np.real(off[used]), "data", label="Re"),
             Curve(freq[used], np.imag(off[used]), "triangle", label="Im")],
            over, PlotAxis("(data - fit)/|Z|  (%)"), "residuals",
        ),
        Panel(
            [*_points(freq, np.degrees(own), used), Curve(line_freq, np.degrees(phase))],
            over, PlotAxis("phase of Z  (degrees)"), "Bode: phase",
        ),
    ]  # fmt: skip


def series_figure(spectra: Sequence[Spectrum], fits: Sequence[Fit], outlier: np.ndarray) -> Figure:
    """Spectra of a series and how the fitted parameters go along it, with 68 % intervals."""
    sources = list(dict.fromkeys(s.source for s in spectra))
    many = len(sources) == 1 or len(sources) > len(COLOURS)
    group = np.array([0 if many else sources.index(s.source) for s in spectra])
    colours = _colours(len(spectra)) if many else [COLOURS[g] for g in group]
    names = ["" if many else Path(s.source).stem for s in spectra]
    lines = [
        Curve(s.Z.real, -s.Z.imag, "thin", label=name, colour=colour)
        for s, name, colour in zip(spectra, names, colours, strict=True)
    ]
    place, along = _places(spectra)
    residual = np.array([100 * f.relative_rms_residual for f in fits])
    fine = np.ones(len(fits), bool)
    panels = [
        Panel([Rule("y", 0.0), *lines], title="Nyquist", **nyquist_axes()),
        Panel(
            _trend(place, residual, None, outlier, fine, group), along, PlotAxis(limits=(0, None)),
            "relative rms residual  (%)",
        ),
    ]  # fmt: skip
    for rows in zip(*(f.rows() for f in fits), strict=True):
        value, low, high = (
            np.array([r[key] for r in rows], float) for key in ("value", "low", "high")
        )
        fine = np.array([row["identifiable"] for row in rows])
        wide = fine.any() and np.all(value[fine] > 0) and np.ptp(np.log10(value[fine])) > 1
        marks = _trend(place, value, (low, high), outlier, fine, group)
        unit = PlotAxis("", rows[0]["unit"], "log" if wide else "linear")
        panels.append(Panel(marks, along, unit, rows[0]["name"]))
    rows = grid(panels, 4)
    return Figure(rows, (13, 2.7 * len(rows)))


def _trend(place, value, ends, outlier, fine, group) -> list[AbstractMark]:
    """Dots where identifiable, crosses where not, a ring round an outlier."""
    good = fine & np.isfinite(value)
    if not good.any():
        return [Note("not identifiable", colour=GREY)]
    marks: list[AbstractMark] = []
    if ends is not None:
        marks.append(Interval(place[good], ends[0][good], ends[1][good]))
    marks += [Curve(place[here], value[here], "data", colour=COLOURS[g])
              for g in np.unique(group) if (here := good & (group == g)).any()]  # fmt: skip
    low, high = value[good].min(), value[good].max()
    bad = ~good & (value >= low / 3) & (value <= high * 3)
    ring = outlier & good
    return [
        *marks,
        Curve(place[bad], value[bad], "cross", colour=GREY),
        Curve(place[ring], value[ring], "ring", 10, colour=BLACK),
    ]


def _places(spectra):
    times = [s.time for s in spectra]
    if all(t is not None for t in times):
        return np.array(times, dtype=float) / 3600, PlotAxis("time  (h)")
    return np.arange(len(spectra)), PlotAxis("spectrum")


def _points(x, y, used, name="") -> list[AbstractMark]:
    return [
        Curve(x[used], y[used], "data", label=name), Curve(x[~used], y[~used], "excluded"),
    ]  # fmt: skip


def _frame(points, line, room: float) -> tuple[float | None, float | None]:
    """Room for the points; of a line that runs far away between two of them, only a part."""
    if room == 0:
        return None, None
    both = np.concatenate([points, line])
    edge = 0.05 * np.ptp(both)
    return (
        float(max(both.min() - edge, points.min() - room)),
        float(min(both.max() + edge, points.max() + room)),
    )


def _dense(s: Spectrum, model: AbstractDevice) -> Spectrum:
    """Frequencies for a smooth line, closer where Z moves faster, as at a resonance."""
    at = lambda freq: replace(s, freq=freq, Z=np.ones(freq.size, complex), sigma=None)
    first = at(np.geomspace(s.freq.min(), s.freq.max(), 2000))
    Z = first.impedance(model)
    moved = np.abs(np.diff(Z))
    walk = np.append(0.0, np.cumsum(moved / max(moved.sum(), 1e-300) + 1 / moved.size))
    even = np.linspace(0, walk[-1], walk.size)
    return at(np.exp(np.interp(even, walk, np.log(first.freq))))


def _colours(n: int) -> list[Colour]:
    return list(COLOURS[:n]) if n < MANY else [k / (n - 1) for k in range(n)]
