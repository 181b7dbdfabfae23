"""What a fit found: values, intervals, verdicts, in numbers and in words."""

import math
from typing import Any

import equinox as eqx
import numpy as np

from fitting.diagnosis.derived import Derived
from fitting.diagnosis.minima import EQUAL, Minimum
from fitting.diagnosis.term_report import TermReport
from fitting.estimate.bic import bic_sentence, size_in_words
from fitting.problem.problem import Problem
from fitting.solvers.solver import RESULTS

# Correlations beyond this are told.
CLOSE = 0.95


class Fit(eqx.Module):
    """The result of `fit`.

    - `model`: at the optimum; `values`, `low`, `high`: the parameters in their `units` and
      the ends of their 68 % intervals, shape `(p,)`. An interval is symmetric in the search
      coordinate `z`, so by ratio for a parameter searched in its logarithm (`log`).
    - `paths`: where each parameter stands in the model, `"extra.surface.R_1"`, tied ones joined
      by `=`.
    - `covariance`: full, in search coordinates, infinite where undetermined.
    - `identifiable`, `reasons`: for each parameter whether the data determine it to a factor of
      two each way, and if not, why.
    - `chi2`: sum of squared residuals. With `noise_known` they are in standard deviations, else
      relative to |Z|. `noise`: the standard deviation of a residual, 1 if known, else estimated
      as sqrt(chi2/(points - p)): the relative noise of Z. `points`: how many real numbers.
    - `relative_rms_residual`: sqrt(sum(|dZ|^2/|Z|^2)/(2N)) over the N points of all spectra,
      a fraction; NaN without spectra.
    - `bic`: the sum over noises of chi2 (known) or n ln(SSR/n) (estimated), and p ln(points);
      comparable between models of one set of data.
    - `minima`: the distinct local minima, the best first. `starts`, `converged`: how many
      searches there were on all terms and how many converged; `drawn`: how many starts were drawn
      (more, where few are polished on transients). `result`: how the best one ended.
    - `terms`: a `TermReport` for each term. `problem`: what was searched, for profiles, bootstrap
      and posterior.
    - `rank`, `singular_values`, `null_directions`, `weak_directions`: see `Uncertainty`, the
      directions in words. `exchanges`: pairs whose exchange leaves every residual as it is.
    - `swaps`: by how much chi2 rises, in squared standard deviations, where tau_d and f tau_k are
      exchanged and the rest is fitted again; only those below 4. `determined`: combinations that
      stay the same along what the data do not feel, in words; `saturation`: a sentence on the
      commonest one.
    - `at_bound`: parameters whose optimum lies at the end of their range.
    - `derived`: name to `Derived`.
    """

    model: Any
    names: tuple[str, ...]
    paths: tuple[str, ...]
    units: tuple[str, ...]
    meanings: tuple[str, ...]
    log: tuple[bool, ...]
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    z: np.ndarray
    covariance: np.ndarray
    identifiable: np.ndarray
    reasons: tuple[tuple[str, ...], ...]
    chi2: float
    points: int
    noise: float
    noise_known: bool
    relative_rms_residual: float
    bic: float
    minima: tuple[Minimum, ...]
    starts: int
    converged: int
    drawn: int
    result: RESULTS
    rank: int
    singular_values: np.ndarray
    null_directions: tuple[str, ...]
    weak_directions: tuple[str, ...]
    exchanges: tuple[tuple[str, str], ...]
    swaps: tuple[float, ...]
    determined: tuple[str, ...]
    saturation: str
    at_bound: tuple[str, ...]
    derived: dict[str, Derived]
    terms: tuple[TermReport, ...]
    problem: Problem

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
        return np.sqrt(np.diag(self.covariance))

    @property
    def correlation(self) -> np.ndarray:
        """Of the parameters in search coordinates, shape `(p, p)`; NaN where undetermined."""
        error = np.where(np.isfinite(self.standard_errors), self.standard_errors, np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.covariance / np.outer(error, error)

    @property
    def ok(self) -> bool:
        """Whether the best search converged."""
        return bool(self.result == RESULTS.successful)

    @property
    def outcome(self) -> str:
        """How the best search ended, in words."""
        return RESULTS[self.result] or "converged"

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary a parameter, then one a derived quantity, for tables and JSON.

        Keys: name, unit, meaning, value, low, high (None where not identifiable: no interval is
        printed then), identifiable, reasons.
        """
        finite = lambda x, fine=True: float(x) if fine and math.isfinite(x) else None
        keys = ("name", "unit", "meaning", "value", "low", "high", "identifiable", "reasons")
        columns = (self.names, self.units, self.meanings, self.values, self.low, self.high)
        rows: list[dict[str, Any]] = []
        for *words, value, low, high, fine, why in zip(
            *columns, self.identifiable, self.reasons, strict=True
        ):
            ends = finite(low, fine), finite(high, fine)
            row = (*words, finite(value), *ends, bool(fine), list(why))
            rows.append(dict(zip(keys, row, strict=True)))
        for name, d in self.derived.items():
            ends = finite(d.low, d.identifiable), finite(d.high, d.identifiable)
            row = (name, d.unit, "derived", finite(d.value), *ends, d.identifiable, [])
            rows.append(dict(zip(keys, row, strict=True)))
        return rows

    def statements(self) -> list[str]:
        """What the fit can and cannot say, in plain sentences."""
        lines = []
        if not self.ok:
            lines.append(f"The best search did not converge: {self.outcome}.")
        best = self.minima[0]
        drawn = self.drawn if self.drawn > self.starts else self.starts
        how = f"{drawn} starts, {self.starts} of them polished on all terms; " if (
            drawn > self.starts
        ) else ""  # fmt: skip
        lines.append(
            f"{how}{self.converged} of {self.starts} starts converged, {best.starts} of them to "
            f"the best of {len(self.minima)} distinct minima."
        )
        if len(self.minima) > 1 and self.minima[1].chi2 - best.chi2 < EQUAL * self.noise**2:
            lines.append("Another minimum explains the data as well; the optimum is not unique.")
        for a, b in self.exchanges:
            lines.append(
                f"Exchanging {a} and {b} leaves the model's impedance unchanged: "
                "the data cannot say which is which."
            )
        for gain in self.swaps:
            lines.append(
                f"With tau_d and f tau_k exchanged the model fits as well (chi2 {gain:+.2g}): the "
                "data cannot say which lag is which."
            )
        for name in self.at_bound:
            lines.append(f"{name} lies at the end of its range; its interval is cut there.")
        if self.rank < len(self.names):
            lines.append(
                f"The data feel {self.rank} of {len(self.names)} directions; free: "
                f"{'; '.join(self.null_directions)}."
            )
        hidden = [text for text in self.weak_directions if text not in self.null_directions]
        if hidden:
            lines.append(f"A factor of ten hides in the noise along: {'; '.join(hidden)}.")
        lines += self._together()
        if self.saturation:
            lines.append(self.saturation)
        if self.determined:
            lines.append(f"Determined all the same: {', '.join(self.determined)}.")
        lines += [line for term in self.terms for line in term.statements()]
        if self.identifiable.all():
            lines.append(f"All {len(self.names)} parameters are identifiable.")
        else:
            bad = [n for n, fine in zip(self.names, self.identifiable, strict=True) if not fine]
            lines.append(f"Not identifiable from these data: {', '.join(bad)}.")
            for name, why in zip(self.names, self.reasons, strict=True):
                lines.extend(f"{name}: {reason}." for reason in why)
        return lines

    def _together(self) -> list[str]:
        """Which determined parameters the data determine together rather than each by itself."""
        fine = np.outer(self.identifiable, self.identifiable)
        size = np.triu(np.where(fine, np.abs(np.nan_to_num(self.correlation)), 0.0), k=1)
        pairs = sorted(zip(*np.nonzero(size > CLOSE), strict=True), key=lambda at: -size[at])
        words = [
            f"{self.names[a]} and {self.names[b]} ({self.correlation[a, b]:+.3f})"
            for a, b in pairs[:4]
        ]
        return [f"Strongly correlated: {', '.join(words)}."] if words else []

    def against(self, other: "Fit", name: str = "this model", rival: str = "the other") -> str:
        """A sentence that compares two models of the same data by BIC."""
        if self.points != other.points or self.noise_known != other.noise_known:
            raise ValueError("only fits of the same data with the same weights compare by BIC")
        pair = sorted([(self, name), (other, rival)], key=lambda model: model[0].bic)
        (best, first), (second, last) = pair
        sizes = " against ".join(size_in_words(title, len(fit.names)) for fit, title in pair)
        misfit = " against ".join(f"{100 * fit.relative_rms_residual:.3g} %" for fit, _ in pair)
        residual = "" if "nan" in misfit else f", relative rms residual {misfit}"
        return bic_sentence(first, [(last, second.bic - best.bic)], sizes + residual)
