"""What every solver has in common: the question, and the answer with a result that says how."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from fitting.solvers.residual_parts import Residual, Vector
from jaxmem.results import RESULTS as RESULTS


class Search(NamedTuple):
    """Where a search ended: search vector, sum of squares, `RESULTS`, steps, and of how many points
    on the way the residual was not finite; or where many did."""

    z: Any
    chi2: Any
    result: Any
    steps: Any
    failed: Any

    def at(self, k: Any) -> "Search":
        """Search number k of many, or those that a mask or an index array chooses."""
        # Sliced by NumPy: in JAX each shape would be a program of its own.
        return jax.tree.map(lambda a: np.asarray(np.asarray(a)[k]), self)


class AbstractSolver(eqx.Module):
    """Searches from one start; `fit` runs it from many."""

    @abc.abstractmethod
    def search(
        self, residual: Residual, z: Vector, low: Vector, high: Vector, x_scale: Vector
    ) -> Search:
        """The minimum of sum(residual(z)^2) between `low` and `high` that is reached from z.

        `x_scale` is the natural length of each coordinate, 1 (an e-fold) for a logarithm.
        """
