"""Levenberg-Marquardt driven from Python, where a step takes milliseconds or more.

It shows its progress, can be interrupted, and goes on from where it was.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from fitting.solvers.levenberg_marquardt import Quadratic, next_damping
from fitting.solvers.residual_parts import HostResidual
from fitting.solvers.solver import RESULTS, Search


class HostSearch(NamedTuple):
    """Where a search ended, as `Search`, with residuals and Jacobian there."""

    z: np.ndarray
    chi2: float
    result: RESULTS
    steps: int
    r: np.ndarray
    J: np.ndarray

    @property
    def search(self) -> Search:
        """Without residuals and Jacobian; what failed is in the tally."""
        return Search(*self[:4], 0)

    def unless_interrupted(self) -> "HostSearch":
        """Itself.

        **Raises:** `KeyboardInterrupt` if it returned because of one.
        """
        if self.result == RESULTS.interrupted:
            raise KeyboardInterrupt
        return self


class Tally:
    """How often a residual was evaluated, and how often it was not finite."""

    def __init__(self):
        self.evaluations, self.failed = 0, 0

    def count(self, r: np.ndarray, J: np.ndarray) -> bool:
        """Count one evaluation; whether residual and Jacobian are finite."""
        finite = bool(np.isfinite(r).all() and np.isfinite(J).all())
        self.evaluations += 1
        self.failed += not finite
        return finite


@dataclass(frozen=True)
class HostLeastSquares:
    """Levenberg-Marquardt with clipped steps and bounds as an active set, driven from Python.

    **Arguments:**

    - `max_steps`: trial steps.
    - `enough`: ends where a step would take less than this off chi2, in squared standard
      deviations of what is left; 2e-3 is less than 0.05 of a standard error. A parameter that runs
      off, with ever less to gain, ends so too.
    - `clip`: longest step of each coordinate, in natural lengths (e-folds).
    - `patience`: ends, too, where so many trials together took less than a few times `enough` off
      chi2: along a curved valley each step may promise more than it gives.
    - `tally`: counts evaluations, of all searches that share it.
    - `floor`: share of the largest squared sensitivity that the damping sees of a coordinate at
      least.
    """

    # From starts that are near, damping by the sensitivity of each coordinate (Marquardt's) takes a
    # third of the steps that the mean sensitivity takes: 400 and 1175 in twenty joint studies.
    max_steps: int = 150
    enough: float = 2e-3
    clip: float = 0.7
    floor: float = 1e-6
    patience: int = 12
    tally: Tally = field(default_factory=Tally, compare=False)

    def search(
        self,
        residual: HostResidual,
        z: np.ndarray,
        x_scale: np.ndarray,
        tell: Callable[[int, float], None] = lambda step, chi2: None,
        keep: Callable[[np.ndarray, float], None] = lambda z, chi2: None,
        hopeless: Callable[[float, float], bool] = lambda before, chi2: False,
    ) -> HostSearch:
        """Descend from z.

        A trial whose residual is not finite (an integration that fails) is a step that was too
        long. Ctrl-C returns the best point so far, with `RESULTS.interrupted`.

        **Arguments:**

        - `residual`: what is minimised, with its bounds.
        - `z`, `x_scale`: the start and the natural length of each coordinate, shape `(p,)`.
        - `tell`: called with step and chi2 at each step; `keep`: with z and chi2 at each better
          point.
        - `hopeless`: called with chi2 some trials ago and now; where it is true the search is given
          up (`RESULTS.stalled`).
        """
        bounds, longest = (residual.low, residual.high), self.clip * x_scale
        z = np.clip(np.asarray(z, dtype=float), *bounds)
        r, J = residual.evaluate(z)
        finite, best = self.tally.count(r, J), float(r @ r)
        steps, damping, growth, still = 0, 1e-3, 2.0, 0
        if not finite:
            return HostSearch(z, np.inf, RESULTS.start_not_finite, 0, r, J)
        result, past = RESULTS.steps_exhausted, [best]
        try:
            for steps in range(1, self.max_steps + 1):
                tell(steps, best)
                model = Quadratic.at(z, J.T @ r, J.T @ J, *bounds)
                unit = self._unit(model, x_scale)
                enough = self.enough * max(1.0, best / max(residual.points - len(z), 1))
                # An integrator's chi2 is rough on a small scale: where three trials in a row change
                # little, what is promised is not there.
                before = past[-min(self.patience, len(past))]
                crept = len(past) >= self.patience and before - best < 5 * enough
                if self._promise(model, unit, longest) < enough or still >= 3 or crept:
                    result = RESULTS.successful
                    break
                if len(past) >= self.patience and hopeless(before, best):
                    result = RESULTS.stalled
                    break
                new, expected, _ = model.trial(z, damping, unit, longest, bounds, _solve)
                trial, slope = residual.evaluate(new)
                finite, cost = self.tally.count(trial, slope), float(trial @ trial)
                still = still + 1 if abs(cost - best) < 5 * enough and damping < 1 else 0
                accepted = bool(finite and cost < best)
                damping, growth = next_damping(damping, growth, accepted, best - cost, expected, np)
                if accepted:
                    z, r, J, best = new, trial, slope, cost
                    keep(z, best)
                elif damping > 1e8:
                    result = RESULTS.stalled
                    break
                past.append(best)
        except KeyboardInterrupt:
            result = RESULTS.interrupted
        return HostSearch(z, best, result, steps, r, J)

    def _unit(self, model, x_scale):
        """Marquardt's unit: the length in which each coordinate is felt by one."""
        felt = np.diagonal(model.A) * x_scale**2
        return x_scale / np.sqrt(np.maximum(felt, self.floor * max(felt.max(), 1e-300)))

    def _promise(self, model, unit, longest):
        """What the best step within the longest lengths would take off chi2, never negative.

        The damping is raised until the step is short enough: cut in some coordinates only, a step
        along a direction that is nearly free need not descend.
        """
        for damping in 10.0 ** np.arange(-10, 9):
            step = model.step(damping, unit, _solve)
            if (np.abs(step) <= longest).all():
                break
        return float(model.reduction(step))


def _solve(A, g, damping):
    return np.linalg.lstsq(A + damping * np.eye(len(g)), g, rcond=1e-14)[0]
