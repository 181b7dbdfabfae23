"""Hopf points of the 3D device as the roots of a cubic, by NumPy."""

import numpy as np


def cubic_roots(R_b, C_m, i_c0, V_T, V_m, tau_d, tau_k, **_):
    """f at the Hopf points of the 3D device: c1 c2 = c0, written out (eqs 20, corrected, to 22)."""
    G, tau_m = R_b * i_c0 / V_m, R_b * C_m
    S, P = tau_m + tau_d, 1 / tau_m + 1 / tau_d
    f = np.roots([G, -(G - tau_k * P), S * P, S / tau_k])
    f = np.sort(f[np.abs(f.imag) < 1e-12 * np.abs(f)].real)
    return f[(f > 0) & (f < 1)]
