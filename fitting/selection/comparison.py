"""Every rival fitted to the same terms."""

import math
from collections.abc import Sequence
from typing import Any

from fitting.estimate.single import fit
from fitting.problem.space import MultiStart
from fitting.selection.families import Rival, rivals
from fitting.selection.ranking import Comparison, Ranked
from fitting.solvers.solver import RESULTS, AbstractSolver
from jaxmem.output.reporter import Reporter, Silent


def compare(
    terms: Any | Sequence[Any],
    family: Sequence[Rival] | None = None,
    *,
    starts: int = 24,
    seed: int = 0,
    solver: AbstractSolver | None = None,
    progress: Reporter | None = None,
) -> Comparison:
    """Fit every rival to the same terms, and rank them by BIC.

    **Arguments:**

    - `terms`: as in `fit`.
    - `family`: the rivals, default `rivals(terms)`.
    - `starts`, `seed`, `solver`: of every fit; a start box is that of the rival.
    - `progress`: hears a line at each stage.

    A rival whose fit fails is listed last, with the reason.

    **Raises:** `ValueError` if there is no rival or two have one name, `RuntimeError` if all fail.
    """
    report = progress or Silent()
    family = rivals(terms) if family is None else list(family)
    names = [rival.name for rival in family]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"compare: the rivals need different names, and one at least, got {names}")
    data = list(terms) if isinstance(terms, list | tuple) else [terms]
    entries = []
    for k, rival in enumerate(family):
        report.say(f"{rival.name} ({k + 1} of {len(family)})")
        entries.append(_one(rival, data, starts, seed, solver, report))
    usable = [e for e in entries if e.usable]
    if not usable:
        reasons = "; ".join(f"{e.rival.name}: {e.failure}" for e in entries)
        raise RuntimeError(f"compare: no rival could be fitted ({reasons})")
    bic = lambda e: e.fit.bic if e.usable and e.fit is not None else math.inf
    least = min(map(bic, usable))
    ranked = [Ranked(e.rival, e.fit, e.failure, bic(e) - least) for e in sorted(entries, key=bic)]
    return Comparison(tuple(ranked))


def _one(rival, data, starts, seed, solver, report) -> Ranked:
    try:
        model, space, box = rival.setup(data)
        found = fit(
            data, model, space, starts=MultiStart(starts, box or None), seed=seed,
            solver=solver, progress=report, throw=False,
        )  # fmt: skip
    except Exception as error:
        # Whatever is wrong with one model must not cost the others; the reason is kept.
        report.say(f"{rival.name} failed: {error}")
        return Ranked(rival, None, f"{type(error).__name__}: {error}".rstrip("."))
    if found.result == RESULTS.interrupted:
        raise KeyboardInterrupt
    return Ranked(rival, found, "" if math.isfinite(found.bic) else "its BIC is not finite")
