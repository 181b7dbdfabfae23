"""A device as a TOML file that people can read and write."""

import difflib
import importlib
import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np
import tomlkit
from tomlkit.container import Container
from tomlkit.items import Table

from jaxmem.devices.branch import AbstractBranch
from jaxmem.devices.constant_phase import CapacitiveLadder, ConstantPhase
from jaxmem.devices.device import AbstractDevice, Device, Memristor2D, Memristor3D
from jaxmem.devices.perovskite import ActivatedConduction, DelayedConduction, Leak
from jaxmem.devices.relatives import (
    MemoryConductance,
    Photocurrent,
    Polarisation,
    SlowConductance,
    TwoLagConductance,
)
from jaxmem.devices.switching import RectifyingLeak, SwitchingConductance
from jaxmem.devices.thermal import ThermalSwitch
from jaxmem.encoding import text_of
from jaxmem.fields import quantities
from jaxmem.toml_kinds import belongs_elsewhere

DEVICES = {kind.__name__: kind for kind in (Memristor2D, Memristor3D, Device)}
BRANCHES = {
    kind.__name__: kind
    for kind in (
        Leak, DelayedConduction, ActivatedConduction, Polarisation, SlowConductance,
        TwoLagConductance, MemoryConductance, SwitchingConductance, RectifyingLeak, ConstantPhase,
        CapacitiveLadder, Photocurrent, ThermalSwitch,
    )
}  # fmt: skip


LARGEST = sys.float_info.max


class DeviceFileError(ValueError):
    """A file that is no device. Its message names the file, the field, and what to do."""


def read_device(path: str | os.PathLike, *, allow_import: bool = False) -> AbstractDevice:
    """The device in a TOML file, as `write_device` writes it.

        kind = "Memristor3D"
        R_b = 1e4        # ohm
        ...
        [extra.surface]  # a further branch
        kind = "Polarisation"

    The fields are those of the class named by `kind`; their units are SI. A general `Device` has
    its branches as `[branches.name]`. A branch of your own is named by where it is defined,
    `kind = "package.module:Class"`. To import a module is to run it, so this needs `allow_import`
    unless the module is imported already: a file from elsewhere may name any module.

    **Arguments:**

    - `path`: the file.
    - `allow_import`: whether modules that the file names may be imported.

    **Raises:** `DeviceFileError` (a `ValueError`) if the file cannot be read or is no device.
    """
    path = Path(path)
    try:
        text = text_of(path)
    except FileNotFoundError:
        raise DeviceFileError(f"{path}: there is no such file; check the path") from None
    except IsADirectoryError:
        raise DeviceFileError(f"{path}: this is a folder; name a file in it") from None
    except UnicodeDecodeError:
        raise DeviceFileError(f"{path}: this is no text; a device is a TOML file") from None
    except OSError as error:
        raise DeviceFileError(f"{path}: the file cannot be opened ({error.strerror})") from None
    return device_from_toml(text, source=str(path), allow_import=allow_import)


def write_device(path: str | os.PathLike, device: AbstractDevice) -> None:
    """Write a device to a TOML file, with units and meanings as comments; replaces the file.

    **Arguments:**

    - `path`: the file to write.
    - `device`: one device, in SI units.

    **Raises:** `ValueError` if a value is traced or batched: a file holds one device.
    """
    Path(path).write_text(device_to_toml(device), encoding="utf-8")


def device_from_toml(
    text: str, *, source: str = "device", allow_import: bool = False
) -> AbstractDevice:
    """The device that a TOML text describes (see `read_device`).

    **Arguments:**

    - `text`: TOML, as `device_to_toml` writes it.
    - `source`: what error messages call it.
    - `allow_import`: whether modules that the text names may be imported (see `read_device`).

    **Raises:** `DeviceFileError` for a text that describes no device.
    """
    try:
        table = tomllib.loads(text)
    # Python's limits on the digits of a number and on nested lists are errors of other kinds.
    except (ValueError, RecursionError) as error:
        raise DeviceFileError(f"{source}: this is not TOML: {error}") from None
    if other := belongs_elsewhere(table, "device"):
        raise DeviceFileError(f"{source}: {other}")
    if "kind" not in table:
        raise DeviceFileError(
            f'{source}: no kind; begin with kind = "Memristor3D" '
            f"(there are {', '.join(DEVICES)}; `jaxmem device si` prints one to start from)"
        )
    return _build(table, DEVICES, "device", source, "", allow_import)


def device_to_toml(device: AbstractDevice) -> str:
    """The TOML text of a device."""
    document = tomlkit.document()
    _fill(document, device)
    return tomlkit.dumps(document)


