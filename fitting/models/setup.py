"""A model for a fit: device, free parameters, where to start; and what surrounds any circuit."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from fitting.models.ranges import Range, Scales
from fitting.problem.space import Free, Space
from jaxmem.devices import AbstractDevice, ConstantPhase, Polarisation, SlowConductance
from jaxmem.fields import quantities

KINDS = ("rc", "2d", "3d")
ADDITIONS = ("cpe", "polarisation", "slow", "photocurrent")
# In frequency there is no constant current.
DIRECT = "photocurrent"


class Setup(NamedTuple):
    """A model to start from, what is free in it, and the box of starts by name."""

    model: Any
    space: Space
    box: dict[str, Range]


def device_model(device: AbstractDevice) -> Setup:
    """Any device as the start of a fit: every quantity of it is free, but those that are zero.

    The start box is two decades to each side of the device's own values.
    """
    frees = []
    for home, module in (("", device), *_branches(device)):
        for field in quantities(module):
            if np.ndim(getattr(module, field)) == 0 and float(getattr(module, field)) != 0:
                name = f"{home}.{field}".lstrip(".")
                frees.append(Free(_at(home, field), name=name))
    return Setup(device, Space(*frees), {})


def _branches(device):
    """Path and branch of what a device holds as fields, not of what it derives."""
    for home in ("branches", "extra"):
        if home in type(device).__dataclass_fields__ and home in vars(device):
            for name, branch in getattr(device, home).items():
                yield f"{home}.{name}", branch


@lru_cache(maxsize=1024)
def _at(home: str, field: str):
    # Cached, because a new function would compile anew.
    if not home:
        return lambda d: getattr(d, field)
    holder, name = home.split(".", 1)
    return lambda d: getattr(getattr(d, holder)[name], field)


def surroundings(scale: Scales, add, lead, series, *, home: str):
    """C_m or what replaces it, what is added, R_s and L_s: box, branches, free parameters."""
    box: dict[str, Range] = {}
    branches, frees = {}, []
    at = lambda name, field: lambda d: getattr(getattr(d, home)[name], field)
    if "cpe" in add:
        low, high = scale.capacitance
        box["Q"], box["n"] = (low, high * max(scale.apex, 1.0) ** 0.3), (0.7, 1.0)
        branches["cpe"] = ConstantPhase(middle(box["Q"]), jnp.asarray(0.9))
        frees += [Free(at("cpe", "Q"), name="Q"), Free(at("cpe", "n"), name="n", log=False)]
    else:
        box["C_m"] = scale.capacitance
        frees.append(Free(lambda d: d.C_m, name="C_m"))
    if "polarisation" in add:
        box["R_1"] = scale.resistance(1e-2, 1e2)
        box["C_1"] = (1 / (scale.fastest * scale.Z_max), 10 / (scale.slowest * scale.Z_max))
        branches["polarisation"] = Polarisation(middle(box["R_1"]), middle(box["C_1"]))
        frees += [
            Free(at("polarisation", "R_1"), name="R_1"),
            Free(at("polarisation", "C_1"), name="C_1"),
        ]
    if "slow" in add:
        # Either sign: searched as it is, not in a logarithm.
        box["g_slow"], box["tau_slow"] = (-3 / scale.Z_max, 3 / scale.Z_max), scale.time
        name = "slow_2"
        branches[name] = SlowConductance(-middle((0.3, 0.3)) / scale.Z_max, middle(scale.time))
        frees += [
            Free(at(name, "g"), name="g_slow", log=False),
            Free(at(name, "tau"), name="tau_slow"),
        ]
    if series:
        box["R_s"] = (1e-3 * scale.R_min, scale.R_min)
        frees.append(Free(lambda d: d.R_s, name="R_s"))
    if lead:
        size = scale.Z_end / scale.fastest
        box["L_s"] = (1e-3 * size, size)
        frees.append(Free(lambda d: d.L_s, name="L_s"))
    return box, branches, frees


def started(setup: Setup, guess: Mapping[str, float]) -> Setup:
    """The setup with what was read off the data in its model, within the box."""
    c = setup.space.resolve(setup.model)
    z = c.pack(setup.model)
    for k, name in enumerate(c.names):
        value = guess.get(name, np.nan)
        # A lag or a capacitance of nothing is one that was not seen.
        if np.isfinite(value) and (value > 0 or not c.log[k]):
            low, high = setup.box[name]
            value = float(np.clip(value, low, high))
            z[k] = math.log(value) if c.log[k] else value
    return setup._replace(model=c.unpack(jnp.asarray(z), setup.model))


def check_kind(kind: str, add: Sequence[str]) -> None:
    if kind not in KINDS:
        raise ValueError(f"no device {kind!r}; there are {', '.join(KINDS)}")
    if isinstance(add, str) or not set(add) <= set(ADDITIONS):
        raise ValueError(f"cannot add {add!r}; there are {', '.join(ADDITIONS)}, as a list")


def middle(ends: Range) -> Any:
    return jnp.asarray(np.sqrt(ends[0] * ends[1]))


def inverse(ends: Range) -> Range:
    return 1 / ends[1], 1 / ends[0]
