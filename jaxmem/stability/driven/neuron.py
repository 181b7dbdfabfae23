"""A device measured as a neuron: f-I curve, shape of a spike, refractory time."""

from functools import lru_cache
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Real
from scipy.optimize import root_scalar

from jaxmem.circuits import Circuit, Constant, DriveKind, PulseTrain, drive_of_kind
from jaxmem.devices import AbstractDevice
from jaxmem.devices.branch import Scalar
from jaxmem.fields import is_concrete
from jaxmem.programs import program
from jaxmem.responses import solve
from jaxmem.results import RESULTS
from jaxmem.stability.cycles.cycle import limit_cycle
from jaxmem.stability.equilibria.folds import fold_points
from jaxmem.stability.equilibria.hopf import hopf_points
from jaxmem.stability.equilibria.map import check_drive
from jaxmem.stability.equilibria.rests import stable_rests

# Pairs of pulses: samples of each, how many intervals are tried, and the longest in pulse widths.
SAMPLES, INTERVALS, LONGEST = 201, 48, 1e4


class FICurve(NamedTuple):
    """Spike frequency over a constant drive; arrays `(k,)`.

    - `drive` [A] or [V]; `frequency` [Hz] of the stable cycle, NaN where there is none.
    - `from_rest`: whether no equilibrium is stable there, so that it spikes by itself.
    - `result`: those of `limit_cycle`, `(k,)`.
    """

    drive: Float[Array, "k"]
    frequency: Float[Array, "k"]
    from_rest: Bool[Array, "k"]
    result: RESULTS


def fi_curve(
    device: AbstractDevice,
    drives: Real[ArrayLike, "k"],
    drive: DriveKind = "current",
    *,
    u_range: tuple[float, float] | None = None,
) -> FICurve:
    """The frequency of a device's spikes at given constant drives [A] or [V].

    Each is a `limit_cycle`, with its derivatives; all are one program of 80 intervals, and those
    for which they are too coarse are found again with more (not under `jit` and `vmap`: there they
    are NaN, with their `result`). `from_rest` is read off the Hopf points and folds in the order of
    u, between which an equilibrium keeps its stability.

    **Arguments:**

    - `device`: any device.
    - `drives`: constant currents [A] or applied voltages [V], shape `(k,)`.
    - `drive`: which of them, `"current"`, or `"voltage"` through R_s > 0.
    - `u_range`: voltages to look for Hopf points in [V].

    **Raises:** `ValueError` as `limit_cycle`; what does not oscillate is NaN with its `result`.
    """
    check_drive("fi_curve", device, drive)
    drives = jnp.atleast_1d(jnp.asarray(drives, dtype=jnp.result_type(float)))

    frequency, result = _frequencies(device, drives, drive, u_range)
    if is_concrete(device, drives):
        frequency, result = _with_more_intervals(
            device, drives, drive, u_range, (frequency, result)
        )
    hopf = hopf_points(device, drive=drive, u_range=u_range)
    folds = fold_points(device, drive=drive, u_range=u_range)
    rests = stable_rests(device, drive, hopf, folds, u_range)
    return FICurve(drives, frequency, ~rests.at(drives), result)


@program
def _frequencies(device, drives, kind, u_range):
    """One program: without it each call would trace all of the search again."""

    def one(value):
        cycle = limit_cycle(
            Circuit(device, drive_of_kind(kind, Constant(value))), u_range=u_range, throw=False
        )
        return jnp.where(cycle.stable, 1 / cycle.period, jnp.nan), cycle.result

    return jax.lax.map(one, drives)


def _with_more_intervals(device, drives, kind, u_range, found):
    """The cycles that 80 intervals did not resolve, one by one."""
    frequency, result = found
    coarse = (result == RESULTS.mesh_too_coarse) | (result == RESULTS.cycle_not_converged)
    for k in np.flatnonzero(np.asarray(coarse)):
        circuit = Circuit(device, drive_of_kind(kind, Constant(drives[k])))
        cycle = limit_cycle(circuit, u_range=u_range, throw=False)
        frequency = frequency.at[k].set(jnp.where(cycle.stable, 1 / cycle.period, jnp.nan))
        result = jax.tree.map(lambda a, b, k=k: a.at[k].set(b), result, cycle.result)
    return frequency, result


class SpikeShape(NamedTuple):
    """The first spike of a trace; voltages [V], times [s]. NaN if there is none.

    - `base`: u when the stimulus begins. `peak` at `t_peak`: the first maximum that rises above
      half of all that follows, or the largest value if u only rises.
    - `latency`: from the stimulus to half of the way up; `rise`: from 10 to 90 % of it; `width`: at
      half height, from the way up to the way down.
    - `after`, `t_after`: the lowest u behind the peak (the after-potential); `end`: the last u.
    """

    base: Float[Array, ""]
    peak: Float[Array, ""]
    t_peak: Float[Array, ""]
    latency: Float[Array, ""]
    rise: Float[Array, ""]
    width: Float[Array, ""]
    after: Float[Array, ""]
    t_after: Float[Array, ""]
    end: Float[Array, ""]