def _build(
    table: dict[str, Any], kinds: Mapping[str, Any], what: str, source: str, at: str,
    allow_import: bool,
):  # fmt: skip
    """The module that a table describes; `at` is the table's path, for messages."""
    here = f"{source}: [{at}]" if at else source
    kind = table.get("kind")
    cls = kinds.get(kind) if isinstance(kind, str) else None
    if cls is None and what == "branch" and isinstance(kind, str) and ":" in kind:
        cls = _imported(kind, here, allow_import)
    if cls is None:
        raise DeviceFileError(
            f"{here}: no {what} of the kind {kind!r}{_near(kind, kinds)}; "
            f"there are {', '.join(kinds)}"
        )
    known = {f.name: f for f in fields(cls) if f.init}
    values = {}
    for name, value in table.items():
        if name == "kind":
            continue
        if name not in known:
            raise DeviceFileError(
                f"{here}: a {kind} has no field {name!r}{_near(name, known)}; "
                f"it has {', '.join(known)}"
            )
        if name in ("branches", "extra") and what == "device":
            values[name] = _branches(value, source, name, allow_import)
        else:
            values[name] = _number(value, f"{here}: {name}", "unit" in known[name].metadata)
    try:
        return cls(**values)
    except TypeError:
        needed = set(quantities(cls)) | ({"branches"} if cls is Device else set())
        missing = sorted(n for n in needed - values.keys() if _required(known[n]))
        raise DeviceFileError(f"{here}: a {kind} also needs {', '.join(missing)}") from None
    except ValueError as error:
        raise DeviceFileError(f"{here}: {error}") from None


def _branches(tables: Any, source: str, home: str, allow_import: bool) -> dict[str, AbstractBranch]:
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        raise DeviceFileError(f"{source}: give each branch as a table of its own, [{home}.name]")
    return {
        name: _build(table, BRANCHES, "branch", source, f"{home}.{name}", allow_import)
        for name, table in tables.items()
    }


def _number(value: Any, where: str, is_quantity: bool) -> Any:
    numbers = value if isinstance(value, list) else [value]
    fine = lambda x: isinstance(x, int | float) and not isinstance(x, bool) and abs(x) <= LARGEST
    if not all(map(fine, numbers)):
        raise DeviceFileError(f"{where} must be a finite number, got {value!r}")
    if isinstance(value, list):
        return np.asarray(value, dtype=float) if is_quantity else tuple(value)
    return float(value) if is_quantity else value


def _required(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _imported(kind: str, here: str, allow_import: bool) -> Any:
    """The class of a branch that is defined elsewhere."""
    module, _, name = kind.partition(":")
    if not all(part.isidentifier() for part in [*module.split("."), *name.split(".")]):
        raise DeviceFileError(f'{here}: {kind!r} names no class; write "package.module:Class"')
    if module not in sys.modules and not allow_import:
        raise DeviceFileError(
            f"{here}: {kind!r} would import the module {module}, and with it run what stands "
            "there; if you trust it, say --allow-import (in Python allow_import=True)"
        )
    try:
        cls: Any = importlib.import_module(module)
        for part in name.split("."):
            cls = getattr(cls, part)
    except Exception as error:
        # Whatever a module does when it is imported, it is the file that asked for it.
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise DeviceFileError(
            f"{here}: {kind!r} cannot be imported ({said}); install it, or set PYTHONPATH to its "
            "folder"
        ) from None
    if not (isinstance(cls, type) and issubclass(cls, AbstractBranch)):
        raise DeviceFileError(f"{here}: {kind!r} is no AbstractBranch")
    return cls


def _near(name: Any, known: Any) -> str:
    close = difflib.get_close_matches(str(name), list(known), 1)
    return f" (did you mean {close[0]}?)" if close else ""


def _fill(table: Container | Table, module: Any) -> None:
    """Write a module's fields into a table."""
    cls = type(module)
    own = (DEVICES | BRANCHES).get(cls.__name__) is cls
    table.add("kind", cls.__name__ if own else f"{cls.__module__}:{cls.__qualname__}")
    later = {}
    declared = quantities(module)
    for name in (f.name for f in fields(cls) if f.init):
        value = getattr(module, name)
        if isinstance(value, dict):
            later[name] = value
        elif name in declared:
            item = tomlkit.item(_plain(value, f"{cls.__name__}.{name}", np.ndim(value) <= 1))
            item.comment(f"{declared[name]['unit']}, {declared[name]['meaning']}")
            table.add(name, item)
        elif not isinstance(value, eqx.Module):
            table.add(name, list(value) if isinstance(value, tuple) else value)
    for name, branches in later.items():
        if not branches:
            continue
        home = tomlkit.table(is_super_table=True)
        for key, branch in branches.items():
            inner = tomlkit.table()
            _fill(inner, branch)
            home.add(key, inner)
        table.add(name, home)


def _plain(value: Any, name: str, fine: bool) -> Any:
    try:
        array = np.asarray(value)
    except Exception:  # a tracer has no value; jax has several errors for that
        fine = False
    if not fine or array.dtype.kind not in "fiu":
        raise ValueError(f"{name} is no known number: a file holds one device, and no batch")
    return array.tolist()
