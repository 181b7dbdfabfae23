"""Whether the model describes each of many spectra that were fitted at once."""

from collections.abc import Sequence
from typing import Any

from fitting.diagnosis.description import Description, describe
from fitting.estimate.many import FitMany
from fitting.problem.noise import leverages
from fitting.problem.problem import Problem
from fitting.problem.space import Space
from fitting.terms.spectrum import Spectrum


def descriptions(
    found: FitMany, spectra: Sequence[Spectrum], model: Any, space: Space
) -> list[Description]:
    """Whether the model describes each spectrum, as in `Fit.terms`.

    The noise of each is read by the Kramers-Kronig fit, which takes longer than `fit_many`.

    **Arguments:**

    - `found`: what `fit_many(spectra, model, space)` gave. `spectra`, `model`, `space`: the same.
    """
    result = []
    for s, z in zip(spectra, found.z, strict=True):
        problem = Problem.of(s, model, space)
        r, J = (a[0][problem.owner >= 0] for a in problem.inspect(z[None]))
        freedom = len(r) - float(leverages(J).sum())
        result.append(describe(s, r, J, freedom))
    return result
