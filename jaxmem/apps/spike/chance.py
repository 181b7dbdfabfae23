"""How sure a fit is that its device spikes: the answer over what the data leave open."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import UNIT
from jaxmem.devices import AbstractDevice
from jaxmem.lens import describe, lenses, locate, put_leaves
from jaxmem.output.numbers import engineering
from jaxmem.responses.search import unseen
from jaxmem.stability import hopf_points, least_margin

# Draws from the covariance; what is not determined is drawn within a decade to each side.
DRAWS, CORNERS, DECADE = 2000, 32, np.log(10.0)


@dataclass(frozen=True)
class Chance:
    """The probability that a fitted device spikes under one kind of drive.

    - `low`, `high`: equal where the data determine every parameter that matters, else the
      smallest and largest probability over the `open` ones, each a decade to both sides.
    - `onset`, `frequency`: 95 % intervals of the drive [A] or [V] and the frequency [Hz] at the
      lowest Hopf point, of the draws that spike; None where there are fewer than a tenth, or
      where a parameter is open.
    """

    drive: DriveKind
    low: float
    high: float
    open: tuple[str, ...]
    onset: tuple[float, float] | None
    frequency: tuple[float, float] | None

    def sentence(self) -> str:
        """In words."""
        where = f"under a constant {self.drive}"
        if self.open:
            return (
                f"The data leave {', '.join(self.open)} open. Over a decade to each side of the "
                f"fit, the probability that it spikes {where} is {self.low:.2g} to {self.high:.2g}."
            )
        text = f"It spikes {where} with probability {self.low:.2g}, given the fit's covariance"
        if self.onset is None or self.frequency is None:
            return f"{text}."
        ends = " to ".join(engineering(x, UNIT[self.drive], 3) for x in self.onset)
        freq = " to ".join(engineering(x, "Hz", 3) for x in self.frequency)
        return f"{text}; it begins at {ends}, with {freq} (95 % intervals)."


def spike_chance(
    device: AbstractDevice,
    fit: dict[str, Any],
    drive: DriveKind,
    *,
    u_range: tuple[float, float] | None = None,
    seed: int = 0,
) -> Chance | None:
    """Draw devices from a fit's covariance (normal in search coordinates) and count.

    `fit` is the content of `fit.json`. None if it holds no covariance of this device's
    parameters, or under voltage drive without R_s.

    **Raises:** `ValueError` if the covariance does not belong to the parameters.
    """
    if "covariance" not in fit or (drive == "voltage" and float(device.R_s) == 0):
        return None
    paths, log = fit["covariance"]["paths"], np.asarray(fit["covariance"]["log"], bool)
    matrix = np.array(fit["covariance"]["matrix"], dtype=float)
    known = np.array([bool(row["identifiable"]) for row in fit["parameters"]])
    values = np.array([row["value"] for row in fit["parameters"]], dtype=float)
    if not (len(paths) == len(known) == len(matrix)):
        raise ValueError("fit.json: its covariance has another size than its parameters")
    named = lenses(device)
    chosen = [tuple(locate(named[part], device)[0] for part in p.split("=")) for p in paths]
    bounds = [describe(named[p.split("=")[0]], device).get("bounds") for p in paths]
    rng = np.random.default_rng(seed)
    matters = np.array([_matters(p, device) for p in paths])
    loose = ~known & matters
    known = known & np.isfinite(np.diag(matrix))
    matrix = np.where(np.outer(known, known), matrix, 0.0)
    steps = rng.multivariate_normal(np.zeros(len(paths)), matrix, DRAWS, method="eigh")
    if not loose.any():
        draws = _values(values, log, steps, bounds)
        spikes = np.asarray(_margins(device, chosen, drive, draws, u_range)) < 0
        onset = frequency = None
        if known[[p != "L_s" for p in paths]].all():
            onset, frequency = _onsets(device, chosen, drive, draws[spikes], u_range)
        share = float(spikes.mean())
        return Chance(drive, share, share, (), onset, frequency)
    shares = []
    for _ in range(CORNERS):
        shift = np.where(loose, rng.uniform(-DECADE, DECADE, len(paths)), 0.0)
        size = np.where(log, 1.0, np.abs(values))
        draws = _values(values, log, steps[: DRAWS // 8] + shift * size, bounds)
        shares.append(
            float(np.mean(np.asarray(_margins(device, chosen, drive, draws, u_range)) < 0))
        )
    names = tuple(fit["parameters"][k]["name"] for k in np.flatnonzero(loose))
    return Chance(drive, min(shares), max(shares), names, None, None)


def _matters(path: str, device: AbstractDevice) -> bool:
    """The lead's inductance changes nothing in what spikes, nor does the only threshold's place."""
    only = len(device.windows()) == 1 and path.endswith("V_T") and not unseen(device)
    return path != "L_s" and not only


def _values(values, log, steps, bounds):
    """Parameters of each draw, inside what their fields allow."""
    drawn = np.where(log, values * np.exp(np.where(log, steps, 0.0)), values + steps)
    for k, ends in enumerate(bounds):
        if ends is not None:
            drawn[:, k] = np.clip(drawn[:, k], *ends)
    return jnp.asarray(drawn)


def _put(device, chosen, row):
    return put_leaves(device, [(k, row[j]) for j, k in enumerate(chosen)])


@eqx.filter_jit
def _margins(device, chosen, drive, draws, u_range):
    one = lambda row: least_margin(_put(device, chosen, row), drive, u_range=u_range).margin
    return jax.lax.map(one, draws, batch_size=250)


@eqx.filter_jit
def _first(device, chosen, drive, u_range, row):
    found = hopf_points(_put(device, chosen, row), drive=drive, u_range=u_range)
    return found.imposed(drive)[0], found.omega[0] / (2 * jnp.pi)


def _onsets(device, chosen, drive, draws, u_range):
    if len(draws) < DRAWS / 10:
        return None, None
    # As many each time, so that one program serves all fits of a device.
    rows = jnp.resize(draws, (DRAWS // 8, draws.shape[1]))
    drive_at, freq = jax.vmap(partial(_first, device, chosen, drive, u_range))(rows)
    (a, b), (c, d) = (np.nanquantile(np.asarray(x), [0.025, 0.975]) for x in (drive_at, freq))
    return (float(a), float(b)), (float(c), float(d))
