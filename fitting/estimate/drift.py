"""How the parameters of a series drift: a robust line through their logarithms."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fitting.diagnosis.runs_test import runs_probability
from fitting.diagnosis.term_report import UNLIKELY
from fitting.estimate.abscissa import abscissa_of
from fitting.estimate.result import Fit
from fitting.terms.spectrum import Spectrum
from jaxmem.output.numbers import engineering

# Fewer spectra than these have no trend worth a line.
LEAST_SPECTRA = 8


class Trend(NamedTuple):
    """The drift of one parameter or derived quantity along a series.

    - `rate`, `low`, `high`: slope of the logarithm per `per` ("hour" or "spectrum"), by Theil and
      Sen, with its 95 % interval by Kendall's tau.
    - `first`, `last`: values of the line at both ends [unit]; `used`: through how many spectra, of
      `of`: outliers, and those in which the quantity is not identifiable, are left out.
    - `runs_p`: probability that values about a straight line have so few runs of one sign.
    - `roughly`: in how many of the spectra used the model describes the data roughly only.
    """

    name: str
    unit: str
    per: str
    rate: float
    low: float
    high: float
    first: float
    last: float
    used: int
    of: int
    runs_p: float
    roughly: int = 0

    @property
    def present(self) -> bool:
        """Whether the interval of the rate excludes zero."""
        return self.low > 0 or self.high < 0

    @property
    def curved(self) -> bool:
        """Whether the values do not lie about a straight line."""
        return self.runs_p < UNLIKELY

    def statement(self) -> str:
        """In words."""
        rate, low, high = (100 * math.expm1(x) for x in (self.rate, self.low, self.high))
        where = f"through {self.used} of {self.of} spectra"
        if self.roughly:
            where += f", {self.roughly} of them described roughly"
        if not self.present:
            return (
                f"{self.name}: no trend ({rate:.2g} % per {self.per}, 95 %: {low:.2g} to "
                f"{high:.2g} %; {where})."
            )
        shape = (
            "it is no straight line, so that the interval is too narrow; " if self.curved else ""
        )
        verb, ends = ("rises", (low, high)) if rate > 0 else ("falls", (-high, -low))
        return (
            f"{self.name} {verb} by {abs(rate):.2g} % per {self.per} (95 %: {ends[0]:.2g} to "
            f"{ends[1]:.2g} %), on a line from {engineering(self.first, self.unit, 3)} to "
            f"{engineering(self.last, self.unit, 3)}; {shape}{where}."
        )


def trends(
    spectra: Sequence[Spectrum], fits: Sequence[Fit], outlier: Sequence[bool]
) -> tuple[Trend, ...]:
    """The drift of every quantity that enough spectra of a series determine.

    Spectra that the model does not describe are left out: what only patches a wrong model has no
    trend. Empty for fewer than eight spectra, or for spectra at different biases or temperatures,
    which are no series in time. Each interval is of independent errors of the values; it is too
    narrow where a quantity wanders or bends, which `runs_p` shows.
    """
    along = abscissa_of(spectra)
    mixed = len({s.bias[0] for s in spectra}) > 1
    if len(fits) < LEAST_SPECTRA or along.swept or mixed:
        return ()
    from scipy.stats import theilslopes

    timed = along.name == "time"
    x = along.values / 3600 if timed else along.values
    found = []
    grades = np.array([f.describes for f in fits])
    tables = [{row["name"]: row for row in f.rows()} for f in fits]
    for name, row in tables[0].items():
        value = np.array([t[name]["value"] for t in tables], dtype=float)
        fine = np.array([t[name]["identifiable"] for t in tables]) & np.isfinite(value)
        fine &= ~np.asarray(outlier, dtype=bool) & (grades != "no")
        one_sign = fine.any() and len(set(np.sign(value[fine]))) == 1 and (value[fine] != 0).all()
        if fine.sum() < max(LEAST_SPECTRA, len(fits) / 2) or not one_sign:
            continue
        rate, start, low, high = map(float, theilslopes(np.log(np.abs(value[fine])), x[fine], 0.95))
        off = np.log(np.abs(value[fine])) - rate * x[fine]
        # About the line's middle, not about its offset, which runs through the middle spectrum.
        off -= np.median(off)
        ends = np.sign(value[fine][0]) * np.exp(start + rate * x[fine][[0, -1]])
        found.append(
            Trend(
                name, row["unit"], "hour" if timed else "spectrum", rate, low, high,
                float(ends[0]), float(ends[1]), int(fine.sum()), len(fits), runs_probability([off]),
                int(np.sum(grades[fine] == "roughly")),
            )
        )  # fmt: skip
    return tuple(found)
