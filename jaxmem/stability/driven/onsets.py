"""Where spiking begins as a constant drive rises, and in which way."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxmem.circuits import Circuit, Constant, DriveKind, drive_of_kind
from jaxmem.devices import AbstractDevice, Memristor2D, Memristor3D
from jaxmem.devices.branch import Scalar
from jaxmem.fields import is_concrete
from jaxmem.responses.linear import circuit_matrix
from jaxmem.stability.cycles.branch import CycleBranch, cycle_branch
from jaxmem.stability.cycles.cycle import limit_cycle
from jaxmem.stability.equilibria.folds import FoldPoints, drive_at, fold_points
from jaxmem.stability.equilibria.hopf import MOST, HopfPoints, hopf_points, roots_on, scan
from jaxmem.stability.equilibria.map import check_drive
from jaxmem.stability.equilibria.rests import stable_rests

# How far beyond a fold cycles are looked at, in what the drive changes over the distance to the
# next special point; how well their slope of 1/T^2 must then be that of the fold.
BEYOND, SLOPE = (1e-4, 1e-6), 0.1
# How well three long periods must keep a law, as a share of what it foretells.
LAW = 0.25
# Two drives of a branch are told apart if they differ by this share of its extent.
LEAST_STEP = 1e-4


class ONSETS(eqx.Enumeration):
    """How spiking begins as a constant drive rises, each with a sentence."""

    none = "it does not spike"
    soft_hopf = "a soft Hopf point: the amplitude grows from zero"
    hard_hopf = "a hard Hopf point: it jumps to a cycle of finite size"
    snic = (
        "a saddle-node on the cycle (SNIC): rest vanishes, and spikes begin with a period that "
        "grows like one over the square root of the distance"
    )
    homoclinic = (
        "a homoclinic orbit: spiking that has begun ends at a saddle, with a period that grows "
        "like the logarithm of the distance"
    )
    saddle_node = (
        "a saddle-node off the cycle: rest vanishes, and spiking begins with a finite period"
    )
    unknown = "its kind could not be told from the cycles that were found"


def name_of(onset: ONSETS) -> str:
    """The name of a known onset, `"snic"`."""
    names = "none", "soft_hopf", "hard_hopf", "snic", "homoclinic", "saddle_node"
    return next((name for name in names if bool(onset == getattr(ONSETS, name))), "unknown")


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


def _while(going, step, state):
    """`while_loop`; of numbers that are known a plain loop, which has nothing to compile."""
    if not is_concrete(state):
        return jax.lax.while_loop(going, step, state)
    while bool(going(state)):
        state = step(state)
    return state


def _cond(ask, make, other):
    if not is_concrete(ask, other):
        return jax.lax.cond(ask, make, lambda: other)
    return make() if bool(ask) else other


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

    def period(value, share, point):
        """The stable cycle's period so far above a point, or infinity."""
        assert branches is not None
        value = value + share * gap[point]
        on_branch = _period_on(branches, value)

        def asked():
            wave = drive_of_kind(kind, Constant(value))
            cycle = limit_cycle(Circuit(fixed, wave), u_range=u_range, throw=False)
            return jnp.where(cycle.stable, cycle.period, jnp.inf)

        return _cond(~jnp.isfinite(on_branch), asked, on_branch)

    def walk(state):
        piece, _, _ = state
        p, point = rests.high[piece], rests.end[piece]
        others = rests.stable & (rests.low <= p) & (p < rests.high)
        soft = (point >= 0) & (point < MOST) & (hopf.l1[jnp.clip(point, 0, MOST - 1)] < 0)
        done = soft | ~jnp.any(others)
        if not simple:
            ask = jnp.any(others) & ~soft & (point >= 0)
            T = _cond(ask, lambda: period(p, BEYOND[0], jnp.maximum(point, 0)), jnp.inf + 0 * p)
            done = done | jnp.isfinite(T)
        following = jnp.where(done, piece, jnp.argmax(others))
        return following, done | (point < 0), jnp.where(done, point, -1)

    at_zero = rests.stable & (rests.low <= 0) & (rests.high > 0)
    first_of = jnp.where(jnp.any(at_zero), at_zero, rests.stable)
    begin = jnp.argmin(jnp.where(first_of, rests.low, jnp.inf))
    state = (begin, ~jnp.any(rests.stable), jnp.asarray(-1))
    point = _while(lambda s: ~s[1], walk, state)[2]
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
        kind_there, lowest = _beyond_fold(
            lambda share: period(fixed_rest, share, point), gap[point], slope, fixed_rest, branches,
            lambda value: _saddle_rates(fixed, kind, u_range, value),
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


@eqx.filter_jit
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


@eqx.filter_jit
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


@eqx.filter_jit
def _saddle_rates(device, kind, u_range, value) -> Float[Array, "8"]:
    """Of each saddle at a drive, the slower of its ways in and out along the leading directions.

    The rate [1/s] with which the period of a cycle near its homoclinic orbit grows: T = -ln|p -
    p_0|/rate (Kuznetsov, Elements of Applied Bifurcation Theory, section 6.2). NaN for other
    equilibria.
    """
    device = device.in_time()
    of = lambda u: drive_at(device, u, kind) - value
    grid = scan(device, u_range)
    roots = roots_on(of, grid)

    def rate(root):
        there = jnp.isfinite(root)
        u = jnp.where(there, root, grid[0])
        values = jnp.linalg.eigvals(circuit_matrix(device, u, kind)).real
        saddle = there & (jnp.sum(values > 0) == 1)
        out, back = jnp.max(values), -jnp.max(jnp.where(values < 0, values, -jnp.inf))
        return jnp.where(saddle, jnp.minimum(out, back), jnp.nan)

    return jax.vmap(rate)(roots)


class _Ends(NamedTuple):
    """How the stable cycles of branches go on below a fold: three cycles, and the lowest drive.

    `finite`: whether the period is finite there, at a fold of cycles or at a Hopf point.
    """

    drive: Float[Array, "3"]
    period: Float[Array, "3"]
    found: Bool[Array, ""]
    lowest: Scalar
    finite: Bool[Array, ""]


@eqx.filter_jit
def _downwards(branches: CycleBranch, rest: Scalar, hopf: Float[Array, "k"]) -> _Ends:
    """`hopf`: the drives of the Hopf points at which the branches begin."""
    p, T, ok = branches.drive, branches.period, branches.stable
    span = jnp.nanmax(p, axis=1) - jnp.nanmin(p, axis=1)
    three = lambda a: jnp.stack([a[:, :-2], a[:, 1:-1], a[:, 2:]])
    ps, Ts, oks = three(p), three(T), three(ok)
    least = LEAST_STEP * span[:, None]
    good = jnp.all(oks, axis=0) & (ps[2] < rest)
    good = good & (ps[0] - ps[1] > least) & (ps[1] - ps[2] > least)
    good = good & (Ts[1] > Ts[0]) & (Ts[2] > Ts[1])
    longest = jnp.argmax(jnp.where(good, Ts[2], -jnp.inf))
    pick = lambda a: a.reshape(3, -1)[:, longest]
    below = ok & (p < rest)
    lowest = jnp.argmin(jnp.where(below, p, jnp.inf))
    branch, at = jnp.divmod(lowest, p.shape[1])
    # The branch goes on behind its lowest stable cycle where it turned back in a fold of cycles.
    turns = ~(branches.stable[branch, jnp.minimum(at + 1, p.shape[1] - 1)])
    turns = turns & (at + 1 < branches.count[branch])
    # Or it begins there, at a soft Hopf point of another equilibrium.
    begins = jnp.min(jnp.where(ok[:, 0], hopf[: len(p)], jnp.inf))
    there = jnp.any(below)
    last = jnp.where(there, p[branch, at], rest)
    return _Ends(
        pick(ps), pick(Ts), jnp.any(good), jnp.minimum(last, begins),
        turns & there | (begins < last),
    )  # fmt: skip


def _beyond_fold(period, gap, slope, rest, branches, rates, hopf):
    """What a fold where rest vanishes is to the cycles, and the least drive of a stable one."""
    near = jnp.stack([period(share) ** -2 / (share * gap * slope) for share in BEYOND])
    snic = (jnp.abs(near[1] - 1) < SLOPE) & (jnp.abs(near[1] - 1) <= jnp.abs(near[0] - 1) + 1e-3)
    beside = near[1] > 1 / SLOPE
    ends = _downwards(branches, rest, hopf)
    (p1, p2, p3), (T1, T2, T3) = ends.drive, ends.period
    lam = rates(jnp.where(ends.found, p3, rest))
    decay = lambda T: jnp.exp(-lam * (T - T1))
    foretold = (1 - decay(T2)) / (decay(T2) - decay(T3))
    off = jnp.abs((p1 - p2) / (p2 - p3) / foretold - 1)
    best = jnp.argmin(jnp.where(jnp.isfinite(off), off, jnp.inf))
    end = p3 - (p2 - p3) / jnp.expm1(lam[best] * (T3 - T2))
    log = beside & ends.found & (off[best] < LAW) & ~ends.finite
    onset = ONSETS.where(beside & ends.finite, ONSETS.saddle_node, ONSETS.unknown)
    onset = ONSETS.where(log, ONSETS.homoclinic, onset)
    onset = ONSETS.where(snic, ONSETS.snic, onset)
    kept = jnp.where(log, end, ends.lowest)
    return onset, jnp.where(snic, rest, kept)
