"""What a user types after `jaxmem device`."""

from enum import StrEnum
from typing import Annotated

import typer

from jaxmem.apps.answering import reply
from jaxmem.apps.terminal import guard


class Preset(StrEnum):
    """A device to start from."""

    si = "si"
    paper_2d = "paper-2d"
    paper_3d = "paper-3d"


def device_command(
    preset: Annotated[Preset, typer.Argument(help="si spikes; paper-* are in the paper's units.")],
) -> None:
    """Print the TOML form of a device to start from: `jaxmem device si > device.toml`."""
    with guard():
        from jaxmem.devices import device_to_toml, paper_device, si_device

        made = {
            Preset.si: si_device,
            Preset.paper_2d: paper_device,
            Preset.paper_3d: lambda: paper_device(tau_k=1.0),
        }[preset]()
        reply(device_to_toml(made), "device", end="")
