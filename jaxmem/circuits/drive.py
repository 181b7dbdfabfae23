"""How a waveform is applied: as a current, or as a voltage behind the series resistance."""

import abc
from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool

from jaxmem.circuits.waveform import AbstractWaveform, Constant
from jaxmem.fields import as_array, is_concrete
from jaxmem.printed import Printed

# What a drive imposes; the same words stand in files, options and results.
DriveKind = Literal["current", "voltage"]
# The letter and the SI unit of what it imposes.
LETTER: dict[str, str] = {"current": "I", "voltage": "V"}
UNIT: dict[str, str] = {"current": "A", "voltage": "V"}


def as_wave(wave) -> AbstractWaveform:
    """A waveform; a number is a constant one."""
    return wave if isinstance(wave, AbstractWaveform) else Constant(as_array(wave))


class AbstractDrive(Printed):
    """What closes a device into a circuit: a `wave`, and the `kind` of what it imposes."""

    wave: eqx.AbstractVar[AbstractWaveform]

    @property
    @abc.abstractmethod
    def kind(self) -> DriveKind:
        """`"current"` or `"voltage"`."""

    @property
    def is_voltage(self) -> bool | Bool[Array, ""]:
        """Whether the voltage is imposed; an array where only the run decides."""
        return self.kind == "voltage"


class CurrentDrive(AbstractDrive):
    """The terminal current I(t) [A] is imposed."""

    wave: AbstractWaveform = eqx.field(converter=as_wave)

    @property
    def kind(self) -> DriveKind:
        """`"current"`."""
        return "current"


class VoltageDrive(AbstractDrive):
    """The applied voltage V(t) [V] is imposed over device and series resistance, R_s >= 0."""

    wave: AbstractWaveform = eqx.field(converter=as_wave)

    @property
    def kind(self) -> DriveKind:
        """`"voltage"`."""
        return "voltage"


class EitherDrive(AbstractDrive):
    """A drive whose kind is known when the program runs: both kinds then share one program.

    `voltage` says which, and may differ along a batch.
    """

    wave: AbstractWaveform = eqx.field(converter=as_wave)
    voltage: Bool[Array, ""] = eqx.field(converter=jnp.asarray)

    @property
    def kind(self) -> DriveKind:
        """`"current"` or `"voltage"`, where it is known.

        **Raises:** `ValueError` where only the run decides: see `is_voltage`.
        """
        if not is_concrete(self.voltage):
            raise ValueError("EitherDrive: its kind is known when the program runs; use is_voltage")
        return "voltage" if bool(self.voltage) else "current"

    @property
    def is_voltage(self) -> Bool[Array, ""]:
        """Whether the voltage is imposed."""
        return self.voltage


def drive_of_kind(kind: DriveKind, wave: Any) -> AbstractDrive:
    """`CurrentDrive(wave)` or `VoltageDrive(wave)`.

    **Arguments:**

    - `kind`: `"current"` or `"voltage"`.
    - `wave`: a waveform in A or V, or a number for a constant one.

    **Raises:** `ValueError` for another kind.
    """
    check_kind("what is imposed", kind)
    return VoltageDrive(wave) if kind == "voltage" else CurrentDrive(wave)


def check_kind(name: str, kind: str) -> None:
    """Refuse a kind that there is not; `name` begins the message."""
    if kind not in LETTER:
        raise ValueError(f'{name} is "current" or "voltage", got {kind!r}')


def choose(flag: bool | Array, yes: Any, no: Any) -> Any:
    """`yes()` or `no()`; both, elementwise, where the flag is known only when the program runs."""
    if isinstance(flag, bool):
        return yes() if flag else no()
    return jnp.where(flag, yes(), no())
