"""What follows from the searches of a fit: values, intervals, verdicts."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from fitting.diagnosis.covariance import DECADE, in_words, uncertainty
from fitting.diagnosis.derived import derive
from fitting.diagnosis.determinacy import Identifiability, determined, saturation
from fitting.diagnosis.minima import (
    Alternative,
    alternatives,
    distinct,
    exchanges,
    verdicts,
)
from fitting.diagnosis.nonlinearity import Nonlinearity, find_nonlinearity
from fitting.diagnosis.structured import covariance_along, widening
from fitting.diagnosis.term_report import information, relative_rms, term_reports
from fitting.estimate.result import Estimate, Fit, Quality, Searches
from fitting.problem.problem import Problem
from fitting.solvers.host_loop import Tally
from fitting.solvers.solver import RESULTS, Search
from fitting.terms.measurement import measurement_of

# A refit with the lags exchanged fits as well if chi2 rises by less than this.
AS_GOOD = 4.0
EXCHANGED_IS_AS_GOOD = "the refit with tau_d and f tau_k exchanged is as good"


def best_of(found: Search) -> int:
    """Which search ended lowest.

    **Raises:** `RuntimeError` if the residual is finite at none of the starts.
    """
    usable = np.isfinite(found.chi2) & np.asarray(found.result != RESULTS.start_not_finite)
    if not usable.any():
        raise RuntimeError(
            f"fit: the residual is not finite at any of {len(found.chi2)} starts; check units, "
            "the start box and the data"
        )
    return int(np.argmin(np.where(usable, found.chi2, np.inf)))


def finish_fit(
    problem: Problem,
    found: Search,
    x_scale,
    derived=None,
    starts: int | None = None,
    exchanged: Sequence[tuple[np.ndarray, float]] = (),
    tally: Tally | None = None,
) -> Fit:
    """Everything that follows from the searches; `starts` is how many were drawn.

    `tally` counted evaluations; `exchanged` are refits with two lags exchanged.
    """
    best = best_of(found)
    c = problem.coordinates
    z, chi2, n, p = np.array(found.z[best]), float(found.chi2[best]), problem.points, len(c.names)
    pairs = exchanges(problem)
    for one, two in pairs:
        # Of two that the data cannot tell apart the first is the larger, in every spectrum.
        a, b = c.names.index(one), c.names.index(two)
        z[[a, b]] = max(z[a], z[b]), min(z[a], z[b])
    known = not any(problem.estimated)
    # One scale for all: the sum of squares itself says how large it is.
    alone = any(problem.estimated) and not problem.mixed and not problem.integrates
    noise = math.sqrt(chi2 / max(n - p, 1)) if alone else 1.0
    r, J = (a[0] for a in problem.inspect(z[None]))
    u = uncertainty(J, noise, np.where(c.log, DECADE, x_scale))
    told = (J / noise).T @ (J / noise)
    looked = term_reports(problem, r, J, noise)
    # Noise that a filter makes alike has a structure, too, though the model is right.
    if any(t.alike for t in looked):
        # What neighbours say together counts once: no interval is smaller than that.
        along = covariance_along(problem, r, J)
        factor = widening(u.covariance, along)
        told /= np.outer(factor, factor)
        u = u._replace(covariance=u.covariance * np.outer(factor, factor))
    minima = distinct(problem, found, x_scale, noise)
    others = alternatives(c, z, minima, pairs, noise)
    gains = [(end, (other - chi2) / noise**2) for end, other in exchanged]
    swaps = tuple(gain for _, gain in gains if gain < AS_GOOD)
    others += [Alternative(end, EXCHANGED_IS_AS_GOOD) for end, gain in gains if gain < AS_GOOD]
    error = np.sqrt(np.diag(u.covariance))
    ended, result = np.asarray(found.result == RESULTS.successful), found.at(best).result
    curved = (
        Nonlinearity({}, [])
        if result == RESULTS.interrupted
        else find_nonlinearity(problem, z, chi2, error, x_scale, noise)
    )
    identifiable, reasons = verdicts(c, z, u, x_scale, others, curved.reasons)
    ends = np.stack([np.clip(z - error, c.low, c.high), np.clip(z + error, c.low, c.high)])
    ends = np.sort(c.to_values(ends), axis=0)
    lost = tuple(n for n, fine in zip(c.names, identifiable, strict=True) if not fine)
    loose = u.null_directions if len(u.null_directions) else u.weak_directions
    kept = determined(problem, z, loose * np.where(c.log, DECADE, x_scale))
    # What is lost for another reason is not determined either.
    kept = tuple(name for name in kept if name not in lost)
    model = c.unpack(jnp.asarray(z), problem.model)
    # Those of the model, to the last digit: NumPy's exponential is another one.
    leaves = jax.tree.leaves(model)
    values = np.array([float(leaves[positions[0]]) for positions in c.positions])
    identifiability = Identifiability(
        c.names, u.rank, u.singular_values,
        tuple(in_words(v, c.names) for v in u.null_directions),
        tuple(in_words(v, c.names) for v in u.weak_directions),
        error, identifiable, pairs, swaps, kept, saturation(c.names, lost, kept),
    )  # fmt: skip
    stopped = (z <= np.asarray(c.low)) | (z >= np.asarray(c.high))
    columns = (c.names, c.paths, c.units, c.meanings, c.log, values.tolist(), ends[0].tolist(),
               ends[1].tolist(), error.tolist(), identifiable.tolist(), reasons,
               stopped.tolist())  # fmt: skip
    tried = len(ended)
    searches = Searches(
        result,
        minima,
        tried,
        int(ended.sum()),
        tried if starts is None else starts,
        *(
            (tally.evaluations, tally.failed)
            if tally and tally.evaluations
            else (int(np.sum(found.steps)) + tried, int(np.sum(found.failed)))
        ),
    )
    return Fit(
        model=model,
        parameters=tuple(Estimate(*row) for row in zip(*columns, strict=True)),
        derived=derive(problem, z, u.covariance, others, derived, curved.ends),
        z=z,
        covariance=u.covariance,
        information=told,
        identifiability=identifiability,
        terms=looked,
        quality=Quality(
            chi2, n, noise if alone else _relative_noise(problem), known,
            relative_rms(looked), information(problem, r) + p * math.log(n),
        ),
        searches=searches,
        problem=problem,
    )  # fmt: skip


def _relative_noise(problem: Problem) -> float:
    """The scale of the noise that several measurements share, 1 where there is none."""
    for term, group in zip(problem.terms, problem.groups, strict=True):
        inner = measurement_of(term)
        if inner is not None and inner.noise_group is not None:
            return float(problem.scales[group])
    return 1.0
