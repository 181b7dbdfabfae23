"""Many spectra, one model: each also from its neighbours' optimum, and which stand out."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np

from fitting.diagnosis.description import GRADES
from fitting.diagnosis.verdict import OF_WRONG
from fitting.estimate.abscissa import abscissa_of
from fitting.estimate.drift import Trend, trends
from fitting.estimate.outcome import best_of, finish_fit
from fitting.estimate.result import Fit
from fitting.estimate.single import begin_fit
from fitting.models.setup import Setup
from fitting.problem.space import MultiStart
from fitting.solvers.levenberg_marquardt import LeastSquares
from fitting.solvers.solver import AbstractSolver, Search
from fitting.terms.spectrum import Spectrum
from jaxmem.output.reporter import Reporter, Silent

RESIDUAL = "the residual of the fit"


@dataclass(frozen=True)
class Series:
    """Fits of a series of spectra, in their order.

    - `fits`: one for each spectrum; a search that did not converge says so in its `result`.
    - `outlier`: whether a spectrum stands out from its neighbours, `reasons` why, in words.
    - `trends`: how each quantity drifts, for each group of spectra (see `trends`). Found when it is
      first asked for: what the model does not describe has none, and whether it does takes a
      Kramers-Kronig fit of each spectrum.
    - `members`: the numbers of the spectra of each group, along its bias or in their order.
    - `interrupted`: whether Ctrl-C cut it short; the spectra that were not reached have no fit.
    - `spectra`: what was fitted.
    """

    fits: tuple[Fit, ...]
    outlier: np.ndarray
    reasons: tuple[tuple[str, ...], ...]
    interrupted: bool = False
    members: tuple[tuple[int, ...], ...] = ()
    spectra: tuple[Spectrum, ...] = ()

    @cached_property
    def trends(self) -> tuple[tuple[Trend, ...], ...]:
        """See above."""
        of = lambda members, rows: [rows[k] for k in members]
        return tuple(
            trends(of(m, self.spectra), of(m, self.fits), of(m, self.outlier.tolist()))
            for m in self.members
        )


def fit_series(
    spectra: Sequence[Spectrum],
    recipe: Callable[..., Setup],
    *,
    solver: AbstractSolver | None = None,
    starts: int = 24,
    seed: int = 0,
    passes: int = 1,
    groups: Sequence[Any] | None = None,
    progress: Reporter | None = None,
    resume: Sequence[Search] = (),
    keep: Callable[[Search], None] = lambda search: None,
) -> Series:
    """Fit every spectrum of a series with one model.

    Each spectrum is fitted from starts of its own, and then, forward and backward through the
    series, from its neighbour's optimum. Neighbours are those along the bias, or the temperature,
    where these are known and differ; else those before and after.

    **Arguments:**

    - `recipe`: called as `recipe(spectrum=s)`, gives model, space and start box:
      `functools.partial(element_model, "2d", ("cpe",))`.
    - `starts`, `solver`, `seed`: as in `fit`.
    - `groups`: which series each spectrum belongs to, if there are several: neighbours and
      outliers are those of one group. Default: all are one.
    - `progress`: hears how many fits are done and how many there are.
    - `keep`: called with the searches of each spectrum, in their order; `resume`: such ones of the
      first spectra, which are not searched again.

    Ctrl-C returns the spectra that were reached.

    **Raises:** `ValueError` as `fit` does, and for an empty series; `KeyboardInterrupt` if no
    spectrum was reached.
    """
    if not spectra:
        raise ValueError("fit_series: no spectra")
    solver = LeastSquares() if solver is None else solver
    step = (progress or Silent()).step
    total, done = len(spectra) * (1 + 2 * passes), 0
    problems, found, cut = [], [], False
    try:
        for k, s in enumerate(spectra):
            model, space, box = recipe(spectrum=s)
            problem, begin, x_scale = begin_fit(s, model, space, MultiStart(starts, box), seed + k)
            known = k < len(resume)
            searched = resume[k] if known else problem.search(solver, begin, x_scale)
            problems.append((problem, x_scale))
            found.append(searched)
            if not known:
                keep(searched)
            done += 1
            step("fitting", done, total)
    except KeyboardInterrupt:
        if not found:
            raise
        cut = True
    problems, spectra = problems[: len(found)], spectra[: len(found)]
    groups = [0] * len(spectra) if groups is None else list(groups)[: len(found)]
    members = [
        _along(spectra, [k for k, g in enumerate(groups) if g == group])
        for group in dict.fromkeys(groups)
    ]
    ahead = [pair for m in members for pair in zip(m[1:], m[:-1], strict=True)]
    back = [(a, b) for b, a in reversed(ahead)]
    try:
        for k, neighbour in () if cut else (ahead + back) * passes:
            problem, x_scale = problems[k]
            near = found[neighbour].z[best_of(found[neighbour])]
            again = problem.search(solver, near[None], x_scale)
            found[k] = jax.tree.map(lambda *parts: np.concatenate(parts), found[k], again)
            done += 1
            step("fitting", done, total)
    except KeyboardInterrupt:
        cut = True
    fits = [
        finish_fit(problem, f, x_scale)
        for (problem, x_scale), f in zip(problems, found, strict=True)
    ]
    step("fitting", done if cut else total, total)
    outlier = np.zeros(len(fits), bool)
    reasons: list[tuple[str, ...]] = [()] * len(fits)
    for m in members:
        outlier[m], why = outliers([spectra[k] for k in m], [fits[k] for k in m])
        for k, words in zip(m, why, strict=True):
            reasons[k] = words
    return Series(
        tuple(fits), outlier, tuple(reasons), cut, tuple(map(tuple, members)), tuple(spectra)
    )


def _along(spectra: Sequence[Spectrum], members: list[int]) -> list[int]:
    """The members of a series along what was changed from one to the next."""
    return [members[k] for k in abscissa_of([spectra[k] for k in members]).order]


def series_verdict(fits: Sequence[Fit], names: Sequence[str]) -> list[str]:
    """Whether the model describes the spectra of a series, in words.

    **Arguments:**

    - `fits`, `names`: of each spectrum.
    """
    count = {grade: sum(f.describes == grade for f in fits) for grade in GRADES}
    n, said = len(fits), {"yes": " fully", "but_for": " but for a stretch", "roughly": " roughly"}
    parts = [f"{count[g]}{words}" for g, words in said.items() if count[g]]
    if not count["no"]:
        how = "" if count["yes"] == n else f": {', '.join(parts)}"
        return [f"The model describes the data of all {n} spectra{how}."]
    which = [name for f, name in zip(fits, names, strict=True) if f.describes == "no"]
    shown = ", ".join(which[:5]) + (f" and {len(which) - 5} more" if len(which) > 5 else "")
    rest = f"; it describes {', '.join(parts)}" if parts else ""
    lines = [
        f"The model does not describe the data of {count['no']} of {n} spectra{rest}: {shown}."
    ]
    worst_of = max((f for f in fits if f.describes == "no"), key=lambda f: f.relative_rms_residual)
    lines += [f"The farthest off: {worst_of.verdict()[0]}"]
    lines.append(f"Their values are {OF_WRONG}, and take no part in trends.")
    return lines


def outliers(
    spectra: Sequence[Spectrum], fits: Sequence[Fit], *, threshold: float = 8.0
) -> tuple[np.ndarray, tuple[tuple[str, ...], ...]]:
    """Spectra that fit neither to those before them nor to those after.

    Compared are ln|Z| at the lowest frequency, the logarithm of the residual, and of the
    parameters that are identifiable in most of the series. Each side predicts a value twice, by
    the median of the nearest three and by a robust line (Theil-Sen) through the nearest four. A
    spectrum stands out if it misses all predictions to the same side by `threshold` robust
    standard deviations (1.4826 times the median absolute deviation of the misses in the series)
    and by 30 %. So neither a step between two spectra is an outlier, nor a trend.

    Before and after are along the bias or the temperature where these were changed. There a
    parameter may bend, so that the ends, which have neighbours on one side only, do not stand out
    by it.
    """
    along = abscissa_of(spectra)
    order, place = along.order, np.arange(len(spectra), dtype=float)
    if along.swept:
        place = along.values[order]
    traits = {
        "|Z| at the lowest frequency": [abs(s.Z[np.argmin(s.freq)]) for s in spectra],
        RESIDUAL: [f.relative_rms_residual for f in fits],
    }
    for k, name in enumerate(fits[0].names):
        if fits[0].parameters[k].log and np.mean([f.identifiable[k] for f in fits]) > 0.7:
            traits[name] = [abs(f.values[k]) for f in fits]
    reasons: list[list[str]] = [[] for _ in fits]
    for name, values in traits.items():
        x = np.log(np.maximum(np.asarray(values, dtype=float), 1e-300))
        if len(x) < 7:
            break
        away = np.zeros(len(x))
        away[order] = [_miss(place, x[order], k) for k in range(len(x))]
        if along.swept and name != RESIDUAL:
            away[order[[0, -1]]] = 0.0
        spread = 1.4826 * float(np.median(np.abs(away - np.median(away))))
        for k in np.flatnonzero(np.abs(away) > max(threshold * spread, math.log(1.3))):
            reasons[k].append(f"{name} is {math.exp(away[k]):.3g} times what its neighbours say")
    return np.array([bool(r) for r in reasons]), tuple(tuple(r) for r in reasons)


def _miss(place, x, k):
    """How far a value misses the nearest prediction; 0 where it lies among them."""
    misses = []
    for side in (np.arange(k - 1, -1, -1), np.arange(k + 1, len(x))):
        if len(side):
            misses.append(x[k] - np.median(x[side[:3]]))
        if len(side) >= 4:
            misses.append(x[k] - _line(place[side[:4]] - place[k], x[side[:4]]))
    return 0.0 if min(misses) < 0 < max(misses) else min(misses, key=abs)


def _line(t, x):
    """The value at t = 0 of the line with the median slope and the median offset."""
    a, b = np.triu_indices(len(t), 1)
    apart = t[a] != t[b]
    if not apart.any():
        return float(np.median(x))
    a, b = a[apart], b[apart]
    slope = np.median((x[b] - x[a]) / (t[b] - t[a]))
    return float(np.median(x - slope * t))
