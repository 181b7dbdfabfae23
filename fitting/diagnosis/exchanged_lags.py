"""The device with its two lags exchanged, tau_d against f tau_k."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from fitting.problem.batch import measured
from fitting.problem.problem import Problem
from fitting.terms.spectrum import Spectrum, bias_voltage
from jaxmem.devices import AbstractDevice
from jaxmem.lens import lenses


def exchanged_lags(problem: Problem, z: np.ndarray) -> list[np.ndarray]:
    """Search vectors with tau_d and f tau_k exchanged, for each device that has both free.

    At one bias the impedance stays the same exactly (eqs 13, 14). At several, f changes from one
    to the other, and the exchanged point is near a minimum of its own, if there is one: refit from
    it. f is taken in the middle of the biases.
    """
    c = problem.coordinates
    model = c.unpack(jnp.asarray(z), problem.model)
    found = []
    for k, path in enumerate(c.paths):
        head = path.removesuffix("tau_d")
        if "=" in path or not path.endswith("tau_d") or f"{head}tau_k" not in c.paths:
            continue
        j = c.paths.index(f"{head}tau_k")
        if not (c.log[k] and c.log[j]):
            continue
        at = lenses(model)
        letters = [float(at[f"{head}{name}"](model)) for name in ("V_T", "V_m")]
        u = biases(problem, model)
        x = (np.median(u) - letters[0]) / letters[1] if len(u) else 0.0
        f = 0.5 * (1 + np.tanh(np.clip(x, -30, 30) / 2))
        mirror = np.array(z)
        mirror[k], mirror[j] = z[j] + np.log(f), z[k] - np.log(f)
        found.append(np.clip(mirror, c.low, c.high))
    return found


def biases(problem: Problem, model: Any) -> np.ndarray:
    """The voltages over the memristor at which spectra were taken [V]."""
    device = model if isinstance(model, AbstractDevice) else None
    found = []
    for term in problem.terms:
        spectrum = measured(term)
        if isinstance(spectrum, Spectrum) and spectrum.bias[0] is not None:
            kind, value = spectrum.bias
            if kind == "u":
                found.append(value)
            elif device is not None:
                found.append(float(bias_voltage(device, kind, jnp.asarray(value, dtype=float))))
    return np.array([u for u in found if np.isfinite(u)])
