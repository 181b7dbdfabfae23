"""Targets of designs that are known to be met by some device, and such that none meets."""

from typing import NamedTuple

import numpy as np

import jaxmem as jm
from benchmarks.oracles.ring import hopf_points
from benchmarks.problems.drawn_devices import decades
from fitting import DesignGoal, Knob

KNOBS = tuple(
    Knob(lens)
    for lens in (
        lambda d: d.R_b, lambda d: d.C_m, lambda d: d.i_c0, lambda d: d.V_m, lambda d: d.tau_d,
        lambda d: d.tau_k,
    )
)  # fmt: skip
MOVED = ("R_b", "C_m", "i_c0", "V_m", "tau_d", "tau_k")
ASKED = ("frequency", "amplitude", "threshold")


class Target(NamedTuple):
    """Where a design starts, what it is to have, and whether the start oscillates."""

    case: dict
    wanted: dict[str, float]
    oscillates: bool

    @property
    def device(self):
        return jm.Memristor3D(**self.case)

    @property
    def goals(self) -> list[DesignGoal]:
        return [DesignGoal(name, value) for name, value in self.wanted.items()]


def draw_start(rng) -> dict:
    """Letters of a 3D device, one in three without a window of oscillation."""
    R_b, V_m = decades(rng, 1e3, 1e6), decades(rng, 1e-2, 0.2)
    taus = decades(rng, 1e-5, 1e-1) * 10 ** rng.uniform(-1, 1, 3)
    return dict(
        R_b=R_b, C_m=taus[0] / R_b, i_c0=decades(rng, 15, 2000) * V_m / R_b,
        V_T=rng.uniform(0.3, 1.2), V_m=V_m, tau_d=taus[1], tau_k=taus[2],
    )  # fmt: skip


def middle_cycle(case):
    """Frequency, amplitude and threshold of the cycle in the middle of a device's window, the
    threshold by NumPy's roots; None where there is no stable one."""
    points = hopf_points(case | {"drive": "current"})
    if len(points) != 2:
        return None
    I = (points[0].drive + points[1].drive) / 2
    circuit = jm.Circuit(jm.Memristor3D(**case), jm.CurrentDrive(I))
    cycle = jm.limit_cycle(circuit, throw=False)
    if not bool(cycle.stable):
        return None
    swing = float(cycle.u_max - cycle.u_min)
    return dict(zip(ASKED, (1 / float(cycle.period), swing, float(points[0].drive)), strict=True))


def draw_target(rng) -> Target:
    """A device within a factor of 5 of a start has what is asked for."""
    while True:
        case = draw_start(rng)
        there = len(hopf_points(case | {"drive": "current"})) == 2
        for _ in range(20):
            wanted = middle_cycle(case | {k: case[k] * 5 ** rng.uniform(-1, 1) for k in MOVED})
            if wanted is not None:
                return Target(case, wanted, there)


def draw_impossible(rng, kind) -> Target:
    """What no device in the ranges has. Of "amplitude", "threshold" and "gain" that is proved;
    "fast" and "slow" are far from all lags of the device, without a proof."""
    target = draw_target(rng)
    case, wanted = dict(target.case), dict(target.wanted)
    lags = np.array([case["R_b"] * case["C_m"], case["tau_d"], case["tau_k"]])
    match kind:
        case "amplitude":
            wanted["amplitude"] = case["R_b"] * case["i_c0"] * 25 * rng.uniform(1.1, 4)
        case "threshold":
            top = 5 * case["i_c0"] + 25 * (case["V_T"] + 60 * case["V_m"]) / case["R_b"]
            wanted["threshold"] = top * rng.uniform(1.1, 4)
        case "gain":
            case["i_c0"] = 31 / 125 * case["V_m"] / case["R_b"] * rng.uniform(0.1, 1)
        case "fast":
            wanted["frequency"] = 100 / lags.min() * rng.uniform(1, 4)
        case "slow":
            wanted["frequency"] = 1e-4 / lags.sum() * rng.uniform(0.2, 1)
    return Target(case, wanted, target.oscillates)
