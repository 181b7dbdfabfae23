"""What dropped files look like: spectra with what is left out, loops, and the consistency test."""

from typing import Any, NamedTuple

import numpy as np

from fitting.report.consistency import common_frequencies
from fitting.study.loading import load_terms
from fitting.study.spec import Spec
from jaxmem import plots

# More spectra than these are drawn, and not named.
NAMED = 8


class LookedAt(NamedTuple):
    """The figures by name, sentences of the consistency test, and what was assumed.

    `points`: of each curve of data in the Nyquist figure the file and the number of each point,
    counted from 1 in its spectrum.
    """

    panels: dict[str, plots.Panel]
    consistency: list[str]
    notes: list[str]
    points: list[tuple[str, list[int]]]


def look_at(spec: Spec) -> LookedAt:
    """Read what a specification names, test it, and draw it.

    **Raises:** `ValueError` for a file or a setting that cannot be used.
    """
    loaded = load_terms(spec)
    spectra = [m for m in loaded.measured if hasattr(m.whole, "freq")]
    traces = [m for m in loaded.measured if hasattr(m.whole, "t")]
    panels: dict[str, plots.Panel] = {}
    points: list[tuple[str, list[int]]] = []
    if spectra:
        panels["nyquist"], points = _nyquist(spectra)
        panels["modulus"] = _modulus(spectra)
        panels["consistency"] = _residuals(spectra)
    if traces:
        panels["traces"] = _traces(traces)
    words = [f"{m.whole.name}: {m.check.reason}" for m in spectra if m.check is not None]
    if len(spectra) > 1:
        words = [*common_frequencies(spectra), *words]
    return LookedAt(panels, words, list(loaded.notes), points)


def _colour(k: int, of: int) -> plots.Colour:
    return plots.COLOURS[k] if of <= len(plots.COLOURS) - 1 else k / max(of - 1, 1)


def _nyquist(spectra) -> tuple[plots.Panel, list[tuple[str, list[int]]]]:
    marks: list[plots.AbstractMark] = []
    points: list[tuple[str, list[int]]] = []
    for k, m in enumerate(spectra):
        Z, used = m.whole.Z, np.asarray(m.used, dtype=bool)
        label = m.whole.name if len(spectra) <= NAMED else ""
        colour = _colour(k, len(spectra))
        parts: list[tuple[Any, plots.Role, str]] = [(used, "data", label), (~used, "excluded", "")]
        for chosen, role, name in parts:
            marks.append(
                plots.Curve(Z.real[chosen], -Z.imag[chosen], role, label=name, colour=colour)
            )
            points.append((m.whole.source, (np.flatnonzero(chosen) + 1).tolist()))
    title = "Click on points, or box them, to leave them out or take them back"
    return plots.Panel(marks, title=title, **plots.nyquist_axes()), points


def _modulus(spectra) -> plots.Panel:
    marks = [
        plots.Curve(m.whole.freq, np.abs(m.whole.Z), "data", colour=_colour(k, len(spectra)))
        for k, m in enumerate(spectra)
    ]
    return plots.Panel(
        marks, plots.PlotAxis("frequency", "Hz", "log"), plots.PlotAxis("|Z|", "ohm", "log"),
        "Modulus",
    )  # fmt: skip


def _residuals(spectra) -> plots.Panel:
    marks: list[plots.AbstractMark] = [plots.Rule("y", 0.0)]
    for k, m in enumerate(spectra):
        if m.check is None:
            continue
        colour, r = _colour(k, len(spectra)), m.check.residuals
        marks += [
            plots.Curve(m.fitted.freq, 100 * r.real, "data", colour=colour),
            plots.Curve(m.fitted.freq, 100 * r.imag, "excluded", colour=colour),
        ]
    y = plots.PlotAxis("% of |Z| (full: Re, hollow: Im)")
    return plots.Panel(
        marks, plots.PlotAxis("frequency", "Hz", "log"), y, "What a causal response leaves"
    )


def _traces(traces) -> plots.Panel:
    marks: list[Any] = []
    for k, m in enumerate(traces):
        t = m.whole
        label = t.name if len(traces) <= NAMED else ""
        marks.append(
            plots.Curve(t.t, t.observed, "line", label=label, colour=_colour(k, len(traces)))
        )
    unit = traces[0].whole.unit
    return plots.Panel(
        marks, plots.PlotAxis("time", "s"), plots.PlotAxis("observed", unit), "Recordings"
    )
