"""Quantities of a device at a bias: its current, its impedance, where it turns inductive."""

import jax
import jax.numpy as jnp

import jaxmem as jm
from fitting.designs.goals.what_is_asked import BIASES, Quantity

# Where a change of sign of C_lf is looked for: so many widths to each side of where the device is
# steep, in so many voltages; and how often the piece between two of them is halved.
WIDTHS, SAMPLES, HALVED = 16.0, 129, 40


def _impedance(at, meant):
    near = jm.linearize(at.device, **meant.bias)
    return near.impedance(2 * jnp.pi * meant.values["freq"])


def _current(at, meant):
    return jm.operating_point(at.device, **meant.bias).I


def _low_frequency_capacitance(device, u):
    return jm.equivalent_circuit(device, jm.operating_point(device, u=u)).C_lf


def _crossover(at, _):
    """The lowest of the voltages that were looked at where C_lf changes its sign, and a Newton step
    from there, which carries the derivatives; NaN if it keeps its sign."""
    fixed = jax.lax.stop_gradient(at.device)
    capacitance = lambda u: _low_frequency_capacitance(fixed, u)
    pieces = [
        jnp.linspace(centre - WIDTHS * width, centre + WIDTHS * width, SAMPLES)
        for centre, width in fixed.windows()
    ]
    if not pieces:
        return jnp.asarray(jnp.nan)
    u = jnp.sort(jnp.concatenate(pieces))
    C = jax.vmap(capacitance)(u)
    changes = (C[:-1] * C[1:] <= 0) & (C[:-1] != 0)
    k = jnp.argmax(changes)
    sign = jnp.sign(C[k])

    def halve(_, ends):
        low, high = ends
        middle = (low + high) / 2
        same = capacitance(middle) * sign > 0
        return jnp.where(same, middle, low), jnp.where(same, high, middle)

    low, high = jax.lax.fori_loop(0, HALVED, halve, (u[k], u[k + 1]))
    root = (low + high) / 2
    slope = jax.grad(capacitance)(root)
    found = root - _low_frequency_capacitance(at.device, root) / slope
    return jnp.where(jnp.any(changes), found, jnp.nan)


AT_A_BIAS = {
    "current": Quantity("A", "steady current at a voltage", False, of=_current, bias=("u", "V")),
    "impedance": Quantity(
        "ohm", "magnitude of Z at a frequency and a bias",
        of=lambda at, m: jnp.abs(_impedance(at, m)), keys=("freq",), bias=BIASES,
    ),
    "resistance": Quantity(
        "ohm", "real part of Z at a frequency and a bias", False,
        of=lambda at, m: _impedance(at, m).real, keys=("freq",), bias=BIASES,
    ),
    "phase": Quantity(
        "deg", "phase of Z at a frequency and a bias", False,
        of=lambda at, m: jnp.rad2deg(jnp.angle(_impedance(at, m))), keys=("freq",), bias=BIASES,
    ),
    "crossover": Quantity(
        "V", "lowest u where the low-frequency capacitance C_m - (tau_d + f tau_k)/R_a is 0",
        False, of=_crossover,
    ),
}  # fmt: skip
