"""What may be asked of a fit beyond the fit: rivals, profiles, a bootstrap, a posterior."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fitting.diagnosis.derived import slow_elements
from fitting.estimate.result import Fit
from fitting.inference.draws import posterior
from fitting.inference.nuts import numpyro_here
from fitting.inference.profiles import profile
from fitting.inference.propagate import LEAST_SHARE, hopf_window
from fitting.inference.resampling import bootstrap
from fitting.report.export import plain
from fitting.report.figures.inference import draws_figure, profiles_figure
from fitting.report.section import Section
from fitting.selection.comparison import compare
from fitting.selection.families import rivals
from fitting.solvers.solver import RESULTS
from fitting.study.spec import Spec, SpecError
from fitting.terms.term import Prior
from jaxmem.devices import Memristor2D, Memristor3D
from jaxmem.networks import Network
from jaxmem.output.reporter import Reporter
from jaxmem.output.table import write_csv

ALL = "all"


def check_asked(spec: Spec, model: Any, names: Sequence[str]) -> None:
    """Say what cannot be answered before the fit begins.

    **Arguments:**

    - `spec`: what is asked: `compare`, `profile`, `bootstrap`, `posterior`.
    - `model`, `names`: the model, and its free parameters.

    **Raises:** `SpecError` for a name that is no parameter and no element of the model, a
    number of refits that makes no sense, and a posterior without numpyro.
    """
    known = [*names, *slow_elements(model)]
    unknown = [n for n in spec.profile if n not in known and n != ALL]
    if unknown:
        raise SpecError(f"no profile of {', '.join(unknown)}; there are {', '.join(known)}")
    if spec.bootstrap and spec.bootstrap < 20:
        raise SpecError(f"a bootstrap of {spec.bootstrap} says nothing; take 20 or more")
    if spec.posterior:
        try:
            numpyro_here()
        except ImportError as error:
            raise SpecError(str(error)) from None


def answers(
    spec: Spec, fit: Fit, terms: Sequence[Any], folder: Path, progress: Reporter
) -> list[Section]:
    """A section for each question that is asked beyond the fit; draws are written to the folder.

    What a fit that did not converge cannot answer, its section says.

    **Arguments:**

    - `spec`: what is asked.
    - `fit`, `terms`: the fit, and what was fitted.
    - `folder`: where draws are written.
    - `progress`: hears how far it has come.
    """
    asked: list[tuple[str, str, Any]] = []
    if spec.compare:
        rank = lambda: _rivals(fit, terms, spec.seed, progress)
        asked.append(("comparison", "Rivals", rank))
    if spec.profile:
        names = list(fit.names) if ALL in spec.profile else list(dict.fromkeys(spec.profile))
        walk = lambda: _profiles(fit, names, progress)
        asked.append(("profiles", "Profile likelihoods", walk))
    if spec.bootstrap:
        refit = lambda: _bootstrap(fit, spec.bootstrap, spec.seed, folder, progress)
        asked.append(("bootstrap", "Bootstrap", refit))
    if spec.posterior:
        draw = lambda: _posterior(fit, spec.seed, folder, progress)
        asked.append(("posterior", "Posterior", draw))
    sections = []
    for key, title, answer in asked:
        lines, record, table, figure = ("Not asked: the fit was interrupted.",), {}, (), None
        try:
            if fit.result != RESULTS.interrupted:
                lines, record, table, figure = answer()
        except Exception as error:
            # Whatever goes wrong here must not cost the fit, which is not written yet.
            lines = (f"No answer: {type(error).__name__}: {error}".rstrip(".") + ".",)
        except KeyboardInterrupt:
            lines = ("Interrupted.",)
        record = {"sentences": list(lines)} | record
        sections.append(Section(key, title, tuple(lines), record, table, figure))
    return sections


LEFT_OUT = (
    "The rivals leave out the series resistance and the lead where this fit has them not free. "
)


def _rivals(fit, terms, seed, report):
    # A prior is one of a parameter that a rival need not have.
    data = [term for term in terms if not isinstance(term, Prior)]
    # A circuit of one's own names its elements otherwise: a rival may have both.
    own = isinstance(fit.model, Network)
    family = rivals(data, lead=(own or "L_s" in fit.names,), series=own or "R_s" in fit.names,
                    photocurrent="I_ph" in fit.names)  # fmt: skip
    found = compare(data, family, seed=seed, progress=report)
    lines = list(found.sentences)
    lines.append(
        f"For comparison, the fit of this report: {len(fit.names)} parameters, BIC {fit.bic:.1f}. "
        + ("" if own else LEFT_OUT)
        + "They are free in all else: what it fixed, added or was told of ranges is not carried "
        + ("over, nor are its priors." if len(data) < len(terms) else "over.")
    )
    rows = found.rows()
    number = lambda x, form: "–" if x is None else format(x, form)
    table = [("", "model", "parameters", "chi²", "BIC", "over the best", "what of it")]
    for row in rows:
        if "bic" not in row:
            table.append((f"{row['rank']}", row["name"], "–", "–", "–", "–", row["failure"]))
            continue
        notes = [] if row["converged"] else ["did not converge"]
        notes += [f"leaves {', '.join(row['undetermined'])} open"] if row["undetermined"] else []
        table.append((
            f"{row['rank']}", row["name"], f"{row['parameters']}", number(row["chi2"], ".5g"),
            number(row["bic"], ".1f"), number(row["delta_bic"], ".1f"), "; ".join(notes),
        ))  # fmt: skip
    return lines, {"rows": rows}, tuple(table), None


def _profiles(fit, names, report):
    found = []
    try:
        for name in names:
            found.append(profile(fit, name, progress=report))
            if not found[-1].complete:
                break
    except KeyboardInterrupt:
        pass
    lines = [p.statement() for p in found]
    missing = names[len(found) :]
    if missing:
        lines.append(f"Interrupted before {', '.join(missing)}.")
    record = [
        {"name": p.name, "unit": p.unit, "level": p.level, "low": plain(p.low),
         "high": plain(p.high), "closed": list(p.closed), "complete": p.complete,
         "values": p.values.tolist(), "increase": p.increase.tolist()}
        for p in found
    ]  # fmt: skip
    return lines, {"rows": record}, (), profiles_figure(fit, found) if found else None


def _bootstrap(fit, n, seed, folder, report):
    found = bootstrap(fit, n, seed=seed, progress=report)
    lines = [f"{len(found.z)} of {found.asked} refits converged."]
    if not found.complete:
        lines.append("Interrupted; these are the refits until then.")
    lines += [
        found[name].statement(name)
        for name, fine in zip(fit.names, fit.identifiable, strict=True) if fine
    ]  # fmt: skip
    header = [f"{n}_{u}" for n, u in zip(fit.names, fit.units, strict=True)]
    write_csv(folder / "bootstrap.csv", header, found.values.tolist())
    record = {
        "asked": found.asked, "converged": len(found.z), "complete": found.complete,
        "rows": [_summary(name, found[name], fine)
                 for name, fine in zip(fit.names, fit.identifiable, strict=True)],
    }  # fmt: skip
    figure = draws_figure(fit, found.values) if len(found.z) > 1 else None
    return lines, record, (), figure


def _posterior(fit, seed, folder, report):
    found = posterior(fit, seed=seed, progress=report)
    found.to_xarray().to_netcdf(folder / "posterior.nc", engine="scipy")
    record = {
        "ok": found.ok, "divergent": int(found.divergent.sum()),
        "rows": [_summary(name, found[name], bool(fine)) | {"r_hat": plain(r), "ess": plain(e)}
                 for name, fine, r, e in zip(fit.names, found.informed, found.r_hat, found.ess,
                                             strict=True)],
    }  # fmt: skip
    values = fit.problem.coordinates.to_values(found.flat)
    lines = [*found.statements(), *_window(fit, found)]
    return lines, record, (), draws_figure(fit, values, found.informed.tolist())


def _window(fit, found) -> list[str]:
    """Over the draws: does it oscillate under a constant current, and where."""
    if not isinstance(fit.model, Memristor2D | Memristor3D):
        return []
    units = {"low": "A", "high": "A", "frequency": "Hz"}
    window = found.derived(hopf_window("current"), units)
    share = window["low"].share
    lines = [f"It oscillates under some constant current in {100 * share:.3g} % of the draws."]
    names = {"low": "from", "high": "to", "frequency": "frequency at the onset"}
    return lines + [window[k].statement(name) for k, name in names.items() if share >= LEAST_SHARE]


def _summary(name, s, decided) -> dict[str, Any]:
    row = {"name": name, "unit": s.unit, "decided_by_the_data": bool(decided)}
    if not decided:
        return row
    return row | {"median": plain(s.median), "interval_95": [plain(s.low), plain(s.high)]}
