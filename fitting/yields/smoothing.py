"""A count of devices within specification that has derivatives."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import expit

from fitting.yields.limits import Limits

# A device that does not spike counts as one that misses a goal by two half-widths and comes nearer
# to spiking as the ln of its margin does, in units of this.
MISSED, MARGIN = 2.0, 0.1


class EnsembleCoordinates(NamedTuple):
    """Of n devices with the same scatter at a design z: coordinates `r` (n, m) of the goals, NaN
    without a cycle, their slopes `by` (n, m, p) by z; `margin` (n,), negative where rest is
    unstable, and its slopes `margin_by` (n, p). `asked`: whether a device must spike."""

    r: Float[np.ndarray, "n m"]
    by: Float[np.ndarray, "n m p"]
    margin: Float[np.ndarray, "n"]
    margin_by: Float[np.ndarray, "n p"]
    asked: bool

    def moved(self, step: Float[np.ndarray, "p"]) -> "EnsembleCoordinates":
        """What the slopes say of the same devices at z + step."""
        return self._replace(r=self.r + self.by @ step, margin=self.margin + self.margin_by @ step)


def smoothed_count(
    found: EnsembleCoordinates, limits: Limits, width: float
) -> tuple[float, Float[np.ndarray, "p"]]:
    """The mean over devices of a product of logistic functions, and its gradient.

        prod_j s((r_j - low_j)/(w h_j)) s((high_j - r_j)/(w h_j)) s(-margin/(w h))

    with s(x) = 1/(1 + e^-x) and h_j half of the distance of the limits. As the width w goes to 0 it
    goes to the share of devices that are within; one of which nothing is known counts as 0.
    """
    n, half = len(found.r), width * limits.half
    log_share, slope = np.zeros(n), np.zeros((n, found.by.shape[-1]))
    spikes = np.all(np.isfinite(found.r), axis=1)
    r = np.where(np.isfinite(found.r), found.r, 0.0)
    by = np.where(np.isfinite(found.by), found.by, 0.0)
    for j in range(r.shape[1]):
        for sign, end in ((1.0, limits.low[j]), (-1.0, limits.high[j])):
            if not np.isfinite(end):
                continue
            x = sign * (r[:, j] - end) / half[j]
            log_share += np.where(spikes, _log_logistic(x), 0.0)
            slope += (spikes * expit(-x) * sign / half[j])[:, None] * by[:, j]
    known = spikes
    if found.asked:
        x = -found.margin / (width * MARGIN)
        there = np.isfinite(x)
        log_share += np.where(there, _log_logistic(np.where(there, x, 0.0)), 0.0)
        log_share += np.where(spikes, 0.0, _log_logistic(-MISSED / width))
        pull = np.where(there, expit(-np.where(there, x, 0.0)), 0.0)[:, None]
        slope -= pull * np.where(there[:, None], found.margin_by, 0.0) / (width * MARGIN)
        known = spikes | there
    share = np.where(known, np.exp(log_share), 0.0)
    return float(share.mean()), share @ slope / n


def _log_logistic(x):
    return -np.logaddexp(0.0, -np.asarray(x))
