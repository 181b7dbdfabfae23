"""Levenberg-Marquardt driven from Python, where a step takes milliseconds or more.

It shows its progress, can be interrupted, and goes on from where it was.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from fitting.problem.problem import Problem
from fitting.solvers.levenberg_marquardt import Code


class Polished(NamedTuple):
    """Where a descent ended: search vector, sum of squares, `Code`, steps, and r and J there."""

    z: np.ndarray
    chi2: float
    code: Code
    steps: int
    r: np.ndarray
    J: np.ndarray


class Altered(NamedTuple):
    """A problem with other residuals, for `Polish`: data that were drawn, or a row more.

    `change` takes search vector, residuals and Jacobian at one point and returns the new ones.
    """

    problem: Problem
    change: Any

    @property
    def coordinates(self):
        """Those of the problem."""
        return self.problem.coordinates

    @property
    def points(self) -> int:
        """As many as the problem's."""
        return self.problem.points

    def inspect(self, z: Float[np.ndarray, "1 p"]):
        """See `Problem.inspect`; of one search vector."""
        r, J = self.problem.inspect(z)
        r, J = self.change(z[0], r[0], J[0])
        return r[None], J[None]


@dataclass(frozen=True)
class Polish:
    """How a descent is made.

    **Arguments:**

    - `max_steps`: trial steps.
    - `enough`: ends where a step would take less than this off chi2, in squared standard
      deviations of what is left; 2e-3 is less than 0.05 of a standard error. A parameter that runs
      off, with ever less to gain, ends so too.
    - `clip`: longest step of each coordinate, in natural lengths (e-folds).
    - `far`: compare traces in logarithms (see `Problem.compressed`), for the first steps from far.
    - `floor`: share of the mean squared sensitivity that the damping sees of a coordinate at least.
    """

    max_steps: int = 150
    enough: float = 2e-3
    clip: float = 0.7
    floor: float = 1e-6
    far: bool = False

    def __call__(
        self,
        problem: Problem,
        z: np.ndarray,
        x_scale: np.ndarray,
        tell: Callable[[int, float], None] = lambda step, chi2: None,
        keep: Callable[[np.ndarray, float], None] = lambda z, chi2: None,
    ) -> Polished:
        """Descend from z. `tell` is called at each step, `keep` at each better point.

        A trial whose residual is not finite (an integration that fails) is a step that was too
        long. Ctrl-C returns the best point so far, with `Code.INTERRUPTED`.
        """
        c = problem.coordinates
        low, high = np.asarray(c.low), np.asarray(c.high)
        z = np.clip(np.asarray(z, dtype=float), low, high)
        r, J = self._look(problem, z)
        best = float(r @ r)
        steps, damping = 0, 1e-3
        if not (np.isfinite(best) and np.isfinite(J).all()):
            return Polished(z, np.inf, Code.NOT_FINITE, 0, r, J)
        code, still = Code.MAX_STEPS, 0
        longest = self.clip * x_scale
        try:
            for steps in range(1, self.max_steps + 1):
                tell(steps, best)
                g, A = J.T @ r, J.T @ J
                free = ~(((z <= low) & (g > 0)) | ((z >= high) & (g < 0)))
                size = max(1.0, best / max(problem.points - len(z), 1))
                enough = self.enough * size
                # An integrator's chi2 is rough on a small scale: where three trials in a row change
                # little, what is promised is not there.
                if self._promise(A, g, free, x_scale) < enough or still >= 3:
                    code = Code.CONVERGED
                    break
                step = self._step(A, g, free, damping, x_scale)
                new = np.clip(z + np.clip(step, -longest, longest), low, high)
                dz = new - z
                expected = -(2 * g @ dz + dz @ A @ dz)
                trial, slope = self._look(problem, new)
                cost = float(trial @ trial)
                small = abs(cost - best) < 5 * enough and damping < 1
                still = still + 1 if small else 0
                fine = np.isfinite(cost) and np.isfinite(slope).all()
                if fine and cost < best:
                    gain = (best - cost) / expected if expected > 0 else 0.5
                    damping *= 0.2 if gain > 0.6 else 1.0 if gain > 0.2 else 2.0
                    damping = max(damping, 1e-9)
                    z, r, J, best = new, trial, slope, cost
                    keep(z, best)
                else:
                    damping *= 4.0
                    if damping > 1e8:
                        code = Code.STALLED
                        break
        except KeyboardInterrupt:
            code = Code.INTERRUPTED
        return Polished(z, best, code, steps, r, J)

    def _step(self, A, g, free, damping, x_scale):
        scale = np.diag(A) * x_scale**2
        scale = np.maximum(scale, self.floor * max(scale.max(), 1e-300)) / x_scale**2
        step = np.zeros_like(g)
        inner = np.ix_(free, free)
        matrix = A[inner] + damping * np.diag(scale[free])
        step[free] = -np.linalg.lstsq(matrix, g[free], rcond=1e-14)[0]
        return step

    def _promise(self, A, g, free, x_scale):
        """What the best step within the longest lengths would take off chi2, never negative.

        The damping is raised until the step is short enough: cut in some coordinates only, a step
        along a direction that is nearly free need not descend.
        """
        if not free.any():
            return 0.0
        for damping in 10.0 ** np.arange(-10, 9):
            step = self._step(A, g, free, damping, x_scale)
            if (np.abs(step) <= self.clip * x_scale).all():
                break
        return float(-(2 * g @ step + step @ A @ step))

    def _look(self, problem, z):
        r, J = problem.inspect(z[None])
        return problem.compressed(r[0], J[0]) if self.far else (r[0], J[0])
