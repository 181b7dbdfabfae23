"""How well each term is met: residuals, noise, structure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from fitting.diagnosis.description import LEVEL, Description, describe, structure_probability
from fitting.diagnosis.runs_test import runs_probability
from fitting.problem.noise import leverages
from fitting.problem.problem import Problem
from fitting.terms.measurement import measurement_of
from fitting.terms.term import unwrap
from jaxmem.output.numbers import engineering

# So many standard deviations of a term of few numbers are no chance.
FAR_OFF = 4.0
# Runs of one sign this unlikely are structure.
UNLIKELY = 1e-3
# The leverage above which a sample is met by the model whatever it is.
HIGH_LEVERAGE = 0.95


class _Residuals(NamedTuple):
    """What `describe` needs, in its order."""

    measurement: Any
    r: np.ndarray
    J: np.ndarray
    freedom: float
    row_scale: np.ndarray
    whole: np.ndarray
    level: float


@dataclass(frozen=True)
class TermReport:
    """How a fit meets one term.

    - `kind`, `name`; `points`: how many real numbers.
    - `chi2`: sum of squares in standard deviations; `freedom`: points less the parameters that
      these points determine (their leverage).
    - `scale`: the factor found for the given noise (relative to |Z| for spectra without sigma),
      1 where it is known; `estimated`: whether it was found.
    - `rms`: root mean square of the differences, of spectra relative to |Z|, else in `unit`.
    - `runs_p`: probability that residuals without structure have so few runs of one sign; NaN
      for fewer than 10. `tells_structure`: whether it is said in words.
    - `description`: whether the model describes it; None of what is no measurement. Found when it
      is first asked for: the noise of a spectrum takes a Kramers-Kronig fit.
    - `high_leverage`: of a trace the times, in words, of samples that the model meets whatever they
      are (their leverage is nearly one), as where it switches between two of them.
    """

    kind: str
    name: str
    points: int
    chi2: float
    freedom: float
    scale: float
    estimated: bool
    rms: float
    unit: str
    runs_p: float
    tells_structure: bool
    residuals: _Residuals | None = field(default=None, repr=False, compare=False)
    high_leverage: tuple[str, ...] = ()

    @cached_property
    def description(self) -> Description | None:
        """See above."""
        return None if self.residuals is None else describe(*self.residuals)

    @property
    def alike(self) -> bool:
        """Whether neighbouring residuals are more alike than by chance, so that intervals which
        count each as independent are too narrow. Unlike the grade it does not ask how large they
        are beside the noise."""
        if self.residuals is None:
            return False
        m, r, *_, level = self.residuals
        return structure_probability(m.sequences(r)) < level

    @property
    def structured(self) -> bool:
        """Whether the residuals have a structure that noise does not have."""
        return self.runs_p < UNLIKELY

    def statements(self) -> list[str]:
        """What a reader must know of this term, in words; nothing if it is met."""
        return self._how_it_is_met() + self._what_hangs_on_one_sample()

    def _what_hangs_on_one_sample(self) -> list[str]:
        if not self.high_leverage:
            return []
        one = len(self.high_leverage) == 1
        return [
            f"{self.name}: the sample{'' if one else 's'} at {', '.join(self.high_leverage)} alone "
            f"decide{'s' if one else ''} a parameter or a combination of them, as where a model "
            "switches between two samples. There may be an optimum for each pair of samples, so "
            "that other starts may end elsewhere: sample more finely there."
        ]

    def _how_it_is_met(self) -> list[str]:
        if self.description is not None and self.description.grade == "yes":
            if not (self.tells_structure and self.structured):
                return []
            return [
                f"{self.name}: neighbouring residuals are alike, as a filter makes them (runs "
                f"test, p = {self.runs_p:.1g}): the intervals are widened for it."
            ]
        lines = []
        size = math.sqrt(self.chi2 / self.freedom) if self.freedom > 1 else 0.0
        # Beyond what chance does in five standard deviations of chi2.
        if not self.estimated and size**2 > 1 + 5 * math.sqrt(2 / max(self.freedom, 1)):
            lines.append(
                f"{self.name}: its residuals are {size:.3g} standard deviations off on average: "
                "the model does not meet it, another term contradicts it, or its noise was given "
                "too small."
            )
        elif not self.estimated and self.freedom <= 1 and self.chi2 > FAR_OFF**2 * self.points:
            lines.append(
                f"{self.name}: it is {math.sqrt(self.chi2 / self.points):.3g} standard deviations "
                "off: the model does not meet it, or another term contradicts it."
            )
        if self.tells_structure and self.structured:
            lines.append(
                f"{self.name}: the residuals have a structure that noise has not (runs test, p = "
                f"{self.runs_p:.1g}): the model does not explain it."
            )
        return lines


def term_reports(problem: Problem, r, J, noise: float) -> tuple[TermReport, ...]:
    """A report for each term from residuals `(m,)` and Jacobian `(m, p)` at the optimum."""
    share, whole = leverages(J), J.T @ J
    reports, measured = [], sum(measurement_of(term) is not None for term in problem.terms)
    for k, term in enumerate(problem.terms):
        inner, kind = measurement_of(term), type(unwrap(term)).__name__
        rows = problem.of_term(k)
        group = problem.groups[k]
        own = r[rows] / noise
        count = int(rows.sum())
        scale = float(problem.scales[group]) * noise if problem.estimated[group] else 1.0
        if inner is None:
            name, runs_p, told, about, lone = kind, math.nan, True, None, ()
            rms, unit = float(np.sqrt(np.mean(r[rows] ** 2))), "standard deviations"
        else:
            name, told = inner.name, inner.tells_structure
            runs_p = runs_probability(inner.sequences(own))
            rms, unit = inner.misfit(problem.differences(k, r))
            # A loop or a pulse has samples along time; a rate of spikes is one number by nature.
            sampled = inner.integrates and inner.abscissa[1] == "s"
            lone = _high_leverage(inner, share[rows]) if sampled else ()
            freedom = float(count - share[rows].sum())
            about = _Residuals(
                inner, r[rows], J[rows], freedom, problem.row_scale[rows], whole, LEVEL / measured
            )
        reports.append(
            TermReport(
                kind, name, count, float(own @ own), float(count - share[rows].sum()), scale,
                problem.estimated[group], rms, unit, runs_p, told, about, lone,
            )
        )  # fmt: skip
    return tuple(reports)


def _high_leverage(measurement: Any, share: np.ndarray) -> tuple[str, ...]:
    """Where samples stand that determine their own prediction, in words."""
    unit = measurement.abscissa[1]
    places = np.asarray(measurement.places)[share > HIGH_LEVERAGE]
    return tuple(engineering(float(x), unit, 3) for x in np.unique(places))


def relative_rms(reports: Sequence[TermReport]) -> float:
    """sqrt(sum(|dZ|^2/|Z|^2)/(2N)) over the N points of all spectra, NaN without spectra."""
    relative = [(t.points, t.rms) for t in reports if t.unit == "|Z|"]
    points = sum(n for n, _ in relative)
    if not points:
        return math.nan
    return math.sqrt(sum(n * rms**2 for n, rms in relative) / points)


def information(problem: Problem, r) -> float:
    """-2 ln(likelihood) without constants, at the best scales of the noise that is not known."""
    group = np.asarray(problem.groups)[np.maximum(problem.owner, 0)]
    raw = r * problem.row_scale
    # Weights by the model's values change the normalisation.
    total = 2 * float(np.sum(np.log(problem.shape[problem.owner >= 0])))
    for k, unknown in enumerate(problem.estimated):
        rows = (group == k) & (problem.owner >= 0)
        size = float(np.sum((raw[rows] / problem.shape[rows]) ** 2))
        n = int(rows.sum())
        total += n * math.log(max(size, 1e-300) / n) if unknown else size
    return total
