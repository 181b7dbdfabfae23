"""`jaxmem next`: what is known of a device to the experiments that tell most, in a folder."""

import csv
import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fitting.experiments.choice import instrument_of, next_experiment
from fitting.experiments.knowledge import Knowledge, from_prior, from_record
from fitting.experiments.memristor_rivals import rival_models
from fitting.experiments.offered.possible import possible_experiments
from fitting.experiments.plan import Plan, duration
from fitting.experiments.telling_apart import Separation, tell_apart
from jaxmem import plots
from jaxmem.devices import device_to_toml, read_sourced, write_device
from jaxmem.encoding import text_of
from jaxmem.output.page import render
from jaxmem.output.provenance import provenance_of
from jaxmem.output.reporter import Reporter, Silent
from jaxmem.output.results_folder import check_folder, new_folder
from jaxmem.output.table import write_csv
from jaxmem.plots.figure import COLOURS, GREY, PALE, Curve, Figure, Panel, PlotAxis

Prior = float | Mapping[str, float]


class Planned(NamedTuple):
    """What was written: the page, and what it says in lines."""

    page: Path
    lines: list[str]


def write_next(
    source: str | Path,
    out: str | Path,
    *,
    budget: float,
    prior: Prior | None = None,
    wanted: Sequence[str] = (),
    criterion: str = "",
    kinds: Sequence[str] = (),
    changes: Mapping[str, Any] | None = None,
    rivals: bool = False,
    seed: int = 0,
    force: bool = False,
    allow_import: bool = False,
    command: str = "",
    progress: Reporter | None = None,
) -> Planned:
    """Write next.json, next.csv, next.html and its figure.

    **Arguments:**

    - `source`: the folder of a fit or its `fit.json`, or the TOML file of a device, which wants a
      `prior`: relative standard deviations, one for all or by name.
    - `budget`: the time [s]. `wanted`, `criterion`, `seed`: as in `next_experiment`. `kinds`: of
      experiments, all by default.
    - `changes`: to the instrument, by the names of its fields. `rivals`: whether to say how to
      tell the model from its rivals.

    **Raises:** `ValueError` for what cannot be read or asked; `FolderError`.
    """
    check_folder(out, force=force)
    hears = progress or Silent()
    known, files = read_knowledge(Path(source), prior, allow_import=allow_import)
    instrument = replace(instrument_of(known), **(changes or {}))
    offered = possible_experiments(known.model, instrument, *([tuple(kinds)] if kinds else []))
    apart: list[Separation] = []
    if rivals:
        models = rival_models(known.model)
        spectra = [e for e in offered if e.kind == "spectrum"] or offered
        for k, rival in enumerate(models):
            hears.step("rivals", k, len(models))
            apart += tell_apart([rival], spectra, budget, seed)
        hears.step("rivals", len(models), len(models))
    how: Any = criterion or None
    plan = next_experiment(
        known, budget, wanted=wanted or None, criterion=how, experiments=offered, seed=seed,
        progress=hears,
    )  # fmt: skip
    origin = provenance_of(command, files, seed)
    lines = [*plan.remarks, *plan.sentences(), *(line for a in apart for line in a.sentences())]
    record = plan_record(plan, apart) | {
        "statements": lines, "instrument": asdict(instrument),
        "device": device_to_toml(known.model), "provenance": origin,
    }  # fmt: skip
    with new_folder(out, force=force) as results:
        folder = results.path
        (folder / "next.json").write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")
        write_device(folder / "device.toml", known.model)
        _write_table(folder / "next.csv", plan)
        results.publish()
        saved = plots.save_all({"next": lambda: plan_figure(plan)}, folder)
        page = render(
            "jaxmem.apps", "next.html", title="What to measure next", source=Path(source).name,
            plan=plan, rows=_rows(plan), apart=[line for a in apart for line in a.sentences()],
            durations=[duration(m.time) for m in plan.measures], figure=saved.drawn.get("next"),
            instrument=instrument, provenance=json.dumps(origin, indent=1),
        )  # fmt: skip
        (folder / "next.html").write_text(page, encoding="utf-8")
    return Planned(results.place / "next.html", [*lines, *saved.problems, *results.notes])


def read_knowledge(
    source: Path, prior: Prior | None, *, allow_import: bool = False
) -> tuple[Knowledge, list[Path]]:
    """What is known from a fit, or of a device with a prior; and the files that were read.

    **Raises:** `ValueError` for what is neither, a device without a prior and a fit with one.
    """
    found = read_sourced(source, allow_import=allow_import)
    if found.fit is None:
        if prior is None:
            raise ValueError(
                f"{source}: of a device alone nothing says how well it is known; give --prior 0.2 "
                "(20 %, of each number), --prior V_m=0.3,tau_d=1, or the folder of a fit"
            )
        return from_prior(found.device, prior), found.files
    if prior is not None:
        raise ValueError(f"{source}: the fit says how well it knows its device; leave out --prior")
    record = found.files[-1]
    try:
        samples = _sizes(record.parent / "samples.csv")
        return from_record(found.fit, found.device, samples), found.files
    except ValueError as error:
        raise ValueError(f"{record}: {error}") from None


