"""How a waveform is applied: as a current, or as a voltage behind the series resistance."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool

from jaxmem.circuits.waveform import AbstractWaveform, Constant
from jaxmem.fields import as_array


def as_wave(wave) -> AbstractWaveform:
    """A waveform; a number is a constant one."""
    return wave if isinstance(wave, AbstractWaveform) else Constant(as_array(wave))


class AbstractDrive(eqx.Module):
    """What closes a device into a circuit."""

    wave: eqx.AbstractVar[AbstractWaveform]


class CurrentDrive(AbstractDrive):
    """The terminal current I(t) [A] is imposed."""

    wave: AbstractWaveform = eqx.field(converter=as_wave)


class VoltageDrive(AbstractDrive):
    """The applied voltage V(t) [V] is imposed over device and series resistance, R_s >= 0."""

    wave: AbstractWaveform = eqx.field(converter=as_wave)


class EitherDrive(AbstractDrive):
    """A drive whose kind is known when the program runs: both kinds then share one program.

    `voltage` says which, and may differ along a batch.
    """

    wave: AbstractWaveform = eqx.field(converter=as_wave)
    voltage: Bool[Array, ""] = eqx.field(converter=jnp.asarray)


def choose(flag: bool | Array, yes: Any, no: Any) -> Any:
    """`yes()` or `no()`; both, elementwise, where the flag is known only when the program runs."""
    if isinstance(flag, bool):
        return yes() if flag else no()
    return jnp.where(flag, yes(), no())
