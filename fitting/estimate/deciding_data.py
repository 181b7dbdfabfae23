"""Where in the data each parameter of a fit comes from."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fitting.diagnosis.derived import slow_elements, value_and_slope
from fitting.estimate.result import Fit
from fitting.terms.measurement import AbstractMeasurement, measurement_of
from fitting.terms.spectrum import Spectrum
from jaxmem.output.numbers import engineering

# The part of the data that decides a parameter holds this share of what they say of it.
MOST = 0.8
# Residuals this much above the noise floor there leave a parameter in doubt.
DOUBTFUL = 1.5
# A time constant is seen within this factor of the band.
BEYOND = 3.0


class Origin(NamedTuple):
    """Where the data decide a parameter or a derived quantity, the others being free.

    - `name`; `place`: the measurement that says most of it, `"the spectra"` for all together, or
      the kind of a prior; `share`: how much of it.
    - `low`, `high`, `unit`: the shortest stretch there that holds 80 % of it; NaN of a prior.
    - `x`, `weight`: along that place, its abscissa and how much each point says, summing to
      `share`.
    - `excess`: rms of the residuals in the stretch over the noise floor; NaN where unknown.
    - `unseen`: why the value lies outside of what was measured, or nothing.
    """

    name: str
    place: str
    share: float
    low: float
    high: float
    unit: str
    x: np.ndarray
    weight: np.ndarray
    excess: float
    unseen: str

    @property
    def doubtful(self) -> bool:
        """Whether it is decided where the model is off."""
        return self.excess > DOUBTFUL

    def statement(self) -> str:
        """In words."""
        if self.unseen:
            return f"{self.name}: {self.unseen}."
        if math.isnan(self.low):
            return f"{self.name} is decided by a {self.place.lower()} ({100 * self.share:.0f} %)."
        low, high = (engineering(x, self.unit, 3) for x in (self.low, self.high))
        where = low if low == high else f"{low} to {high}"
        if self.place != "the spectra":
            where = f"{self.place} ({100 * self.share:.0f} %), at {where}"
        line = f"{self.name} is decided by {where}"
        if self.doubtful:
            line += (
                f", where the residuals are {self.excess:.2g} times the noise: take it with care"
            )
        return f"{line}."


def origins(fit: Fit) -> list[Origin]:
    """Where each parameter and derived element of a fit comes from.

    The estimate of a quantity with the gradient a in the search coordinates moves by
    (a^T (J^T J)^-1 J^T) dr with the residuals; the squares of these weights, which add up to its
    variance, say where it is decided.
    """
    problem = fit.problem
    r, J = (a[0] for a in problem.inspect(fit.z[None]))
    size = np.linalg.norm(J, axis=0)
    scale = np.where(size > 0, size, 1.0)
    inverse = np.linalg.pinv(J / scale, rcond=1e-10) / scale[:, None]
    gradients = dict(zip(fit.names, np.eye(len(fit.names)), strict=True))
    for name, (_, fn) in slow_elements(problem.model).items():
        if name in fit.derived:
            gradients[name] = value_and_slope(problem, fn, fit.z)[1]
    noise = fit.noise if any(problem.estimated) and not problem.mixed else 1.0
    felt = size / max(noise, 1e-300)
    places = _places(problem)
    found = []
    for name, slope in gradients.items():
        weight = (slope @ inverse) ** 2
        if not np.isfinite(weight).all() or weight.sum() == 0:
            continue
        weight = weight / weight.sum()
        best = max(places, key=lambda place, w=weight: float(w[place[1]].sum()))
        unseen = ""
        if name in fit.names:
            k = fit.names.index(name)
            unseen = _unseen(fit, k, felt[k])
        found.append(_origin(name, best, weight, r * problem.row_scale, unseen))
    return found


def _places(problem) -> list[tuple[str, np.ndarray, list[tuple[AbstractMeasurement, np.ndarray]]]]:
    """Name, rows, and the measurements with their rows: all spectra together, others alone."""
    together: dict[Any, list[int]] = {}
    for k, term in enumerate(problem.terms):
        key = "spectra" if isinstance(measurement_of(term), Spectrum) else k
        together.setdefault(key, []).append(k)
    places = []
    for key, members in together.items():
        parts = [(measurement_of(problem.terms[k]), np.flatnonzero(problem.of_term(k)))
                 for k in members]  # fmt: skip
        m = parts[0][0]
        name = "the spectra" if key == "spectra" else (
            type(problem.terms[members[0]]).__name__ if m is None else m.name
        )  # fmt: skip
        rows = np.concatenate([rows for _, rows in parts])
        places.append((name, rows, [part for part in parts if part[0] is not None]))
    return places


def _origin(name, place, weight, r, unseen) -> Origin:
    title, rows, parts = place
    share = float(weight[rows].sum())
    if not parts:
        nothing = np.zeros(0)
        return Origin(name, title, share, np.nan, np.nan, "", nothing, nothing, np.nan, unseen)
    x = np.concatenate([m.places for m, _ in parts])
    places, at = np.unique(x, return_inverse=True)
    heavy = np.bincount(at, weight[rows])
    first, last = _shortest(heavy / heavy.sum(), MOST)
    low, high = places[first], places[last]
    square = count = 0.0
    for m, own in parts:
        floor, inside = m.floor(r[own]), (m.places >= low) & (m.places <= high)
        if floor is not None:
            square += float(np.sum(r[own][inside] ** 2)) / floor.size**2
            count += float(inside.sum())
    excess = math.sqrt(square / count) if count else math.nan
    unit = parts[0][0].abscissa[1]
    return Origin(
        name, title, share, float(low), float(high), unit, places, heavy, excess, unseen
    )  # fmt: skip


def _shortest(weight: np.ndarray, share: float) -> tuple[int, int]:
    """The ends of the shortest run of points that holds a share of the weight."""
    total = np.concatenate([[0.0], np.cumsum(weight)])
    last = np.searchsorted(total, total[:-1] + share * total[-1] * (1 - 1e-12))
    width = np.where(last < len(total), last - np.arange(len(weight)), len(total) + 1)
    first = int(np.argmin(width))
    return first, min(int(last[first]) - 1, len(weight) - 1)


def _unseen(fit: Fit, k: int, felt: float) -> str:
    p = fit.parameters[k]
    value = engineering(p.value, p.unit, 3)
    if p.log and felt < 1.0:
        return f"{value} lies outside of what these data can see: a factor of e does not show"
    ends = _band([m for t in fit.problem.terms if (m := measurement_of(t)) is not None])
    if p.unit == "s" and ends is not None and not ends[0] <= abs(p.value) <= ends[1]:
        low, high = (engineering(x, "s", 2) for x in ends)
        return f"{value} lies outside of the times that were measured, {low} to {high}"
    return ""


def _band(measured: Sequence[AbstractMeasurement]) -> tuple[float, float] | None:
    """Shortest and longest time constant that shows [s]."""
    low, high = [], []
    for m in measured:
        seen = m.sizes()
        if len(seen.omega):
            low.append(1 / seen.omega.max())
            high.append(1 / seen.omega.min())
        elif len(seen.t) > 1:
            low.append(float(np.diff(np.unique(seen.t)).min()))
            high.append(float(np.ptp(seen.t)))
    return (min(low) / BEYOND, max(high) * BEYOND) if low else None
