"""Devices to start from, by a name that stands in the address."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jaxmem as jm
from jaxmem.apps.app.packed import pack, unpack
from jaxmem.devices import AbstractDevice, device_of_fit

# The device of a file is carried in the address itself.
OWN = "own:"


def _thermal() -> AbstractDevice:
    switch = jm.ThermalSwitch(R_0=100.0, E_a=0.2, b=0.02, C_th=1e-14, R_th=1e6)  # pyright: ignore
    return jm.Device(3e-12, {"switch": switch}, R_s=2e5)


def _conductance() -> AbstractDevice:
    letters: Any = dict(g_on=9e-5, g_off=4e-6, k_on=1e-3, k_off=1e-1, V_on=0.022, V_off=0.026)
    switch = jm.SwitchingConductance(**letters)
    return jm.Device(2e-9, {"switch": switch}, R_s=47e3)


OFFERED: dict[str, tuple[str, Callable[[], AbstractDevice]]] = {
    "si": ("Memristor 3D, SI units: it spikes", jm.si_device),
    "paper-3d": ("Memristor 3D, the paper's units", lambda: jm.paper_device(tau_k=1.0)),
    "paper-2d": ("Memristor 2D, the paper's units", jm.paper_device),
    "polarised": (
        "Memristor 3D with a polarisation",
        lambda: jm.si_device(extra={"surface": jm.Polarisation(5e4, 2e-6)}),  # pyright: ignore
    ),
    "conductance": ("Conductance memristor (a relative)", _conductance),
    "thermal": ("Thermal threshold switch (a relative)", _thermal),
}


@lru_cache(maxsize=64)
def base_device(name: str) -> AbstractDevice:
    """The device of a name of `OFFERED`, or the one that `own_name` packed.

    **Raises:** `ValueError` for another name, and for a device whose branch would be imported:
    nothing that a page is given is executed.
    """
    if name.startswith(OWN):
        return jm.device_from_toml(unpack(name.removeprefix(OWN)), source="device.toml")
    if name not in OFFERED:
        raise ValueError(f"no device {name!r}; there are {', '.join(OFFERED)}")
    return OFFERED[name][1]()


def own_name(device: AbstractDevice) -> str:
    """The name of a device of one's own, which holds it."""
    return OWN + pack(jm.device_to_toml(device))


def dropped_device(name: str, data: bytes) -> AbstractDevice:
    """The device of a file that was dropped: device.toml, or fit.json of a fit.

    **Raises:** `ValueError` for what is neither, and as `base_device`.
    """
    text = data.decode("utf-8-sig", "replace")
    if name.lower().endswith(".json"):
        return device_of_fit(text, name)[0]
    return jm.device_from_toml(text, source=name)
