"""Figures of spectra and their fits."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import fill

import numpy as np
from jaxtyping import Bool, Complex, Float

from fitting.diagnosis.verdict import OF_WRONG
from fitting.estimate.abscissa import abscissa_of
from fitting.estimate.result import Fit
from fitting.terms.spectrum import Spectrum
from fitting.terms.spectrum_batch import HasImpedance
from jaxmem import plots

# From this many spectra on they are coloured by their place in the series, without a legend.
MANY = 7


def impedance_figure(
    spectra: Sequence[Spectrum],
    model: HasImpedance,
    *,
    used: Sequence[np.ndarray] | None = None,
    floor: float | None = None,
) -> plots.Figure:
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
    panels = [plots.overlay(column) for column in zip(*rows, strict=True)]
    if floor is not None and np.isfinite(floor):
        noise = plots.Rule("y", -100 * floor, 100 * floor, label="± Kramers-Kronig noise")
        panels[2] = replace(panels[2], marks=[noise, *panels[2].marks])
    return plots.Figure(plots.grid(panels, 2), (10, 7.2))


def spectrum_panels(
    name: str,
    freq: Float[np.ndarray, " f"],
    Z: Complex[np.ndarray, " f"],
    fitted: Complex[np.ndarray, " f"],
    used: Bool[np.ndarray, " f"],
    line_freq: Float[np.ndarray, " l"],
    line_Z: Complex[np.ndarray, " l"],
) -> list[plots.Panel]:
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
    over = plots.PlotAxis("frequency", "Hz", "log")
    x, y = np.real(Z), -np.imag(Z)
    line_x, line_y = np.real(line_Z), -np.imag(line_Z)
    room = 0.3 * float(max(np.ptp(x), np.ptp(y)))
    plane = plots.nyquist_axes()
    for axis, points, line in (("x", x, line_x), ("y", y, line_y)):
        plane[axis] = replace(plane[axis], limits=_frame(points, line, room))
    return [
        plots.Panel(
            [plots.Rule("y", 0.0), *_points(x, y, used, name), plots.Curve(line_x, line_y)],
            title="Nyquist", **plane,
        ),
        plots.Panel(
            [*_points(freq, np.abs(Z), used), plots.Curve(line_freq, np.abs(line_Z))],
            over, plots.PlotAxis("|Z|", "ohm", "log"), "Bode: modulus",
        ),
        plots.Panel(
            [plots.Rule("y", 0.0), plots.Curve(freq[used], np.real(off[used]), "data", label="Re"),
             plots.Curve(freq[used], np.imag(off[used]), "triangle", label="Im")],
            over, plots.PlotAxis("(data - fit)/|Z|  (%)"), "residuals",
        ),
        plots.Panel(
            [*_points(freq, np.degrees(own), used), plots.Curve(line_freq, np.degrees(phase))],
            over, plots.PlotAxis("phase of Z  (degrees)"), "Bode: phase",
        ),
    ]  # fmt: skip


def series_figure(
    spectra: Sequence[Spectrum], fits: Sequence[Fit], outlier: np.ndarray
) -> plots.Figure:
    """Spectra of a series and how the fitted parameters go along it, with 68 % intervals."""
    sources = list(dict.fromkeys(s.source for s in spectra))
    each = len(sources) == len(spectra)
    known = abscissa_of(spectra)
    many = len(sources) == 1 or len(sources) > len(plots.COLOURS) or (each and known.swept)
    group = np.array([0 if many else sources.index(s.source) for s in spectra])
    rank = np.argsort(known.order)
    shades = [k / max(len(spectra) - 1, 1) for k in range(len(spectra))]
    colours = [shades[k] for k in rank] if many else [plots.COLOURS[g] for g in group]
    names = ["" if many else s.name if each else Path(s.source).stem for s in spectra]
    lines = [
        plots.Curve(s.Z.real, -s.Z.imag, "thin", label=name, colour=colour)
        for s, name, colour in zip(spectra, names, colours, strict=True)
    ]
    place, along = _places(spectra)
    residual = np.array([100 * f.relative_rms_residual for f in fits])
    fine, left_out = np.ones(len(fits), bool), []
    panels = [
        plots.Panel([plots.Rule("y", 0.0), *lines], title="Nyquist", **plots.nyquist_axes()),
        plots.Panel(
            _trend(place, residual, None, outlier, fine, group), along,
            plots.PlotAxis(limits=(0, None)), "relative rms residual  (%)",
        ),
    ]  # fmt: skip
    for rows in zip(*(f.rows() for f in fits), strict=True):
        value, low, high = (
            np.array([r[key] for r in rows], float) for key in ("value", "low", "high")
        )
        fine = np.array([row["identifiable"] for row in rows])
        wide = fine.any() and np.all(value[fine] > 0) and np.ptp(np.log10(value[fine])) > 1
        if not (fine & np.isfinite(value)).any():
            left_out.append(rows[0]["name"])
            continue
        marks = _trend(place, value, (low, high), outlier, fine, group)
        axis = plots.PlotAxis("", rows[0]["unit"], "log" if wide else "linear")
        panels.append(plots.Panel(marks, along, axis, rows[0]["name"]))
    if left_out:
        wrong = all(f.describes == "no" for f in fits)
        why = f"values {OF_WRONG}" if wrong else "not identifiable in any of the spectra"
        words = plots.Note(fill(f"{', '.join(left_out)}: {why}", 28), colour=plots.GREY)
        bare = plots.PlotAxis(numbers=False)
        panels.append(plots.Panel([words], bare, bare, "Not drawn"))
    rows = plots.grid(panels, 4)
    return plots.Figure(rows, (13, 2.7 * len(rows)))


def _trend(place, value, ends, outlier, fine, group) -> list[plots.AbstractMark]:
    """Dots where identifiable, crosses where not, a ring round an outlier."""
    good = fine & np.isfinite(value)
    if not good.any():
        return [plots.Note("not known", colour=plots.GREY)]
    marks: list[plots.AbstractMark] = []
    if ends is not None:
        bars = [np.where(np.isfinite(end), end, value)[good] for end in ends]
        across = np.stack([*bars, np.full(good.sum(), np.nan)], axis=1)
        marks.append(plots.Curve(np.repeat(place[good], 3), across.ravel(), colour=plots.PALE))
    marks += [plots.Curve(place[here], value[here], "data", colour=plots.COLOURS[g])
              for g in np.unique(group) if (here := good & (group == g)).any()]  # fmt: skip
    low, high = value[good].min(), value[good].max()
    bad = ~good & (value >= low / 3) & (value <= high * 3)
    ring = outlier & good
    return [
        *marks,
        plots.Curve(place[bad], value[bad], "cross", colour=plots.GREY),
        plots.Curve(place[ring], value[ring], "ring", 10, colour=plots.BLACK),
    ]


def _places(spectra):
    known = abscissa_of(spectra)
    if known.swept:
        return known.values, plots.PlotAxis(known.words, known.unit)
    times = [s.time for s in spectra]
    if all(t is not None for t in times):
        return np.array(times, dtype=float) / 3600, plots.PlotAxis("time  (h)")
    return np.arange(len(spectra)), plots.PlotAxis("spectrum")


def _points(x, y, used, name="") -> list[plots.AbstractMark]:
    left_out = plots.Curve(x[~used], y[~used], "excluded")
    return [plots.Curve(x[used], y[used], "data", label=name), left_out]


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


def _dense(s: Spectrum, model: HasImpedance) -> Spectrum:
    """Frequencies for a smooth line, closer where Z moves faster, as at a resonance."""
    at = lambda freq: replace(
        s, freq=freq, Z=np.ones(freq.size, complex), sigma=None, weighting="modulus"
    )
    first = at(np.geomspace(s.freq.min(), s.freq.max(), 2000))
    Z = first.impedance(model)
    moved = np.abs(np.diff(Z))
    walk = np.append(0.0, np.cumsum(moved / max(moved.sum(), 1e-300) + 1 / moved.size))
    even = np.linspace(0, walk[-1], walk.size)
    return at(np.exp(np.interp(even, walk, np.log(first.freq))))


def _colours(n: int) -> list[plots.Colour]:
    return list(plots.COLOURS[:n]) if n < MANY else [k / (n - 1) for k in range(n)]
