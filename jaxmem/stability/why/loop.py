"""The paper's device as a ring of lags: its loop gain, the bound, and the lag that 2D lacks."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Real

from jaxmem.circuits import DriveKind
from jaxmem.devices import Memristor2D, Memristor3D
from jaxmem.devices.branch import Scalar
from jaxmem.lens import put
from jaxmem.programs import program
from jaxmem.stability.equilibria.map import check_drive, least_margin, ring_resistance
from jaxmem.stability.why.change import FARTHEST, smallest_change


class LoopGain(NamedTuple):
    """The `gain` g round the ring of lags, and the `bound` above which it oscillates."""

    gain: Float[Array, ""]
    bound: Float[Array, ""]


def loop_gain(
    device: Memristor2D | Memristor3D, u: Real[ArrayLike, ""], drive: DriveKind = "current"
) -> LoopGain:
    """Loop gain at rest at u [V], against what an oscillation needs.

        g = R/R_a = R i_c0 f (1 - f)/V_m,    bound = (T1 + T2 + T3)(1/T1 + 1/T2 + 1/T3) - 1 >= 8

    with the lags T = (R C_m, tau_d, f tau_k), R = R_b under current and R_b R_s/(R_b + R_s) under
    voltage drive. A 2D device has two lags and no bound: infinite.

    **Arguments:**

    - `device`: the paper's 2D or 3D device, without extra branches.
    - `u`: voltage over the memristor [V], a number.
    - `drive`: `"current"`, or `"voltage"` through R_s > 0.

    **Raises:** `ValueError` for a device that is not the paper's alone, and for R_s = 0 under
    voltage drive.
    """
    check_drive("loop_gain", device, drive)
    if not isinstance(device, Memristor2D | Memristor3D) or device.extra:
        raise ValueError(
            "loop_gain: holds for a Memristor2D or Memristor3D without extra branches; "
            "hopf_margin holds for any device"
        )
    R = ring_resistance(device, drive)
    x = (jnp.asarray(u, dtype=jnp.result_type(float)) - device.V_T) / device.V_m
    f = sigmoid(x)
    gain = R * device.i_c0 / device.V_m * f * sigmoid(-x)
    if isinstance(device, Memristor2D):
        return LoopGain(gain, jnp.full_like(gain, jnp.inf))
    T = jnp.stack([R * device.C_m, device.tau_d, f * device.tau_k])
    return LoopGain(gain, jnp.sum(T) * jnp.sum(1 / T) - 1)


class SecondLag(NamedTuple):
    """What an activation time would have to be for a 2D device to spike.

    - `low`, `high`: tau_k between which it would [s]; NaN if no tau_k does.
    - `best`: the tau_k with which it comes nearest to oscillating [s]; `device`: 3D, with it.
    """

    low: Scalar
    high: Scalar
    best: Scalar
    device: Memristor3D


def second_lag(device: Memristor2D, drive: DriveKind = "current") -> SecondLag:
    """The activation time tau_k (eq. 12) that would make a 2D device spike.

    Two lags in a ring turn the phase by less than half a turn at any gain, so that the 2D model
    never oscillates; with the same letters and a tau_k it is the 3D model. Without extra branches
    and at f = 1/2, the best is f tau_k = sqrt(tau_m tau_d), and it suffices if and only if
    R_b i_c0/(4 V_m) > (1 + (tau_m + tau_d)/sqrt(tau_m tau_d))^2 - 1.

    **Arguments:**

    - `device`: a 2D device; extra branches are kept.
    - `drive`: `"current"`, or `"voltage"` through R_s > 0.

    **Raises:** `ValueError` for a device that is no Memristor2D, and for R_s = 0 under voltage.
    """
    if not isinstance(device, Memristor2D):
        raise ValueError(
            f"second_lag: wants a Memristor2D, got a {type(device).__name__}; smallest_change "
            "says what other devices lack"
        )
    check_drive("second_lag", device, drive)
    letters = {name: getattr(device, name) for name in device.__dataclass_fields__}
    # A constant-phase element may stand in the place of C_m: its ladder leaves a capacitance.
    tau_m = device.R_b * device.in_time().C_m
    three = Memristor3D(**letters, tau_k=jnp.sqrt(tau_m * device.tau_d))
    best = put(_tau_k, three, _best(three, drive))
    change = smallest_change(best, _tau_k, drive=drive)
    low, high = jnp.where(change.spikes, change.alone[0] * best.tau_k, jnp.nan)
    return SecondLag(low, high, best.tau_k, best)


def _tau_k(device):
    return device.tau_k


@program
def _best(three: Memristor3D, drive: DriveKind) -> Scalar:
    tau_k = three.tau_k * jnp.geomspace(1 / FARTHEST, FARTHEST, 241)
    margin = jax.vmap(lambda t: least_margin(put(_tau_k, three, t), drive).margin)(tau_k)
    return tau_k[jnp.argmin(margin)]