def read_prior(values: Sequence[str]) -> Prior | None:
    """`0.2` for all, `V_m=0.3,tau_d=1` by name, or a TOML file of such lines.

    **Raises:** `ValueError` for anything else.
    """
    named: dict[str, float] = {}
    for value in values:
        if Path(value).suffix == ".toml":
            try:
                table = tomllib.loads(text_of(Path(value)))
            except (OSError, ValueError) as error:
                raise ValueError(f"{value}: no prior can be read ({error})") from None
            table = table.get("prior", table)
            for name, x in table.items() if isinstance(table, dict) else ():
                if isinstance(x, bool) or not isinstance(x, int | float):
                    raise ValueError(f"{value}: {name} wants a number, 0.2 for 20 %")
                named[name] = float(x)
            continue
        for part in value.split(","):
            name, found, number = part.rpartition("=")
            try:
                size = float(number)
            except ValueError:
                raise ValueError(
                    f"--prior wants 0.2, NAME=0.2 or a file.toml of lines NAME = 0.2; got {value!r}"
                ) from None
            if not found:
                if len(values) > 1 or "," in value:
                    raise ValueError("--prior: give one number for all, or numbers by name")
                return size
            named[name.strip()] = size
    return named or None


def plan_record(plan: Plan, apart: Sequence[Separation]) -> dict[str, Any]:
    """A plan as dictionaries and numbers; what is not finite is None."""
    plain = lambda x: float(x) if math.isfinite(x) else None
    row = lambda e: {"what": e.words, "kind": e.kind, "V": plain(e.V), "band_Hz": [
        plain(x) for x in e.band]}  # fmt: skip
    return {
        "criterion": plan.criterion, "budget_s": plan.budget, "time_s": plan.time,
        "wider_than_best_mixture": plan.wider,
        "quantities": [
            {"name": n, "unit": plan.wanted.units[k], "value": plain(plan.wanted.values[k]),
             "signed": bool(plan.wanted.signed[k]), "before": plain(plan.before[k]),
             "after": plain(plan.after[k]), "after_least": plain(plan.least[k]),
             "after_most": plain(plan.most[k])}
            for k, n in enumerate(plan.names)
        ],
        "measure": [
            row(m.experiment) | {"count": m.count, "time_s": m.time,
                                 "after": dict(zip(plan.names, map(plain, m.after), strict=True))}
            for m in plan.measures
        ],
        "rivals": [
            {"fitted": a.rival.name, "true": a.rival.true_name, "chi2": plain(a.chi2),
             "measure": [row(e) | {"count": n, "time_s": t} for e, n, t in a.measures]}
            for a in apart
        ],
    }  # fmt: skip


def plan_figure(plan: Plan) -> Figure:
    """Uncertainties before and after; what is offered and what is chosen over voltage and band."""
    names = plan.names[::-1]
    places = np.arange(len(names))[::-1]
    percent = lambda x: 100 * np.asarray(x)
    marks: list[Any] = [
        Curve(percent([a, b]), [k, k], role="thin", colour=GREY)
        for k, a, b in zip(places, plan.after, plan.before, strict=True)
    ]
    marks += [Curve(percent(plan.before), places, role="ring", colour=GREY, label="before"),
              Curve(percent(plan.after), places, role="mark", label="after")]  # fmt: skip
    sizes = Panel(
        marks, PlotAxis("standard deviation  (%)", scale="log"),
        PlotAxis(names=names, limits=(-0.6, len(names) + 0.3)), "what is known",
    )  # fmt: skip
    line = lambda e, **more: Curve([e.V, e.V], list(e.band), **more)
    kinds = list(dict.fromkeys(m.experiment.kind for m in plan.measures))
    seen = {(e.V, e.band): e for e in plan.offered}
    shown: list[Any] = [line(e, role="line", size=5, colour=PALE) for e in seen.values()]
    top = max(e.band[1] for e in plan.offered)
    for m in plan.measures:
        k = kinds.index(m.experiment.kind)
        shown.append(line(m.experiment, role="line", size=2.5, colour=COLOURS[k],
                          label=m.experiment.kind))  # fmt: skip
        shown.append(line(m.experiment, role="mark", colour=COLOURS[k]))
    over = PlotAxis("frequency", "Hz", "log", (None, 20 * top))
    title = "what to measure"
    where = Panel(shown, PlotAxis("applied V", "V"), over, title, legend="upper left")
    return Figure([[sizes, where]], (11, 4.2))


def _rows(plan: Plan) -> list[tuple[str, ...]]:
    spread = lambda k, s: plan.spread(k, float(s))
    return [
        (name, spread(k, plan.before[k]), spread(k, plan.after[k]),
         f"{spread(k, plan.least[k])} to {spread(k, plan.most[k])}")
        for k, name in enumerate(plan.names)
    ]  # fmt: skip


def _write_table(path: Path, plan: Plan) -> None:
    head = ["measure", "kind", "V", "low_Hz", "high_Hz", "times", "time_s"]
    rows = [
        [m.experiment.words, m.experiment.kind, float(m.experiment.V), *map(float,
         m.experiment.band), m.count, float(m.time), *map(float, m.after)]
        for m in plan.measures
    ]  # fmt: skip
    write_csv(path, [*head, *(f"{name}_deviation_after" for name in plan.names)], rows)


def _sizes(path: Path) -> dict[str, float]:
    """The root mean square of what was observed of each trace that a fit has, by its label."""
    if not path.is_file():
        return {}
    found: dict[str, list[float]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["used"] == "1":
                found.setdefault(row["label"], []).append(float(row["observed"]))
    return {name: math.sqrt(sum(x * x for x in xs) / len(xs)) for name, xs in found.items()}
