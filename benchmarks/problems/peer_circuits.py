"""The circuits of the benchmark `peers`: ours, and by hand for scipy, lmfit and impedance.py."""

from collections.abc import Callable
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fitting import Free, Space
from jaxmem import AbstractBranch, ConstantPhase, Device, Leak, SlowConductance, quantity


class AdaptingConduction(AbstractBranch):
    """A user's branch: a slow conductance that its own current drives back, after a while.

    tau di/dt = g u - i - j,    tau_2 dj/dt = a i - j
    """

    states: ClassVar = ("i", "j")
    units: ClassVar = ("A", "A")
    g: jax.Array = quantity("S", "slow conductance")
    tau: jax.Array = quantity("s", "its lag")
    tau_2: jax.Array = quantity("s", "lag of the adaptation")
    a: jax.Array = quantity("1", "strength of the adaptation")

    def current(self, u, x):
        return x[0]

    def rates(self, u, x):
        i, j = x
        return jnp.stack([(self.g * u - i - j) / self.tau, (self.a * i - j) / self.tau_2])

    def rest(self, u):
        i = self.g * u / (1 + self.a)
        return jnp.stack([i, self.a * i])


class Case(NamedTuple):
    """A circuit in the peers' elements and in ours; `slopes` is dY by each one's logarithm."""

    elements: dict[str, tuple[float, float]]
    linear: str | None
    admittance: Callable
    slopes: Callable
    corners: Callable
    model: Device
    space: Space
    search: Callable
    string: str


at = lambda branch, field: lambda d: getattr(d.branches[branch], field)
LEAK = Free(at("leak", "R_b"))
SLOW = (Free(at("slow", "g"), log=True), Free(at("slow", "tau")))


def arm(s, R_a, L):
    Z = R_a + s * L
    return 1 / Z, -R_a / Z**2, -s * L / Z**2


def two(s, x):
    C, R_b, R_a, L = x
    return s * C + 1 / R_b + 1 / (R_a + s * L)


def two_slopes(s, x):
    C, R_b, R_a, L = x
    _, a, b = arm(s, R_a, L)
    return np.array([s * C, np.full_like(s, -1 / R_b), a, b])


def phase(s, x):
    Q, n, R_b, R_a, L = x
    return Q * s**n + 1 / R_b + 1 / (R_a + s * L)


def phase_slopes(s, x):
    Q, n, R_b, R_a, L = x
    _, a, b = arm(s, R_a, L)
    Y = Q * s**n
    return np.array([Y, Y * np.log(s), np.full_like(s, -1 / R_b), a, b])


def adapting(s, x):
    C, R_b, R_a, L, R_3, C_3 = x
    return s * C + 1 / R_b + 1 / (R_a + s * L + 1 / (1 / R_3 + s * C_3))


def adapting_slopes(s, x):
    C, R_b, R_a, L, R_3, C_3 = x
    inner = 1 / (1 / R_3 + s * C_3)
    Y2 = 1 / (R_a + s * L + inner) ** 2
    inside = Y2 * inner**2
    leak = np.full_like(s, -1 / R_b)
    return np.array([s * C, leak, -R_a * Y2, -s * L * Y2, -inside / R_3, inside * s * C_3])


def poles(x):
    C, R_b, R_a, L = x
    return 1 / (R_b * C), 1 / (R_a * C), R_a / L, (R_a + R_b) / L, 1 / np.sqrt(L * C)


TWO = dict(C=(1e-8, 0.7), R_b=(1e5, 0.7), R_a=(2e4, 0.7), L=(2e3, 0.7))
CASES = {
    "2D": Case(
        TWO, None, two, two_slopes, poles,
        Device(1e-8, {"leak": Leak(1e5), "slow": SlowConductance(5e-5, 0.1)}),
        Space(Free(lambda d: d.C_m), LEAK, *SLOW),
        lambda C, R_b, R_a, L: [np.log(C), np.log(R_b), -np.log(R_a), np.log(L / R_a)],
        "p(C1,R1,R2-L1)",
    ),
    "2D + CPE": Case(
        dict(Q=(3e-8, 0.7), n=(0.9, 0.1), R_b=(1e5, 0.7), R_a=(2e4, 0.7), L=(2e3, 0.7)), "n",
        phase, phase_slopes, lambda x: poles((1e-8, *x[2:])),
        Device(0.0, {"cpe": ConstantPhase(3e-8, 0.9), "leak": Leak(1e5),
                     "slow": SlowConductance(5e-5, 0.1)}),
        Space(Free(at("cpe", "Q")), Free(at("cpe", "n"), log=False), LEAK, *SLOW),
        lambda Q, n, R_b, R_a, L: [np.log(Q), n, np.log(R_b), -np.log(R_a), np.log(L / R_a)],
        "p(CPE1,R1,R2-L1)",
    ),
    "a user's branch": Case(
        TWO | dict(R_3=(3e4, 0.5), C_3=(1e-4, 0.7)), None, adapting, adapting_slopes,
        lambda x: (*poles(x[:4]), 1 / (x[4] * x[5]), (1 + x[4] / x[2]) / (x[4] * x[5])),
        Device(1e-8, {"leak": Leak(1e5), "slow": AdaptingConduction(5e-5, 0.1, 3.0, 1.5)}),
        Space(Free(lambda d: d.C_m), LEAK, *SLOW, Free(at("slow", "tau_2")),
              Free(at("slow", "a"))),
        lambda C, R_b, R_a, L, R_3, C_3: [np.log(C), np.log(R_b), -np.log(R_a), np.log(L / R_a),
                                          np.log(R_3 * C_3), np.log(R_3 / R_a)],
        "p(C1,R1,R2-L1-p(R3,C3))",
    ),
}  # fmt: skip


class Data(NamedTuple):
    """What all get: `(spectra, 60)` arrays, truths `(spectra, p)`, starts `(spectra, k, p)`."""

    freq: np.ndarray
    Z: np.ndarray
    truth: np.ndarray
    starts: np.ndarray


def draw(case, seed, count, starts, noise):
    rng = np.random.default_rng([seed, *map(ord, case.string)])
    middle, reach = np.array(list(case.elements.values())).T
    linear = np.array([name == case.linear for name in case.elements])
    move = rng.uniform(-reach, reach, (count, reach.size))
    truth = np.where(linear, middle + move, middle * 10**move)
    away = rng.uniform(-1, 1, (count, starts, reach.size))
    begin = np.where(linear, np.clip(truth[:, None] + 0.1 * away, 0.6, 1.0),
                     truth[:, None] * 10**away)  # fmt: skip
    ends = [(min(c) / 100, max(c) * 100) for c in map(case.corners, truth)]
    freq = np.array([np.geomspace(*e, 60) / (2 * np.pi) for e in ends])
    Z = 1 / np.array([case.admittance(2j * np.pi * f, x) for f, x in zip(freq, truth, strict=True)])
    shape = Z.shape
    Z = Z * (1 + noise * (rng.normal(size=shape) + 1j * rng.normal(size=shape)))
    return Data(freq, Z, truth, begin)
