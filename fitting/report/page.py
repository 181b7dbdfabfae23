"""The report of a fit: a page that stands by itself, its figures, its numbers."""

import contextlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fitting.diagnosis.verdict import OF_WRONG
from fitting.estimate.deciding_data import origins
from fitting.estimate.result import Fit
from fitting.report.consistency import beside, common_frequencies
from fitting.report.export import fit_dataset, fit_record, plain, rms_of_spectrum, write_tables
from fitting.report.figures.deciding_data import origins_figure
from fitting.report.figures.spectra import impedance_figure
from fitting.report.figures.traces import rows_figure
from fitting.report.section import Section
from fitting.report.wide_table import write_wide
from fitting.terms.checked import Checked
from jaxmem import plots
from jaxmem.networks import Network
from jaxmem.output.numbers import engineering
from jaxmem.output.page import render

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
) -> tuple[list[str], bool]:
    """Write report.html, fit.json, fit.nc, data as CSV, device.toml and, if asked for, the images.

    Returns what could not be drawn, in words, and whether Ctrl-C ended the drawing.

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
    inlined, problems, cut = plots.save_all(made, folder, formats)
    flags = [*flags, *problems]
    known = [e for e in ELEMENTS if any(e in (s["elements"] or {}) for s in record["spectra"])]
    origin_rows = [row for s in sections if s.key == "origins" for row in s.record["rows"]]
    page = render(
        "fitting.report", "fit.html",
        careful={o["name"]: o["residual_over_noise"] for o in origin_rows if o["doubtful"]},
        title=_title([c.fitted for c in checked]),
        model_words=words, fit=record, flags=flags, verdict=verdict,
        figures=[inlined[name] for name in own if inlined[name]],
        sections=[{**s._asdict(), "figure": inlined.get(s.key)} for s in sections],
        excluded=sum(int(np.sum(~c.used)) for c in checked if c.check is not None),
        joint=any(c.check is None for c in checked),
        elements={e: ELEMENTS[e] for e in known}, provenance=json.dumps(provenance, indent=1),
    )  # fmt: skip
    (folder / "report.html").write_text(page, encoding="utf-8")
    return problems, cut


def draw_ahead(fit: Fit, checked: Sequence[Checked]) -> None:
    """Begin to draw what `write_fit` will show, where a second process draws.

    A figure that cannot be made is left to `write_fit`, which says so.
    """
    if not plots.draws_apart():
        return
    makes = _figures(fit, signals_of(fit, checked))
    makes |= {s.key: lambda s=s: s.figure for s in origins_section(fit)}
    for make in makes.values():
        with contextlib.suppress(Exception):
            plots.draw_ahead(make())


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
