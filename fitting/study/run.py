"""A specification to a folder: the door behind `jaxmem fit`."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from fitting.estimate.result import Fit
from fitting.estimate.single import fit as fit_terms
from fitting.estimate.two_stage import Progress
from fitting.models.memristor import memristor_model
from fitting.models.setup import Setup, device_model
from fitting.problem.space import MultiStart, Space
from fitting.report.page import write_fit
from fitting.solvers.levenberg_marquardt import AbstractSolver, Code, LeastSquares
from fitting.solvers.optimisers import descent
from fitting.study.analyses import Questions
from fitting.study.checks import check_study
from fitting.study.load import Loaded, load
from fitting.study.spec import MODELS, Spec, SpecError, spec_to_toml
from fitting.study.spectra_study import Outcome, Study, Tell, flags_of
from fitting.terms.term import Prior
from jaxmem.devices import read_device
from jaxmem.lens import lenses, put
from jaxmem.output.provenance import provenance
from jaxmem.output.results_folder import check_folder, new_folder


def run(
    spec: Spec,
    out: str | Path,
    *,
    force: bool = False,
    resume: bool = False,
    command: str = "",
    say: Callable[[str], None] = lambda line: None,
    tell: Tell = lambda stage, done, total: None,
) -> Outcome:
    """Do the fit that a specification describes, and write the folder `out`, whole or not at all.

    The folder holds `fit.toml`, which does it again; with the same seed and machine to the same
    parameters bit for bit. A search with transients leaves how far it came beside the folder, in
    `out.search.json`, until it has ended; `resume` goes on from there.

    **Raises:** `ReadError`, `SpecError`, `FolderError` and `ValueError` for input that cannot be
    used; `RuntimeError` if no search gave a finite residual.
    """
    force = force or resume
    check_folder(out, force=force)
    loaded = load(spec, tell)
    text = spec_to_toml(spec, out)
    questions = Questions(spec.compare, spec.profile, spec.bootstrap, spec.posterior)
    extras = spec.joint or spec.fixed or spec.ranges
    if not extras or not (spec.together or spec.joint):
        if extras:
            raise SpecError(
                "fixed and ranges are for one device with the paper's parameters: give "
                "together = true (--together)"
            )
        if resume:
            raise SpecError("nothing to resume: fits of spectra alone are done in one go")
        study = Study(
            kind="2d" if _is_file(spec.device) else spec.device, add=spec.add,
            without=spec.without, together=spec.together, solver=_solver(spec),
            starts=spec.starts, seed=spec.seed,
            device=read_device(spec.device) if _is_file(spec.device) else None,
            questions=questions,
        )  # fmt: skip
        return study.write(loaded, out, spec.files, text=text, force=force, command=command,
                           say=say, progress=tell)  # fmt: skip
    return _joint(spec, loaded, questions, text, Path(out), force, resume, command, say, tell)


def _joint(
    spec, loaded: Loaded, questions: Questions, text, out: Path, force, resume, command, say, tell
) -> Outcome:
    for note in loaded.notes:
        say(f"note: {note}")
    setup = setup_of(spec, loaded)
    terms = [*loaded.terms, *priors_of(spec, setup.model)]
    questions.check(setup.model, setup.space.names(setup.model))
    remarks = check_study(terms, setup.model, setup.space, setup.box)
    for remark in remarks:
        say(f"note: {remark}")
    origin = provenance(command, spec.files, spec.seed)
    place = out.with_name(f"{out.name}.search.json")
    own = Path(spec.device).read_text(encoding="utf-8") if _is_file(spec.device) else ""
    # What is asked beyond the fit does not change the search.
    bare = replace(spec, compare=False, profile=(), bootstrap=0, posterior=False)
    key = hashlib.sha256(
        json.dumps([spec_to_toml(bare, out), own, origin["data"]]).encode()
    ).hexdigest()
    before = _resume(place, key) if resume else None

    def keep(progress: Progress) -> None:
        text = json.dumps({"specification": key, "progress": list(progress)})
        # Whole or not at all: an interruption may come at any time.
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_suffix(".new")
        beside.write_text(text)
        beside.replace(place)

    tell("fitting", 0, 1)
    found = fit_terms(
        terms, setup.model, setup.space, solver=_solver(spec),
        starts=MultiStart(spec.starts, setup.box), seed=spec.seed, progress=say, resume=before,
        keep=keep, throw=False,
    )  # fmt: skip
    tell("fitting", 1, 1)
    with new_folder(out, force=force) as folder:
        asked = questions.answers(found, terms, folder, seed=spec.seed, say=say)
        write_fit(
            folder, found, loaded.measured, words=_words(spec), provenance=origin,
            remarks=[*loaded.notes, *remarks], sections=asked,
        )  # fmt: skip
        (folder / "fit.toml").write_text(text, encoding="utf-8")
    if found.code != Code.INTERRUPTED:
        place.unlink(missing_ok=True)
    else:
        say("interrupted: the best so far is written, marked as such; --resume goes on")
    lines = [*_summary(found), *flags_of(found, loaded.measured)]
    lines += [line for section in asked if section.lines for line in section.told]
    return Outcome(out / "report.html", lines, found.ok, (found,))


def setup_of(spec: Spec, loaded: Loaded) -> Setup:
    """Model, space and start box of a specification, with what it fixes and where it starts.

    **Raises:** `SpecError` if it names a parameter that the model has not.
    """
    parts = dict(lead="lead" not in spec.without, series="series" not in spec.without)
    if _is_file(spec.device):
        if spec.add or spec.without:
            raise SpecError("a device from a file is fitted as it is: no add, no without")
        setup = device_model(read_device(spec.device))
    elif spec.device == "rc" or not (spec.joint or spec.together):
        raise SpecError(
            'traces, curves and spikes need the paper\'s parameters: device = "2d", "3d" or a '
            "device file"
        )
    else:
        setup = memristor_model(spec.device, loaded.terms, spec.add, **parts)
    model, frees, box = setup.model, list(setup.space.frees), dict(setup.box)
    names = list(setup.space.names(model))
    known = lenses(model)
    for name, value in spec.fixed.items():
        if name in names:
            k = names.index(name)
            model = put(frees[k].lens, model, jnp.asarray(value))
            del frees[k], names[k]
            box.pop(name, None)
        elif name in known:
            model = put(known[name], model, jnp.asarray(value))
        else:
            raise SpecError(f"fixed: no parameter {name!r}; there are {', '.join(known)}")
    for name, ends in spec.ranges.items():
        if name not in names:
            raise SpecError(f"ranges: {name!r} is not free; free are {', '.join(names)}")
        box[name] = ends
        middle = np.sqrt(ends[0] * ends[1]) if ends[0] > 0 else sum(ends) / 2
        model = put(frees[names.index(name)].lens, model, jnp.asarray(middle))
    return Setup(model, Space(*frees), box)


def priors_of(spec: Spec, model: Any) -> list[Prior]:
    """The priors of a specification."""
    known, priors = lenses(model), []
    for entry in spec.entries:
        if entry.kind != "prior":
            continue
        o = dict(entry.options)
        name = o.pop("parameter")
        if name not in known:
            raise SpecError(f"prior: no parameter {name!r}; there are {', '.join(known)}")
        priors.append(Prior(known[name], o["mean"], o.get("sd"), factor=o.get("factor")))
    return priors


def _solver(spec: Spec) -> AbstractSolver:
    if spec.solver == "descent":
        return descent(spec.optimiser, spec.schedule, spec.rate, spec.steps or 3000)
    if spec.solver != "lm":
        raise SpecError(f'solver is "lm" or "descent", got {spec.solver!r}')
    return LeastSquares(max_steps=spec.steps or 300)


def _resume(place: Path, key: str) -> Progress:
    try:
        kept = json.loads(place.read_text())
    except FileNotFoundError:
        raise SpecError(
            f"{place}: nothing to resume; a search that was interrupted leaves this file"
        ) from None
    except json.JSONDecodeError:
        raise SpecError(f"{place}: this is no record of a search; start again") from None
    if kept.get("specification") != key:
        raise SpecError(
            f"{place}: this search was of other data or options; start again without --resume, or "
            "give the same ones"
        )
    return Progress(*kept["progress"])


def _summary(fit: Fit) -> list[str]:
    shares = [
        f"{t.name}: rms {100 * t.rms:.3g} % of |Z|" if t.unit == "|Z|"
        else f"{t.name}: rms {t.rms:.3g} {t.unit}"
        for t in fit.terms if t.kind != "Prior"
    ]  # fmt: skip
    return [f"chi2 {fit.chi2:.5g} of {fit.quality.points} numbers", *shares]


def _words(spec: Spec) -> str:
    study = Study(kind="2d" if _is_file(spec.device) else spec.device, add=spec.add,
                  without=spec.without)  # fmt: skip
    if _is_file(spec.device):
        study = replace(study, device=read_device(spec.device))
    return study.words


def _is_file(device: str) -> bool:
    return device not in MODELS
