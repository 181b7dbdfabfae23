"""The report of a fit: a page that stands by itself, its figures, its numbers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fitting.estimate.result import Fit
from fitting.estimate.series import Series
from fitting.problem.batch import unwrap
from fitting.report.arrays import write_arrays
from fitting.report.export import fit_record, write_data, write_samples
from fitting.report.figures.spectra import impedance_figure, series_figure
from fitting.report.figures.traces import traces_figure
from fitting.report.section import Section
from fitting.terms.checked import Measured
from fitting.terms.curve import SteadyCurve
from fitting.terms.spikes import Spikes
from fitting.terms.trace import Trace
from jaxmem import plots
from jaxmem.output.numbers import engineering
from jaxmem.output.page import render
from jaxmem.output.table import write_csv

ELEMENTS = dict(
    u="V", R_b="ohm", R_a="ohm", L_d="H", L_k="H", R_dc="ohm", C_m="F", C_lf="F", tau_d="s",
    tau_a="s",
)  # fmt: skip


def write_fit(
    folder: Path,
    fit: Fit,
    measured: Sequence[Measured],
    *,
    words: str,
    provenance: dict[str, Any],
    traces: Sequence[Trace] = (),
    curves: Sequence[SteadyCurve] = (),
    verdict: str = "",
    remarks: Sequence[str] = (),
    sections: Sequence[Section] = (),
    images: bool = True,
) -> None:
    """Write report.html, fit.json, fit.nc, data as CSV, device.toml and, if asked for, the images.

    `words` names the model, `verdict` compares it, `remarks` are further flags; `sections` answer
    what was asked beyond the fit.
    """
    folder.mkdir(parents=True, exist_ok=True)
    spectra = [m.fitted for m in measured]
    checks = [m.check for m in measured]
    record = fit_record(fit, spectra, checks)
    flags = [*remarks, *flags_of(fit, measured)]
    spikes = [t for t in map(unwrap, fit.problem.terms) if isinstance(t, Spikes)]
    title = _title(spectra, traces, curves, spikes)
    record = {"model": words, "verdict": verdict, "flags": flags} | record
    record |= {section.key: section.record for section in sections}
    record["provenance"] = provenance
    (folder / "fit.json").write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")
    (folder / "device.toml").write_text(record["device"], encoding="utf-8")
    write_arrays(folder / "fit.nc", fit, provenance)
    drawn = []
    if measured:
        whole, used = [m.whole for m in measured], [m.used for m in measured]
        write_data(folder / "data.csv", whole, fit.model, used)
        noise = [c.noise for c in checks if np.isfinite(c.noise)]
        floor = float(np.median(noise)) if noise else None
        drawn.append(("spectra", impedance_figure(whole, fit.model, used=used, floor=floor)))
    if traces or curves:
        signals = [t.signal(fit.model) for t in traces]
        values = [np.asarray(c.signal(fit.model)) for c in curves]
        write_samples(folder / "samples.csv", traces, signals, curves, values)
        drawn.append(("traces", traces_figure(traces, signals, curves, values)))
    own = [name for name, _ in drawn]
    drawn += [(s.key, s.figure) for s in sections if s.figure is not None]
    formats = ("png", "svg") if images else ()
    shown = {name: plots.save(figure, folder, name, formats) for name, figure in drawn}
    excluded = sum(int(np.sum(~m.used)) for m in measured)
    known = [e for e in ELEMENTS if any(e in (s["elements"] or {}) for s in record["spectra"])]
    page = render(
        "fitting.report", "fit.html", title=title, model_words=words, fit=record, flags=flags,
        verdict=verdict, figures=[shown[name] for name in own],
        sections=[{**s._asdict(), "figure": shown.get(s.key)} for s in sections],
        excluded=excluded, joint=bool(traces or curves),
        elements={e: ELEMENTS[e] for e in known}, provenance=json.dumps(provenance, indent=1),
    )  # fmt: skip
    (folder / "report.html").write_text(page, encoding="utf-8")


def _title(spectra, traces, curves, spikes) -> str:
    every = [*spectra, *traces, *curves, *spikes]
    if len(every) == 1:
        return every[0].name
    count = lambda n, one, many: [f"{n} {one if n == 1 else many}"] if n else []
    kinds = [
        *count(len(spectra), "spectrum", "spectra"), *count(len(traces), "trace", "traces"),
        *count(len(curves), "steady curve", "steady curves"),
        *count(len(spikes), "measurement of spikes", "measurements of spikes"),
    ]  # fmt: skip
    return f"{', '.join(kinds)}, one device"


def write_series(
    folder: Path,
    series: Series,
    measured: Sequence[Measured],
    names: Sequence[str],
    *,
    words: str,
    provenance: dict[str, Any],
    remarks: Sequence[str] = (),
) -> list[str]:
    """Write summary.csv and the page of a series whose fits lie in the folders `names`.

    Returns the flags and the trends, in words.
    """
    spectra, fits = [m.fitted for m in measured], series.fits
    write_summary(folder / "summary.csv", series, measured)
    drawn = plots.save(series_figure(spectra, fits, series.outlier), folder, "series")
    shown = [*fits[0].names, *fits[0].derived]
    rows = []
    for k, (m, f) in enumerate(zip(measured, fits, strict=True)):
        table = {row["name"]: row for row in f.rows()}
        cells = [
            engineering(row["value"], row["unit"], 3) if row["identifiable"] else None
            for row in (table[n] for n in shown)
        ]
        why = list(series.reasons[k]) + ([] if f.ok else [f"fit {f.outcome}"])
        if m.check.violation not in (None, "structure"):
            why.append(f"Kramers-Kronig: {m.check.violation}")
        rows.append(
            dict(name=m.fitted.name, folder=names[k], residual=f.relative_rms_residual,
                 noise=m.check.noise, cells=cells, remarks=why)
        )  # fmt: skip
    flags = [*remarks, *_series_flags(series, measured)]
    drifts = [t for group in series.trends for t in group]
    if drifts:
        write_csv(folder / "trends.csv", drifts[0]._fields, drifts)
    told = [t.statement() for t in drifts]
    page = render(
        "fitting.report", "series.html", title=f"{len(fits)} spectra", model_words=words,
        flags=flags, trends=told, figure=drawn, columns=shown, rows=rows,
        provenance=json.dumps(provenance, indent=1),
    )  # fmt: skip
    (folder / "report.html").write_text(page, encoding="utf-8")
    return [*flags, *told]


def write_summary(path: Path, series: Series, measured: Sequence[Measured]) -> None:
    """One row a spectrum: where it is from, every value with interval, residuals, flags."""
    rows = []
    for k, (m, f) in enumerate(zip(measured, series.fits, strict=True)):
        kind, value = m.fitted.bias
        row: dict[str, Any] = {"spectrum": k, "label": m.fitted.name, "file": m.fitted.source}
        row |= {"bias": kind or "", "bias_value": value if kind else "", "time_s": m.fitted.time}
        for p in f.rows():
            name, unit = p["name"], p["unit"]
            row |= {f"{name} [{unit}]": p["value"], f"{name} low": p["low"]}
            row |= {f"{name} high": p["high"], f"{name} identifiable": int(p["identifiable"])}
        row |= {
            "relative_rms_residual": f.relative_rms_residual, "chi2": f.chi2, "bic": f.bic,
            "converged": int(f.ok), "outlier": int(series.outlier[k]),
            "kk_passed": "" if m.check.passed is None else int(m.check.passed),
            "kk_noise": m.check.noise, "kk_violation": m.check.violation or "",
            "remarks": "; ".join(series.reasons[k]),
        }  # fmt: skip
        rows.append(row)
    write_csv(path, list(rows[0]), (list(row.values()) for row in rows))


def flags_of(fit: Fit, measured: Sequence[Measured]) -> list[str]:
    """What a reader must know before using the numbers, in words."""
    flags = [] if fit.ok else [f"The best search did not converge: {fit.outcome}."]
    lost = [n for n, fine in zip(fit.names, fit.identifiable, strict=True) if not fine]
    if lost:
        flags.append(
            f"Degenerate optimum: these data do not determine {', '.join(lost)}. The "
            "other values hold for this model only: simplify it, or measure at other biases or "
            "frequencies."
        )
    if fit.at_bound:
        flags.append(f"At the end of its range: {', '.join(fit.at_bound)}.")
    flags += [line for term in fit.terms for line in term.statements()]
    for m in measured:
        if m.check.passed is False:
            where = f"{m.fitted.name}: " if len(measured) > 1 else ""
            flags.append(f"{where}Kramers-Kronig check failed. {m.check.reason}")
    return flags


def _series_flags(series: Series, measured: Sequence[Measured]) -> list[str]:
    fits, n = series.fits, len(series.fits)
    flags = []
    for k in map(int, np.flatnonzero(series.outlier)):
        flags.append(f"Outlier, {measured[k].fitted.name}: {'; '.join(series.reasons[k])}.")
    bad = [m.fitted.name for m, f in zip(measured, fits, strict=True) if not f.ok]
    if bad:
        flags.append(f"Did not converge: {', '.join(bad)}.")
    for k, name in enumerate(fits[0].names):
        count = sum(bool(f.identifiable[k]) for f in fits)
        if count < n:
            flags.append(f"{name} is identifiable in {count} of {n} spectra.")
    failed: dict[str, int] = {}
    for m in measured:
        if m.check.passed is False and m.check.violation:
            failed[m.check.violation] = failed.get(m.check.violation, 0) + 1
    if failed:
        kinds = ", ".join(f"{count} by {kind}" for kind, count in failed.items())
        flags.append(
            f"Kramers-Kronig check failed in {sum(failed.values())} of {n} spectra ({kinds}); "
            "each one's report says what that means."
        )
    return flags
