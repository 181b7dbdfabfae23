"""A specification to a folder of results: the one way behind `jaxmem fit`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from fitting.estimate.result import Fit
from fitting.estimate.series import fit_series
from fitting.estimate.single import fit
from fitting.estimate.two_stage import Progress
from fitting.models.setup import Setup
from fitting.problem.space import MultiStart
from fitting.report.network import network_section
from fitting.report.page import flags_of, write_fit, write_series
from fitting.selection.ranking import second_lag_verdict
from fitting.solvers.solver import RESULTS
from fitting.study.analyses import answers, check_asked
from fitting.study.checks import check_study
from fitting.study.describing import describing_model
from fitting.study.loading import Loaded, load_terms
from fitting.study.search_record import SearchRecord
from fitting.study.setups import model_in_words, priors_of, setup_of, solver_of
from fitting.study.spec import Spec, SpecError
from fitting.study.spec_file import spec_to_toml
from fitting.terms.spectrum import Spectrum
from jaxmem.output.provenance import provenance_of
from jaxmem.output.reporter import Reporter, Silent
from jaxmem.output.results_folder import check_folder, new_folder

# Of spectra at so many biases that are fitted each by itself, one device is suggested.
BIASES = 3
# The model that each is compared with, to say whether the data need the second lag.
OTHER = {"2d": "3d", "3d": "2d"}


class Outcome(NamedTuple):
    """What a study wrote: the page, its findings in words, and the fits."""

    report: Path
    lines: list[str]
    fits: tuple[Fit, ...]

    @property
    def ok(self) -> bool:
        """Whether every fit converged."""
        return all(f.ok for f in self.fits)

    @property
    def interrupted(self) -> bool:
        """Whether a fit was interrupted and holds the best until then."""
        return any(bool(f.result == RESULTS.interrupted) for f in self.fits)


def run_study(
    spec: Spec,
    out: str | Path,
    *,
    force: bool = False,
    resume: bool = False,
    command: str = "",
    progress: Reporter | None = None,
) -> Outcome:
    """Do the fit that a specification describes, and write the folder `out`, whole or not at all.

    One device is fitted to all files if there are loops, steps, pulses, curves, spikes or priors,
    or if it is said (`together`); else each spectrum is fitted by itself. The folder holds
    `fit.toml`, which does it again; with the same seed and machine to the same parameters bit for
    bit. A search that integrates in time leaves how far it came beside the folder, in
    `out.search.json`, until it has ended.

    **Arguments:**

    - `spec`: what is fitted, which model, and how.
    - `out`: the folder to write.
    - `force`: replace earlier results there.
    - `resume`: go on with a search that was interrupted.
    - `command`: what the user typed, for the record.
    - `progress`: hears of the stages, and remarks on the data.

    **Raises:** `ReadError`, `SpecError`, `FolderError` and `ValueError` for input that cannot be
    used; `RuntimeError` if no search gave a finite residual.
    """
    report, out, force = progress or Silent(), Path(out), force or resume
    check_folder(out, force=force)
    loaded = load_terms(spec, report)
    if resume and not spec.joint:
        raise SpecError("nothing to resume: fits of spectra alone are done in one go")
    for note in loaded.notes:
        report.say(f"note: {note}")
    origin = provenance_of(command, loaded.hashes, spec.seed)
    if spec.one_device or len(loaded.measured) == 1:
        return _one_device(spec, loaded, out, origin, force, resume, report)
    return _series(spec, loaded, out, origin, force, report)


def _one_device(spec: Spec, loaded: Loaded, out: Path, origin, force, resume, report) -> Outcome:
    """One fit to all that was read; of spectra alone also the other model, to judge by."""
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
    verdict = ""
    if compared:
        report.step("fitting", 1, 2)
        rival = setup_of(replace(spec, device=OTHER[spec.device]), loaded, lenient=True)
        pair = (found, _fit(spec, terms, rival))
        verdict = second_lag_verdict(*(pair if spec.device == "3d" else pair[::-1]))
    report.step("fitting", 1 + compared, 1 + compared)
    words = model_in_words(spec, loaded)
    rescue = describing_model(spec, loaded, terms, found, report)
    with new_folder(out, force=force) as folder:
        drawn = network_section(found)
        sections = [*([drawn] if drawn else []), *answers(spec, found, terms, folder, report)]
        write_fit(
            folder, found, loaded.measured, words=words, provenance=origin, verdict=verdict,
            remarks=[*rescue, *loaded.notes, *remarks], sections=sections,
        )  # fmt: skip
        _write_spec(spec, out, folder)
    if found.result == RESULTS.interrupted:
        report.say("interrupted: the best so far is written, marked as such; --resume goes on")
    else:
        record.remove()
    lines = [*found.verdict(), *rescue, *_summary(spec, words, found)]
    lines += flags_of(found, loaded.measured)
    lines += [verdict] if verdict else []
    lines += [line for section in sections if section.lines for line in section.told]
    return Outcome(out / "report.html", lines, (found,))


def _fit(
    spec: Spec,
    terms: Sequence[Any],
    setup: Setup,
    report: Reporter | None = None,
    resume: Progress | None = None,
    keep: Callable[[Progress], None] = lambda progress: None,
) -> Fit:
    starts = MultiStart(spec.number_of_starts, setup.box)
    return fit(
        terms, setup.model, setup.space, solver=solver_of(spec), starts=starts, seed=spec.seed,
        progress=report, resume=resume, keep=keep, throw=False,
    )  # fmt: skip


def _series(spec: Spec, loaded: Loaded, out: Path, origin, force, report) -> Outcome:
    """Each spectrum by itself, also from its neighbours' optimum."""
    if spec.asks:
        raise ValueError(
            "rivals, profiles, bootstrap and posterior are asked of one device: give one "
            "spectrum, or --together"
        )
    measured, words = loaded.measured, model_in_words(spec, loaded)
    spectra = [m.fitted for m in measured]
    series = fit_series(
        spectra, lambda spectrum: setup_of(spec, loaded, spectrum), solver=solver_of(spec),
        starts=spec.number_of_starts, seed=spec.seed, groups=_groups(spectra), progress=report,
    )  # fmt: skip
    bad = [k for k, f in enumerate(series.fits) if f.describes == "no"]
    rescue = []
    if bad:
        k = bad[len(bad) // 2]
        one = loaded._replace(measured=[measured[k]])
        rescue = describing_model(spec, one, [spectra[k]], series.fits[k], report)
    width = len(str(len(spectra) - 1))
    names = [f"spectra/{k:0{width}d}" for k in range(len(spectra))]
    with new_folder(out, force=force) as folder:
        for k, (m, f, name) in enumerate(zip(measured, series.fits, names, strict=True)):
            report.step("writing", k, len(names))
            remarks = [f"Outlier of its series: {r}." for r in series.reasons[k]]
            write_fit(
                folder / name, f, [m], words=words, provenance=origin, remarks=remarks, images=False
            )
        flags = write_series(
            folder,
            series,
            measured,
            names,
            words=words,
            provenance=origin,
            remarks=[*rescue, *loaded.notes],
        )
        report.step("writing", len(names), len(names))
        _write_spec(spec, out, folder)
    lines = [f"{words}, {len(spectra)} spectra", *flags]
    biases = len({s.bias for s in spectra if s.bias[0] is not None})
    if biases >= BIASES:
        lines.append(f"These spectra have {biases} biases: --together fits one device to all.")
    return Outcome(out / "report.html", lines, tuple(series.fits))


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
