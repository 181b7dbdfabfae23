"""What each experiment would tell: its information matrix, from the terms' own residuals."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from fitting.experiments.offered.experiment import Experiment
from fitting.problem.problem import Problem
from fitting.problem.space import Coordinates, Space
from fitting.terms.measurement import AbstractMeasurement
from fitting.terms.spectrum import Spectrum
from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.responses import operating_point
from jaxmem.stability import unstable_count

# What is integrated in time changes by its rounding where an e-fold changes it by less than this
# share of itself: the current (V - u)/R_s of a series resistance of nanoohms has no more digits.
FAINT = 1e-4


class Expected(NamedTuple):
    """What a measurement would show at several points: values `(k, n)` and slopes `(k, n, p)`."""

    signal: np.ndarray
    slope: np.ndarray


class Outlook:
    """What measurements would show of a model, by the residuals that a fit of it has."""

    def __init__(self, measurements: Sequence[AbstractMeasurement], model: Any, space: Space):
        # A problem wants as many numbers as parameters; a list of few is given several times.
        numbers = sum(int(np.sum(m.fitted)) for m in measurements)
        enough = max(1, -(-len(space) // max(numbers, 1)))
        self.measurements = tuple(measurements)
        self.problem = Problem.of(list(measurements) * enough, model, space)

    def at(self, z: Float[np.ndarray, "k p"]) -> list[Expected]:
        """Signals, and their derivatives by the search coordinates, at search vectors z."""
        r, J = self.problem.inspect(np.asarray(z))
        found = []
        for k, m in enumerate(self.measurements):
            rows = self.problem.of_term(k)
            # residual = (signal - observed) weight
            unit = self.problem.row_scale[rows] / m.weight[m.fitted]
            n = len(m.observed)
            signal, slope = np.zeros((len(z), n)), np.zeros((len(z), n, J.shape[2]))
            signal[:, m.fitted] = r[:, rows] * unit + m.observed[m.fitted]
            slope[:, m.fitted] = J[:, rows] * unit[:, None]
            found.append(Expected(signal, slope))
        return found


def information_of(
    experiments: Sequence[Experiment], model: Any, space: Space, z: Float[np.ndarray, "k p"]
) -> Float[np.ndarray, "k m p p"]:
    """sum_i (ds_i/dz)(ds_i/dz)^T/sigma_i^2 of each experiment at each point z.

    An experiment tells nothing where its signal cannot be computed, and a spectrum at a bias that
    the device does not hold (it oscillates there). A trace tells nothing of a parameter that
    changes it by less than `FAINT` of itself.
    """
    parents, of = parents_of(experiments)
    shown = Outlook(parents, model, space).at(z)
    calm = held(parents, model, space, z)
    log = space.resolve(model).log
    found = np.zeros((len(z), len(experiments), len(space), len(space)))
    for c, e in enumerate(experiments):
        signal, slope = shown[of[c]]
        rows = e.rows & e.measurement.fitted
        for k in np.flatnonzero(calm[:, of[c]]):
            with np.errstate(all="ignore"):
                J = slope[k][rows] / e.sigma(signal[k])[rows, None]
                if e.measurement.integrates:
                    size = np.linalg.norm(slope[k][rows], axis=0)
                    faint = size < FAINT * np.linalg.norm(signal[k][rows])
                    J = np.where(log & faint, 0.0, J)
            if np.isfinite(J).all():
                found[k, c] = J.T @ J
    return found


def parents_of(experiments: Sequence[Experiment]) -> tuple[list[AbstractMeasurement], list[int]]:
    """The different measurements of experiments, and which of these each has."""
    parents = list({id(e.measurement): e.measurement for e in experiments}.values())
    at = {id(m): k for k, m in enumerate(parents)}
    return parents, [at[id(e.measurement)] for e in experiments]


def held(
    measurements: Sequence[AbstractMeasurement], model: Any, space: Space,
    z: Float[np.ndarray, "k p"],
) -> Bool[np.ndarray, "k m"]:  # fmt: skip
    """Whether the device is stable at the bias of each spectrum, at each point z; True for all
    else, and where the voltage over the device is imposed itself."""
    found = np.ones((len(z), len(measurements)), bool)
    if not isinstance(model, AbstractDevice):
        return found
    for kind, drive in (("V", "voltage"), ("I", "current")):
        if kind == "V" and float(model.R_s) == 0:
            continue
        which = [k for k, m in enumerate(measurements)
                 if isinstance(m, Spectrum) and m.bias[0] == kind]  # fmt: skip
        if which:
            biases = jnp.asarray([measurements[k].bias[1] for k in which])
            counts = _unstable(model, space.resolve(model), kind, drive, biases, jnp.asarray(z))
            found[:, which] = np.asarray(counts) == 0
    return found


@eqx.filter_jit
def _unstable(model: Any, coordinates: Coordinates, kind: str, drive: str, biases, z):
    def one(z):
        device: Any = coordinates.unpack(z, model)
        at: Any = lambda x: operating_point(device, **{kind: x}).u
        return jax.vmap(lambda x: unstable_count(device, at(x), cast(DriveKind, drive)))(biases)

    return jax.lax.map(one, z)
