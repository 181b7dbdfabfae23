"""Units in which a device's states are of order one, and its times and currents."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxmem.devices.device import AbstractDevice

# A state that reaches less or more than this in its chart gets a unit of its own.
FINE = (0.03, 1e3)
# Voltages at which a device is looked at, of how many widths of each window.
WIDTHS = 6.0


class Scales(NamedTuple):
    """`volt` [V] and `ampere` [A] that the device reaches; of each state, in its chart, where it
    rests at no voltage (`offset`), a power of ten as the `unit` of a node, how far it moves
    (`span`) and a power of ten of the `time` [s] in which it does.

    `rests` are voltages with the states at rest there, in the chart.
    """

    volt: float
    ampere: float
    offset: Float[np.ndarray, "n"]
    unit: Float[np.ndarray, "n"]
    span: Float[np.ndarray, "n"]
    time: Float[np.ndarray, "n"]
    rests: list[tuple[float, np.ndarray]]


def scales_of(device: AbstractDevice) -> Scales:
    """The scales of a device in time, from where it rests over the voltages where it is steep.

    From its curve of equilibria where it has one; without a window from -1 V to 1 V.
    """
    device = device.walked()
    places = places_of(device, 33)
    us, zs, I, slopes = _at_rest(device, jnp.asarray(places))
    us, zs, I, slopes = map(np.asarray, (us, zs, I, slopes))
    there = np.isfinite(us) & np.isfinite(I) & np.all(np.isfinite(zs), axis=1)
    if not there.any():
        raise ValueError("netlist: the device rests nowhere between -1 V and 1 V; give a window")
    us, zs, I = us[there], zs[there], I[there]
    # A simulator's iterations begin at 0 V: with an offset that is where the device rests.
    offset = np.array([float(f"{z:.3g}") for z in zs[np.argmin(np.abs(us))]])
    most, size = (np.max(np.abs(z), axis=0, initial=0.0) for z in (zs, zs - offset))
    offset = np.where(np.abs(offset) < 1e-3 * size, 0.0, offset)
    span = np.ptp(zs, axis=0)
    unit = np.where((size >= FINE[0]) & (size <= FINE[1]) | (size == 0), 1.0, _decade(size))
    middle = len(us) // 2
    rates = np.abs(slopes[there][middle])
    with np.errstate(divide="ignore"):
        time = np.where((rates > 0) & np.isfinite(rates), _decade(1 / rates), 1.0)
    span = np.maximum(span, 1e-3 * np.maximum(most, 1e-30))
    rests = list(zip(us.tolist(), zs, strict=True))[:: max(len(us) // 8, 1)]
    volt, ampere = float(np.max(np.abs(us))), float(np.max(np.abs(I)))
    return Scales(volt, ampere, offset, unit, span, time, rests)


@eqx.filter_jit
def _at_rest(device, places):
    """u, the states in their chart, the current, and d(dz_k/dt)/dz_k, at each place."""

    def one(place):
        u, x = device.equilibrium(place)
        z = device.chart_rest(u) if device.curve is None else device.chart(x)
        if not device.size:
            return u, z, device.current(u, x), z
        slopes = jax.jacfwd(device.chart_rates, argnums=1)(u, z)
        return u, z, device.current(u, x), jnp.diagonal(slopes)

    return jax.vmap(one)(places)


def places_of(device: AbstractDevice, count: int) -> Float[np.ndarray, "n"]:
    """Voltages [V] over which a device is steep, 0 among those about them; without a window from
    -1 V to 1 V; of a device with a curve of equilibria places on it."""
    if device.curve is not None:
        low, high = (float(end) for end in device.branches[device.curve].rest_range())
        return np.linspace(low, high, count)
    ends = [float(c) + s * WIDTHS * float(w) for c, w in device.windows() for s in (-1, 1)]
    low, high = (min(*ends, 0.0), max(*ends, 0.0)) if ends else (-1.0, 1.0)
    return np.linspace(low, high, count)


def _decade(x):
    x = np.asarray(x, dtype=float)
    with np.errstate(divide="ignore"):
        exponent = np.round(np.log10(np.where((x > 0) & np.isfinite(x), x, 1.0)))
    return np.array([float(f"1e{int(e)}") for e in exponent], dtype=float)
