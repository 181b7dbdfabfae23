"""Quantities of a device that answers in time: to a step, to a pulse, to a loop of the voltage."""

import jax
import jax.numpy as jnp

import jaxmem as jm
from fitting.designs.goals.what_is_asked import Quantity
from jaxmem.circuits import drive_of_kind

# Samples of the answer to a step, and in a second look round its first maximum; of a loop.
STEP, LOOK, LOOP = 512, 64, 800
# The end of a pulse is taken this share of its width before its edge, where a current would jump.
BEFORE = 1e-6


def _latency(at, meant):
    """From the step to the first maximum of u, at rest before; NaN if there is none in time."""
    wave = jm.Step(meant.level(at))
    circuit = jm.Circuit(at.device, drive_of_kind(meant.drive, wave))
    t = jnp.linspace(0.0, meant.values["within"], STEP)
    fixed = jax.lax.stop_gradient((circuit, t))
    rough = jm.spike_shape(t, jm.solve(*fixed, throw=False).u)
    gap = 2 * t[1]
    near = jnp.clip(rough.t_peak, gap, t[-1]) + jnp.linspace(-gap, gap, LOOK)
    near = jax.lax.stop_gradient(jnp.concatenate([jnp.zeros(1), jnp.maximum(near, 1e-3 * gap)]))
    run = jm.solve(circuit, _ascending(near), throw=False)
    fine = jm.spike_shape(run.t, run.u)
    inside = (rough.t_peak < t[-2]) & (fine.t_peak < run.t[-2])
    return jnp.where(inside, fine.t_peak, jnp.nan)


def _ascending(t):
    """The times, those that are equal moved apart by a very little."""
    return t + jnp.arange(t.shape[0]) * 1e-9 * t[-1]


def _after_pulse(at, meant):
    """u under a current, I under a voltage: at the end of a pulse, or `delay` after it."""
    width, delay = meant.values["width"], meant.values.get("delay", jnp.zeros(()))
    wave = jm.Pulse(meant.level(at), width)
    circuit = jm.Circuit(at.device, drive_of_kind(meant.drive, wave))
    end = jnp.where(delay > 0, width + delay, width * (1 - BEFORE))
    run = jm.solve(circuit, jnp.stack([jnp.zeros(()), end / 2, end]), throw=False)
    return run.u[-1] if meant.drive == "current" else run.I[-1]


def _loop_area(at, meant):
    """The integral of I dV once round 0, V, 0 from rest, by the middles of equal pieces, so that
    none lies where the current jumps."""
    V, rate = meant.values["V"], meant.values["rate"]
    wave = jm.Triangle(jnp.stack([jnp.zeros(()), V]), rate)
    share = (jnp.arange(LOOP) + 0.5) / LOOP
    t = jnp.concatenate([jnp.zeros(1), share]) * 2 * jnp.abs(V) / rate
    run = jm.solve(jm.Circuit(at.device, jm.VoltageDrive(wave)), t, throw=False)
    onwards = jnp.where(share < 0.5, 1.0, -1.0)
    return jnp.sum(run.I[1:] * onwards) * V / (LOOP / 2)


IN_TIME = {
    "latency": Quantity(
        "s", "from a step of the drive, at rest before, to the first maximum of u",
        needs="transient", of=_latency, optional=("within",), level=True,
    ),
    "pulse_response": Quantity(
        "V or A", "u under a current, I under a voltage: at the end of a pulse, or `delay` later",
        False, "transient", of=_after_pulse, keys=("width",), optional=("delay",), level=True,
    ),
    "loop_area": Quantity(
        "W", "integral of I dV once round 0, V, 0 at a scan rate, from rest: positive where the "
        "current is larger on the way up", False, "transient", of=_loop_area, keys=("rate", "V"),
    ),
}  # fmt: skip
