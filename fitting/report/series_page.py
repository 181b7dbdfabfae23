"""The page of a series of spectra that were fitted each by itself, and its summary."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fitting.estimate.result import Fit
from fitting.estimate.series import Series, series_verdict
from fitting.report.consistency import consistency_flags
from fitting.report.figures.spectra import series_figure
from fitting.report.section import Section
from fitting.report.wide_table import write_wide
from fitting.terms.checked import Checked
from jaxmem import plots
from jaxmem.output.numbers import engineering
from jaxmem.output.page import render
from jaxmem.output.table import write_csv


def write_series(
    folder: Path,
    series: Series,
    measured: Sequence[Checked],
    names: Sequence[str],
    *,
    words: str,
    provenance: dict[str, Any],
    remarks: Sequence[str] = (),
    sections: Sequence[Section] = (),
) -> tuple[list[str], bool]:
    """Write the page of a series whose fits lie in the folders `names`, and trends.csv.

    Returns the verdict, the flags, the trends and what the sections say, in words; and whether
    Ctrl-C ended the drawing.
    """
    spectra, fits = [m.fitted for m in measured], series.fits
    figure = lambda: series_figure(spectra, fits, series.outlier)
    shown = [*fits[0].names, *fits[0].derived]
    rows = []
    for k, (m, f) in enumerate(zip(measured, fits, strict=True)):
        table = {row["name"]: row for row in f.rows()}
        cells = [
            engineering(row["value"], row["unit"], 3) if row["identifiable"] else None
            for row in (table[n] for n in shown)
        ]
        why = list(series.reasons[k]) + ([] if f.ok else [f"fit {f.outcome}"])
        if m.check.grade not in ("", "consistent"):
            why.append(f"Kramers-Kronig: {m.check.grade} consistent ({m.check.violation})")
        rows.append(
            dict(name=m.fitted.name, folder=names[k], residual=f.relative_rms_residual,
                 describes=f.describes,
                 noise=m.check.noise, cells=cells, remarks=why)
        )  # fmt: skip
    verdict = series_verdict(fits, [m.fitted.name for m in measured])
    flags = [*remarks, *_series_flags(series, measured)]
    drifts = [t for group in series.trends for t in group]
    if drifts:
        write_csv(folder / "trends.csv", drifts[0]._fields, drifts)
    told = [t.statement() for t in drifts]
    for s in sections:
        if s.record:
            text = json.dumps(s.record, indent=1, allow_nan=False) + "\n"
            (folder / f"{s.key}.json").write_text(text, encoding="utf-8")
    makes: dict[str, Callable[[], Any]] = {"series": figure}
    makes |= {s.key: lambda s=s: s.figure for s in sections if s.figure is not None}
    saved = plots.save_all(makes, folder)
    flags += saved.problems
    fine = all(f.describes == "yes" for f in fits)
    page = render(
        "fitting.report", "series.html", title=f"{len(fits)} spectra", model_words=words,
        verdict=verdict, fine=fine, flags=flags, trends=told,
        figure=saved.drawn["series"], columns=shown, rows=rows,
        files=[f"{s.key}.csv" for s in sections],
        sections=[{**s._asdict(), "figure": saved.drawn.get(s.key)} for s in sections],
        provenance=json.dumps(provenance, indent=1),
    )  # fmt: skip
    (folder / "report.html").write_text(page, encoding="utf-8")
    more = [line for s in sections if s.record for line in s.told]
    return [*verdict, *flags, *told, *more], saved.cut


def write_series_numbers(folder: Path, series: Series, measured: Sequence[Checked]) -> None:
    """Write summary.csv, and origin.csv with all spectra side by side.

    **Arguments:**

    - `folder`: where. `series`, `measured`: the fits and what was fitted, in one order.
    """
    summary = summary_rows(series, measured)
    write_csv(folder / "summary.csv", list(summary[0]), (list(r.values()) for r in summary))
    write_wide(folder, series_signals(series, measured))


def series_signals(series: Series, measured: Sequence[Checked]) -> list[tuple[Checked, np.ndarray]]:
    """Each spectrum of a series with the signal of its own fit."""
    pairs = zip(measured, series.fits, strict=True)
    return [(m, np.asarray(m.whole.signal(f.model))) for m, f in pairs]


def summary_rows(series: Series, measured: Sequence[Checked]) -> list[dict[str, Any]]:
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
            "describes": f.describes,
            "relative_rms_residual": f.relative_rms_residual, "chi2": f.chi2, "bic": f.bic,
            "converged": int(f.ok), "outlier": int(series.outlier[k]),
            "kk_passed": "" if m.check.passed is None else int(m.check.passed),
            "kk_noise": m.check.noise, "kk_violation": m.check.violation or "",
            "kk_grade": m.check.grade,
            "remarks": "; ".join(series.reasons[k]),
        }  # fmt: skip
        rows.append(row)
    return rows


def _exchanged(fits: Sequence[Fit], names: Sequence[str]) -> str:
    """That two lags are known but for which is which, where that is all that leaves them open."""
    pairs = [{*pair} for fit in fits for pair in fit.identifiability.exchanges]
    if {*names} not in pairs:
        return ""
    reasons = [len(p.reasons) for fit in fits for p in fit.parameters if p.name in names]
    only = "" if max(reasons, default=0) <= 1 else " among others"
    return f": one spectrum does not tell which of the two is which{only}"


def _series_flags(series: Series, measured: Sequence[Checked]) -> list[str]:
    fits, n = series.fits, len(series.fits)
    flags = []
    for k in map(int, np.flatnonzero(series.outlier)):
        flags.append(f"Outlier, {measured[k].fitted.name}: {'; '.join(series.reasons[k])}.")
    bad = [m.fitted.name for m, f in zip(measured, fits, strict=True) if not f.ok]
    if bad:
        flags.append(f"Did not converge: {', '.join(bad)}.")
    described, seen = [f for f in fits if f.describes != "no"], {}
    for k, name in enumerate(fits[0].names):
        seen.setdefault(sum(bool(f.identifiable[k]) for f in described), []).append(name)
    for count, names in seen.items():
        # Of a model that describes no spectrum the verdict says what its values are.
        if described and count < n:
            verb = "is" if len(names) == 1 else "are"
            why = _exchanged(described, names)
            flags.append(f"{', '.join(names)} {verb} identifiable in {count} of {n} spectra{why}.")
    return [*flags, *consistency_flags(measured)]
