"""Simulation-based calibration (Talts et al. 2018) on a circuit that is fast to fit.

A truth is drawn from the prior and data from the truth; the rank of the truth among the draws of
the posterior must then be uniform.
"""

import numpy as np

from benchmarks.problems.circuits_by_hand import (
    SPACE,
    TRUTHS,
    device,
    frequencies,
    impedance,
    in_search,
)
from fitting import MultiStart, Prior, Spectrum, fit, posterior

# The prior: a middle, and a factor of one standard deviation.
MIDDLE, FACTOR, RANKS = TRUTHS[0], 2.0, 99
NAMES = ("C", "R_b", "g", "tau")
FREQ = frequencies(*MIDDLE, 60)
# The same for all, so that the noise says nothing of the truth.
SIGMA = 0.02 * np.abs(impedance(FREQ, *MIDDLE))


def drawn(rng, seed, said=1.0):
    """A posterior and the truth in its coordinates; the noise is given wrong by `said`."""
    middle = np.exp(in_search(MIDDLE))
    priors = [
        Prior(free.lens, value, factor=FACTOR)
        for free, value in zip(SPACE.frees, middle, strict=True)
    ]
    C, R_b, g, tau = middle * FACTOR ** rng.normal(size=4)
    Z = impedance(FREQ, C, R_b, 1 / g, tau / g)
    kick = rng.normal(size=FREQ.size) + 1j * rng.normal(size=FREQ.size)
    spectrum = Spectrum(FREQ, Z + SIGMA * kick, sigma=said * SIGMA)
    result = fit([spectrum, *priors], device(*MIDDLE), SPACE, starts=MultiStart(4))
    return posterior(result, seed=seed, prior=None), np.log([C, R_b, g, tau])


def ranks(found, truth):
    """Ranks of the truth among `RANKS` draws, 0 to `RANKS`, shape `(4,)`."""
    few = found.flat[:: found.flat.shape[0] // RANKS][:RANKS]
    return (few < truth).sum(axis=0)
