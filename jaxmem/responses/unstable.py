"""Whether a solution stays at an unstable equilibrium, in steps too long to see it leave."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.circuits.circuit import Circuit
from jaxmem.responses.linear import driven_matrix

# Of a disturbance of the size of rounding nothing is left unseen after so many e-folds.
FOLDS = 40.0
# It stays where it is nearer to the equilibrium than this share of what each state moves in all.
NEAR = 0.01
# Drives that move within fewer of the intervals between samples are steps and pulses.
RAMPS = 0.05
# At most so many samples are looked at.
MOST = 256


def stays_unseen(circuit: Circuit, t: Any, u: Any, x: Any) -> str | None:
    """What to say of a solution that follows an unstable equilibrium; None of others.

    A stiff method damps what grows faster than its steps are long: if the drive goes slowly
    through a window of oscillation, or begins in it, the solution goes on along an equilibrium that
    a device has left long before. Said is so where all samples in a row lie at the momentary
    equilibrium (a Newton step moves them by little), the drive moves, and growth at the rate of the
    fastest mode there amounts to e^40 or more. All values are known; `circuit` is that in time.
    """
    device, wave = circuit.device, circuit.drive.wave
    if device.size == 0 or (circuit.is_voltage is True and float(device.R_s) == 0):
        return None
    t, u, x = np.asarray(t), np.asarray(u), np.asarray(x)
    drive = np.asarray(wave(t))
    # A drive that stands still moves no equilibrium: it is an exact solution (`about_rest`).
    third = np.diff(t) / 3
    ramps = np.asarray(wave(t[:-1] + third)) != np.asarray(wave(t[:-1] + 2 * third))
    if np.mean(ramps) < RAMPS:
        return None
    at = np.unique(np.linspace(0, len(t) - 1, MOST).astype(int))
    at = np.concatenate([at, np.full(MOST - len(at), at[-1])])
    J, F = map(np.asarray, _local(circuit, u[at], x[at], drive[at]))
    if not (np.isfinite(J).all() and np.isfinite(F).all()):
        return None
    rate = np.linalg.eigvals(J).real.max(axis=1)
    y = np.column_stack([u, x])
    scale = np.maximum(np.ptp(y, axis=0), 1e-12 * np.max(np.abs(y), axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    size = np.maximum(np.max(np.abs(J), axis=2), np.finfo(float).tiny)
    off = np.full(y[at].shape, np.inf)
    for k in range(MOST):
        try:
            off[k] = np.linalg.solve(J[k] / size[k][:, None], F[k] / size[k])
        except np.linalg.LinAlgError:
            continue
    stays = (np.max(np.abs(off) / scale, axis=1) < NEAR) & (rate > 0)
    worst, folds, since = 0.0, 0.0, None
    place = (0.0, 0.0, 0.0)
    for k in range(1, MOST):
        if not (stays[k - 1] and stays[k]):
            folds, since = 0.0, None
            continue
        since = t[at[k - 1]] if since is None else since
        folds += (
            (drive[at[k]] != drive[at[k - 1]])
            * min(rate[k - 1], rate[k])
            * (t[at[k]] - t[at[k - 1]])
        )
        if folds > worst:
            worst, place = folds, (since, t[at[k]], rate[k])
    if worst < FOLDS:
        return None
    return (
        f"between t = {place[0]:.6g} and {place[1]:.6g} s it follows an unstable equilibrium "
        f"(a disturbance grows at {place[2]:.3g} per second, by e^{worst:.3g} in all): a device "
        "leaves it at once, and what it then does is not determined at this tolerance and these "
        "steps. Give shorter spans, or start=(u, x) beside it, to see where it goes; limit_cycle "
        "says what it does where the drive stands still; throw=False returns the values"
    )


@eqx.filter_jit
def _local(circuit, u, x, drive):
    """The Jacobian of (u, x) at each sample, and how fast they move there."""
    device, voltage = circuit.device, circuit.is_voltage

    def one(u, x, value):
        lag = jnp.where(device.R_s > 0, device.R_s, 1.0)
        I = jnp.where(voltage, (value - u) / lag, value)
        du = (I - device.current(u, x)) / device.C_m
        return driven_matrix(device, u, x, voltage), jnp.append(du, device.rates(u, x))

    return jax.vmap(one)(u, x, drive)
