"""What a set of experiments is judged by: convex functions of the information."""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

Criterion = Literal["D", "A", "c"]
CRITERIA = ("D", "A", "c")


class Objective(NamedTuple):
    """The mean over k points of a criterion of K S K^T, the covariance of the quantities.

    With S = M^-1, M the information with that of the prior, and K the slopes of ln(quantity):

    - "D": ln det(K S K^T), twice the log volume of the ellipsoid of the quantities.
    - "A", and "c" of a single quantity: ln trace(K S K^T), of the mean variance.

    Both are convex in M (Pukelsheim, Optimal Design of Experiments, 2006; the trace of an inverse
    is log-convex), so that each minimum over mixtures is the minimum.
    """

    criterion: str
    prior: Float[np.ndarray, "p p"]
    slopes: Float[np.ndarray, "k q p"]

    @property
    def per_deviation(self) -> float:
        """By how much the criterion grows where all standard deviations grow e-fold."""
        return 2.0 * (self.slopes.shape[1] if self.criterion == "D" else 1)

    def covariances(self, M: Float[np.ndarray, "k ... p p"]) -> np.ndarray:
        """K S K^T, `(k, ..., q, q)`, of information `M` beyond the prior."""
        K = self._slopes(M)
        return K @ np.linalg.solve(self.prior + M, np.swapaxes(K, -1, -2))

    def value(self, M: Float[np.ndarray, "k ... p p"]) -> np.ndarray:
        """The criterion, `(...)`."""
        C = self.covariances(M)
        if self.criterion == "D":
            return np.asarray(np.mean(np.linalg.slogdet(C)[1], axis=0))
        return np.asarray(np.mean(np.log(np.trace(C, axis1=-2, axis2=-1)), axis=0))

    def gains(
        self, M: Float[np.ndarray, "k p p"], each: Float[np.ndarray, "k m p p"]
    ) -> Float[np.ndarray, "m"]:
        """By how much the criterion falls along the information of each experiment, >= 0.

        -d value/dM . M_c, the sensitivity function of the equivalence theorem: with all weights on
        experiments of the largest gain per second no mixture is better (Kiefer and Wolfowitz 1960).
        """
        K, p = self.slopes, M.shape[-1]
        S = np.linalg.inv(self.prior + M)
        B = S @ np.swapaxes(K, 1, 2)
        C = K @ B
        if self.criterion == "D":
            G = B @ np.linalg.solve(C, np.swapaxes(B, 1, 2))
        else:
            G = B @ np.swapaxes(B, 1, 2) / np.trace(C, axis1=1, axis2=2)[:, None, None]
        k, c = each.shape[:2]
        return np.mean(
            each.reshape(k, c, p * p) @ np.swapaxes(G, 1, 2).reshape(k, p * p, 1), axis=0
        )[:, 0]

    def _slopes(self, M):
        K = self.slopes
        return K.reshape(K.shape[0], *[1] * (M.ndim - 3), *K.shape[1:])
