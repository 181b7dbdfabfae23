"""Intervals where residuals have a structure: samples that lie beside each other say one thing."""

import numpy as np
from jaxtyping import Float

from fitting.diagnosis.structured import covariance_along
from fitting.estimate.result import Fit


def structured_covariance(fit: Fit, lags: int | None = None) -> Float[np.ndarray, "p p"]:
    """The covariance of the search vector with residuals that are correlated along each term.

        A^-1 B A^-1,  A = J^T J,  B = sum over lags k of w_k sum over i of s_i s_(i+k)^T + transpose

    with s_i = J_i r_i (Newey and West 1987, weights w_k = 1 - k/(lags + 1)). Where residuals are
    independent and the noise is right it agrees with `fit.covariance`; where they run in one
    direction over many samples it is larger, as it should be. It knows nothing of a bias: of a
    model that is wrong it gives the spread about the best wrong parameters. Where a fit describes
    its data roughly, `fit.covariance` is widened to it already.

    **Arguments:**

    - `lags`: how far samples are correlated; default a tenth of the samples of each term.

    Settled loops are taken as closed. Infinite where the data do not feel a parameter.
    """
    r, J = (a[0] for a in fit.problem.inspect(fit.z[None]))
    return covariance_along(fit.problem, r, J, lags)
