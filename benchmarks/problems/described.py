"""Data of known circuits with noise of a known size, for models that are right and that are not.

Impedances are written by hand; devices in time are the package's own, with another model fitted.
"""

from functools import partial

import numpy as np

from fitting import Spectrum, element_model

# What is drawn, and the model that is right for it.
RIGHT = {
    "2d": ("2d", ()),
    "3d": ("3d", ()),
    "cpe": ("2d", ("cpe",)),
    "two arcs": ("2d", ("polarisation",)),
}
# What is drawn, and a model that lacks what the first word says.
WRONG = {"missing arc": ("two arcs", "2d"), "missing lag": ("3d", "2d")}


def draw(kind, rng):
    """Frequencies [Hz], impedance [ohm] and the circuit's values of a random device of a kind.

    Each arc lies within the band and a factor of five at least from the next.
    """
    U = rng.uniform
    R_b, tau = 10 ** U(2, 6), 10 ** U(-6, -4)
    v = {"R_b": R_b, "C_m": tau / R_b, "R_s": R_b * 10 ** U(-3, -1)}
    v |= {"g": 10 ** U(-0.7, 0.7) / R_b, "tau_d": tau * 10 ** U(1.5, 3)}
    slowest = v["tau_d"]
    if kind == "3d":
        v["tau_2"] = v["tau_d"] * 10 ** U(0.2, 1) * 0.3
        slowest = max(slowest, v["tau_2"])
    if kind == "cpe":
        n = U(0.8, 0.97)
        v |= {"n": n, "Q": tau**n / R_b}
        del v["C_m"]
    if kind == "two arcs":
        R_1 = R_b * 10 ** U(-0.5, 0.5)
        v |= {"R_1": R_1, "C_1": v["tau_d"] * 10 ** U(0.7, 1.5) / R_1}
        slowest = max(slowest, v["C_1"] * R_1)
    v["L_s"] = v["R_s"] * tau * 10 ** U(-3, -1.5)
    low, high = 1 / (2 * np.pi * slowest) / 10 ** U(0.5, 1), 10 ** U(0.7, 1.5) / (2 * np.pi * tau)
    points = int(np.clip(np.log10(high / low) * U(6, 12), 30, 80))
    freq = np.geomspace(low, high, points)
    return freq, impedance(freq, v), v


def impedance(freq, v):
    """Of the circuit with the values that `draw` gives."""
    s = 2j * np.pi * freq
    store = v["Q"] * s ** v["n"] if "n" in v else s * v["C_m"]
    slow = v["g"] / (1 + s * v["tau_d"]) / (1 + s * v.get("tau_2", 0.0))
    Y = store + 1 / v["R_b"] + slow
    if "R_1" in v:
        Y = Y + 1 / (v["R_1"] + 1 / (s * v["C_1"]))
    return v["R_s"] + s * v["L_s"] + 1 / Y


def noisy(freq, Z, level, rng, gain=1.0):
    """A spectrum with noise of a standard deviation relative to |Z|."""
    kick = rng.standard_normal(freq.size) + 1j * rng.standard_normal(freq.size)
    return Spectrum(freq, Z * gain + level * np.abs(Z) * kick)


def recipe(kind, add=()):
    """The element model, as `fit_many` and `fit_series` take it."""
    return partial(element_model, kind, add)


def in_search(coordinates, values):
    """The search vector of a circuit's values."""
    z = np.array([values[name] for name in coordinates.names])
    return np.where(coordinates.log, np.log(np.abs(z)), z)
