"""Whether intervals of the linear law hold where they are wide: refits with one parameter moved."""

import enum
from typing import Any, NamedTuple

import numpy as np

from fitting.diagnosis.covariance import DECADE
from fitting.problem.polish import Altered, Polish, Polished
from fitting.problem.problem import Problem
from fitting.solvers.levenberg_marquardt import Code

# Up to this standard error, in natural lengths, the linear law is not doubted.
NARROW = 0.15
# How far a parameter is moved, in standard errors; by the linear law chi2 then rises by its square.
FAR = 2.0
# By the linear law a point whose chi2 is higher by q lies within sqrt(q) standard errors in each
# parameter. Up to this q the law is asked for, and is broken by these factors.
HIGHEST, SHARE, BEYOND = 10.0, 0.25, 1.5
# A moved parameter is held to this share of the move.
SOFT = 0.05
# How often a move is tried that costs more, each half as far as the last.
SHORTER = 3
# A point this much lower is a better fit.
LOWER = -0.5
SLOWLY = "its likelihood falls off more slowly than its covariance says: see its profile"
BETTER = "a better fit was met elsewhere: search from more starts"


class Nonlinearity(NamedTuple):
    """What was found: reasons by parameter; points where the data are still explained, and how many
    standard errors off a quantity may be there by the linear law."""

    reasons: dict[int, str]
    ends: list[tuple[np.ndarray, float]]


def find_nonlinearity(
    problem: Problem,
    z: np.ndarray,
    chi2: float,
    error: np.ndarray,
    x_scale: np.ndarray,
    noise: float,
) -> Nonlinearity:
    """Which parameters have intervals that the likelihood does not bear out, and why.

    Each parameter with a wide interval is moved by two standard errors (at most a decade) to either
    side, and all others are fitted again. Near a direction that the data hardly feel, others may
    then move along a curve, far beyond what the tangent at the optimum says. `noise` is what the
    residuals are to be divided by.

    **Raises:** `KeyboardInterrupt`, also if a refit returned because of one.
    """
    problem, chi2 = problem.rescaled(problem.scales * noise), chi2 / noise**2
    names, found, ends = problem.coordinates.names, {}, []
    polish = Polish(max_steps=30, enough=0.02)
    for k in np.flatnonzero(~(error <= NARROW * x_scale)):
        for side in (-1, 1):
            reach = min(FAR * error[k], DECADE * x_scale[k])
            for _ in range(SHORTER):
                end = _moved(problem, polish, z, x_scale, k, side * reach)
                rise = float(end.r[:-1] @ end.r[:-1]) - chi2 if np.isfinite(end.chi2) else np.inf
                if rise <= HIGHEST:
                    break
                reach /= 2
            else:
                continue
            moved = np.abs(end.z - z) / np.where(error > 0, error, np.inf)
            (why,), (most,) = judged(np.array([k]), moved[None], np.array([rise]))
            if rise >= LOWER:
                ends.append((end.z, float(most)))
            words = {Why.SLOWLY: SLOWLY, Why.BETTER: BETTER,
                     Why.FOLLOWS: f"it follows {names[k]} beyond its interval"}  # fmt: skip
            for j in np.flatnonzero(why):
                # A better fit is the reason that counts.
                if j not in found or why[j] == Why.BETTER:
                    found[int(j)] = words[Why(int(why[j]))]
    return Nonlinearity(found, ends)


class Why(enum.IntEnum):
    """What a move says of an interval."""

    FINE = 0
    SLOWLY = 1
    FOLLOWS = 2
    BETTER = 3


def judged(k: np.ndarray, moved: np.ndarray, rise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What moves say of each interval, `(n, p)` of `Why`; how far off it may be there, `(n,)`.

    `k`: which parameter was moved, shape `(n,)`; `moved`: by how many standard errors each is now
    off the optimum, `(n, p)`; `rise`: of chi2, `(n,)`.
    """
    rows = np.arange(len(k))
    most = BEYOND * np.sqrt(np.maximum(rise, FAR**2))
    why = np.where(moved > most[:, None], Why.FOLLOWS, Why.FINE)
    why[rows, k] = np.where(rise < SHARE * moved[rows, k] ** 2, Why.SLOWLY, Why.FINE)
    elsewhere = np.where(moved > 1, Why.BETTER, Why.FINE)
    return np.where((rise < LOWER)[:, None], elsewhere, why), most


def _moved(problem, polish, z, x_scale, k, step) -> Polished:
    """The best fit with one parameter moved, held there by a stiff spring, the last residual."""
    width = SOFT * abs(step)
    row = np.eye(len(z))[k] / width

    def change(at, r, J):
        return np.append(r, (at[k] - z[k] - step) / width), np.vstack([J, row])

    start = np.array(z)
    start[k] += step
    altered: Any = Altered(problem, change)
    end = polish(altered, start, x_scale)
    if end.code == Code.INTERRUPTED:
        raise KeyboardInterrupt
    return end
