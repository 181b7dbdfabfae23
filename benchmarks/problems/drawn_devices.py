"""Letters of 2D and 3D devices, drawn over decades."""

import numpy as np

from benchmarks.oracles.hopf_cubic import cubic_roots

LETTERS = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k")


def decades(rng, low, high):
    """A number between two others, uniform in its logarithm."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def draw_device(rng, three, *, gain=(1.0, 2000.0), spread=4.0, steep=(0.02, 0.2), si=None):
    """Letters of a device: loop gain G in `gain`, time constants within `spread` decades."""
    si = rng.random() < 0.5 if si is None else si
    R_b = decades(rng, 1e2, 1e7) if si else 1.0
    V_T = rng.uniform(0.3, 1.5) if si else 1.0
    slowest = decades(rng, 1e-5, 1e2) if si else 1.0
    taus = slowest * 10 ** rng.uniform(-spread, 0, 3)
    V_m = V_T * decades(rng, *steep)
    i_c0 = decades(rng, *gain) * V_m / R_b
    device = dict(R_b=R_b, C_m=taus[0] / R_b, i_c0=i_c0, V_T=V_T, V_m=V_m, tau_d=taus[1])
    return device | ({"tau_k": taus[2]} if three else {})


def draw_spiking(rng, count, **limits):
    """3D devices that have a window of oscillation, with its two Hopf points."""
    cases = []
    while len(cases) < count:
        case = draw_device(rng, True, **limits)
        if cubic_roots(**case).size == 2:
            cases.append(case)
    return cases


def nearly_closed(case, rng):
    """The device with i_c0 lowered until its window is a small part of V_m wide, or None."""
    low, high = 0.0, 1.0
    if cubic_roots(**case).size != 2:
        return None
    for _ in range(80):
        middle = (low + high) / 2
        open_ = cubic_roots(**{**case, "i_c0": case["i_c0"] * middle}).size == 2
        low, high = (low, middle) if open_ else (middle, high)
    return case | {"i_c0": case["i_c0"] * high * (1 + 10 ** rng.uniform(-7, -3.3))}


def stacked(cases):
    """Devices side by side: an array for each letter."""
    return {name: np.array([case[name] for case in cases]) for name in LETTERS}
