"""Spectra of 2D, 3D and purely capacitive truths, and whether `compare` picks the true one."""

import jax.numpy as jnp
import numpy as np

import jaxmem as jm
from fitting import MultiStart, Spectrum, compare, fit, proportional, rivals

# The truths by the names that the rivals have.
TRUTHS = {"2d": "2D", "3d": "3D", "capacitive": "R-C + slow R-C"}
DECISIVE = 10.0


def draw_device(rng, truth) -> jm.Device:
    """Elements over decades: the slow branch between a weak and a strong one, fast to slow."""
    R_b = 10 ** rng.uniform(2, 6)
    tau_m = 10 ** rng.uniform(-6, -2)
    tau, strength = tau_m * 10 ** rng.uniform(0.3, 3.5), 10 ** rng.uniform(-2.5, 1)
    if truth == "capacitive":
        R_1 = R_b / strength
        slow = jm.Polarisation(R_1, tau / R_1)
    elif truth == "3d":
        slow = jm.TwoLagConductance(strength / R_b, tau, tau * 10 ** rng.uniform(-2, 0))
    else:
        slow = jm.SlowConductance(strength / R_b, tau)
    branches = {"leak": jm.Leak(R_b), "slow": slow}
    return jm.Device(tau_m / R_b, branches, R_b * 10 ** rng.uniform(-3, -1))


def draw(rng, truth):
    """A spectrum with 0.5 to 1 % noise, and the same without it, whose sigma is known."""
    device = draw_device(rng, truth)
    tau_m = float(device.branches["leak"].R_b * device.C_m)
    slow = device.branches["slow"]
    R_1 = getattr(slow, "R_1", None)
    tau = float(slow.tau if R_1 is None else R_1 * slow.C_1)
    freq = np.geomspace(0.1 / max(tau, tau_m), 30 / tau_m, 60) / (2 * np.pi)
    Z = np.asarray(device.impedance(jnp.asarray(2j * np.pi * freq), 0.0))
    noise = rng.uniform(0.005, 0.01)
    kick = rng.normal(size=60) + 1j * rng.normal(size=60)
    clean = Spectrum(freq, Z, sigma=proportional(noise))
    return Spectrum(freq, Z + noise * np.abs(Z) * kick), clean


def family(spectrum):
    """2D, 3D and the purely capacitive rival, with R_s and without a lead."""
    every = rivals(spectrum, cpe=(False,), lead=(False,))
    return [rival for rival in every if rival.name in TRUTHS.values()]


def advantage(clean, truth, starts=12, seed=0) -> float:
    """Chi2 that the best wrong rival cannot avoid; one that contains the truth is not wrong."""
    found = []
    for rival in family(clean):
        if rival.name == TRUTHS[truth] or TRUTHS[truth] in rival.contains:
            continue
        model, space, box = rival.setup([clean])
        options = dict(starts=MultiStart(starts, box), seed=seed, throw=False)
        found.append(fit(clean, model, space, **options).chi2)
    return min(found)


def picked(spectrum, truth, starts=12, seed=0) -> str:
    """`right`, `cannot tell` as the sentence says it, that something simpler does, or `wrong`."""
    table = compare(spectrum, family(spectrum), starts=starts, seed=seed)
    if table.winner is None:
        assert table.sentence.startswith("Cannot tell")
        return "cannot tell"
    if table.winner.rival.name == TRUTHS[truth]:
        return "right"
    beside = [entry.rival.name for entry in table.not_excluded]
    return "simpler, true one not excluded" if TRUTHS[truth] in beside else "wrong"
