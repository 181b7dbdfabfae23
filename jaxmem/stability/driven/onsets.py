"""Where spiking begins as a constant drive rises, and in which way."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmem.circuits import Circuit, Constant, DriveKind, drive_of_kind
from jaxmem.devices import AbstractDevice, Memristor2D, Memristor3D
from jaxmem.devices.branch import Scalar
from jaxmem.fields import is_concrete
from jaxmem.programs import program
from jaxmem.stability.cycles.branch import CycleBranch, cycle_branch
from jaxmem.stability.cycles.cycle import limit_cycle
from jaxmem.stability.driven.eager import eager_cond, eager_map, eager_while
from jaxmem.stability.driven.onset_kinds import ONSETS
from jaxmem.stability.driven.vanishing_rest import at_vanishing_rest, saddle_rates
from jaxmem.stability.equilibria.folds import FoldPoints, fold_points
from jaxmem.stability.equilibria.hopf import MOST, HopfPoints, hopf_points, scan
from jaxmem.stability.equilibria.map import check_drive
from jaxmem.stability.equilibria.rests import stable_rests

# How far beyond a fold cycles are looked at, in what the drive changes over the distance to the
# next special point.
BEYOND = (1e-4, 1e-6)


class Rheobase(NamedTuple):
    """The least drive that makes a device spike, I [A] or V [V]; NaN if none does.

    - `rest`: where rest gives way as the drive rises: at a Hopf point, or at a fold of equilibria
      where it vanishes. `kept`: where spiking that has begun goes on, less than `rest` where both
      are stable between.
    - `onset`: which kind it is, one of `ONSETS`; `ONSETS[onset]` is a sentence.
    """

    rest: Float[Array, ""]
    kept: Float[Array, ""]
    onset: ONSETS


def rheobase(
    device: AbstractDevice,
    drive: DriveKind = "current",
    *,
    u_range: tuple[float, float] | None = None,
) -> Rheobase:
    """The least constant drive under which a device spikes, from rest and once it spikes.

    Rest is followed as the drive rises, from the stable equilibrium without a drive if there is
    one, else from where it is most negative. Where it gives way and another stable equilibrium, but
    no stable cycle, is there, it goes on from that one. (Where both are there, `solve` says
    which of them is reached.) Works under `jit` and `vmap`; `rest` has derivatives, `kept` none.

    **Arguments:**

    - `device`: any device.
    - `drive`: `"current"`, or `"voltage"` through R_s > 0.
    - `u_range`: voltages to look in [V], as in `hopf_points`.

    **Raises:** as `hopf_points`.
    """
    check_drive("rheobase", device, drive)
    hopf = hopf_points(device, drive=drive, u_range=u_range)
    folds = fold_points(device, drive=drive, u_range=u_range)
    return onset_of(device, drive, u_range, hopf, folds)


def _monotone(device, folds) -> bool:
    """Whether it is known before the program runs that the device has no fold."""
    own = isinstance(device, Memristor2D | Memristor3D) and not device.extra
    return own or (is_concrete(folds.found) and int(folds.found) == 0)


def onset_of(
    device: AbstractDevice,
    kind: DriveKind,
    u_range: tuple[float, float] | None,
    hopf: HopfPoints,
    folds: FoldPoints,
    branches: CycleBranch | None = None,
) -> Rheobase:
    """`rheobase`, where the Hopf points and the folds are known.

    `branches`: the cycles from each Hopf point in turn, stacked, if they are known too.
    """
    if is_concrete(hopf.found) and not int(hopf.found) > 0:
        nan = jnp.full_like(hopf.u[0], jnp.nan)
        return Rheobase(nan, nan, ONSETS.none)
    rests = stable_rests(device, kind, hopf, folds, u_range)
    at = jnp.append(hopf.imposed(kind), folds.imposed(kind))
    fixed = jax.lax.stop_gradient(device)
    simple = _monotone(device, folds)
    gap = jax.lax.stop_gradient(_spacing(fixed, hopf, folds, u_range))

    follow = lambda k: cycle_branch(device, drive=kind, start=k, u_range=u_range)
    if branches is None and not simple:
        branches = _from_all(follow, hopf)

    def solved(value):
        """The period of the stable cycle at a drive, or infinity."""
        wave = drive_of_kind(kind, Constant(value))
        cycle = limit_cycle(Circuit(fixed, wave), u_range=u_range, throw=False)
        return jnp.where(cycle.stable, cycle.period, jnp.inf)

    def period(value, share, point):
        """The same so far above a point, read off the branches where they reach it."""
        assert branches is not None
        value = value + share * gap[point]
        on_branch = _period_on(branches, value)
        return eager_cond(~jnp.isfinite(on_branch), lambda: solved(value), on_branch)

    def walk(state):
        piece, _, _ = state
        p, point = rests.high[piece], rests.end[piece]
        others = rests.stable & (rests.low <= p) & (p < rests.high)
        soft = (point >= 0) & (point < MOST) & (hopf.l1[jnp.clip(point, 0, MOST - 1)] < 0)
        done = soft | ~jnp.any(others)
        if not simple:
            ask = jnp.any(others) & ~soft & (point >= 0)
            T = eager_cond(
                ask, lambda: period(p, BEYOND[0], jnp.maximum(point, 0)), jnp.inf + 0 * p
            )
            done = done | jnp.isfinite(T)
        following = jnp.where(done, piece, jnp.argmax(others))
        return following, done | (point < 0), jnp.where(done, point, -1)

    at_zero = rests.stable & (rests.low <= 0) & (rests.high > 0)
    first_of = jnp.where(jnp.any(at_zero), at_zero, rests.stable)
    begin = jnp.argmin(jnp.where(first_of, rests.low, jnp.inf))
    state = (begin, ~jnp.any(rests.stable), jnp.asarray(-1))
    point = eager_while(lambda s: ~s[1], walk, state)[2]
    there = (point >= 0) & (hopf.found > 0)
    point = jnp.maximum(point, 0)
    rest = jnp.where(there, at[point], jnp.nan)
    l1 = hopf.l1[jnp.minimum(point, MOST - 1)]
    onset = ONSETS.where(l1 < 0, ONSETS.soft_hopf, ONSETS.hard_hopf)
    fixed_rest = jax.lax.stop_gradient(rest)
    first = jnp.minimum(point, MOST - 1)
    if branches is None:
        own = follow(first)
    else:
        own = jax.tree.map(lambda a: a[jnp.minimum(first, len(branches.count) - 1)], branches)
    kept = jnp.where(jnp.isfinite(own.low), own.low, rest)
    nothing_more = is_concrete(point) and not bool(there & (point >= MOST))
    if not simple and not nothing_more:
        assert branches is not None
        slope = folds.frequency2_slope[jnp.clip(point - MOST, 0, MOST - 1)]
        distance = jnp.asarray(BEYOND) * gap[point]
        periods = eager_map(lambda share: period(fixed_rest, share, point), jnp.asarray(BEYOND))
        kind_there, lowest = at_vanishing_rest(
            periods**-2 / (distance * slope), fixed_rest, branches,
            lambda value: saddle_rates(fixed, kind, u_range, value), solved,
            jax.lax.stop_gradient(hopf.imposed(kind)),
        )  # fmt: skip
        at_fold = point >= MOST
        onset = ONSETS.where(at_fold, kind_there, onset)
        kept = jnp.where(at_fold, lowest, kept)
    onset = ONSETS.where(there, onset, ONSETS.none)
    kept = jax.lax.stop_gradient(jnp.where(there, kept, jnp.nan))
    return Rheobase(rest, kept, onset)


def _from_all(follow, hopf) -> CycleBranch:
    """The branches from all Hopf points, from the first one if there is none."""
    if not is_concrete(hopf.found):
        return jax.lax.map(follow, jnp.arange(MOST))
    count = max(1, min(int(hopf.found), MOST))
    branches = [follow(jnp.asarray(k)) for k in range(count)]
    return jax.tree.map(lambda *a: jnp.stack(a), *branches)


@program
def _period_on(branches: CycleBranch, value: Scalar) -> Scalar:
    """The longest period of a stable cycle of the branches at a drive, or infinity.

    1/T^2 is linear in the drive near a saddle-node on the cycle, and smooth elsewhere.
    """
    p, rate2, ok = branches.drive, branches.period**-2, branches.stable
    past = p - value
    between = ok[:, :-1] & ok[:, 1:] & (past[:, :-1] * past[:, 1:] <= 0)
    step = jnp.diff(p, axis=1)
    share = jnp.where(between, -past[:, :-1] / jnp.where(step == 0, 1.0, step), 0.0)
    there = rate2[:, :-1] + share * jnp.diff(rate2, axis=1)
    return jnp.where(jnp.any(between), jnp.min(jnp.where(between, there, jnp.inf)), 0.0) ** -0.5


@program
def _spacing(device, hopf, folds, u_range):
    """Of each Hopf point and fold, what the drive changes over the way to the next of them.

    |d2p/du2| (du)^2, du from fold to the nearest other point, or the tenth of what is looked at.
    """
    ends = scan(device.in_time(), u_range)
    u = jnp.append(hopf.place, folds.place)
    away = jnp.abs(u[:, None] - u[None, :])
    away = jnp.where(jnp.isfinite(away) & (away > 0), away, (ends[-1] - ends[0]) / 10)
    bend = jnp.append(jnp.full((MOST,), jnp.nanmax(jnp.abs(folds.bend))), jnp.abs(folds.bend))
    gap = bend * jnp.min(away, axis=1) ** 2
    return jnp.where(jnp.isfinite(gap), gap, 0.0)
