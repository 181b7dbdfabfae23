"""Intervals of any level from the covariance of a fit."""

import math
from statistics import NormalDist

import numpy as np

from fitting.estimate.result import Fit
from fitting.inference.likelihood import open_ends


def interval(fit: Fit, name: str, level: float = 0.95) -> tuple[float, float]:
    """The interval of a parameter or derived quantity at a level, from the covariance.

    exp(ln p +- q s) for what is searched in its logarithm (and for derived quantities), p +- q s
    else, with s the standard error and q the normal quantile; the ends stay within the bounds.
    Level 0.6827 gives the fit's own `low` and `high`.

    **Arguments:**

    - `fit`: a fit.
    - `name`: of one of its parameters or derived quantities.
    - `level`: the probability that the interval covers the truth, between 0 and 1.

    **Returns:** low and high in the parameter's unit. What the data do not determine has the open
    ends of its range: 0 or minus infinity, and infinity.

    **Raises:** `KeyError` for a name that the fit does not have, `ValueError` for a level that is
    not between 0 and 1.
    """
    q = quantile(level)
    if name in fit.derived:
        d = fit.derived[name]
        if not d.identifiable or not math.isfinite(d.high):
            return open_ends(d.value != 0, d.value)
        if d.value == 0:
            return d.value - q * (d.high - d.value), d.value + q * (d.high - d.value)
        ratio = math.log(max(abs(d.low), abs(d.high)) / abs(d.value))
        low, high = sorted(d.value * math.exp(s * q * ratio) for s in (-1, 1))
        return low, high
    if name not in fit.names:
        raise KeyError(f"{name}; there are {', '.join((*fit.names, *fit.derived))}")
    k, c = fit.names.index(name), fit.problem.coordinates
    if not fit.identifiable[k]:
        return open_ends(fit.parameters[k].log, float(fit.values[k]))
    reach = q * fit.standard_errors[k]
    z = np.tile(fit.z, (2, 1))
    z[:, k] = np.clip([fit.z[k] - reach, fit.z[k] + reach], c.low[k], c.high[k])
    low, high = np.sort(c.to_values(z)[:, k])
    return float(low), float(high)


def quantile(level: float) -> float:
    """How many standard deviations hold a share `level` of a normal distribution.

    **Raises:** `ValueError` for a level that is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval is between 0 and 1, got {level}")
    return NormalDist().inv_cdf(0.5 + level / 2)
