"""The elements of a device's equivalent circuit against its bias."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float, Real

from jaxmem.devices.device import AbstractDevice, check_device
from jaxmem.netlists.node_scales import places_of
from jaxmem.responses.equivalent import EquivalentCircuit, equivalent_circuit
from jaxmem.responses.steady import OperatingPoint

UNITS = dict(zip(EquivalentCircuit._fields, ("ohm", "ohm", "H", "H", "ohm", "F", "F", "s", "s"),
                 strict=True))  # fmt: skip


class ElementTable(NamedTuple):
    """Names with units, and a row of numbers for each bias; what a device has not is NaN."""

    columns: list[str]
    rows: Float[np.ndarray, "n k"]


def element_table(
    device: AbstractDevice, u: Real[ArrayLike, "n"] | None = None, *, points: int = 201
) -> ElementTable:
    """Elements against bias: the operating point, then those of `equivalent_circuit`.

    R_a, L_d, L_k (7, 8, 15), R_dc (9), C_lf, tau_d, tau_a = f tau_k at each voltage. A small-signal
    circuit of them is right near its bias alone.

    **Arguments:**

    - `device`: any device.
    - `u`: voltages over the memristor [V], or places on the curve of equilibria of a device that
      rests in several states at a voltage; the voltages where it is steep if they are left out.
    - `points`: how many, if `u` is left out.

    **Raises:** `ValueError` for a batch of devices.
    """
    check_device("element_table", device)
    device = device.walked()
    places = places_of(device, points) if u is None else np.asarray(u, dtype=float)

    states = zip(device.state_names, device.state_units, strict=True)
    named = [("u", "V"), ("I", "A"), ("V", "V"), *states, *UNITS.items()]
    rows = np.asarray(_rows(device, jnp.asarray(places)))
    return ElementTable([f"{name} [{unit}]" for name, unit in named], rows)


@eqx.filter_jit
def _rows(device, places):
    def row(place):
        voltage, x = device.equilibrium(place)
        I = device.current(voltage, x)
        V = device.R_s * I + voltage
        point = OperatingPoint(voltage, x, I, V, jnp.asarray(1))
        return jnp.concatenate(
            [jnp.stack([voltage, I, V]), x, jnp.stack(list(equivalent_circuit(device, point)))]
        )

    return jax.vmap(row)(places)
