"""What the scatter of each parameter costs, from the devices that were counted."""

from typing import NamedTuple

import numpy as np

from fitting.yields.scatter import Spread

# How far from the designed value a device counts, in standard deviations of its parameter.
BANDWIDTH = 0.7


class Loss(NamedTuple):
    """`share`: the yield among devices that have this parameter as designed, with its standard
    `error`; of independent parameters, the yield if this one had no scatter. `gain`: how much more
    that is than the yield."""

    share: float
    error: float
    gain: float


def losses_of(spread: Spread, x: np.ndarray, within: np.ndarray) -> dict[str, Loss]:
    """The expectation of being within, given y_k = 0, for each parameter k.

    A parabola in y_k through the devices near to 0 (local quadratic regression), so that no further
    device has to be computed.
    """
    y, inside = spread.standard(x), within.astype(float)
    return {name: _at_zero(y[:, k], inside) for k, name in enumerate(spread.names)}


def _at_zero(y: np.ndarray, inside: np.ndarray) -> Loss:
    weight = np.exp(-0.5 * (y / BANDWIDTH) ** 2)
    A = np.stack([np.ones_like(y), y, y**2], axis=1)
    normal = A.T @ (weight[:, None] * A)
    if np.linalg.cond(normal) > 1e12:  # too few devices for a parabola
        nan = float("nan")
        return Loss(nan, nan, nan)
    inverse = np.linalg.inv(normal)
    fitted = inverse @ (A.T @ (weight * inside))
    apart = (weight * (inside - A @ fitted))[:, None] * A
    error = float(np.sqrt((inverse @ (apart.T @ apart) @ inverse)[0, 0]))
    share = float(np.clip(fitted[0], 0.0, 1.0))
    return Loss(share, error, share - float(inside.mean()))
