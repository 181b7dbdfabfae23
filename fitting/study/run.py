"""A specification to a folder of results: the one way behind `jaxmem fit`."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fitting.estimate.result import Fit
from fitting.estimate.series import fit_series
from fitting.estimate.single import fit
from fitting.estimate.two_stage import Progress
from fitting.models.setup import Setup
from fitting.problem.space import MultiStart
from fitting.report.along import write_along, write_per_area
from fitting.report.areas import per_area_section
from fitting.report.network import network_section
from fitting.report.page import draw_ahead, flags_of, signals_of, write_fit, write_numbers
from fitting.report.series_page import (
    series_signals,
    summary_rows,
    write_series,
    write_series_numbers,
)
from fitting.report.wide_table import write_tables_xlsx
from fitting.selection.ranking import second_lag_verdict
from fitting.solvers.solver import RESULTS
from fitting.study.analyses import answers, check_asked
from fitting.study.bias_chapter import laws_sections
from fitting.study.checks import check_study, offset_remarks
from fitting.study.describing import describing_model
from fitting.study.loading import Loaded, load_terms
from fitting.study.search_record import SearchRecord
from fitting.study.setups import model_in_words, priors_of, setup_of, solver_of, start_at
from fitting.study.spec import Spec, SpecError
from fitting.study.spec_file import spec_to_toml
from fitting.terms.spectrum import Spectrum
from jaxmem.output.provenance import provenance_of
from jaxmem.output.reporter import Reporter, Silent
from jaxmem.output.results_folder import check_folder, new_folder
from jaxmem.output.workbook import check_workbook

# Of spectra at so many biases that are fitted each by itself, one device is suggested.
BIASES = 3
# The model that each is compared with, to say whether the data need the second lag.
OTHER = {"2d": "3d", "3d": "2d"}


class Outcome(NamedTuple):
    """What a study wrote: the page, its findings in words, the fits, and whether it was cut short.

    A fit that was interrupted is the best until then.
    """

    report: Path
    lines: list[str]
    fits: tuple[Fit, ...]
    cut: bool = False

    @property
    def ok(self) -> bool:
        """Whether every fit converged, and nothing was interrupted."""
        return all(f.ok for f in self.fits) and not self.interrupted

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended it early."""
        return self.cut or any(bool(f.result == RESULTS.interrupted) for f in self.fits)


def run_study(
    spec: Spec,
    out: str | Path,
    *,
    force: bool = False,
    resume: bool = False,
    allow_import: bool = False,
    command: str = "",
    progress: Reporter | None = None,
) -> Outcome:
    """Do the fit that a specification describes, and write the folder `out`, whole or not at all.

    One device is fitted to all files if there are loops, steps, pulses, curves, spikes or priors,
    or if it is said (`together`); else each spectrum is fitted by itself. The folder holds
    `fit.toml`, which does it again; with the same seed and machine to the same parameters bit for
    bit. A search that integrates in time, and a series, leave how far they came beside the folder,
    in `out.search.json` or `out.search.jsonl`, until they have ended.

    **Arguments:**

    - `spec`: what is fitted, which model, and how.
    - `out`: the folder to write.
    - `force`: replace earlier results there.
    - `resume`: go on with a search that was interrupted.
    - `allow_import`: whether a device file may name classes that are imported (see `read_device`).
    - `command`: what the user typed, for the record.
    - `progress`: hears of the stages, and remarks on the data.

    **Raises:** `ReadError`, `SpecError`, `FolderError` and `ValueError` for input that cannot be
    used; `RuntimeError` if no search gave a finite residual.
    """
    try:
        check_folder(out, force=force or resume)
        # What the solver cannot do is said before anything is read.
        solver_of(spec)
        if spec.xlsx:
            check_workbook()
        report = progress or Silent()
        loaded = load_terms(spec, report, allow_import=allow_import)
        return _study(spec, loaded, Path(out), force or resume, resume, command, report)
    except SpecError as error:
        if spec.source is None:
            raise
        raise SpecError(f"{spec.source}: {error}") from None


def _study(
    spec: Spec, loaded: Loaded, out: Path, force: bool, resume: bool, command: str, report: Reporter
) -> Outcome:
    for note in loaded.notes:
        report.say(f"note: {note}")
    origin = provenance_of(command, loaded.hashes, spec.seed)
    if spec.one_device or len(loaded.measured) == 1:
        return _one_device(spec, loaded, out, origin, force, resume, report)
    return _series(spec, loaded, out, origin, force, resume, report)


