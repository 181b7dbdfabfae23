"""What a map of oscillations may show of each device: first what is cheap, then the rest of it."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmem.circuits import Circuit, DriveKind
from jaxmem.circuits.drive import LETTER, UNIT, drive_of_kind
from jaxmem.devices import AbstractDevice, Memristor3D
from jaxmem.stability import hopf_points, least_margin, limit_cycle
from jaxmem.stability.equilibria.ring import ring_least, ring_window

# Of the cycle; each is asked for by its name.
OF_CYCLES = {
    "frequency": ("Hz", "frequency of the stable cycle"),
    "amplitude": ("V", "peak to peak amplitude of u over the stable cycle"),
    "energy": ("J", "energy at the terminals for each period of the stable cycle"),
}
QUANTITIES = ("window", "margin", "onset", *OF_CYCLES)


class Window(NamedTuple):
    """What a map holds of each device that oscillates; NaN where it has no Hopf point.

    `found`: how many Hopf points. Of the first and the last of them in u: the `drive` [A] or [V],
    the `frequency` [Hz], and `l1` [1/V^2], positive where the onset is hard.
    """

    found: Int[Array, ""]
    drive_low: Float[Array, ""]
    drive_high: Float[Array, ""]
    frequency_low: Float[Array, ""]
    frequency_high: Float[Array, ""]
    l1_low: Float[Array, ""]
    l1_high: Float[Array, ""]


class Functions(NamedTuple):
    """What `sweep` takes: `where`, if there is one, of each device, `fn` of those that oscillate.

    - `margin`: that of a device, alone.
    - `lanes`, `batch`: as in `sweep`.
    """

    fn: Callable[[AbstractDevice], Any]
    where: Callable[[AbstractDevice], Any] | None
    margin: Callable[[AbstractDevice], Any]
    lanes: int | None
    batch: int | None


def is_ring(device: AbstractDevice) -> bool:
    """Whether formulas hold of it: the paper's 3D device with nothing beside it."""
    return isinstance(device, Memristor3D) and not device.extra


@lru_cache(maxsize=8)
def functions_of(
    quantity: str, kind: DriveKind, ring: bool, at: tuple[str, float],
    u_range: tuple[float, float] | None = None,
) -> Functions:  # fmt: skip
    """The functions for a quantity; cached, because new ones would compile anew.

    **Arguments:**

    - `quantity`: one of `QUANTITIES`; `kind`: of the drive.
    - `ring`: whether the devices are of the kind of which `is_ring` tells.
    - `at`: where cycles are taken, `("window", 0.5)`, `("threshold", 1.2)`, or `("I", 1e-4)`.
    - `u_range`: the voltages over the device to look in [V]; None: all.
    """

    def margins(device):
        return ring_least(device, kind) if ring else least_margin(device, kind, u_range=u_range)

    def where(device):
        least = margins(device)
        return least.margin < 0, {"margin": least.margin, "margin_u": least.u}

    def window(device: AbstractDevice) -> Window:
        if ring:
            assert isinstance(device, Memristor3D)
            found = ring_window(device, kind)
            drive, omega, l1 = (found.V if kind == "voltage" else found.I), found.omega, found.l1
            return Window(2 * found.found.astype(int), *drive, *(omega / (2 * jnp.pi)), *l1)
        hopf = hopf_points(device, drive=kind, u_range=u_range)
        drive = hopf.imposed(kind)
        last = jnp.clip(hopf.found, 1, drive.size) - 1
        ends = lambda a: (a[0], a[last])
        frequency = hopf.omega / (2 * jnp.pi)
        return Window(hopf.found, *ends(drive), *ends(frequency), *ends(hopf.l1))

    def onset(device):
        w = window(device)
        return {"drive_low": w.drive_low, "frequency_low": w.frequency_low, "l1_low": w.l1_low}

    def cycle(device):
        name, number = at
        w = window(device)
        if name == "window":
            value = w.drive_low + number * (w.drive_high - w.drive_low)
        elif name == "threshold":
            value = w.drive_low * number
        else:
            value = jnp.asarray(number)
        circuit = Circuit(device, drive_of_kind(kind, value))
        one = limit_cycle(circuit, u_range=u_range, throw=False)
        stable = lambda v: jnp.where(one.stable, v, jnp.nan)
        of = {"frequency": 1 / one.period, "amplitude": one.u_max - one.u_min, "energy": one.energy}
        return {
            "drive_low": w.drive_low, "drive_high": w.drive_high, "drive": value,
            quantity: stable(of[quantity]), "result": one.result,
        }  # fmt: skip

    margin = lambda device: margins(device).margin
    if quantity == "margin":
        return Functions(lambda device: where(device)[1], None, margin, None, 1 << 16)
    if quantity in OF_CYCLES:
        # Their numbers of steps differ, so that they are faster one by one.
        return Functions(cycle, where, margin, 1, 128)
    fn = onset if quantity == "onset" else window
    return Functions(fn, where, margin, None, 1 << 16 if ring else None)


def units_of(kind: DriveKind) -> Mapping[str, tuple[str, str]]:
    """The unit and the meaning of each variable of a map."""
    unit, letter = UNIT[kind], LETTER[kind]
    return {
        "margin": ("1", "normalised Hurwitz margin, least over the voltages"),
        "margin_u": ("V", "voltage over the memristor where it is least"),
        "found": ("1", "number of Hopf points"),
        "drive": (unit, f"{letter} at which the cycle is taken"),
        "drive_low": (unit, f"{letter} at the first Hopf point"),
        "drive_high": (unit, f"{letter} at the last Hopf point"),
        "frequency_low": ("Hz", "frequency at the first Hopf point"),
        "frequency_high": ("Hz", "frequency at the last Hopf point"),
        "l1_low": ("V-2", "criticality at the first Hopf point; above 0 hard"),
        "l1_high": ("V-2", "criticality at the last Hopf point; above 0 hard"),
        "result": ("1", "how the search for a cycle ended, as jaxmem.RESULTS numbers it"),
        **OF_CYCLES,
    }
