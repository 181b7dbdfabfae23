"""The conductance memristor as a model of any data, with starts that are read off them."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from fitting.models.setup import Setup
from fitting.problem.space import Free, Space
from fitting.terms.measurement import Sizes, measurement_of
from jaxmem.devices import Device, MemoryConductance, SwitchingConductance

# A switch that is steeper than this part of the largest voltage would change its rate by e^80
# within the data: faster than all that is measured, and than what can be integrated.
STEEPEST = 80.0


def conductance_model(kind: str, terms: Any | Sequence[Any]) -> Setup:
    """The conductance memristor I = C_m u' + [g_off + (g_on - g_off) x] u, with starts from data.

    **Arguments:**

    - `kind`: `"memory"` (x relaxes in one time, `MemoryConductance`) or `"switching"` (in a time
      that the voltage sets, `SwitchingConductance`).
    - `terms`: one measurement or several, from whose sizes the ranges of the starts are read.

    **Raises:** `ValueError` for another kind, or if no term says anything of sizes.
    """
    R, V, T = _sizes(terms)
    g = (1 / R[1], 1 / R[0])
    box = {"C_m": (1e-3 * T[0] / R[1], 1e-1 * T[1] / R[1]), "R_s": (1e-2 * R[0], 3 * R[0])}
    box |= {"g_on": (0.3 * g[1], 30 * g[1]), "g_off": (g[0] / 10, 3 * g[0])}
    middle = lambda name: jnp.asarray(np.sqrt(box[name][0] * box[name][1]))
    if kind == "memory":
        box |= {"V_T": (-V, V), "V_m": (V / 30, V), "tau": (T[0], T[1])}
        memory = (jnp.asarray(V / 3), middle("V_m"), middle("tau"))
        branch: Any = MemoryConductance(middle("g_on"), middle("g_off"), *memory)
    elif kind == "switching":
        steep = (V / 50, V / 3)
        rate = (1e-3 / T[1], 10 / T[1])
        box |= {"k_on": rate, "k_off": rate, "V_on": steep, "V_off": steep}
        rest = ("g_on", "g_off", "k_on", "k_off", "V_on", "V_off")
        branch = SwitchingConductance(*(middle(name) for name in rest))
    else:
        raise ValueError(f"no conductance memristor {kind!r}; there are memory, switching")
    at = lambda name: lambda d: getattr(d.branches["memory"], name)
    least = {"V_on": V / STEEPEST, "V_off": V / STEEPEST}
    own = [Free(at(name), name=name, low=least.get(name))
           for name in box if name not in ("C_m", "R_s")]  # fmt: skip
    device = Device(middle("C_m"), {"memory": branch}, middle("R_s"))
    frees = (*own, Free(lambda d: d.C_m, name="C_m"), Free(lambda d: d.R_s, name="R_s"))
    return Setup(device, Space(*frees), box)


def _sizes(terms: Any | Sequence[Any]):
    """What data say of sizes: resistances (low, high) [ohm], largest |V| [V], times [s].

    **Raises:** `ValueError` if there is no spectrum, trace or curve.
    """
    R, V, T = [], [], []
    for term in as_list(terms):
        inner = measurement_of(term)
        seen = Sizes() if inner is None else inner.sizes()
        if len(seen.Z):
            size = np.abs(seen.Z)
            R += [float(size.min()), float(size.max())]
            V += np.abs(seen.V).tolist()
            T += [1 / float(seen.omega.max()), 1 / float(seen.omega.min())]
            continue
        if len(seen.t) > 1:
            T += [float(np.median(np.diff(seen.t))), float(np.ptp(seen.t))]
        voltage, current = np.abs(seen.V), np.abs(seen.I)
        if len(current):
            felt = (voltage > 0.3 * voltage.max()) & (current > 1e-3 * current.max())
            if felt.any():
                R += list(np.quantile(voltage[felt] / current[felt], [0.05, 0.95]))
        V += [float(voltage.max())] if len(voltage) else []
    if not R or not max(V, default=0.0) > 0:
        raise ValueError("conductance_model: these terms say nothing of resistance and voltage")
    T = T or [1e-3, 1.0]
    return (min(R), max(R)), max(V), (min(T), max(T))


def as_list(terms: Any | Sequence[Any]) -> list[Any]:
    """The terms as a list, also of a single one."""
    return list(terms) if isinstance(terms, list | tuple) else [terms]