def _one_device(spec: Spec, loaded: Loaded, out: Path, origin, force, resume, report) -> Outcome:
    """One fit to all that was read; of spectra alone also the other model, to judge by."""
    if resume and not spec.joint:
        raise SpecError("nothing to resume: one fit of spectra alone is done in one go")
    setup = setup_of(spec, loaded)
    terms = [*loaded.terms, *priors_of(spec, setup.model)]
    check_asked(spec, setup.model, setup.space.names(setup.model))
    remarks = check_study(terms, setup.model, setup.space, setup.box)
    for remark in remarks:
        report.say(f"note: {remark}")
    record = SearchRecord.beside(out, spec, loaded)
    before = record.read() if resume else None
    compared = spec.device in OTHER and not spec.joint and not spec.circuit
    report.step("fitting", 0, 1 + compared)
    # A fit of spectra is done in one go, and has no stages to report.
    found = _fit(spec, terms, setup, report if spec.joint else None, before, record.keep)
    words = model_in_words(spec, loaded)
    write = lambda writer, more, **rest: writer(
        results.path, found, loaded.measured, words=words, provenance=origin,
        remarks=[*more, *loaded.notes, *remarks], **rest,
    )  # fmt: skip
    verdict, sections, cut = "", [], False
    offset = offset_remarks(terms, found.model)
    rescue = [*offset]
    with new_folder(out, force=force) as results:
        _write_spec(spec, out, results.path)
        # What follows takes a while, may be interrupted, and must not cost the fit.
        write(write_numbers, rescue)
        if spec.xlsx:
            write_tables_xlsx(results.path, signals_of(found, loaded.measured), found.rows())
        try:
            results.publish()
            draw_ahead(found, loaded.measured)
            if compared:
                report.step("fitting", 1, 2)
                rival = setup_of(replace(spec, device=OTHER[spec.device]), loaded, lenient=True)
                pair = (found, _fit(spec, terms, rival, first=start_at(found, rival)))
                verdict = second_lag_verdict(*(pair if spec.device == "3d" else pair[::-1]))
            report.step("fitting", 1 + compared, 1 + compared)
            if found.result != RESULTS.interrupted:
                rescue += describing_model(spec, loaded, terms, found, report)
            drawn = network_section(found)
            scaled = per_area_section(found, spec.area_m2) if spec.area_m2 else None
            sections = [section for section in (drawn, scaled) if section]
            sections += answers(spec, found, terms, results.path, report)
        except KeyboardInterrupt:
            cut = True
            rescue = [*rescue, "Interrupted when the fit was found: other models were not tried."]
        problems, _ = write(
            write_fit, rescue, verdict=verdict, sections=sections, numbers_written=results.publish
        )
    for note in results.notes:
        report.say(f"note: {note}")
    if found.result == RESULTS.interrupted:
        report.say("interrupted: the best so far is written, marked as such; --resume goes on")
    else:
        record.remove()
    lines = [*found.verdict(), *rescue, *_summary(spec, words, found)]
    lines += [*flags_of(found, loaded.measured), *problems]
    lines += [verdict] if verdict else []
    lines += [line for section in sections if section.lines for line in section.told]
    return Outcome(results.place / "report.html", lines, (found,), cut)


def _fit(
    spec: Spec,
    terms: Sequence[Any],
    setup: Setup,
    report: Reporter | None = None,
    resume: Progress | None = None,
    keep: Callable[[Progress], None] = lambda progress: None,
    first: np.ndarray | None = None,
) -> Fit:
    extra = () if first is None else (first,)
    # As many as without it: programs are made for a number of starts.
    starts = MultiStart(spec.number_of_starts - len(extra), setup.box, extra=extra)
    return fit(
        terms, setup.model, setup.space, solver=solver_of(spec), starts=starts, seed=spec.seed,
        progress=report, resume=resume, keep=keep, thin=spec.thin or None, throw=False,
    )  # fmt: skip


