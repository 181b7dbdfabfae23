"""What data leave open gets a broad prior, and nothing else does: the sum of two precisions."""

import math

import numpy as np
from jaxtyping import Bool, Float

# What data leave open is taken to be known to a factor of ten each way (one standard deviation).
OPEN = math.log(10.0)
# An eigenvalue of a matrix with ones on its diagonal that is below this is rounding.
ROUNDING = 1e-14


def with_broad_prior(
    information: Float[np.ndarray, "p p"], lengths: Float[np.ndarray, "p"]
) -> tuple[Float[np.ndarray, "p p"], Bool[np.ndarray, "p"]]:
    """The covariance (M + W^-2)^-1 of data and prior, W = diag(OPEN lengths), and which parameters
    the data leave open: those of which they say less than the prior.

    **Arguments:**

    - `information`: M of the data, in search coordinates; zero along what they do not feel.
    - `lengths`: what a fraction of 1 is in each search coordinate.
    """
    size = np.sqrt(np.maximum(np.diag(information), 0.0))
    scale = np.where(size > 0, size, 1.0)
    # Each parameter is measured by its own precision: one known to 1e-4 and one not known at all
    # stand side by side, and a rounding that is small beside the one is not so beside the other.
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    values = np.where(values > ROUNDING, values, 0.0)
    wide = OPEN * lengths
    root = np.vstack([np.sqrt(values)[:, None] * vectors.T * scale, np.diag(1 / wide)])
    norm = np.linalg.norm(root, axis=0)
    half = np.linalg.inv(np.linalg.qr(root / norm, mode="r")) / norm[:, None]
    covariance = half @ half.T
    return covariance, np.diag(covariance) > 0.5 * wide**2


def inverted(matrix: Float[np.ndarray, "p p"]) -> Float[np.ndarray, "p p"]:
    """The inverse of a covariance whose variances may differ by many decades."""
    scale = np.sqrt(np.diag(matrix))
    return np.linalg.inv(matrix / np.outer(scale, scale)) / np.outer(scale, scale)


def information_from(
    covariance: Float[np.ndarray, "p p"],
) -> tuple[Float[np.ndarray, "p p"], bool]:
    """The information that a covariance holds, zero where a variance is not finite; and whether
    it is all that the data gave.

    It is not where several variances are infinite, since what the data say of these parameters
    together is lost, and where two are as good as one: their sum may be known to more digits than
    a covariance has. There as little is taken as is certain.

    **Raises:** `ValueError` for what is no covariance.
    """
    known = np.isfinite(np.diag(covariance))
    found = np.zeros_like(covariance)
    if not known.any():
        return found, len(known) < 2
    own = covariance[np.ix_(known, known)]
    if not (np.isfinite(own).all() and (np.diag(own) > 0).all()):
        raise ValueError("its covariance has variances that are not positive, or gaps")
    scale = np.sqrt(np.diag(own))
    values, vectors = np.linalg.eigh(own / np.outer(scale, scale))
    kept = np.maximum(values, ROUNDING)
    found[np.ix_(known, known)] = (vectors / kept) @ vectors.T / np.outer(scale, scale)
    return found, bool((~known).sum() < 2 and (values >= ROUNDING).all())
