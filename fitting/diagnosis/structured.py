"""Covariance where residuals have a structure: neighbours that say one thing count once."""

import numpy as np
from jaxtyping import Float

from fitting.diagnosis.covariance import ZERO
from fitting.problem.problem import Problem
from fitting.terms.measurement import measurement_of


def covariance_along(
    problem: Problem,
    r: Float[np.ndarray, "m"],
    J: Float[np.ndarray, "m p"],
    lags: int | None = None,
) -> Float[np.ndarray, "p p"]:
    """A^-1 B A^-1 with residuals that are correlated along each term (Newey and West 1987).

    See `structured_covariance`. Infinite where the data do not feel a parameter.

    **Arguments:**

    - `problem`: says which residuals are neighbours.
    - `r`, `J`: residuals and their derivatives at the optimum, shapes `(m,)`, `(m, p)`.
    - `lags`: how far samples are correlated; default a tenth of the samples of each term.
    """
    size = np.linalg.norm(J, axis=0)
    scale = np.where(size > 0, size, 1.0)
    _, s, Vt = np.linalg.svd(J / scale, full_matrices=False)
    known = s > ZERO * max(s[0], 1e-300)
    root = Vt[known] / s[known, None] / scale
    bread = root.T @ root
    meat = np.zeros_like(bread)
    for k, term in enumerate(problem.terms):
        inner, rows = measurement_of(term), problem.of_term(k)
        scores = J[rows] * r[rows, None]
        pieces = [scores] if inner is None else inner.sequences(scores)
        closed = inner is not None and inner.closed
        for piece in pieces:
            meat += _long_run(piece, lags or max(1, len(piece) // 10), closed)
    covariance = bread @ meat @ bread
    if not known.all():
        lost = np.abs(Vt[~known]).max(axis=0) > 1e-6
        covariance[lost] = covariance[:, lost] = 0.0
        covariance[lost, lost] = np.inf
    return covariance


def widening(
    covariance: Float[np.ndarray, "p p"], wide: Float[np.ndarray, "p p"]
) -> Float[np.ndarray, "p"]:
    """By what factor each standard error of a covariance grows to that of another; 1 where it is
    larger already or not finite."""
    own, other = np.diag(covariance), np.diag(wide)
    usable = np.isfinite(own) & np.isfinite(other) & (own > 0)
    ratio = np.where(usable, other, 1.0) / np.where(usable, own, 1.0)
    return np.sqrt(np.maximum(ratio, 1.0))


def _long_run(scores, lags: int, closed: bool):
    total = scores.T @ scores
    for k in range(1, min(lags, len(scores) - 1) + 1):
        # Round the corner of a loop that closes.
        later = np.roll(scores, -k, axis=0) if closed else scores[k:]
        cross = scores[: len(later)].T @ later
        total = total + (1 - k / (lags + 1)) * (cross + cross.T)
    return total
