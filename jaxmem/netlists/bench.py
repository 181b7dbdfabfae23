"""What a test bench says: of a device, its drive, and how closely it is computed."""

from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.netlists.accuracy import Accuracy, accuracy_for
from jaxmem.netlists.equations import Equations
from jaxmem.netlists.stimulus import Stimulus, stimulus_of
from jaxmem.responses.linear import matrix_at

Simulator = Literal["ngspice", "ltspice", "vacask"]
# What a netlist of a device is called where no other name is said.
FILES = {"ngspice": "memristor.lib", "ltspice": "memristor_ltspice.lib", "vacask": "memristor.va"}
# Decades beside the eigenvalues, and the most that are looked at.
BESIDE, MOST_DECADES = 1, 12


class Bench(NamedTuple):
    """What a test bench of any simulator says; `until` is the end in the simulator's time [s]."""

    made: Equations
    voltage: bool
    stimulus: Stimulus
    bias: float
    band: tuple[float, float]
    until: float
    accuracy: Accuracy
    name: str
    file: str


def bench_of(made, circuit, until, simulator, max_step=None, name="memristor", file=None) -> Bench:
    """What a test bench says, of equations that are made already (see `testbench`)."""
    wave = circuit.drive.wave
    voltage = bool(circuit.is_voltage)
    band = _band(made)
    stimulus = stimulus_of(wave, until)
    # A simulator's time begins with the drive, where that begins before 0.
    until = until + stimulus.shift
    accuracy = accuracy_for(made, simulator, until, max_step)
    # The largest that the straight lines reach, about the mean of the sines.
    bias = max(stimulus.values, key=abs) + sum(sine.offset for sine in stimulus.sines)
    return Bench(
        made, voltage, stimulus, bias, band, until, accuracy, name,
        file or FILES[simulator],
    )  # fmt: skip


def _band(made: Equations) -> tuple[float, float]:
    """Frequencies [Hz] about the eigenvalues over the voltages where the device is steep."""
    u, z = (np.array(part) for part in zip(*made.scales.rests, strict=True))
    J = np.asarray(_matrices(made.device, u, z))
    rates = np.abs(np.linalg.eigvals(J[np.isfinite(J).all(axis=(1, 2))])).ravel()
    rates = rates[(rates > 0) & np.isfinite(rates)] / (2 * np.pi)
    low, high = np.log10(rates.min()) - BESIDE, np.log10(rates.max()) + BESIDE
    return 10.0 ** np.floor(low), 10.0 ** np.ceil(min(high, low + MOST_DECADES))


@eqx.filter_jit
def _matrices(device, u, z):
    one = lambda u, z: matrix_at(device, u, device.unchart(z), "current")
    return jax.vmap(one)(jnp.asarray(u), jnp.asarray(z))
