"""What the numbers and states of a device are called in a netlist."""

import re
from dataclasses import fields
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from jaxmem.devices.device import AbstractDevice, Memristor2D, Memristor3D
from jaxmem.fields import quantities


class NetlistParameter(NamedTuple):
    """A number of the device that may be changed in a netlist."""

    name: str
    value: float
    unit: str
    meaning: str
    positive: bool


def label_of(device: AbstractDevice, branch: str, word: str) -> str:
    """What a field or a state of a branch is called: a memristor's own by the paper's letter."""
    own = isinstance(device, Memristor2D | Memristor3D) and branch in ("leak", "conduction")
    return word if own else f"{plain_word(branch)}_{plain_word(word)}"


def plain_word(text: str) -> str:
    """A name that every simulator takes."""
    word = re.sub(r"\W", "_", text, flags=re.ASCII)
    return word if word[:1].isalpha() else f"b_{word}"


def named_parameters(device: AbstractDevice) -> tuple[Any, list[NetlistParameter]]:
    """A name for each floating-point number of a device, as a pytree and as a list."""
    parameters: list[NetlistParameter] = []
    # A device's own letters come first, wherever they stand.
    taken = {f.name.casefold() for f in fields(device)}

    def name_of(path, leaf):
        word, module, keys = "", device, [_key(k) for k in path]
        *homes, last = keys
        for key in homes:
            module = module[key] if isinstance(module, dict) else getattr(module, str(key), None)
        # The home of extra branches is no part of a name.
        word = "_".join(plain_word(str(k)) for k in (*homes[1:], last))
        about = quantities(module).get(str(last), {}) if isinstance(module, eqx.Module) else {}
        found = np.empty(np.shape(leaf), dtype=object)
        for place in np.ndindex(found.shape):
            name = "_".join([word, *map(str, place)])
            found[place] = name = free_name(name, taken) if homes else name
            value = float(np.asarray(leaf)[place])
            parameters.append(
                NetlistParameter(name, value, about.get("unit", ""), about.get("meaning", ""),
                          bool(about.get("positive")) and value > 0)
            )  # fmt: skip
        return found

    arrays = eqx.filter(device, eqx.is_inexact_array)
    return jax.tree_util.tree_map_with_path(name_of, arrays), parameters


def free_name(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken: SPICE does not tell C_m from c_M."""
    base, k = name, 2
    while name.casefold() in taken:
        name, k = f"{base}_{k}", k + 1
    taken.add(name.casefold())
    return name


def _key(entry: Any) -> Any:
    for attribute in ("name", "key", "idx"):
        if hasattr(entry, attribute):
            return getattr(entry, attribute)
    return str(entry)