def _series(spec: Spec, loaded: Loaded, out: Path, origin, force, resume, report) -> Outcome:
    """Each spectrum by itself, also from its neighbours' optimum."""
    if spec.asks:
        raise ValueError(
            "rivals, profiles, bootstrap and posterior are asked of one device: give one "
            "spectrum, or --together"
        )
    measured, words = loaded.measured, model_in_words(spec, loaded)
    every = [m.fitted for m in measured]
    record = SearchRecord.beside(out, spec, loaded)
    before = record.read_spectra() if resume else []
    if not resume:
        record.remove()
    series = fit_series(
        every, lambda spectrum: setup_of(spec, loaded, spectrum), solver=solver_of(spec),
        starts=spec.number_of_starts, seed=spec.seed, groups=_groups(every), progress=report,
        resume=before, keep=record.keep_spectrum,
    )  # fmt: skip
    fits, remarks, cut = series.fits, list(loaded.notes), series.interrupted
    if cut:
        remarks.append(f"Interrupted: {len(fits)} of {len(every)} spectra were fitted.")
        report.say("interrupted: what is fitted is written, marked as such; --resume goes on")
    bad = [k for k, f in enumerate(fits) if f.describes == "no"]
    if bad and not cut:
        k = bad[len(bad) // 2]
        one = loaded._replace(measured=[measured[k]])
        try:
            remarks = [*describing_model(spec, one, [every[k]], fits[k], report), *remarks]
        except KeyboardInterrupt:
            cut = True
            remarks.append("Interrupted before a model that describes the data was found.")
    width = len(str(len(every) - 1))
    names = [f"spectra/{k:0{width}d}" for k in range(len(fits))]
    with new_folder(out, force=force) as results:
        # All numbers of the series first, then its page and a folder for each spectrum.
        fitted = measured[: len(fits)]
        write_series_numbers(results.path, series, fitted)
        _write_spec(spec, out, results.path)
        results.publish()
        sections = laws_sections(spec, loaded, series, results)
        sections += write_along(results.path, series, fitted)
        if spec.area_m2:
            sections += write_per_area(results.path, series, fitted, spec.area_m2)
        if spec.xlsx:
            shown, tables = series_signals(series, fitted), [s.key for s in sections]
            write_tables_xlsx(results.path, shown, summary_rows(series, fitted), tables)
        flags, stopped = write_series(
            results.path, series, fitted, names, words=words, provenance=origin, remarks=remarks,
            sections=sections,
        )  # fmt: skip
        results.publish()
        try:
            for k, (m, f, name) in enumerate(zip(measured, fits, names, strict=False)):
                report.step("writing", k, len(names))
                if stopped:
                    raise KeyboardInterrupt
                outlier = [f"Outlier of its series: {r}." for r in series.reasons[k]]
                _, stopped = write_fit(
                    results.path / name, f, [m], words=words, provenance=origin, remarks=outlier,
                    images=False,
                )  # fmt: skip
                results.publish()
            report.step("writing", len(names), len(names))
        except KeyboardInterrupt:
            cut = True
            shutil.rmtree(results.path / name, ignore_errors=True)
            flags.append(f"Interrupted: of {len(names) - k} spectra there is no page.")
    for note in results.notes:
        report.say(f"note: {note}")
    if not cut:
        record.remove()
    # Notes on the data were said when they were read.
    told = [line for line in flags if line not in loaded.notes]
    lines = [f"{words}, {len(fits)} spectra", *told]
    biases = len({s.bias for s in every if s.bias[0] is not None})
    if biases >= BIASES and not any(s.key.startswith("laws") for s in sections):
        lines.append(f"These spectra have {biases} biases: --together fits one device to all.")
    return Outcome(results.place / "report.html", lines, tuple(fits), cut)


def _groups(spectra: Sequence[Spectrum]) -> list[str] | None:
    """Files that hold several spectra are a series each; files of one are a series together."""
    files = [s.source for s in spectra]
    return None if len(set(files)) == len(files) else files


def _write_spec(spec: Spec, out: Path, folder: Path) -> None:
    # Paths are relative to where the folder will lie.
    (folder / "fit.toml").write_text(spec_to_toml(spec, out), encoding="utf-8")


def _summary(spec: Spec, words: str, fit: Fit) -> list[str]:
    if not spec.joint:
        return [f"{words}: relative rms residual {100 * fit.relative_rms_residual:.3g} %"]
    shares = [
        f"{t.name}: rms {100 * t.rms:.3g} % of |Z|" if t.unit == "|Z|"
        else f"{t.name}: rms {t.rms:.3g} {t.unit}"
        for t in fit.terms if t.kind != "Prior"
    ]  # fmt: skip
    return [f"chi2 {fit.chi2:.5g} of {fit.quality.points} numbers", *shares]
