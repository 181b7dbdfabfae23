"""What becomes of the cycles where rest vanishes at a fold, and down to which drive they last."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxmem.devices.branch import Scalar
from jaxmem.programs import program
from jaxmem.responses.linear import circuit_matrix
from jaxmem.stability.cycles.branch import CycleBranch
from jaxmem.stability.driven.eager import eager_cond, eager_map
from jaxmem.stability.driven.onset_kinds import ONSETS
from jaxmem.stability.equilibria.folds import drive_at
from jaxmem.stability.equilibria.hopf import roots_on, scan

# How well the slope of 1/T^2 of the cycles beyond a fold must be that of the fold.
SLOPE = 0.1
# How well three long periods must keep a law, as a share of what it foretells.
LAW = 0.25
# Two drives of a branch are told apart if they differ by this share of its extent.
LEAST_STEP = 1e-4
# How near to a homoclinic orbit cycles are solved, round by round, as a share of the distance at
# which the branch of cycles ended.
NEARER = (0.1, 0.01)


@program
def saddle_rates(device, kind, u_range, value) -> Float[Array, "8"]:
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


@program
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


def at_vanishing_rest(
    near: Float[Array, "2"],
    rest: Scalar,
    branches: CycleBranch,
    rates: Callable[[Scalar], Float[Array, "8"]],
    period: Callable[[Scalar], Scalar],
    hopf: Float[Array, "k"],
) -> tuple[ONSETS, Scalar]:
    """Which kind of onset a fold is where rest vanishes, and the least drive of a stable cycle.

    **Arguments:**

    - `near`: 1/T^2 of the cycles at two drives beyond the fold, over what the normal form of a
      saddle-node on the cycle gives there.
    - `rest`: the fold's drive.
    - `branches`: of cycles, stacked.
    - `rates`: `saddle_rates` at a drive.
    - `period`: of the stable cycle at a drive, infinite if there is none.
    - `hopf`: drives of the Hopf points.
    """
    snic = (jnp.abs(near[1] - 1) < SLOPE) & (jnp.abs(near[1] - 1) <= jnp.abs(near[0] - 1) + 1e-3)
    beside = near[1] > 1 / SLOPE
    ends = _downwards(branches, rest, hopf)
    (p1, p2, p3), (T1, T2, T3) = ends.drive, ends.period
    lam = rates(jnp.where(ends.found, p3, rest))
    decay = lambda T: jnp.exp(-lam * (T - T1))
    foretold = (1 - decay(T2)) / (decay(T2) - decay(T3))
    off = jnp.abs((p1 - p2) / (p2 - p3) / foretold - 1)
    best = jnp.argmin(jnp.where(jnp.isfinite(off), off, jnp.inf))
    log = beside & ends.found & (off[best] < LAW) & ~ends.finite
    onset = ONSETS.where(beside & ends.finite, ONSETS.saddle_node, ONSETS.unknown)
    onset = ONSETS.where(log, ONSETS.homoclinic, onset)
    onset = ONSETS.where(snic, ONSETS.snic, onset)
    end = p3 - (p2 - p3) / jnp.expm1(lam[best] * (T3 - T2))
    nearer = lambda: _homoclinic(end, (p3, T3), lambda p: rates(p)[best], period)
    end = eager_cond(log, nearer, end)
    kept = jnp.where(log, end, ends.lowest)
    return onset, jnp.where(snic, rest, kept)


def _homoclinic(end: Scalar, last: tuple[Scalar, Scalar], rate: Callable, period: Callable):
    """The drive of a homoclinic orbit, from cycles nearer to it than the branch's `last` (p, T).

    (p_a - p_0)/(p_b - p_0) = exp(-rate (T_a - T_b)), up to terms that fall with the distance. Where
    a cycle is not found, or is another one (its period must be longer than `last`, and p_0 as far
    as the law says, about a third of p_b - p_a), the estimate stays as it was.
    """
    for share in NEARER:
        drives = end + share * (last[0] - end) * jnp.array([1.0, 4.0])
        T = eager_map(period, drives)
        ratio = jnp.exp(-rate(end) * (T[0] - T[1]))
        found = (drives[0] - ratio * drives[1]) / (1 - ratio)
        apart, beyond = drives[1] - drives[0], drives[0] - found
        good = jnp.all(jnp.isfinite(T)) & (T[0] > last[1]) & (beyond > 0) & (beyond < apart)
        end = jnp.where(good, found, end)
    return end
