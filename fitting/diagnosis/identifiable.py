"""What measurements could determine, before any is made or fitted."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fitting.diagnosis.covariance import DECADE, WIDEST, in_words, uncertainty
from fitting.problem.noise import first_guess
from fitting.problem.problem import Problem
from fitting.problem.space import Space


class Identifiability(NamedTuple):
    """What a set of terms determines of a space at a model.

    - `rank`: directions that the residuals feel at all, out of `len(names)`.
    - `singular_values`: noise standard deviations per decade along each direction, descending.
    - `null_directions`: combinations that can change freely, in words.
    - `weak_directions`: those along which a decade stays below the noise, the null ones too.
    - `standard_errors`: expected, in search coordinates (e-folds of a logarithm).
    - `identifiable`: whether the 68 % interval stays within a factor of two each way.
    """

    names: tuple[str, ...]
    rank: int
    singular_values: np.ndarray
    null_directions: tuple[str, ...]
    weak_directions: tuple[str, ...]
    standard_errors: np.ndarray
    identifiable: np.ndarray

    def __str__(self) -> str:
        lines = [f"rank {self.rank} of {len(self.names)}"]
        lines += [f"free: {text}" for text in self.null_directions]
        lines += [
            f"below the noise: {text}"
            for text in self.weak_directions
            if text not in self.null_directions
        ]
        return "; ".join(lines)


def identifiability(
    terms: Any | Sequence[Any], model: Any, space: Space, *, noise: float = 0.01
) -> Identifiability:
    """Rank and null directions of `terms` at `model`, from the Jacobian in decades.

    `noise` is the standard deviation assumed where a term has no sigma: relative to |Z|, to a
    current, to the rms of a trace. Symmetries
    that are no direction, such as the exchange of two lags, are not seen here; `fit` tests them.

    **Raises:** `ValueError` as `fit` does.
    """
    problem = Problem.of(terms, model, space)
    problem = problem.rescaled(first_guess(problem, noise))
    c = problem.coordinates
    z = c.pack(model)
    decade = np.where(c.log, DECADE, problem.natural_lengths(z))
    u = uncertainty(problem.jacobian(z), 1.0, decade)
    error = np.sqrt(np.diag(u.covariance))
    return Identifiability(
        c.names,
        u.rank,
        u.singular_values,
        tuple(in_words(v, c.names) for v in u.null_directions),
        tuple(in_words(v, c.names) for v in u.weak_directions),
        error,
        error <= np.where(c.log, WIDEST, 9 * decade),
    )