def spike_shape(
    t: Real[ArrayLike, "n"], u: Real[ArrayLike, "n"], begin: Real[ArrayLike, ""] = 0.0
) -> SpikeShape:
    """The features of the first spike in a simulated or measured trace u(t).

    Levels are crossed by straight lines between samples, the peak is that of a parabola through
    three. Works under `jit`, `vmap` and, between samples, `grad`.

    **Arguments:**

    - `t` [s], ascending, and `u` [V]; `begin`: when the stimulus begins [s].
    """
    t, u = (jnp.asarray(a, dtype=jnp.result_type(float)) for a in (t, u))
    n, index = t.shape[0], jnp.arange(t.shape[0])
    k0 = jnp.clip(jnp.searchsorted(t, begin, side="right") - 1, 0, n - 1)
    base = u[k0]
    later = index >= k0
    top = jnp.max(jnp.where(later, u, -jnp.inf))
    before, behind = jnp.roll(u, 1), jnp.roll(u, -1)
    turning = later & (index > 0) & (index < n - 1) & (u >= before) & (u > behind)
    turning = turning & (u - base > 0.5 * (top - base))
    k = jnp.where(jnp.any(turning), jnp.argmax(turning), jnp.argmax(jnp.where(later, u, -jnp.inf)))
    smooth = jnp.any(turning)
    peak, t_peak = (
        jnp.where(smooth, vertex, value)
        for vertex, value in zip(_vertex(t, u, jnp.clip(k, 1, n - 2)), (u[k], t[k]), strict=True)
    )
    height = peak - base
    up = lambda share: _crossing(t, u, base + share * height, later & (index <= k), True)
    half = up(0.5)
    down = _crossing(t, u, base + 0.5 * height, index >= k, False)
    low = jnp.where(index >= k, u, jnp.inf)
    there = height > 0
    shown = lambda a: jnp.where(there, a, jnp.nan)
    return SpikeShape(
        base, shown(peak), shown(t_peak), shown(half - begin), shown(up(0.9) - up(0.1)),
        shown(down - half), shown(jnp.min(low)), shown(t[jnp.argmin(low)]), u[-1],
    )  # fmt: skip


def _vertex(t, u, k):
    """The top of the parabola through three samples, and its time."""
    a, b = t[k - 1] - t[k], t[k + 1] - t[k]
    p, q = (u[k - 1] - u[k]) / a, (u[k + 1] - u[k]) / b
    bend = (q - p) / (b - a)
    slope = p - a * bend
    shift = jnp.where(bend < 0, -slope / (2 * jnp.where(bend < 0, bend, -1.0)), 0.0)
    shift = jnp.clip(shift, a, b)
    return u[k] + shift * (slope + bend * shift), t[k] + shift


def _crossing(t, u, level, where, rising):
    """When u first passes a level between two samples of a region, in the given direction."""
    low, high = (u[:-1], u[1:]) if rising else (u[1:], u[:-1])
    passes = (low < level) & (high >= level) & where[:-1] & where[1:]
    k = jnp.argmax(passes)
    step = jnp.where(u[k + 1] == u[k], 1.0, u[k + 1] - u[k])
    at = t[k] + (level - u[k]) / step * (t[k + 1] - t[k])
    return jnp.where(jnp.any(passes), at, jnp.nan)


def refractory_time(
    device: AbstractDevice,
    height: float,
    width: float,
    *,
    share: float = 0.9,
    drive: DriveKind = "current",
) -> float:
    """The interval after which a second equal pulse again reaches a share of the first one's peak.

    Two pulses of `height` [A] or [V] and `width` [s] from rest, `interval` from start to start.
    For all longer intervals, up to 1e4 widths, the second peak of u is at least `share` of the
    first. A device of this class has no threshold at rest: what recovers is the slow current that
    the first pulse left behind.

    **Arguments:**

    - `device`: any device.
    - `height`, `width`: of a pulse, [A] or [V], and [s].
    - `share`: of the first peak that the second one must reach, between 0 and 1.
    - `drive`: `"current"`, or `"voltage"` through R_s > 0.

    **Returns:** the interval [s]; 0 if the second peak never falls below that share.

    **Raises:** `ValueError` for a pulse or share that is not positive or under an ideal voltage;
    `RuntimeError` if it has not recovered after 1e4 widths, or if an integration fails.
    """
    check_drive("refractory_time", device, drive)
    if not (height > 0 and width > 0 and 0 < share < 1):
        raise ValueError(
            "refractory_time: wants height > 0, width > 0 and 0 < share < 1, got "
            f"{height:g}, {width:g}, {share:g}"
        )

    def ratio(interval):
        found = float(_second_peak(drive)(device, height, width, interval))
        if not np.isfinite(found):
            raise RuntimeError(
                f"refractory_time: the integration of two pulses, {interval:.3g} s from start to "
                "start, failed or has no first peak; `solve` with that PulseTrain says why"
            )
        return found

    tried = np.geomspace(1.05 * width, LONGEST * width, INTERVALS)
    short = np.array([ratio(x) for x in tried]) < share
    if not short.any():
        return 0.0
    k = int(np.flatnonzero(short)[-1])
    if k == INTERVALS - 1:
        raise RuntimeError(
            f"refractory_time: after {tried[-1]:.3g} s the second peak is still below {share:g} "
            "of the first; give a longer or a smaller pulse, or a smaller share"
        )
    found = root_scalar(lambda x: ratio(x) - share, bracket=(tried[k], tried[k + 1]), rtol=1e-8)
    return float(found.root)


@lru_cache(maxsize=2)
def _second_peak(drive):
    """The second peak of a pair of pulses over the first; compiled once for each kind of drive."""

    @eqx.filter_jit
    def ratio(device, height, width, interval) -> Scalar:
        wave = PulseTrain(height, width, interval, count=2)
        during = jnp.linspace(0.0, width, SAMPLES)
        t = jnp.concatenate([during, interval + during])
        run = solve(Circuit(device, drive_of_kind(drive, wave)), t, throw=False)
        base = run.u[0]
        return (jnp.max(run.u[SAMPLES:]) - base) / (jnp.max(run.u[:SAMPLES]) - base)

    return lambda device, *numbers: ratio(device, *(jnp.asarray(float(x)) for x in numbers))
