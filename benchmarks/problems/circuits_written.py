"""Circuits as their users write them, and their impedances by hand."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

FREQ = np.geomspace(1e6, 1e-2, 60)
NOISE = 3e-3


class Written(NamedTuple):
    """A circuit's text, its true values by name, and Z(s) of s and of values in that order."""

    text: str
    truth: Mapping[str, float]
    impedance: Callable


def arc(s, R, C):
    return R / (1 + s * R * C)


def flat(s, R, Q, n):
    return 1 / (1 / R + Q * s**n)


def diffusion(s, Z_0, tau, end):
    """Finite diffusion, as impedance.py has it: tanh to a leaking end, coth to a blocking one."""
    root = np.sqrt(s * tau)
    with np.errstate(over="ignore"):
        t = np.where(abs(root) > 30, 1.0, np.tanh(np.where(abs(root) > 30, 1.0, root)))
    return Z_0 / root * (t if end == "short" else 1 / t)


def both(a, b):
    return a * b / (a + b)


CIRCUITS = {
    "one arc": Written(
        "R0-p(R1,C1)", {"R0": 50, "R1": 2e3, "C1": 1e-7}, lambda s, R, R1, C: R + arc(s, R1, C)
    ),
    "two arcs": Written(
        "R0-p(R1,C1)-p(R2,C2)", {"R0": 50, "R1": 2e3, "C1": 1e-7, "R2": 5e3, "C2": 2e-5},
        lambda s, R, R1, C1, R2, C2: R + arc(s, R1, C1) + arc(s, R2, C2),
    ),
    "three arcs": Written(
        "R0-p(R1,C1)-p(R2,C2)-p(R3,C3)",
        {"R0": 50, "R1": 1e3, "C1": 1e-8, "R2": 2e3, "C2": 1e-6, "R3": 4e3, "C3": 1e-4},
        lambda s, R, *x: R + arc(s, *x[:2]) + arc(s, *x[2:4]) + arc(s, *x[4:]),
    ),
    "a flat arc": Written(
        "R0-p(R1,CPE1)", {"R0": 50, "R1": 2e3, "CPE1.Q": 1e-6, "CPE1.n": 0.85},
        lambda s, R, R1, Q, n: R + flat(s, R1, Q, n),
    ),
    "two flat arcs": Written(
        "R0-p(R1,CPE1)-p(R2,CPE2)",
        {"R0": 50, "R1": 2e3, "CPE1.Q": 1e-7, "CPE1.n": 0.9, "R2": 6e3, "CPE2.Q": 5e-5,
         "CPE2.n": 0.8},
        lambda s, R, R1, Q1, n1, R2, Q2, n2: R + flat(s, R1, Q1, n1) + flat(s, R2, Q2, n2),
    ),
    "lead and arcs": Written(
        "L0-R0-p(CPE1,R1)-p(R2,C2)",
        {"L0": 2e-6, "R0": 30, "CPE1.Q": 2e-7, "CPE1.n": 0.9, "R1": 1e3, "R2": 3e3, "C2": 1e-4},
        lambda s, L, R, Q, n, R1, R2, C2: s * L + R + flat(s, R1, Q, n) + arc(s, R2, C2),
    ),
    "Randles": Written(
        "R0-p(R1-W1,C1)", {"R0": 20, "R1": 200, "W1": 50, "C1": 1e-6},
        lambda s, R, R1, A, C: R + both(R1 + A * np.sqrt(2) / np.sqrt(s), 1 / (s * C)),
    ),
    "Randles, blocked": Written(
        "R0-p(R1-Wo1,C1)", {"R0": 20, "R1": 200, "Wo1.Z_0": 500, "Wo1.tau": 5.0, "C1": 1e-6},
        lambda s, R, R1, Z, tau, C: R + both(R1 + diffusion(s, Z, tau, "open"), 1 / (s * C)),
    ),
    "Randles, leaking": Written(
        "R0-p(R1-Ws1,C1)", {"R0": 20, "R1": 200, "Ws1.Z_0": 500, "Ws1.tau": 5.0, "C1": 1e-6},
        lambda s, R, R1, Z, tau, C: R + both(R1 + diffusion(s, Z, tau, "short"), 1 / (s * C)),
    ),
    "Gerischer": Written(
        "R0-p(R1,C1)-G1", {"R0": 20, "R1": 200, "C1": 1e-6, "G1.R_G": 800, "G1.t_G": 2.0},
        lambda s, R, R1, C, G, t: R + arc(s, R1, C) + G / np.sqrt(1 + s * t),
    ),
    "inductive loop": Written(
        "R0-p(C1,R1,R2-L2)", {"R0": 50, "C1": 1e-7, "R1": 5e3, "R2": 3e3, "L2": 500.0},
        lambda s, R, C, R1, R2, L: R + 1 / (s * C + 1 / R1 + 1 / (R2 + s * L)),
    ),
}  # fmt: skip


def spectrum(circuit: Written, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Z without and with noise of the share `NOISE` of |Z|, on `FREQ`."""
    Z = circuit.impedance(2j * np.pi * FREQ, *circuit.truth.values())
    rng = np.random.default_rng(seed)
    off = rng.normal(size=Z.size) + 1j * rng.normal(size=Z.size)
    return Z, Z + NOISE * np.abs(Z) * off
