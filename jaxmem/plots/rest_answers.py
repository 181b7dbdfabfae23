"""What a device answers at rest and to small signals, as one program, and its panels."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxmem import plots
from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.plots.stability import stable_pieces
from jaxmem.responses import EquivalentCircuit, OperatingPoint, equivalent_circuit, linearize
from jaxmem.responses.linear import matrix_at
from jaxmem.responses.search import survey, unseen
from jaxmem.stability import unstable_count

# Points of a curve, and of a spectrum; decades beyond the fastest and the slowest time constant.
POINTS, FREQUENCIES, BEYOND = 241, 401, 1.5
HERE = plots.COLOURS[1]


class RestAnswers(NamedTuple):
    """A device at rest along its curve of equilibria, and at one place of it, the bias.

    - `u` [V], `I` [A], `V` [V], `stable`: along the curve, under the kind of drive.
    - `point`: the equilibrium at the bias; `rates`: eigenvalues there under the drive [1/s].
    - `freq` [Hz], `Z` [ohm]: the spectrum there; `circuit`: its elements.
    """

    u: Any
    I: Any
    V: Any
    stable: Any
    point: OperatingPoint
    rates: Any
    freq: Any
    Z: Any
    circuit: EquivalentCircuit


def rest_answers(device: AbstractDevice, drive: DriveKind, bias: float) -> RestAnswers:
    """Everything of a device that has a closed form, as NumPy arrays.

    **Arguments:**

    - `drive`: `"current"` or `"voltage"`, under which it is stable or not; R_s = 0 is the voltage
      imposed.
    - `bias`: u [V], or the place on the curve of equilibria where a branch gives one.
    """
    ideal = drive == "voltage" and not float(device.R_s) > 0
    places = np.unique(np.append(places_at_rest(device), float(bias)))
    # One length, so that a bias that is one of the places compiles nothing anew.
    places = np.append(places, np.full(POINTS + 1 - places.size, places[-1]))
    made = _answers(device, drive, ideal, jnp.asarray(places), jnp.asarray(float(bias)))
    return jax.device_get(made)


def places_at_rest(device: AbstractDevice) -> np.ndarray:
    """Voltages (or places on the curve of equilibria) that a figure of rest shows, ascending."""
    if device.curve is not None:
        low, high = (float(s) for s in device.branches[device.curve].rest_range())
        return np.linspace(low, high, POINTS)
    windows = [(float(c), float(w)) for c, w in device.windows()]
    if not windows and unseen(device):
        seen = np.asarray(survey(device, None).s)
        return np.linspace(float(seen.min()), float(seen.max()), POINTS)
    low = min([0.0, *(c - 8 * w for c, w in windows)])
    high = max([0.0, *(c + 12 * w for c, w in windows)]) or 1.0
    centre, width = min(windows, key=lambda w: w[1], default=((low + high) / 2, high - low))
    coarse = np.linspace(low, high, 81)
    fine = np.linspace(max(low, centre - 8 * width), min(high, centre + 8 * width), POINTS - 81)
    return np.sort(np.concatenate([coarse, fine]))


@eqx.filter_jit
def _answers(device, drive, ideal, places, bias):
    def one(s):
        u, x = device.equilibrium(s)
        I = device.current(u, x)
        if ideal:
            J = matrix_at(device, u, device.in_time().equilibrium(s)[1], "current")[1:, 1:]
            stable = jnp.all(jnp.linalg.eigvals(J).real < 0) if J.size else jnp.asarray(True)
        else:
            stable = unstable_count(device, s, drive) == 0
        return u, I, device.R_s * I + u, stable

    along = jax.vmap(one)(places)
    u, x = device.equilibrium(bias)
    I = device.current(u, x)
    point = OperatingPoint(u, x, I, device.R_s * I + u, jnp.asarray(1))
    near = linearize(device, point)
    natural = near.eigenvalues()
    rates = near.eigenvalues(drive) if not ideal else natural
    # From the slowest to the fastest of its own rates, with room on both sides.
    size = jnp.where(jnp.abs(natural) > 0, jnp.abs(natural), 1.0) / (2 * jnp.pi)
    ends = jnp.log10(jnp.min(size)) - BEYOND, jnp.log10(jnp.max(size)) + BEYOND
    freq = 10 ** jnp.linspace(*ends, FREQUENCIES)
    Z = near.impedance(2 * jnp.pi * freq)
    return RestAnswers(*along, point, rates, freq, Z, equivalent_circuit(device, point))


def current_voltage_panel(found: RestAnswers, *, log: bool = False) -> plots.Panel:
    """The current over the applied voltage at rest, dashed where it is unstable; the bias a star.

    **Arguments:**

    - `found`: see `rest_answers`. `log`: the size of the current over a logarithmic axis.
    """
    I = np.abs(found.I) if log else found.I
    if log:
        I = np.where(I > 0, I, np.nan)
    marks = stable_pieces(found.V, I, np.asarray(found.stable), plots.COLOURS[0])
    here = abs(float(found.point.I)) if log else float(found.point.I)
    marks.append(plots.Curve([float(found.point.V)], [here], "star", colour=HERE))
    y = plots.PlotAxis("|I|" if log else "I", "A", "log" if log else "linear")
    return plots.Panel(marks, plots.PlotAxis("V", "V"), y, "Current at rest; dashed: unstable")


def impedance_panels(found: RestAnswers) -> list[plots.Panel]:
    """The spectrum at the bias: in the complex plane, its modulus and its phase over frequency.

    **Arguments:** `found`: see `rest_answers`.
    """
    freq: Any = np.asarray(found.freq)
    Z: Any = np.asarray(found.Z)
    marks: list[plots.AbstractMark] = [plots.Rule("y", 0.0), plots.Curve(Z.real, -Z.imag)]
    decades = np.arange(np.ceil(np.log10(freq[0])), np.floor(np.log10(freq[-1])) + 1)
    at = [int(np.argmin(np.abs(np.log10(freq) - d))) for d in decades]
    marks.append(plots.Curve(Z.real[at], -Z.imag[at], "mark", label="decades of frequency"))
    title = f"Impedance at u = {float(found.point.u):.4g} V"
    over = plots.PlotAxis("frequency", "Hz", "log")
    turn = np.degrees(np.unwrap(np.angle(Z)))
    return [
        plots.Panel(marks, title=title, **plots.nyquist_axes()),
        plots.Panel([plots.Curve(freq, np.abs(Z))], over, plots.PlotAxis("|Z|", "ohm", "log"),
                    "Modulus"),
        plots.Panel([plots.Curve(freq, turn), plots.Rule("y", 0.0)], over,
                    plots.PlotAxis("phase (degrees)"), "Phase"),
    ]  # fmt: skip
