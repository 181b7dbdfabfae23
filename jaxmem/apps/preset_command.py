"""What a user types after `jaxmem device` and `jaxmem example`: files to start from."""

from enum import StrEnum
from typing import Annotated

import typer

from jaxmem.apps.answering import reply
from jaxmem.apps.terminal import guard


class Example(StrEnum):
    """A file to try a command on."""

    spectra = "spectra"
    sweep = "sweep"


def example_command(
    what: Annotated[Example, typer.Argument(help="spectra: for fit; sweep: for sweep.")],
) -> None:
    """Print a file to try a command on; the spectra are synthetic.

    \b
    jaxmem example spectra > cell.csv
    jaxmem fit cell.csv --device 3d --together

    \b
    jaxmem example sweep > map.toml
    jaxmem device si > device.toml
    jaxmem sweep map.toml
    """
    with guard():
        from importlib.resources import files

        # The package `fitting.examples` is not imported: its files alone are wanted.
        name = {Example.spectra: "three_biases.csv", Example.sweep: "sweep.toml"}[what]
        file = files("fitting").joinpath("examples", name)
        reply(file.read_text(encoding="utf-8"), "example", end="")


class Preset(StrEnum):
    """A device to start from."""

    si = "si"
    paper_2d = "paper-2d"
    paper_3d = "paper-3d"


def device_command(
    preset: Annotated[Preset, typer.Argument(help="si spikes; paper-* are in the paper's units.")],
) -> None:
    """Print the TOML form of a device to start from.

    \b
    jaxmem device si > device.toml
    """
    with guard():
        from jaxmem.devices import device_to_toml, paper_device, si_device

        made = {
            Preset.si: si_device,
            Preset.paper_2d: paper_device,
            Preset.paper_3d: lambda: paper_device(tau_k=1.0),
        }[preset]()
        reply(device_to_toml(made), "device", end="")
