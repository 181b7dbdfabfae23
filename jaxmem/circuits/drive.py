"""How a waveform is applied: as a current, or as a voltage behind the series resistance."""

import equinox as eqx

from jaxmem.circuits.waveform import AbstractWaveform, Constant
from jaxmem.quantity import as_array


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
