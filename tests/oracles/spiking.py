"""Spiking devices by hand: equations 1, 11, 12 integrated by SciPy, and the gap to the boundary."""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import minimize_scalar

# Its lower Hopf point is subcritical: G = 5992.
HARD = dict(
    R_b=1.0, C_m=0.11886481565986146, i_c0=134.10436949758986, V_T=1.0, V_m=0.022376270651512053,
    tau_d=0.129631279637258, tau_k=0.03697539233409989,
)  # fmt: skip
LETTERS = dict(R_b=1.0, C_m=1.0, i_c0=10.0, V_T=1.0, V_m=0.05, tau_d=1.0, tau_k=1.0)


def field(p, I):
    """Equations 1, 11, 12 with the gate as its logit, written out."""

    def rates(t, y):
        u, i_c, w = y
        x = (u - p["V_T"]) / p["V_m"]
        f = 1 / (1 + np.exp(-w))
        du = (I(t) - u / p["R_b"] - i_c) / p["C_m"]
        dw = -(1 + np.exp(-w)) * np.expm1(w - x) / p["tau_k"]
        return [du, (p["i_c0"] * f - i_c) / p["tau_d"], dw]

    return rates


def integrate(p, I, y, span, **options):
    return solve_ivp(field(p, I), span, y, method="Radau", rtol=1e-10, atol=1e-12, **options)


def gap(case, f):
    """ln(c1 c2/c0) of the 3D device at an occupation, written out."""
    g = case["R_b"] * case["i_c0"] / case["V_m"] * f * (1 - f)
    T = np.stack(np.broadcast_arrays(case["R_b"] * case["C_m"], case["tau_d"], f * case["tau_k"]))
    return np.log(T.sum(0) * (1 / T).sum(0)) - np.log(1 + g)


def least_gap(case):
    x = np.linspace(-30, 30, 6001)
    at = lambda x: gap(case, 1 / (1 + np.exp(-x)))
    k = at(x).argmin()
    ends = x[max(k - 1, 0)], x[min(k + 1, 6000)]
    return minimize_scalar(at, bounds=ends, method="bounded", options={"xatol": 1e-9}).fun
