"""Where the memristors at rest oscillate, by NumPy: the polynomial of their small signal.

At rest at x = (u - V_T)/V_m, with R the resistance that the capacitor sees (R_b, beside R_s under
voltage) and g = (i_c0/V_m) f (1 - f),

    C_m s + 1/R + g/((1 + s tau_d)(1 + s f tau_k)) + s C_1/(1 + s R_1 C_1) = 0,

with tau_k = 0 in 2D and C_1 = 0 without a polarisation. All its coefficients are sums of positive
terms, so that stability is one Hurwitz determinant, which loses no digits but where it vanishes.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

# x at which the margin is looked at: far enough that G f (1 - f) < 8 beyond, at G = 1e6 and more.
GRID = np.linspace(-40, 40, 32001)


def opened(x):
    """f and 1 - f."""
    return np.exp(-np.logaddexp(0, -x)), np.exp(-np.logaddexp(0, x))


def polynomial(case, x):
    """Coefficients in s times the slowest time, from the constant one upwards: rows by x."""
    f, shut = opened(np.asarray(x, float))
    T = max(case["R_b"] * case["C_m"], case["tau_d"], case.get("tau_k", 0.0))
    G = 1 / case["R_b"] + (1 / case["R_s"] if case["drive"] == "voltage" else 0.0)
    one = np.ones_like(f)
    plus = lambda tau: [one, tau / T * one]
    lags = [plus(case["tau_d"])] + ([plus(case["tau_k"] * f)] if "tau_k" in case else [])
    # In units of the conductance G.
    y = _times([one, case["C_m"] / G / T * one], *lags)
    slow = [case["i_c0"] / case["V_m"] * f * shut / G]
    if case.get("C_1"):
        y = _times(y, plus(case["R_1"] * case["C_1"]))
        slow = _times(slow, plus(case["R_1"] * case["C_1"]))
        y = _plus(y, _times([0 * one, case["C_1"] / G / T * one], *lags))
    return _plus(y, slow)


def _times(*factors):
    out = [1.0]
    for factor in factors:
        new = [0.0] * (len(out) + len(factor) - 1)
        for i, a in enumerate(out):
            for j, b in enumerate(factor):
                new[i + j] = new[i + j] + a * b
        out = new
    return out


def _plus(a, b):
    return [(a[k] if k < len(a) else 0.0) + (b[k] if k < len(b) else 0.0)
            for k in range(max(len(a), len(b)))]  # fmt: skip


def margin(case, x):
    """Positive where rest is stable, between -1 and 1; and omega^2 [1/T^2] where it vanishes."""
    c = polynomial(case, x)
    if len(c) == 3:
        return np.ones_like(c[0]), c[0] / c[2]
    if len(c) == 4:
        c0, c1, c2, c3 = c
        return (c1 * c2 - c0 * c3) / (c1 * c2 + c0 * c3), c1 / c3
    a0, a1, a2, a3, a4 = c
    plus, minus = a1 * a2 * a3, a1 * a1 * a4 + a3 * a3 * a0
    return (plus - minus) / (plus + minus), a1 / a3


def drive_at(case, x):
    """The drive under which the device rests at x, and u."""
    u = case["V_T"] + case["V_m"] * x
    I = u / case["R_b"] + case["i_c0"] * opened(x)[0]
    return (case["R_s"] * I + u if case["drive"] == "voltage" else I), u


def rest_at(case, drive):
    """x at rest under a drive."""
    reach = 10 * (abs(drive) * (case["R_b"] if case["drive"] == "current" else 1) + case["V_T"])
    low, high = (sign * reach / case["V_m"] - case["V_T"] / case["V_m"] for sign in (-1, 1))
    return brentq(lambda x: drive_at(case, x)[0] - drive, low, high, xtol=1e-14, rtol=1e-14)


class HopfPoint(NamedTuple):
    """Drive, u and omega [rad/s]."""

    drive: float
    u: float
    omega: float


def hopf_points(case) -> list[HopfPoint]:
    """All Hopf points, in the order of u."""
    h = margin(case, GRID)[0]
    T = max(case["R_b"] * case["C_m"], case["tau_d"], case.get("tau_k", 0.0))
    found = []
    at = lambda x: float(margin(case, x)[0])
    for k in np.flatnonzero(h[:-1] * h[1:] < 0):
        x = brentq(at, GRID[k], GRID[k + 1], xtol=1e-15, rtol=1e-15)
        omega = np.sqrt(margin(case, x)[1]) / T
        found.append(HopfPoint(*map(float, (*drive_at(case, x), omega))))
    return found


def unstable(case, drive) -> bool:
    """Whether rest under a drive is unstable."""
    return bool(margin(case, rest_at(case, drive))[0] < 0)
