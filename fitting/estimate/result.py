"""What a fit found: values, intervals, verdicts, in numbers and in words."""

import math
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np

from fitting.diagnosis.derived import Derived
from fitting.diagnosis.determinacy import Identifiability
from fitting.diagnosis.minima import EQUAL, Minimum
from fitting.diagnosis.term_report import TermReport
from fitting.diagnosis.verdict import OF_WRONG, grade_of, verdict_lines
from fitting.estimate.bic import bic_sentence, size_in_words
from fitting.problem.problem import Problem
from fitting.solvers.solver import RESULTS
from jaxmem.output.numbers import engineering

# Correlations beyond this are told.
STRONG_CORRELATION = 0.95


class Estimate(NamedTuple):
    """A fitted parameter.

    - `name`, `unit`, `meaning`; `path`: where it stands in the model, `"extra.surface.R_1"`, tied
      ones joined by `=`. `log`: whether it is searched in its logarithm.
    - `value`, `low`, `high`: in its unit, the ends of the 68 % interval; `standard_error`: in the
      search coordinate, in which the interval is symmetric (e-folds of a logarithm).
    - `identifiable`, `reasons`: whether the data determine it to a factor of two each way, and if
      not, why. `at_bound`: whether the optimum lies at the end of its range.
    """

    name: str
    path: str
    unit: str
    meaning: str
    log: bool
    value: float
    low: float
    high: float
    standard_error: float
    identifiable: bool
    reasons: tuple[str, ...]
    at_bound: bool


class Quality(NamedTuple):
    """How well a fit meets the data.

    - `chi2`: sum of squared residuals. With `noise_known` they are in standard deviations, else
      relative to |Z|. `noise`: the standard deviation of a residual, 1 if known, else estimated
      as sqrt(chi2/(points - p)): the relative noise of Z. `points`: how many real numbers.
    - `relative_rms_residual`: sqrt(sum(|dZ|^2/|Z|^2)/(2N)) over the N points of all spectra,
      a fraction; NaN without spectra.
    - `bic`: the sum over noises of chi2 (known) or n ln(SSR/n) (estimated), and p ln(points);
      comparable between models of one set of data.
    """

    chi2: float
    points: int
    noise: float
    noise_known: bool
    relative_rms_residual: float
    bic: float


class Searches(NamedTuple):
    """What came of the searches.

    - `result`: how the best one ended. `minima`: the distinct local minima, the best first.
    - `starts`, `converged`: how many searches there were on all terms and how many converged;
      `drawn`: how many starts were drawn (more, where few are polished on transients).
    - `evaluations`, `failed`: of the residual in all searches, and how many of them were not
      finite: an integration failed, a periodic state did not close, or a model has no value there.
    """

    result: RESULTS
    minima: tuple[Minimum, ...]
    starts: int
    converged: int
    drawn: int
    evaluations: int = 0
    failed: int = 0


