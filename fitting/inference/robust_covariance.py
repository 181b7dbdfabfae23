"""Intervals where residuals have a structure: samples that lie beside each other say one thing."""

import numpy as np
from jaxtyping import Float

from fitting.diagnosis.covariance import ZERO
from fitting.estimate.result import Fit
from fitting.terms.measurement import measurement_of


def structured_covariance(fit: Fit, lags: int | None = None) -> Float[np.ndarray, "p p"]:
    """The covariance of the search vector with residuals that are correlated along each term.

        A^-1 B A^-1,  A = J^T J,  B = sum over lags k of w_k sum over i of s_i s_(i+k)^T + transpose

    with s_i = J_i r_i (Newey and West 1987, weights w_k = 1 - k/(lags + 1)). Where residuals are
    independent and the noise is right it agrees with `fit.covariance`; where they run in one
    direction over many samples it is larger, as it should be. It knows nothing of a bias: of a
    model that is wrong it gives the spread about the best wrong parameters.

    **Arguments:**

    - `lags`: how far samples are correlated; default a tenth of the samples of each term.

    Settled loops are taken as closed. Infinite where the data do not feel a parameter.
    """
    problem = fit.problem
    r, J = (a[0] for a in problem.inspect(fit.z[None]))
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


def _long_run(scores, lags: int, closed: bool):
    total = scores.T @ scores
    for k in range(1, min(lags, len(scores) - 1) + 1):
        # Round the corner of a loop that closes.
        later = np.roll(scores, -k, axis=0) if closed else scores[k:]
        cross = scores[: len(later)].T @ later
        total = total + (1 - k / (lags + 1)) * (cross + cross.T)
    return total
