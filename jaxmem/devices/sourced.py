"""The device that a command is given: its own file, the folder of a fit, or the fit's JSON."""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from jaxmem.devices.device import AbstractDevice
from jaxmem.devices.file import device_from_toml, device_to_toml, read_device
from jaxmem.encoding import text_of

# What may be given, as messages say it.
WANTED = "a device as TOML, the folder of a fit of one device, or its fit.json"
NO_FIT = f"this JSON holds no fitted device; give {WANTED}, as `jaxmem fit` wrote it"


class SourcedDevice(NamedTuple):
    """A device, the fit that found it, and where both are from.

    - `fit`: the content of `fit.json`; None of a device that comes with no fit.
    - `files`: those that were read, that of the device first.
    - `edited`: whether the device is no longer the one that the fit found.
    """

    device: AbstractDevice
    fit: dict[str, Any] | None
    files: list[Path]
    edited: bool = False


def read_sourced(source: str | os.PathLike, *, allow_import: bool = False) -> SourcedDevice:
    """The device in a TOML file, in the folder of a fit, or in its `fit.json`.

    Of a folder the device is that in `device.toml`, which a user may have changed since.

    **Arguments:**

    - `source`: any of the three.
    - `allow_import`: whether the device may name classes that are imported (see `read_device`).

    **Raises:** `ValueError` for a folder or a file that holds no device, which says what to give.
    """
    source = Path(source)
    if source.is_dir():
        file, record = source / "device.toml", source / "fit.json"
        if not file.is_file():
            raise ValueError(f"{source}: {_nothing_in(source)}")
        device = read_device(file, allow_import=allow_import)
        if not record.is_file():
            return SourcedDevice(device, None, [file])
        fit = _fit_in(_text_of(record), str(record))
        edited = _text_of(file) != fit.get("device") and _differs(device, fit, allow_import)
        return SourcedDevice(device, fit, [file, record], edited)
    if source.suffix.lower() == ".json":
        device, fit = device_of_fit(_text_of(source), str(source), allow_import=allow_import)
        return SourcedDevice(device, fit, [source])
    return SourcedDevice(read_device(source, allow_import=allow_import), None, [source])


def device_of_fit(
    text: str, source: str, *, allow_import: bool = False
) -> tuple[AbstractDevice, dict[str, Any]]:
    """The device in the JSON of a fit, and the fit.

    **Arguments:**

    - `text`: what stands in `fit.json`. `source`: names it in messages.
    - `allow_import`: see `read_device`.

    **Raises:** `ValueError` for another text.
    """
    fit = _fit_in(text, source)
    if not isinstance(fit.get("device"), str):
        raise ValueError(f"{source}: {NO_FIT}")
    return device_from_toml(fit["device"], source=source, allow_import=allow_import), fit


def _differs(device: AbstractDevice, fit: dict[str, Any], allow_import: bool) -> bool:
    """Whether a device is another than that in the JSON of its fit."""
    try:
        found = device_from_toml(fit["device"], allow_import=allow_import)
    except (KeyError, TypeError, ValueError):
        return True
    return device_to_toml(found) != device_to_toml(device)


def _nothing_in(folder: Path) -> str:
    """Why a folder holds no device, and what to give."""
    if (folder / "circuit.toml").is_file():
        return "no device.toml; the fit is of a circuit, which has no parameters of a device"
    each = sorted(p.parent.name for p in folder.glob("*/device.toml"))
    if (folder / "fit.json").is_file() and each:
        first = str(folder / each[0])
        return f"no device.toml; the fit has several devices: give the folder of one, {first}"
    return f"no device.toml; give {WANTED}; of a series, one of the folders in it"


def _text_of(file: Path) -> str:
    try:
        return text_of(file)
    except FileNotFoundError:
        raise ValueError(f"{file}: there is no such file; check the path") from None
    except OSError as error:
        raise ValueError(f"{file}: the file cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise ValueError(f"{file}: this is no text ({error})") from None


def _fit_in(text: str, source: str) -> dict[str, Any]:
    try:
        fit = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{source}: this is no JSON ({error})") from None
    if not isinstance(fit, dict):
        raise ValueError(f"{source}: {NO_FIT}")
    return fit