class Fit(eqx.Module):
    """The result of `fit`.

    - `model`: at the optimum. `parameters`: an `Estimate` of each free parameter; as arrays they
      are `values`, `low`, `high`, `identifiable`, shape `(p,)`, in the order of `names`.
    - `derived`: name to `Derived`, what follows from the parameters.
    - `z`, `covariance`: the optimum and its covariance in search coordinates, shapes `(p,)`,
      `(p, p)`; infinite where undetermined. `information`: what the data say, the inverse of the
      covariance where it has one, and finite also where it has none, `(p, p)`.
    - `identifiability`: what the data determine (see `Identifiability`). `terms`: a `TermReport`
      for each term. `quality`, `searches`: see `Quality`, `Searches`.
    - `problem`: what was searched, for profiles, bootstrap and posterior.

    Whether it describes the data says `describes`; if not, `identifiable` is of the model only.
    """

    model: Any
    parameters: tuple[Estimate, ...]
    derived: dict[str, Derived]
    z: np.ndarray
    covariance: np.ndarray
    information: np.ndarray
    identifiability: Identifiability
    terms: tuple[TermReport, ...]
    quality: Quality
    searches: Searches
    problem: Problem

    @property
    def describes(self) -> str:
        """Whether the model describes the data: `"yes"`, `"but_for"` a stretch, `"roughly"`,
        `"no"`; the worst of all measurements (see `Description`)."""
        return grade_of(self.terms)

    def verdict(self) -> list[str]:
        """The same in sentences, with where and by how much; of the measurements that are not
        described one each."""
        return verdict_lines(self.terms)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters."""
        return self._all("name")

    @property
    def units(self) -> tuple[str, ...]:
        """Of the parameters."""
        return self._all("unit")

    @property
    def values(self) -> np.ndarray:
        """Of the parameters, in their units, shape `(p,)`."""
        return np.array(self._all("value"))

    @property
    def low(self) -> np.ndarray:
        """Lower ends of the 68 % intervals, shape `(p,)`."""
        return np.array(self._all("low"))

    @property
    def high(self) -> np.ndarray:
        """Upper ends of the 68 % intervals, shape `(p,)`."""
        return np.array(self._all("high"))

    @property
    def identifiable(self) -> np.ndarray:
        """Of each parameter, shape `(p,)`."""
        return np.array(self._all("identifiable"), dtype=bool)

    @property
    def chi2(self) -> float:
        """See `Quality`."""
        return self.quality.chi2

    @property
    def bic(self) -> float:
        """See `Quality`."""
        return self.quality.bic

    @property
    def noise(self) -> float:
        """See `Quality`."""
        return self.quality.noise

    @property
    def relative_rms_residual(self) -> float:
        """See `Quality`."""
        return self.quality.relative_rms_residual

    @property
    def result(self) -> RESULTS:
        """How the best search ended."""
        return self.searches.result

    def _all(self, field: str) -> tuple[Any, ...]:
        return tuple(getattr(p, field) for p in self.parameters)

    def __getitem__(self, name: str) -> float:
        """The value of a parameter or of a derived quantity."""
        if name in self.names:
            return float(self.values[self.names.index(name)])
        if name in self.derived:
            return self.derived[name].value
        raise KeyError(f"{name}; there are {', '.join((*self.names, *self.derived))}")

    @property
    def standard_errors(self) -> np.ndarray:
        """In search coordinates: e-folds of a logarithm, else the unit; shape `(p,)`."""
        return np.array(self._all("standard_error"))

    @property
    def correlation(self) -> np.ndarray:
        """Of the parameters in search coordinates, shape `(p, p)`; NaN where undetermined."""
        error = np.where(np.isfinite(self.standard_errors), self.standard_errors, np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.covariance / np.outer(error, error)

    @property
    def at_bound(self) -> tuple[str, ...]:
        """Names of the parameters whose optimum lies at the end of their range."""
        return tuple(p.name for p in self.parameters if p.at_bound)

    @property
    def ok(self) -> bool:
        """Whether the best search converged."""
        return bool(self.result == RESULTS.successful)

    @property
    def outcome(self) -> str:
        """How the best search ended, in words."""
        return RESULTS[self.result] or "converged"

    def __repr__(self) -> str:
        """The verdict, then each parameter and derived quantity with its 68 % interval."""
        rows = self.rows()
        width = max((len(row["name"]) for row in rows), default=0)
        return "\n".join([*self.verdict(), *(f"{r['name']:{width}}  {_in_words(r)}" for r in rows)])

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary a parameter, then one a derived quantity, for tables and JSON.

        Keys: name, unit, meaning, value, low, high (None where not identifiable: no interval is
        printed then), identifiable, reasons. Of a model that does not describe the data nothing is
        identifiable, and that is the reason.
        """
        holds = self.describes != "no"
        finite = lambda x, fine=True: float(x) if fine and math.isfinite(x) else None
        derived = [
            Estimate(n, "", d.unit, "derived", True, d.value, d.low, d.high, math.nan,
                     d.identifiable, (), False)
            for n, d in self.derived.items()
        ]  # fmt: skip
        return [
            {"name": p.name, "unit": p.unit, "meaning": p.meaning, "value": finite(p.value),
             "low": finite(p.low, p.identifiable and holds),
             "high": finite(p.high, p.identifiable and holds),
             "identifiable": p.identifiable and holds,
             "reasons": list(p.reasons) if holds else [OF_WRONG]}
            for p in (*self.parameters, *derived)
        ]  # fmt: skip

    def statements(self) -> list[str]:
        """What the fit can and cannot say, in plain sentences."""
        lines = []
        if not self.ok:
            lines.append(f"The best search did not converge: {self.outcome}.")
        lines += self.verdict()
        holds = self.describes != "no"
        if not holds:
            lines.append(f"The values are those {OF_WRONG}.")
        found, what = self.searches, self.identifiability
        best = found.minima[0]
        drawn = found.drawn if found.drawn > found.starts else found.starts
        how = f"{drawn} starts, {found.starts} of them polished on all terms; " if (
            drawn > found.starts
        ) else ""  # fmt: skip
        lines.append(
            f"{how}{found.converged} of {found.starts} starts converged, {best.starts} of them to "
            f"the best of {len(found.minima)} distinct minima."
        )
        if len(found.minima) > 1 and found.minima[1].chi2 - best.chi2 < EQUAL * self.noise**2:
            lines.append("Another minimum explains the data as well; the optimum is not unique.")
        for a, b in what.exchanges:
            lines.append(
                f"Exchanging {a} and {b} leaves the model's impedance unchanged: "
                "the data cannot say which is which."
            )
        for gain in what.swaps:
            lines.append(
                f"With tau_d and f tau_k exchanged the model fits as well (chi2 {gain:+.2g}): the "
                "data cannot say which lag is which."
            )
        for name in self.at_bound:
            lines.append(f"{name} lies at the end of its range; its interval is cut there.")
        if what.rank < len(self.names):
            lines.append(
                f"The data feel {what.rank} of {len(self.names)} directions; free: "
                f"{'; '.join(what.null_directions)}."
            )
        hidden = [text for text in what.weak_directions if text not in what.null_directions]
        if hidden:
            lines.append(f"A factor of ten hides in the noise along: {'; '.join(hidden)}.")
        lines += self._together() if holds else []
        if what.saturation:
            lines.append(what.saturation)
        if what.determined and holds:
            lines.append(f"Determined all the same: {', '.join(what.determined)}.")
        lines += [line for term in self.terms for line in term.statements()]
        lost = [p for p in self.parameters if not p.identifiable]
        if not holds:
            return lines
        if not lost:
            lines.append(f"All {len(self.names)} parameters are identifiable.")
            return lines
        lines.append(f"Not identifiable from these data: {', '.join(p.name for p in lost)}.")
        return lines + [f"{p.name}: {reason}." for p in lost for reason in p.reasons]

    def _together(self) -> list[str]:
        """Which determined parameters the data determine together rather than each by itself."""
        fine = np.outer(self.identifiable, self.identifiable)
        size = np.triu(np.where(fine, np.abs(np.nan_to_num(self.correlation)), 0.0), k=1)
        pairs = sorted(
            zip(*np.nonzero(size > STRONG_CORRELATION), strict=True), key=lambda at: -size[at]
        )
        words = [
            f"{self.names[a]} and {self.names[b]} ({self.correlation[a, b]:+.3f})"
            for a, b in pairs[:4]
        ]
        return [f"Strongly correlated: {', '.join(words)}."] if words else []

    def against(self, other: "Fit", name: str = "this model", rival: str = "the other") -> str:
        """A sentence that compares two models of the same data by BIC."""
        if self.quality.points != other.quality.points or (
            self.quality.noise_known != other.quality.noise_known
        ):
            raise ValueError("only fits of the same data with the same weights compare by BIC")
        pair = sorted([(self, name), (other, rival)], key=lambda model: model[0].bic)
        (best, first), (second, last) = pair
        sizes = " against ".join(size_in_words(title, len(fit.names)) for fit, title in pair)
        misfit = " against ".join(f"{100 * fit.relative_rms_residual:.3g} %" for fit, _ in pair)
        residual = "" if "nan" in misfit else f", relative rms residual {misfit}"
        return bic_sentence(first, [(last, second.bic - best.bic)], sizes + residual)


def _in_words(row: dict[str, Any]) -> str:
    """The value and the interval of a row of `Fit.rows`."""
    number = lambda key: engineering(math.nan if row[key] is None else row[key], row["unit"])
    if row["low"] is None:
        return (
            f"{number('value')}  {OF_WRONG if OF_WRONG in row['reasons'] else 'not identifiable'}"
        )
    return f"{number('value')}  ({number('low')} to {number('high')})"
