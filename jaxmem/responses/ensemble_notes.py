"""What is to be said of a batch of transients, in words: of the worst of them, and of how many."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int

from jaxmem.circuits.circuit import Circuit
from jaxmem.circuits.drive import LETTER
from jaxmem.fields import is_concrete
from jaxmem.responses.start import _polynomial, at_rest
from jaxmem.responses.steady import OperatingPoint, operating_points
from jaxmem.responses.steady.roots import rising
from jaxmem.responses.transient import approximations


def about_batch(circuits: Circuit, t: Float[Array, "t"]) -> tuple[str, ...]:
    """What the integration leaves out or approximates (`approximations`), of the batch's worst."""
    device, worst = circuits.device, 0
    if is_concrete(device.L_s, device.R_s):
        L_s, R_s = np.asarray(device.L_s), np.asarray(device.R_s)
        lag = np.where(L_s > 0, L_s / np.where(R_s > 0, R_s, np.finfo(float).tiny), 0.0)
        worst = int(np.argmax(lag if np.any(lag > 0) else R_s == 0))
    return approximations(one_of(circuits, worst), t)


def about_rests(circuits: Circuit, begin: Any, start: Any) -> tuple[str, ...]:
    """How many start at an equilibrium that is unstable, or at one of several (`about_rest`).

    Only where all values are known; a start `(u, x)` is taken as it is. `begin`: (u, z) of each, or
    None where they rest and it is not known where.
    """
    known = start is None or isinstance(start, OperatingPoint)
    if not known or not is_concrete(circuits, start, begin):
        return ()
    u, polynomials = (np.asarray(a) for a in _rests(circuits, begin))
    notes, many = [], len(u)
    growing = unstable_counts(polynomials)
    if np.any(growing):
        first = int(np.argmax(growing > 0))
        notes.append(
            f"{np.sum(growing > 0)} of {many} start at rest where it is unstable (number {first}: "
            f"u = {u[first]:.6g} V, growing modes: {growing[first]}): a solution may stay there "
            "where a device does not; give start=(u, x) beside it to see where it goes"
        )
    if isinstance(start, OperatingPoint) and not rising(one_of(circuits, 0).device):
        letter = LETTER[one_of(circuits.drive, 0).kind]
        counts = np.asarray(_counts(circuits.device, getattr(start, letter), letter))
        if np.any(counts > 1):
            first = int(np.argmax(counts > 1))
            notes.append(
                f"{np.sum(counts > 1)} of {many} start at one of several equilibria (number "
                f"{first}: one of {counts[first]})"
            )
    return tuple(notes)


@eqx.filter_jit
def _rests(circuits, begin):
    def one(circuit, begin):
        u, z = (at_rest(circuit) if begin is None else begin)[:2]
        return u, _polynomial(circuit.device, u, z, circuit.is_voltage)

    return eqx.filter_vmap(one)(circuits, begin)


@eqx.filter_jit
def _counts(devices, values, letter):
    one = lambda device, value: operating_points(device, **{letter: value}).count
    return eqx.filter_vmap(one)(devices, values)


def unstable_counts(polynomials: Float[np.ndarray, "B m"]) -> Int[np.ndarray, "B"]:
    """How many roots of each polynomial, highest power first, grow: `unstable_roots` of many.

    None is counted where a number of Routh's array is lost in rounding.
    """
    many, size = polynomials.shape
    rows = [np.zeros((many, (size + 1) // 2 + 1)) for _ in range(2)]
    for k, row in enumerate(rows):
        part = polynomials[:, k::2]
        row[:, : part.shape[1]] = part
    signs, fine = [np.sign(rows[0][:, 0])], np.isfinite(polynomials).all(axis=1)
    with np.errstate(all="ignore"):
        for _ in range(size - 1):
            above, row = rows
            fine &= np.isfinite(row[:, 0]) & (row[:, 0] != 0)
            signs.append(np.sign(row[:, 0]))
            product = (above[:, :1] / row[:, :1]) * row[:, 1:]
            below = above[:, 1:] - product
            lost = np.abs(below) <= 1e-9 * (np.abs(above[:, 1:]) + np.abs(product))
            rows = [row, np.pad(np.where(lost, 0.0, below), ((0, 0), (0, 1)))]
    changes = np.sum(np.diff(np.stack(signs), axis=0) != 0, axis=0)
    return np.where(fine, changes, 0)


def one_of(batch: Any, k: int) -> Any:
    """One of a batch; of known numbers without a program for each."""
    take = lambda a: np.asarray(a)[k] if is_concrete(a) else a[k]
    return jax.tree.map(lambda a: take(a) if eqx.is_array(a) else a, batch)
