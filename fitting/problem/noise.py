"""The noise of each term, found from what the model leaves."""

import equinox as eqx
import numpy as np
from jaxtyping import Float

from fitting.problem.problem import Problem
from fitting.terms.measurement import measurement_of

# A scale is not taken below this: data without noise would be weighted without limit.
LEAST = 1e-9
# Before anything is known, spectra without sigma are taken as good to one per cent.
FIRST_GUESS = 0.01


def first_guess(problem: Problem, noise: float = FIRST_GUESS) -> np.ndarray:
    """Scales to begin with: `noise` relative to the data where none was given, else 1."""
    scales = np.ones(len(problem.estimated))
    for term, group in zip(problem.terms, problem.groups, strict=True):
        inner = measurement_of(term)
        if problem.estimated[group] and inner is not None and inner.assumed_noise is not None:
            scales[group] = noise / inner.assumed_noise
    return scales


def leverages(J: Float[np.ndarray, "m p"]) -> Float[np.ndarray, "m"]:
    """How much each residual determines its own prediction: the diagonal of the hat matrix."""
    size = np.linalg.norm(J, axis=0)
    Q, s, _ = np.linalg.svd(J / np.where(size > 0, size, 1.0), full_matrices=False)
    return np.sum(Q[:, s > 1e-10 * max(s[0], 1e-300)] ** 2, axis=1)


def scales(
    problem: Problem, r: Float[np.ndarray, "m"], J: Float[np.ndarray, "m p"]
) -> Float[np.ndarray, "groups"]:
    """The scale of the noise of each group, from residuals and Jacobian at an optimum.

    SSR/(n - sum of leverages) of each group whose scale is estimated.
    """
    found = np.array(problem.scales)
    share = leverages(J)
    group = np.asarray(problem.groups)[np.maximum(problem.owner, 0)]
    for k, unknown in enumerate(problem.estimated):
        rows = (group == k) & (problem.owner >= 0)
        if unknown and rows.any():
            left = max(rows.sum() - share[rows].sum(), 1.0)
            found[k] = max(found[k] * np.sqrt(np.sum(r[rows] ** 2) / left), LEAST)
    return found


def reweighted(problem: Problem, r: Float[np.ndarray, "m"]) -> Problem:
    """The problem with proportional noise taken from the model's values, not from the data's.

    A point that noise has made smaller would weigh more, and pull the fit down. `r` are the
    residuals at the optimum.
    """
    shape = np.ones_like(problem.shape)
    for k, term in enumerate(problem.terms):
        inner = measurement_of(term)
        noise = None if inner is None else inner.noise_shape
        if inner is None or noise is None or noise.relative == 0:
            continue
        rows = problem.of_term(k)
        seen = np.array(inner.observed)
        sigma = noise.sigma(inner.magnitude(seen))
        seen[inner.fitted] += problem.differences(k, r)
        shape[rows] = (noise.sigma(inner.magnitude(seen)) / sigma)[inner.fitted]
    return eqx.tree_at(lambda p: p.shape, problem, np.clip(shape, 0.2, 5.0))
