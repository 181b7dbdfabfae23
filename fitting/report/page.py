"""The report of a fit: a page that stands by itself, its figures, its numbers."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fitting.diagnosis.verdict import OF_WRONG
from fitting.estimate.deciding_data import origins
from fitting.estimate.result import Fit
from fitting.estimate.series import Series, series_verdict
from fitting.report.consistency import beside, common_frequencies, consistency_flags
from fitting.report.export import fit_dataset, fit_record, plain, rms_of_spectrum, write_tables
from fitting.report.figures.deciding_data import origins_figure
from fitting.report.figures.spectra import impedance_figure, series_figure
from fitting.report.figures.traces import rows_figure
from fitting.report.section import Section
from fitting.report.wide_table import write_wide
from fitting.terms.checked import Checked
from jaxmem import plots
from jaxmem.networks import Network
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
    checked: Sequence[Checked],
    *,
    words: str,
    provenance: dict[str, Any],
    verdict: str = "",
    remarks: Sequence[str] = (),
    sections: Sequence[Section] = (),
    images: bool = True,
    numbers_written: Callable[[], None] = lambda: None,
) -> list[str]:
    """Write report.html, fit.json, fit.nc, data as CSV, device.toml and, if asked for, the images.

    Returns what could not be drawn, in words.

    **Arguments:**

    - `checked`: the measurements, as they were read. `words`: names the model. `verdict`: compares
      it. `remarks`: further flags. `sections`: answers to what was asked beyond the fit.
    - `provenance`: how the result came about; `images`: whether figures are files, too.
    - `numbers_written`: called when all but figures and page is written.
    """
    record = write_numbers(
        folder, fit, checked, words=words, provenance=provenance, verdict=verdict, remarks=remarks,
        sections=sections,
    )  # fmt: skip
    shown = signals_of(fit, checked)
    sections = [*origins_section(fit), *readings_sections(shown), *sections]
    flags = record["flags"]
    numbers_written()
    made = _figures(fit, shown)
    own = list(made)
    made |= {s.key: lambda s=s: s.figure for s in sections if s.figure is not None}
    formats = ("png", "svg") if images else ()
    inlined, problems = {}, []
    for name, make in made.items():
        inlined[name], problem = plots.save_if_possible(make, folder, name, formats)
        problems += [problem] if problem else []
    flags = [*flags, *problems]
    known = [e for e in ELEMENTS if any(e in (s["elements"] or {}) for s in record["spectra"])]
    page = render(
        "fitting.report", "fit.html", title=_title([c.fitted for c in checked]),
        model_words=words, fit=record, flags=flags, verdict=verdict,
        figures=[inlined[name] for name in own if inlined[name]],
        sections=[{**s._asdict(), "figure": inlined.get(s.key)} for s in sections],
        excluded=sum(int(np.sum(~c.used)) for c in checked if c.check is not None),
        joint=any(c.check is None for c in checked),
        elements={e: ELEMENTS[e] for e in known}, provenance=json.dumps(provenance, indent=1),
    )  # fmt: skip
    (folder / "report.html").write_text(page, encoding="utf-8")
    return problems


def write_numbers(
    folder: Path,
    fit: Fit,
    checked: Sequence[Checked],
    *,
    words: str,
    provenance: dict[str, Any],
    verdict: str = "",
    remarks: Sequence[str] = (),
    sections: Sequence[Section] = (),
) -> dict[str, Any]:
    """Write fit.json, fit.nc, data as CSV, also for Origin, and device.toml.

    The arguments are those of `write_fit`.

    Returns what is in fit.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shown = signals_of(fit, checked)
    sections = [*origins_section(fit), *readings_sections(shown), *sections]
    record = fit_record(fit, checked)
    flags = [*remarks, *flags_of(fit, checked)]
    record = {"model": words, "verdict": verdict, "flags": flags} | record
    record |= {section.key: section.record for section in sections}
    record["provenance"] = provenance
    (folder / "fit.json").write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")
    kind = "circuit" if isinstance(fit.model, Network) else "device"
    (folder / f"{kind}.toml").write_text(record["device"], encoding="utf-8")
    fit_dataset(fit, shown, provenance).to_netcdf(folder / "fit.nc", engine="scipy")
    write_tables(folder, shown)
    write_wide(folder, shown)
    return record


def signals_of(fit: Fit, checked: Sequence[Checked]) -> list[tuple[Checked, np.ndarray]]:
    """Each measurement with the model's signal."""
    return [(c, np.asarray(c.whole.signal(fit.model))) for c in checked]


def _figures(fit: Fit, shown: Sequence[tuple[Checked, np.ndarray]]) -> dict[str, Any]:
    """What makes the figures: spectra in one, all else in another, a row for each."""
    spectra = [c for c, _ in shown if c.check is not None]
    made: dict[str, Any] = {}
    if spectra:
        noise = [c.check.noise for c in spectra if c.check and np.isfinite(c.check.noise)]
        made["spectra"] = lambda: impedance_figure(
            [c.whole for c in spectra], fit.model, used=[c.used for c in spectra],
            floor=float(np.median(noise)) if noise else None,
        )  # fmt: skip
    rows = [row for c, signal in shown if c.check is None and (row := c.whole.figure_row(signal))]
    if rows:
        made["traces"] = lambda: rows_figure(rows)
    return made


