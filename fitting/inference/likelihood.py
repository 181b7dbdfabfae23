"""The likelihood at the optimum of a fit, as profiles, resampling and posteriors see it."""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from fitting.estimate.result import Fit
from fitting.problem.noise import leverages
from fitting.problem.problem import Problem
from fitting.solvers.levenberg_marquardt import Quadratic

# Where a step can take less than this off chi2 the fit is at its optimum, whatever stopped it.
NEAR = 0.1


class Likelihood(NamedTuple):
    """A fit's problem with residuals in standard deviations, and what was found.

    - `problem`: scaled by the noise that the fit found; `z`, `r`, `J`: optimum, residuals and
      Jacobian there, shapes `(p,)`, `(m,)`, `(m, p)`.
    - `known`: 1 for each residual whose noise is known, else 0; `masks`: for each noise that is
      not, 1 for its residuals, shape `(groups, m)`. `counts`: how many these are; `freedoms`: less
      the parameters that they determine (their leverage).
    """

    problem: Problem
    z: Float[np.ndarray, "p"]
    r: Float[np.ndarray, "m"]
    J: Float[np.ndarray, "m p"]
    known: Float[np.ndarray, "m"]
    masks: Float[np.ndarray, "groups m"]
    counts: Float[np.ndarray, "groups"]
    freedoms: Float[np.ndarray, "groups"]

    @classmethod
    def of(cls, fit: Fit) -> "Likelihood":
        """Of a fit that ended at an optimum, converged or still moving along a flat valley.

        **Raises:** `ValueError` if it did not: what follows from an optimum needs one.
        """
        problem = fit.problem
        if any(problem.estimated) and not problem.mixed and not problem.integrates:
            # The one case in which a fit leaves its only scale at 1.
            problem = problem.rescaled(problem.scales * fit.noise)
        z = np.asarray(fit.z, dtype=float)
        r, J = (a[0] for a in problem.inspect(z[None]))
        if not fit.ok and not _promise(problem.coordinates, z, r, J) < NEAR:
            raise ValueError(
                f"the fit did not end at an optimum ({fit.outcome}); give it more starts "
                "or steps before asking how sure it is"
            )
        owned = problem.owner >= 0
        group = np.asarray(problem.groups)[np.maximum(problem.owner, 0)]
        share = leverages(J)
        masks = np.array([owned & (group == k) for k, e in enumerate(problem.estimated) if e])
        masks = masks.reshape(-1, len(r)).astype(float)
        known = owned * (1.0 - masks.sum(axis=0))
        counts = masks.sum(axis=1)
        return cls(problem, z, r, J, known, masks, counts, np.maximum(counts - masks @ share, 1.0))

    def increase(self, r: Float[np.ndarray, "m"]) -> float:
        """How much -2 ln L is above its value at the optimum, at residuals r.

        chi2 where the noise is known. Where it is estimated, nu ln(SSR/SSR_optimum) with nu the
        degrees of freedom: the likelihood at its best scale, with nu for the number of points, so
        that near the optimum it is the increase in the variances of the covariance.
        """
        rise = float(self.known @ (r**2 - self.r**2))
        first = np.maximum(self.masks @ self.r**2, 1e-300)
        now = np.maximum(self.masks @ r**2, 1e-300)
        return rise + float(self.freedoms @ np.log(now / first))

    def reweighted(self, r: Float[np.ndarray, "m"]) -> tuple[Problem, float]:
        """The problem with each unknown scale at its best for residuals r.

        Also by how much the largest of them changes, as a logarithm. With one unknown scale and
        nothing else the scale does not move the optimum, and stays.
        """
        if not self.problem.mixed:
            return self.problem, 0.0
        ratio = np.sqrt((self.masks @ r**2) / np.maximum(self.masks @ self.r**2, 1e-300))
        scales = np.array(self.problem.scales)
        scales[np.flatnonzero(self.problem.estimated)] *= np.maximum(ratio, 1e-6)
        problem = self.problem.rescaled(scales)
        return problem, float(np.abs(np.log(scales / self.problem.scales)).max())

    @property
    def lengths(self) -> Float[np.ndarray, "p"]:
        """The natural length of each search coordinate: 1 (an e-fold), or its size."""
        return self.problem.natural_lengths(self.z)


def _promise(c, z, r, J) -> float:
    """What a whole step takes off chi2 in the linear model, within the bounds."""
    free = Quadratic.at(z, J.T @ r, J.T @ J, np.asarray(c.low), np.asarray(c.high)).free
    J = J[:, free]
    size = np.linalg.norm(J, axis=0)
    J = J / np.where(size > 0, size, 1.0)
    step = np.linalg.lstsq(J, r, rcond=1e-5)[0] if J.size else np.zeros(0)
    return float(np.sum((J @ step) ** 2))


def residual_of(parts, model, coordinates, z):
    """All residuals at a search vector, unscaled, for a compiled program."""
    there = coordinates.unpack(z, model)
    return jnp.concatenate([part.residual(there) for part in parts])


def open_ends(log: bool, value: float) -> tuple[float, float]:
    """The ends of an interval of which nothing is known: a logarithm keeps its sign."""
    if not log:
        return -math.inf, math.inf
    return (0.0, math.inf) if value > 0 else (-math.inf, 0.0)
