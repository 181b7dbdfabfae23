"""Devices far from the mild: G to 1e6, time constants over eight decades, V_m 1 mV to 1 V."""

import numpy as np

import jaxmem as jm
from benchmarks.oracles.ring import hopf_points
from benchmarks.problems.drawn_devices import LETTERS, decades

KINDS = ("current", "voltage", "polarised", "2D")
SHARES = (0.5, 0.3, 0.1, 0.1)


def draw_any(rng, spiking):
    """Letters with `drive`: of a 3D device under current or voltage, one with a polarisation, or a
    2D device. With `spiking` a 3D device that has Hopf points."""
    kind = KINDS[rng.choice(4, p=SHARES)]
    while True:
        R_b, V_m = decades(rng, 1e2, 1e7), decades(rng, 1e-3, 1.0)
        taus = decades(rng, 1e-6, 1e3) * 10 ** rng.uniform(-8, 0, 3)
        case = dict(
            R_b=R_b, C_m=taus[0] / R_b, i_c0=decades(rng, 10, 1e6) * V_m / R_b,
            V_T=rng.uniform(0.1, 1.5), V_m=V_m, tau_d=taus[1], tau_k=taus[2], kind=kind,
            drive="voltage" if kind == "voltage" else "current",
        )  # fmt: skip
        if kind == "voltage":
            case["R_s"] = R_b * decades(rng, 1e-3, 10)
        if kind == "polarised":
            case["R_1"] = R_b * decades(rng, 0.1, 100)
            case["C_1"] = decades(rng, taus.min(), taus.max()) / case["R_1"]
        if kind == "2D":
            del case["tau_k"]
        if kind == "2D" or not spiking or hopf_points(case):
            return case


def letters_of(case):
    """The numbers of a case that its device is made of."""
    return {k: case[k] for k in (*LETTERS, "R_s", "R_1", "C_1") if k in case}


def device_from(values):
    """The package's device with these letters."""
    own = {k: v for k, v in values.items() if k not in ("R_1", "C_1")}
    if "R_1" in values:
        own["extra"] = {"surface": jm.Polarisation(values["R_1"], values["C_1"])}
    return (jm.Memristor3D if "tau_k" in values else jm.Memristor2D)(**own)


def drives_for(case, points, folds, rng):
    """(where, drive): within the window of oscillation and outside of it, next to a Hopf point and
    next to the folds that are given; without a window about the threshold."""
    if len(points) < 2:
        top = points[0].drive if points else case["V_T"] / case["R_b"] + case["i_c0"] / 2
        if case["drive"] == "voltage" and not points:
            top = case["V_T"] + case["R_s"] * top
        return [("no window", top * s) for s in (0.5, 1.5)]
    low, high = points[0].drive, points[-1].drive
    width = high - low
    near = 10 ** rng.uniform(-7, -2, 2)
    asked = [
        ("inside", low + width * rng.uniform(0.02, 0.98)),
        ("inside", low + width * 10 ** rng.uniform(-4, -0.5)),
        ("just inside", low * (1 + near[0]) if low * near[0] < width else low + 0.01 * width),
        ("just outside", low * (1 - near[1])),
        ("outside", high + width * rng.uniform(0.1, 1)),
    ]
    by = 10 ** rng.uniform(-8, -3)
    return asked + [("at a fold", fold * (1 + sign * by)) for fold in folds for sign in (-1, 1)]


def as_numbers(case):
    return {k: float(v) if isinstance(v, np.floating) else v for k, v in case.items()}