def origins_section(fit: Fit) -> list[Section]:
    """Where each parameter comes from: sentences, and a figure along the data."""
    found = origins(fit)
    lines = tuple(origin.statement() for origin in found)
    rows = [
        {"name": o.name, "by": o.place, "share": plain(o.share), "low": plain(o.low),
         "high": plain(o.high), "unit": o.unit, "residual_over_noise": plain(o.excess),
         "doubtful": bool(o.doubtful), "unseen": o.unseen}
        for o in found
    ]  # fmt: skip
    title = "Where each parameter comes from"
    if fit.describes == "no":
        title += f", {OF_WRONG}"
    record = {"sentences": list(lines), "rows": rows}
    return [Section("origins", title, lines, record, (), origins_figure(found))] if found else []


def readings_sections(shown: Sequence[tuple[Checked, np.ndarray]]) -> list[Section]:
    """A table for each kind of measurement that is a few single numbers, beside the model's."""
    found: dict[str, list[dict[str, Any]]] = {}
    for c, signal in shown:
        found.setdefault(type(c.whole).__name__, []).extend(c.whole.readings(signal))
    sections = []
    for title, rows in found.items():
        if not rows:
            continue
        table = [(title.lower(), "at", "feature", "measured", "of the fit", "off by")]
        for row in rows:
            unit = row["unit"]
            row["off"] = plain((row["fit"] - row["measured"]) / row["sd"])
            number = lambda value, digits=4, unit=unit: engineering(value, unit, digits)
            off = math.nan if row["off"] is None else row["off"]
            table.append((
                row["name"], "" if row["at"] is None else engineering(row["at"], "A"),
                row["feature"], f"{number(row['measured'])} ± {number(row['sd'], 2)}",
                number(row["fit"]), f"{off:.2g} standard deviations",
            ))  # fmt: skip
            row["fit"] = plain(row["fit"])
            del row["at"]
        sections.append(Section(title.lower(), title, (), {"rows": rows}, tuple(table)))
    return sections


def _title(terms: Sequence[Any]) -> str:
    if len(terms) == 1:
        return terms[0].name
    kinds: dict[tuple[str, str], int] = {}
    for term in terms:
        kinds[term.noun] = kinds.get(term.noun, 0) + 1
    words = [f"{n} {one if n == 1 else many}" for (one, many), n in kinds.items()]
    return f"{', '.join(words)}, one device"


def write_series(
    folder: Path,
    series: Series,
    measured: Sequence[Checked],
    names: Sequence[str],
    *,
    words: str,
    provenance: dict[str, Any],
    remarks: Sequence[str] = (),
) -> list[str]:
    """Write summary.csv, origin.csv and the page of a series whose fits lie in the folders `names`.

    Returns the flags and the trends, in words.
    """
    spectra, fits = [m.fitted for m in measured], series.fits
    summary = summary_rows(series, measured)
    write_csv(folder / "summary.csv", list(summary[0]), (list(r.values()) for r in summary))
    write_wide(folder, series_signals(series, measured))
    figure = lambda: series_figure(spectra, fits, series.outlier)
    drawn, problem = plots.save_if_possible(figure, folder, "series")
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
    flags = [*remarks, *_series_flags(series, measured)]
    flags += [problem] if problem else []
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


def flags_of(fit: Fit, checked: Sequence[Checked]) -> list[str]:
    """What a reader must know before using the numbers, in words."""
    flags = [] if fit.ok else [f"The best search did not converge: {fit.outcome}."]
    lost = [n for n, fine in zip(fit.names, fit.identifiable, strict=True) if not fine]
    if lost and fit.describes in ("yes", "but_for"):
        flags.append(
            f"Degenerate optimum: these data do not determine {', '.join(lost)}. The "
            "other values hold for this model only: simplify it, or measure at other biases or "
            "frequencies."
        )
    elif lost and fit.describes == "roughly":
        flags.append(
            f"Degenerate optimum: in this model, which describes the data roughly, they do not "
            f"determine {', '.join(lost)}. Something is missing in it, so that a simpler one need "
            "not be better: --compare ranks others."
        )
    elif fit.describes == "no":
        flags.append(f"The values are those {OF_WRONG}: no parameter is taken as identified.")
    if fit.at_bound:
        flags.append(f"At the end of its range: {', '.join(fit.at_bound)}.")
    flags += [line for term in fit.terms for line in term.statements()]
    for c in checked:
        if c.check is not None and c.check.grade not in ("", "consistent"):
            where = f"{c.fitted.name}: " if len(checked) > 1 else ""
            size = rms_of_spectrum(c.fitted, fit.model)
            flags.append(f"{where}Kramers-Kronig: {c.check.reason} {beside(c.check, size)}")
    return flags + common_frequencies(checked)


def _series_flags(series: Series, measured: Sequence[Checked]) -> list[str]:
    fits, n = series.fits, len(series.fits)
    flags = series_verdict(fits, [m.fitted.name for m in measured])
    for k in map(int, np.flatnonzero(series.outlier)):
        flags.append(f"Outlier, {measured[k].fitted.name}: {'; '.join(series.reasons[k])}.")
    bad = [m.fitted.name for m, f in zip(measured, fits, strict=True) if not f.ok]
    if bad:
        flags.append(f"Did not converge: {', '.join(bad)}.")
    for k, name in enumerate(fits[0].names):
        count = sum(bool(f.identifiable[k]) and f.describes != "no" for f in fits)
        if count < n:
            flags.append(f"{name} is identifiable in {count} of {n} spectra.")
    return [*flags, *consistency_flags(measured)]
