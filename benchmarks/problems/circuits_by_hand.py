"""Impedances written by hand from the paper's equations, and noisy spectra made of them."""

import numpy as np

from fitting import Free, Space, Spectrum, element_model
from jaxmem.devices import Device, Leak, SlowConductance, si_device

TRUTHS = [(1e-8, 1e5, 2e4, 2e3), (1e-2, 1.0, 0.5, 0.5), (1e-8, 1e5, 1e6, 1e5)]
NOISE = 0.005
# Seed of the sample that CI runs; the benchmark takes any.
SEED = 20
SPACE = Space(
    Free(lambda d: d.C_m, name="C"),
    Free(lambda d: d.branches["leak"].R_b, name="R_b"),
    Free(lambda d: d.branches["slow"].g, name="g", log=True),
    Free(lambda d: d.branches["slow"].tau, name="tau"),
)


def impedance(freq, C, R_b, R_a, L):
    s = 2j * np.pi * freq
    return 1 / (s * C + 1 / R_b + 1 / (R_a + s * L))


def memristor_impedance(freq, u, R_b, C_m, i_c0, V_T, V_m, tau_d, tau_k, R_s):
    """Equations 7, 13, 14 and 15 of the paper, by hand."""
    s = 2j * np.pi * freq
    f = 1 / (1 + np.exp(-(u - V_T) / V_m))
    R_a = V_m / (i_c0 * f * (1 - f))
    return R_s + 1 / (s * C_m + 1 / R_b + 1 / ((1 + s * tau_d) * (R_a + s * f * tau_k * R_a)))


def frequencies(C, R_b, R_a, L, n=60):
    corners = [1 / (R_b * C), 1 / (R_a * C), R_a / L, (R_a + R_b) / L, 1 / np.sqrt(L * C)]
    return np.geomspace(min(corners) / 100, max(corners) * 100, n) / (2 * np.pi)


def in_search(values):
    """(C, R_b, R_a, L), the last axis, as ln(C, R_b, g, tau)."""
    C, R_b, R_a, L = np.moveaxis(np.log(values), -1, 0)
    return np.stack([C, R_b, -R_a, L - R_a], axis=-1)


def device(C, R_b, R_a, L):
    return Device(C, {"leak": Leak(R_b), "slow": SlowConductance(1 / R_a, L / R_a)})


def noisy(truth, rng, n=60, **fields):
    freq = frequencies(*truth, n)
    Z = impedance(freq, *truth)
    draw = rng.normal(size=n) + 1j * rng.normal(size=n)
    return Spectrum(freq, Z + NOISE * np.abs(Z) * draw, **fields)


def three_biases(rng, kind="u", biases=(0.72, 0.78, 0.86), n=40, **fields):
    d = si_device(R_s=50.0)
    freq = np.geomspace(0.1, 1e6, n)
    values = dict(R_b=1e4, C_m=1e-7, i_c0=5e-4, V_T=0.8, V_m=0.04, tau_d=2e-3, tau_k=5e-3, R_s=50.0)
    spectra = []
    for u in biases:
        Z = memristor_impedance(freq, u, **values)
        Z = Z + NOISE * np.abs(Z) * (rng.normal(size=n) + 1j * rng.normal(size=n))
        bias = {"u": u, "I": float(d.steady_current(u))}
        bias["V"] = u + 50.0 * bias["I"]
        spectra.append(Spectrum(freq, Z, **{kind: bias[kind]}, **fields))
    return spectra, d


def elements_of(spectrum):
    return element_model("2d", spectrum=spectrum, lead=False, series=False)
