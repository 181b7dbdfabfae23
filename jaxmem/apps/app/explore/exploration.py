"""The state of the page Explore, as plain values that stand in its address."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode

import jax.numpy as jnp

import jaxmem as jm
from jaxmem.apps.app.explore.offered_devices import base_device, own_name
from jaxmem.circuits import AbstractDrive
from jaxmem.devices import AbstractDevice
from jaxmem.lens import describe, get, lenses, locate, put_leaves

PARAMETER = "d."


@dataclass(frozen=True)
class Exploration:
    """A device, a drive, and how they are looked at.

    - `base`: see `base_device`; `values`: parameters of it that were changed, by name.
    - `drive`: a text, see `jaxmem.parse_drive`, as the command line takes it.
    - `bias`: where the impedance is looked at: u [V], or the place on the curve of equilibria.
      None: where the device is steepest.
    - `until`: the end of the transient [s]; None: when it has answered.
    - `log`: |I| over a logarithmic axis. `over`: the parameters of the map.
    - `pinned`: a device that is drawn beside, as `base` and values packed in one name, or empty.
    """

    base: str = "si"
    values: tuple[tuple[str, float], ...] = ()
    drive: str = "I = Step(0.0002)"
    bias: float | None = None
    until: float | None = None
    log: bool = False
    over: tuple[str, str] | None = None
    pinned: str = ""

    def __post_init__(self):
        known = parameters_of(self.base)
        for name, value in self.values:
            if name not in known:
                raise ValueError(f"the device has no parameter {name}; it has {', '.join(known)}")
            known[name].check(value)
        for name in self.over or ():
            if name not in known:
                raise ValueError(f"the map: no parameter {name}; there are {', '.join(known)}")
        if self.until is not None and not 0 < self.until < math.inf:
            raise ValueError(f"the end time must be positive and finite, got {self.until:g}")
        if self.bias is not None and not math.isfinite(self.bias):
            raise ValueError(f"the bias must be finite, got {self.bias:g}")
        jm.parse_drive(self.drive)

    @property
    def device(self) -> AbstractDevice:
        """The device with the changed values."""
        return _changed(self.base, self.values)

    @property
    def circuit_drive(self) -> AbstractDrive:
        """The drive."""
        return jm.parse_drive(self.drive)

    def value(self, name: str) -> float:
        """A parameter as it is now."""
        return dict(self.values).get(name, parameters_of(self.base)[name].value)

    def with_value(self, name: str, value: float) -> "Exploration":
        """With another value of a parameter.

        **Raises:** `ValueError` for a value that it cannot have.
        """
        values = dict(self.values) | {name: float(value)}
        if values[name] == parameters_of(self.base)[name].value:
            del values[name]
        return replace(self, values=tuple(values.items()))

    def query(self) -> str:
        """The state as it stands in an address."""
        said: dict[str, str] = {"device": self.base, "drive": self.drive}
        said |= {PARAMETER + name: repr(value) for name, value in self.values}
        if self.bias is not None:
            said["bias"] = repr(self.bias)
        if self.until is not None:
            said["until"] = repr(self.until)
        if self.log:
            said["log"] = "1"
        if self.over is not None:
            said["over"] = ",".join(self.over)
        if self.pinned:
            said["pinned"] = self.pinned
        return urlencode(said)

    def pin(self) -> "Exploration":
        """With the device as it is now drawn beside."""
        return replace(self, pinned=own_name(self.device))


KEYS = ("device", "drive", "bias", "until", "log", "over", "pinned")


def exploration_of(query: str | Mapping[str, str]) -> Exploration:
    """The state that an address holds; what it leaves out is as at first.

    **Raises:** `ValueError` that says what in it is not understood.
    """
    said = dict(parse_qsl(query)) if isinstance(query, str) else dict(query)
    values = {k: v for k, v in said.items() if k.startswith(PARAMETER)}
    unknown = sorted(set(said) - set(values) - set(KEYS))
    if unknown:
        raise ValueError(f"the address has {unknown[0]}, which says nothing of a device")
    number = lambda name: None if name not in said else number_of(said[name], name)
    over = tuple(said["over"].split(",")) if "over" in said else None
    if over is not None and (len(over) != 2 or over[0] == over[1]):
        raise ValueError(f"the map wants two parameters, over=R_b,C_m; got {said['over']}")
    found = Exploration(
        said.get("device", "si"),
        tuple((k.removeprefix(PARAMETER), number_of(v, k)) for k, v in values.items()),
        said.get("drive", Exploration.drive), number("bias"), number("until"),
        said.get("log") == "1", over, said.get("pinned", ""),  # pyright: ignore
    )  # fmt: skip
    if found.pinned:
        base_device(found.pinned)
    return found


def number_of(text: str, what: str) -> float:
    """A number as a person writes it, with a point or a comma.

    **Raises:** `ValueError` that says what is none.
    """
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{what.removeprefix(PARAMETER)} must be a finite number, got {text!r}")
    return value


@dataclass(frozen=True)
class ShownParameter:
    """A parameter of a device: its name, value, unit and meaning, and what it may be."""

    name: str
    value: float
    unit: str
    meaning: str
    positive: bool
    zero_allowed: bool

    def check(self, value: float) -> None:
        """Refuse a value that it cannot have.

        **Raises:** `ValueError`.
        """
        fine = math.isfinite(value) and abs(value) < 1e30
        if self.positive:
            fine = fine and (value >= 0 if self.zero_allowed else value > 0)
        if not fine:
            want = "positive" if not self.zero_allowed else "zero or positive"
            raise ValueError(
                f"{self.name} ({self.meaning}) must be {want if self.positive else 'finite'}, "
                f"got {value:g} {self.unit}"
            )


@lru_cache(maxsize=64)
def parameters_of(base: str) -> dict[str, ShownParameter]:
    """Every number of a device, by name, as it is at first."""
    device, found = base_device(base), {}
    for name, lens in lenses(device).items():
        meta = describe(lens, device)
        if meta.get("where_to_look"):
            continue
        found[name] = ShownParameter(
            name, float(get(lens, device)), meta["unit"], meta["meaning"], meta["positive"],
            bool(meta.get("zero_allowed")),
        )  # fmt: skip
    return found


@lru_cache(maxsize=64)
def _places(base: str) -> dict[str, tuple[int, ...]]:
    device = base_device(base)
    return {name: locate(lens, device) for name, lens in lenses(device).items()}


@lru_cache(maxsize=64)
def _changed(base: str, values: tuple[tuple[str, float], ...]) -> AbstractDevice:
    places = _places(base)
    return put_leaves(base_device(base), [(places[k], jnp.asarray(float(v))) for k, v in values])
