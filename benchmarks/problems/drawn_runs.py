"""Devices under a drawn wave, and what the package answers to it."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import jaxmem as jm
from benchmarks.oracles.trajectories import pieces
from benchmarks.problems.drawn_devices import LETTERS, decades, draw_device

WAVES = ("step", "pulse", "train", "triangle")


def draw_case(rng, three=True, drive="I", waves=WAVES, R_s=None, delayed=False, **device):
    """A device, a wave that brings it near or over its threshold, and at most 5 periods of its
    small oscillation or 20 of its longest time constant. With `delayed` the wave begins at any
    time `delay` > 0, up to a hundred times its own duration."""
    case = draw_device(rng, three, **device) | {"drive": drive}
    slowest = max(case["R_b"] * case["C_m"], case["tau_d"], case.get("tau_k", 0.0))
    x = rng.uniform(-6, 6)
    u = case["V_T"] + case["V_m"] * x
    if rng.random() < 0.3:
        u = case["V_T"] * rng.uniform(0.5, 3)
    f = 0.5 * (1 + np.tanh((u - case["V_T"]) / case["V_m"] / 2))
    I = u / case["R_b"] + case["i_c0"] * f
    top = I
    if drive == "V":
        R_s = case["R_b"] * decades(rng, 1e-4, 1) if R_s is None else R_s
        case["R_s"] = R_s
        # At most three times the threshold, so that the device and not R_s sets the current.
        top = min(u + R_s * I, 3 * case["V_T"])
    T = slowest * decades(rng, 1, 20)
    swing = _oscillation(case, u, f) if drive == "I" else None
    if swing is not None:
        T = min(T, 5 * swing)
    kind = waves[rng.integers(len(waves))]
    if kind == "step":
        wave = ("step", top * rng.uniform(0, 0.6) * (rng.random() < 0.5), top)
    elif kind == "pulse":
        wave = ("pulse", top, T * rng.uniform(0.1, 0.8))
    elif kind == "train":
        count = int(rng.integers(2, 6))
        wave = ("train", top, T / count * rng.uniform(0.1, 0.9), T / count, count)
    elif kind == "triangle":
        cycles = int(rng.integers(1, 3))
        low = -top * rng.uniform(0.1, 1)
        wave = ("triangle", [0.0, top, low], 2 * abs(top - low) * cycles / T, cycles)
    else:
        wave = ("sine", top * rng.uniform(0, 0.5), top * rng.uniform(0.2, 0.6), 2 / T)
    delay = T * decades(rng, 1e-2, 1e2) if delayed else 0.0
    return case | {"wave": wave, "T": T, "delay": delay}


def _oscillation(case, u, f):
    """Period of the growing oscillation about the equilibrium, if there is one."""
    if "tau_k" not in case:
        return None
    J = np.zeros((3, 3))
    J[0] = -1 / case["R_b"] / case["C_m"], -1 / case["C_m"], 0
    J[1] = 0, -1 / case["tau_d"], case["i_c0"] / case["tau_d"]
    J[2] = (1 - f) / case["tau_k"] / case["V_m"], 0, -1 / max(f, 1e-30) / case["tau_k"]
    grows = [v for v in np.linalg.eigvals(J) if v.real > 0 and v.imag > 0]
    return 2 * np.pi / grows[0].imag if grows else None


def device_of(case):
    """The package's device for a case."""
    letters = {k: case[k] for k in (*LETTERS, "R_s") if k in case}
    return (jm.Memristor3D if "tau_k" in case else jm.Memristor2D)(**letters)


def wave_of(wave, start: Any = 0.0):
    """The package's waveform for a case's wave, beginning at the time `start`."""
    kind, *a = wave
    if kind == "step":
        return jm.Step(a[1], low=a[0], start=start)
    if kind == "pulse":
        return jm.Pulse(*a, start=start)
    if kind == "train":
        return jm.PulseTrain(a[0], a[1], a[2], count=a[3], capacity=8, start=start)
    if kind == "triangle":
        return jm.Triangle(jnp.asarray(a[0]), a[1], cycles=a[2], start=start)
    return jm.Sine(a[1], a[2], offset=a[0], start=start)


def circuit_of(case):
    """The package's circuit for a case."""
    wave = wave_of(case["wave"], case.get("delay", 0.0))
    return jm.Circuit(
        device_of(case), jm.CurrentDrive(wave) if case["drive"] == "I" else jm.VoltageDrive(wave)
    )


@eqx.filter_jit
def _solve(circuit, t, rtol, solver):
    return jm.solve(circuit, t, rtol=rtol, atol=rtol, solver=solver, throw=False)


def solve_case(case, times, rtol=1e-7, solver=None):
    """The package's answer at `times` (after 0), as the oracles give theirs; I too, and V."""
    t = jnp.asarray(np.concatenate([[0.0], case.get("delay", 0.0) + times]))
    out = _solve(circuit_of(case), t, jnp.asarray(rtol), solver)
    values = {"u": out.u, "i_c": out.x[:, 0]}
    if "tau_k" in case:
        values["f"] = out.x[:, 1]
    values |= {"I": out.I, "V": out.V}
    return {k: np.asarray(v)[1:] for k, v in values.items()}, int(out.result._value), int(out.steps)


def true_current(case, times, u, i_c):
    """The terminal current that goes with an oracle's states."""
    corners, _ = pieces(case["wave"], case["T"])
    k = np.searchsorted(corners[:, 0], times, side="right") - 1
    V = corners[k, 1] + corners[k, 2] * (times - corners[k, 0])
    slope = corners[k, 2]
    if case["wave"][0] == "sine":
        _, _, A, freq = case["wave"]
        w = 2 * np.pi * freq
        V, slope = V + A * np.sin(w * times), A * w * np.cos(w * times)
    if case["R_s"] > 0:
        return (V - u) / case["R_s"]
    return case["C_m"] * slope + V / case["R_b"] + i_c
