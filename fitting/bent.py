"""Whether intervals of the linear law hold where they are wide: refits with one parameter moved."""

from typing import Any, NamedTuple

import numpy as np

from fitting.polish import Altered, Polish
from fitting.problem import Problem
from fitting.uncertainty import DECADE

# Up to this standard error, in natural lengths, the linear law is not doubted.
NARROW = 0.15
# How far a parameter is moved, in standard errors; by the linear law chi2 then rises by its square.
FAR = 2.0
# A rise of less than this share of that, or another parameter that moves by this many of its own
# standard errors while chi2 rises no more than that, and the law does not hold.
SHARE, BEYOND = 0.25, 3.0
SLOWLY = "its likelihood falls off more slowly than its covariance says: see its profile"


class Bent(NamedTuple):
    """What was found: reasons by parameter, and the points where the data are still explained."""

    reasons: dict[int, str]
    ends: list[np.ndarray]


def bent(
    problem: Problem, z: np.ndarray, chi2: float, error: np.ndarray, limit: np.ndarray, noise: float
) -> Bent:
    """Which parameters have intervals that the likelihood does not bear out, and why.

    Each parameter with a wide interval is moved by two standard errors (at most a decade) to either
    side, and all others are fitted again. Near a direction that the data hardly feel, others may
    then move along a curve, far beyond what the tangent at the optimum says.
    """
    names, found, ends = problem.coordinates.names, {}, []
    polish = Polish(max_steps=12, enough=0.05)
    for k in np.flatnonzero(~(error <= NARROW * limit)):
        reach = min(FAR * error[k], DECADE * limit[k])
        for side in (-1, 1):
            aim, width = z[k] + side * reach, 0.05 * reach
            row = np.eye(len(z))[k] / width

            def change(at, r, J, k=k, aim=aim, width=width, row=row):
                return np.append(r, (at[k] - aim) / width), np.vstack([J, row])

            start = np.array(z)
            start[k] = aim
            altered: Any = Altered(problem, change)
            end = polish(altered, start, limit)
            if not np.isfinite(end.chi2):
                continue
            rise = (float(end.r[:-1] @ end.r[:-1]) - chi2) / noise**2
            moved = np.abs(end.z - z) / np.where(error > 0, error, np.inf)
            if rise > FAR**2:
                continue
            ends.append(end.z)
            if rise < SHARE * FAR**2 * min(moved[k] / FAR, 1.0) ** 2:
                found.setdefault(int(k), SLOWLY)
            for j in np.flatnonzero(moved > BEYOND):
                if j != k:
                    found.setdefault(int(j), f"it follows {names[k]} beyond its interval")
    return Bent(found, ends)
