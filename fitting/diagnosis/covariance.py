"""What the noise leaves open: covariance, intervals, and directions that it hides."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

# A singular value below this share of the largest, of the Jacobian with columns scaled to one,
# is zero: autodiff Jacobians are good to about 1e-13.
ZERO = 1e-11
# A decade, the length along which a direction is called weak if it stays below the noise.
DECADE = math.log(10)
# The half width of a 68 % interval beyond which a parameter counts as not identifiable: a factor of
# two each way. Beyond, the linear law that the interval rests on does not hold, and the profile
# of the likelihood is the thing to look at.
WIDEST = math.log(2)


class Uncertainty(NamedTuple):
    """What a Jacobian says of the parameters at a noise level.

    - `covariance`: in search coordinates, shape `(p, p)`; infinite variance where a parameter
      takes part in a direction that the residuals do not feel at all.
    - `rank`: how many directions they feel.
    - `singular_values`: of the Jacobian in noise standard deviations per decade (per natural
      length of a signed parameter), descending; below 1 a decade stays under the noise.
    - `null_directions`, `weak_directions`: unfelt, and felt less than the noise; unit vectors
      as rows, per decade.
    """

    covariance: Float[np.ndarray, "p p"]
    rank: int
    singular_values: Float[np.ndarray, "p"]
    null_directions: Float[np.ndarray, "null p"]
    weak_directions: Float[np.ndarray, "weak p"]


def uncertainty(
    J: Float[np.ndarray, "m p"], noise: float, decade: Float[np.ndarray, "p"]
) -> Uncertainty:
    """Covariance noise^2 (J^T J)^-1 by singular values, and what it cannot resolve.

    `J` is d residual/dz, `noise` the standard deviation of a residual, `decade` the length in z
    that is a decade (or the natural length of a signed parameter).
    """
    J = np.asarray(J, dtype=float)
    size = np.linalg.norm(J, axis=0)
    felt = size > ZERO * np.finfo(float).eps * max(size.max(initial=0.0), 1e-300)
    scale = np.where(felt, size, 1.0)
    s, Vt = _singular(np.where(felt, J, 0.0) / scale)
    known = s > ZERO * max(s[0], 1e-300)
    root = Vt[known] / s[known, None] / scale
    covariance = noise**2 * root.T @ root
    if not known.all():
        # A parameter is lost with a direction if it has a share in it, beyond rounding.
        lost = np.abs(Vt[~known]).max(axis=0) > 1e-6
        covariance[lost] = covariance[:, lost] = 0.0
        covariance[lost, lost] = np.inf
    null = _unit(Vt[~known] / scale / decade)
    # The same in the user's measure, decades against noise: what is weak there is not lost, but
    # a factor of ten along it hides in the noise.
    natural, Wt = _singular(J * decade / max(noise, 1e-300))
    return Uncertainty(covariance, int(known.sum()), natural, null, _unit(Wt[natural < 1.0]))


def uncertainties(
    R: Float[np.ndarray, "k p p"], noise: Float[np.ndarray, "k"], decade: Float[np.ndarray, "k p"]
) -> tuple[Float[np.ndarray, "k p p"], Float[np.ndarray, "k p"]]:
    """`uncertainty` of many at once: the covariances, and each parameter's share (0 to 1, its
    largest) in the weak directions. `R` are the upper triangles of the Jacobians, J = Q R.
    """
    size = np.linalg.norm(R, axis=1)
    largest = np.maximum(size.max(axis=1, keepdims=True), 1e-300)
    felt = size > ZERO * np.finfo(float).eps * largest
    scale = np.where(felt, size, 1.0)
    triangle = np.where(felt[:, None], R, 0.0) / scale[:, None]
    each = np.arange(R.shape[2])
    # Where all pivots are far from zero the triangle is inverted; else, by singular values.
    plain = np.abs(triangle[:, each, each]).min(axis=1) > 1e-6
    root = np.linalg.inv(np.where(plain[:, None, None], triangle, np.eye(each.size)))
    plain &= np.abs(root).max(axis=(1, 2)) < 1e6
    root = np.swapaxes(root, 1, 2) / scale[:, None]
    covariance = np.swapaxes(root, 1, 2) @ root
    if not plain.all():
        _, s, Vt = np.linalg.svd(triangle[~plain])
        known = s > ZERO * np.maximum(s[:, :1], 1e-300)
        root = np.where(known[..., None], Vt, 0.0) / np.where(known, s, 1.0)[..., None]
        root = root / scale[~plain][:, None]
        part = np.swapaxes(root, 1, 2) @ root
        lost = (np.abs(Vt) * ~known[..., None]).max(axis=1) > 1e-6
        part[lost[:, :, None] | lost[:, None, :]] = 0.0
        part[:, each, each] = np.where(lost, np.inf, part[:, each, each])
        covariance[~plain] = part
    covariance *= noise[:, None, None] ** 2
    # The reciprocal squares of the singular values per decade sum to the variances in decades:
    # where that is below 1, none of them is, and no direction is weak.
    share = np.zeros_like(size)
    doubtful = (covariance[:, each, each] / decade**2).sum(axis=1) >= 1.0
    if doubtful.any():
        scaled = R * decade[:, None] / np.maximum(noise, 1e-300)[:, None, None]
        _, s, Vt = np.linalg.svd(scaled[doubtful])
        rows = np.abs(Vt) / np.abs(Vt).max(axis=2, keepdims=True)
        share[doubtful] = np.where((s < 1.0)[..., None], rows, 0.0).max(axis=1)
    return covariance, share


def in_words(direction: Float[np.ndarray, "p"], names: tuple[str, ...]) -> str:
    """A direction as `"R_b"`, `"tau against tau_2"`, `"i_c0 and V_T"`."""
    direction = np.asarray(direction, dtype=float)
    share = np.abs(direction) / np.abs(direction).max()
    # Near-equal shares keep the order of the names, whatever the last digits.
    order = [k for k in np.argsort(-np.round(share, 1), kind="stable") if share[k] > 0.3]
    lead = np.sign(direction[order[0]])
    along = [names[k] for k in order if np.sign(direction[k]) == lead]
    opposite = [names[k] for k in order if np.sign(direction[k]) != lead]
    text = " and ".join(along)
    return f"{text} against {' and '.join(opposite)}" if opposite else text


def _singular(J):
    """All p singular values and right vectors of a tall matrix, by way of its triangle."""
    _, s, Vt = np.linalg.svd(np.linalg.qr(J, mode="r"), full_matrices=True)
    return np.concatenate([s, np.zeros(J.shape[1] - s.size)]), Vt


def _unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300)
