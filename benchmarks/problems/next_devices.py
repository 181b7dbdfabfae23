"""Devices and their priors for the choice of experiments, and experiments evenly spaced."""

from typing import Any, NamedTuple

import numpy as np

import jaxmem as jm
from benchmarks.problems.drawn_devices import LETTERS, decades
from fitting import Knowledge, from_prior, possible_experiments

# What is known before: 20 % of each number, 5 % of V_T.
PRIOR = dict.fromkeys(LETTERS, 0.2) | {"V_T": 0.05}
# So many spectra over the whole band, at evenly spaced biases, take the time that there is.
SPACED = 6


class Case(NamedTuple):
    """A device, what is believed of it, and experiments."""

    truth: Any
    known: Knowledge
    offered: list
    spaced: list
    budget: float

    @property
    def z(self):
        """The search vector of the truth."""
        return self.known.coordinates.pack(self.truth)


def draw_case(rng) -> Case:
    """A 3D device; what is believed of it lies off by a draw from the prior."""
    while True:
        R_b, V_m = decades(rng, 1e3, 1e6), decades(rng, 0.02, 0.1)
        taus = decades(rng, 1e-3, 1e1) * 10 ** rng.uniform(-1, 1, 3)
        letters = dict(
            R_b=R_b, C_m=taus[0] / R_b, i_c0=decades(rng, 15, 2000) * V_m / R_b,
            V_T=rng.uniform(0.4, 1.2), V_m=V_m, tau_d=taus[1], tau_k=taus[2],
        )  # fmt: skip
        off = {name: v * np.exp(PRIOR[name] * rng.normal()) for name, v in letters.items()}
        known = from_prior(jm.Memristor3D(**off), PRIOR)
        offered = possible_experiments(known.model, kinds=["spectrum"])
        spaced = evenly_spaced(offered, SPACED)
        if len(spaced) == SPACED:
            time = sum(e.time for e in spaced)
            return Case(jm.Memristor3D(**letters), known, offered, spaced, time)


def evenly_spaced(offered, n) -> list:
    """Spectra over the whole band at n of the biases offered, as evenly as they allow, ends
    included."""
    widest: dict[float, Any] = {}
    for e in offered:
        if e.V not in widest or e.rows.sum() > widest[e.V].rows.sum():
            widest[e.V] = e
    biases = sorted(widest)
    chosen = np.unique(np.round(np.linspace(0, len(biases) - 1, n)).astype(int))
    return [widest[biases[k]] for k in chosen]
