"""Devices of every kind under a drive, drawn for what circuit simulators make of them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxmem as jm
from benchmarks.problems.drawn_devices import decades, draw_device, draw_spiking
from benchmarks.problems.published import MorrisLecar

# How many of fifty are of which kind.
SHARES = {
    "spiking": 14, "3D": 8, "2D": 8, "voltage": 6, "switching": 4, "thermal": 3,
    "constant phase": 3, "user's": 4,
}  # fmt: skip


class Blocking(jm.AbstractBranch):
    """A branch of a user's own: trapped charge blocks the current, i = g u exp(-q)."""

    states = ("q",)
    units = ("1",)

    g: jax.Array = jm.quantity("S", "conductance without trapped charge")
    V_0: jax.Array = jm.quantity("V", "voltage that traps one unit")
    tau: jax.Array = jm.quantity("s", "time of trapping")

    def current(self, u, x):
        return self.g * u * jnp.exp(-x[0])

    def rates(self, u, x):
        return (self.rest(u) - x) / self.tau

    def rest(self, u):
        return ((u / self.V_0) ** 2)[None]

    def window(self):
        return self.V_0, self.V_0


class Case(NamedTuple):
    """A circuit for `until` seconds; `period` [s] about, where it spikes, else 0."""

    kind: str
    circuit: Any
    until: float
    period: float


def draw_cases(seed: int, count: int) -> list[Case]:
    """Cases in the shares above, of each kind at least one where there are eight or more."""
    rng = np.random.default_rng(seed)
    kinds = [kind for kind, share in SHARES.items() for _ in range(share)]
    if count < len(kinds):
        kinds = [*SHARES][:count] + list(rng.permutation(kinds))[: max(count - len(SHARES), 0)]
    return [DRAW[kinds[k % len(kinds)]](kinds[k % len(kinds)], rng) for k in range(count)]


def _current(kind, device, I, taus, period=0.0, many=6.0):
    until = 4 * period if period else many * max(taus)
    return Case(kind, jm.Circuit(device, jm.CurrentDrive(jm.Step(I))), float(until), float(period))


def _letters(rng, three, **limits):
    p = draw_device(rng, three, **limits)
    return p, [p["R_b"] * p["C_m"], p["tau_d"], p.get("tau_k", p["tau_d"])]


def _spiking(kind, rng):
    (p,) = draw_spiking(rng, 1, gain=(50.0, 2000.0), spread=2.0)
    device = jm.Memristor3D(**p)
    found = jm.hopf_points(device)
    low, high = (float(x) for x in found.I[:2])
    I = low + (high - low) * rng.uniform(0.2, 0.8)
    return _current(kind, device, I, [], 2 * np.pi / float(found.omega[0]))


def _resting(kind, rng):
    three = kind == "3D"
    p, taus = _letters(rng, three, gain=(1.0, 30.0) if three else (1.0, 2000.0), spread=3.0)
    device = (jm.Memristor3D if three else jm.Memristor2D)(**p)
    u = p["V_T"] + p["V_m"] * rng.uniform(-2, 2)
    return _current(kind, device, float(device.steady_current(u)), taus)


def _voltage(kind, rng):
    p, taus = _letters(rng, rng.random() < 0.5, gain=(1.0, 30.0), spread=3.0)
    R_s = 0.0 if rng.random() < 0.3 else p["R_b"] * decades(rng, 1e-3, 0.3)
    device = (jm.Memristor3D if "tau_k" in p else jm.Memristor2D)(**p, R_s=R_s)
    u = p["V_T"] + 3 * p["V_m"]
    top = u + R_s * float(device.steady_current(u))
    T = max(taus) * decades(rng, 1, 10)
    wave = jm.Triangle([0.0, top, -0.3 * top], rate=2.6 * top / T)
    return Case(kind, jm.Circuit(device, jm.VoltageDrive(wave)), float(T), 0.0)


def _switching(kind, rng):
    g_on, tau = decades(rng, 1e-6, 1e-2), decades(rng, 1e-4, 1e2)
    V = rng.uniform(0.03, 0.15, 2)
    top = float(6 * V.max())
    k_on, k_off = np.exp(-0.5 * top / V) / tau
    branch = jm.SwitchingConductance(g_on, g_on * decades(rng, 1e-3, 0.3), k_on, k_off, *V)
    R_s = 0.1 / g_on
    device = jm.Device(1e-3 * tau * g_on, {"switch": branch, "leak": jm.Leak(10 / g_on)}, R_s)
    wave = jm.Triangle([0.0, top, -top], rate=4 * top / (20 * tau))
    return Case(kind, jm.Circuit(device, jm.VoltageDrive(wave)), float(20 * tau), 0.0)


def _thermal(kind, rng):
    R_th, C_th = decades(rng, 3e5, 3e6), decades(rng, 1e-14, 1e-12)
    branch = jm.ThermalSwitch(R_0=decades(rng, 30, 300), E_a=rng.uniform(0.15, 0.25),
                              b=rng.uniform(0.0, 0.02), C_th=C_th, R_th=R_th)  # fmt: skip
    tau = R_th * C_th
    s = rng.uniform(3.0, 8.0)
    u, _ = branch.rest_curve(jnp.asarray(s))
    I = float(s**2 / R_th / u)
    R_s = 3 * float(u) / I
    device = jm.Device(1e-2 * tau * I / float(u), {"switch": branch}, R_s)
    V = float(u) + R_s * I
    drive = jm.VoltageDrive(jm.Triangle([0.0, V], rate=2 * V / (20 * tau)))
    return Case(kind, jm.Circuit(device, drive), float(20 * tau), 0.0)


def _constant_phase(kind, rng):
    p, taus = _letters(rng, False, gain=(1.0, 100.0), spread=2.0)
    fast, slow = 1 / min(taus), 1 / max(taus)
    n = rng.uniform(0.7, 0.95)
    Q = p["C_m"] * min(taus) ** (n - 1)
    band = (slow / 20, fast * 3)
    cpe = jm.ConstantPhase(Q, n, tuple(float(f"{f:.3g}") for f in band), 1e-2)
    device = jm.Memristor2D(**(p | {"C_m": 0.0}), extra={"cpe": cpe})
    u = p["V_T"] + p["V_m"] * rng.uniform(-2, 2)
    return _current(kind, device, float(device.steady_current(u)), taus)


def _users(kind, rng):
    if rng.random() < 0.4:
        branch = MorrisLecar(g_Ca=4.4, V3=2.0, V4=30.0, phi=rng.uniform(0.02, 0.06))
        device = jm.Device(20.0, {"membrane": branch})
        return _current(kind, device, float(rng.uniform(20, 60)), [100.0], many=4)
    g, tau, V_0 = decades(rng, 1e-6, 1e-2), decades(rng, 1e-4, 1e1), rng.uniform(0.5, 2.0)
    own = {"leak": jm.Leak(decades(rng, 3, 30) / g), "blocking": Blocking(g, V_0, tau)}
    device = jm.Device(g * tau * decades(rng, 1e-3, 1), own)
    return _current(kind, device, float(0.3 * g * V_0 * rng.uniform(0.3, 1.0)), [tau], many=10)


DRAW = {
    "spiking": _spiking, "3D": _resting, "2D": _resting, "voltage": _voltage,
    "switching": _switching, "thermal": _thermal, "constant phase": _constant_phase,
    "user's": _users,
}  # fmt: skip
