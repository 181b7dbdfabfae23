"""Branches of limit cycles, from Hopf point to Hopf point, through folds."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Complex, Float, Int

from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.devices.branch import Scalar
from jaxmem.fields import check_single, is_concrete
from jaxmem.output.tabular import Tabular
from jaxmem.programs import program
from jaxmem.results import RESULTS
from jaxmem.stability.cycles import continuation
from jaxmem.stability.cycles.bifurcations import (
    BRANCH_POINT,
    DOUBLING,
    FOLD,
    TORUS,
    Special,
    locate_change,
    special_of,
)
from jaxmem.stability.cycles.branch_end import end_of
from jaxmem.stability.cycles.continuation import SPECIALS
from jaxmem.stability.cycles.frame import Frame, starts
from jaxmem.stability.equilibria.hopf import HopfPoints, hopf_points

# How many cycles are kept.
LENGTH = 200


class CycleEvents(NamedTuple):
    """Cycles of a branch at which stability changes in one way, in its order, padded with NaN.

    `drive` [A] or [V], `period` [s], `u_max`, `u_min` [V]; `found`: how many. At most 8 are kept;
    one that could not be located has NaN and is counted.
    """

    drive: Float[Array, "8"]
    period: Float[Array, "8"]
    u_max: Float[Array, "8"]
    u_min: Float[Array, "8"]
    found: Int[Array, ""]


class CycleBranch(Tabular):
    """Limit cycles that grow out of one Hopf point, in order; arrays `(200,)` padded with NaN.

    - `drive`: I [A] or V [V]; `period` [s]; `u_max`, `u_min` [V], the largest and smallest at 33
      places of each interval; `energy` per period at the terminals [J].
    - `multipliers` (200, n - 1): complex Floquet multipliers besides 1, largest first; `stable`
      where all are inside the unit circle.
    - `folds`: where a multiplier is 1 and the branch turns back; `branch_points`: 1, and it does
      not. `doublings`: -1, where cycles of twice the period begin. `tori`: a complex pair on the
      unit circle (Neimark-Sacker).
    - `count` of cycles; `kind` of the drive.
    - `end_hopf`: index of the Hopf point where it ends, or -1; `result`: `RESULTS.successful` if
      there is one (`complete`), or why it ended elsewhere.
    - `low`, `high`: the drives between which a stable cycle exists beside a stable rest, at the
      onset of this branch (bistable window); NaN if the onset is soft, or none was met.
    """

    drive: Float[Array, "m"]
    period: Float[Array, "m"]
    u_max: Float[Array, "m"]
    u_min: Float[Array, "m"]
    energy: Float[Array, "m"]
    multipliers: Complex[Array, "m k"]
    stable: Bool[Array, "m"]
    count: Int[Array, ""]
    folds: CycleEvents
    branch_points: CycleEvents
    doublings: CycleEvents
    tori: CycleEvents
    end_hopf: Int[Array, ""]
    result: RESULTS
    low: Scalar
    high: Scalar
    kind: DriveKind = eqx.field(static=True)

    @property
    def multiplier(self) -> Float[Array, "m"]:
        """The size of the leading multiplier besides 1."""
        size = jnp.abs(self.multipliers)
        return jnp.max(size, axis=-1) if size.shape[-1] else jnp.zeros(size.shape[:-1])

    @property
    def complete(self) -> Bool[Array, "..."]:
        """Whether it was followed to another Hopf point."""
        return self.result == RESULTS.successful


def cycle_branch(
    device: AbstractDevice,
    *,
    drive: DriveKind = "current",
    start: Int[ArrayLike, ""] = 0,
    u_range: tuple[float, float] | None = None,
    intervals: int = 40,
    largest: float | None = None,
) -> CycleBranch:
    """Follow the limit cycles of a device from its Hopf point number `start`, without tuning.

    Radau IIA collocation with pseudo-arclength in relative change: steps are measured by the
    ranges of the states, ln T and the width of the window, so that one setting serves devices in
    any units. Works under `jit` and `vmap`; on a CPU `jax.lax.map` over devices is faster, since
    under `vmap` all wait for the longest branch. For derivatives use `limit_cycle`.

    **Arguments:**

    - `drive`, `u_range`: as in `hopf_points`; `intervals` of the mesh.
    - `largest`: the longest step between two cycles in relative change, for curves to look at
      0.15; a long branch may then not end within the 200 cycles that are kept (`complete`).

    **Raises:** `ValueError` as `hopf_points`; if there is no Hopf point number `start` the
    answer is empty: `count` is 0 and `result` says so.
    """
    check_single("cycle_branch", device)
    if is_concrete(device.R_s) and drive == "voltage" and not float(device.R_s) > 0:
        raise ValueError("cycle_branch: under an ideal voltage, R_s = 0, u cannot oscillate")
    fixed = jax.lax.stop_gradient(device)
    hopf = hopf_points(fixed, drive=drive, u_range=u_range)
    start = jnp.asarray(start)
    frame, walk = branch_of(fixed, hopf, drive, start, intervals, largest)
    special = None
    # Few branches change their stability: nothing is compiled for those that do not.
    if not is_concrete(walk) or int(walk.bracketed):
        special = _special(fixed, drive, frame, walk, start < hopf.found)
    return _described(hopf, drive, start, frame, walk, special)


def branch_of(
    device: AbstractDevice, hopf: HopfPoints, kind: DriveKind, start: Int[Array, ""],
    intervals: int, largest: float | None = None,
) -> tuple[Frame, continuation.Walk]:  # fmt: skip
    """The branch from a Hopf point, with its units."""
    largest = continuation.LARGEST_STEP if largest is None else largest
    return _walk(device, hopf, kind, start, intervals, jnp.asarray(largest))


@program
def _walk(device, hopf, kind, start, intervals, largest) -> tuple[Frame, continuation.Walk]:
    device = device.in_time()
    frame, places, sizes = starts(device, hopf, kind, intervals)
    place, size = jax.tree.map(lambda a: a[start], (places, sizes))
    field, power = frame.field(device, kind), frame.power(device, kind)
    return frame, continuation.follow_cycles(
        field, power, place, size, most=LENGTH, largest=largest
    )


class _Changes(NamedTuple):
    """Changes of stability: what was found, the numbers of the cycles behind, how many passed."""

    special: Special
    after: Int[Array, "8"]
    passed: Int[Array, "3"]


@program
def _described(hopf, kind, start, frame, walk, changes: _Changes | None) -> CycleBranch:
    there = start < hopf.found
    if changes is None:
        none = jnp.zeros(SPECIALS, int)
        nowhere = Special(none - 1, *(jnp.full(SPECIALS, jnp.nan) for _ in range(4)))
        changes = _Changes(nowhere, none, jnp.zeros(3, int))
    special, after, passed = changes
    rows, count = walk.rows, jnp.where(there, walk.count, 0)
    shown = jnp.arange(LENGTH) < count
    hide = lambda a: jnp.where(shown, a, jnp.nan)
    at = hopf.imposed(kind)
    end = end_of(walk, hopf, frame, kind, start)
    result = RESULTS.where(there, end.result, RESULTS.no_start)
    period = jnp.exp(rows.log_period)
    drive = frame.origin + frame.unit * hide(rows.drive)
    mu = jnp.where(shown[:, None], rows.multipliers, jnp.nan)
    stable = shown & jnp.all(jnp.abs(rows.multipliers) < 1, axis=1)
    events = {kind: _of_kind(special, kind, passed) for kind in range(4)}
    # The window reaches to the outermost stable cycle on the side of the small unstable ones.
    side = jnp.sign(hopf.amplitude2_slope[start])
    beside = stable[after] | stable[jnp.maximum(after - 1, 0)]
    ends = jnp.concatenate(
        [jnp.where(stable, drive, jnp.nan), jnp.where(beside, special.drive, jnp.nan)]
    )
    furthest = side * jnp.nanmax(jnp.where(jnp.isnan(ends), -jnp.inf, side * ends))
    hard = there & (hopf.l1[start] > 0) & (side * (furthest - at[start]) > 0)
    edges = jnp.stack([furthest, at[start]])
    return CycleBranch(
        drive, hide(period), hide(rows.top * frame.size[0]), hide(rows.bottom * frame.size[0]),
        hide(period * rows.mean_power), mu, stable, count,
        events[FOLD], events[BRANCH_POINT], events[DOUBLING], events[TORUS],
        jnp.where(there, end.hopf, -1), result,
        jnp.where(hard, jnp.min(edges), jnp.nan), jnp.where(hard, jnp.max(edges), jnp.nan), kind,
    )  # fmt: skip


@program
def _special(device, kind, frame, walk, there) -> _Changes:
    """The changes of stability, located in their steps."""
    field, brackets = frame.field(device.in_time(), kind), walk.brackets
    kept = (jnp.arange(SPECIALS) < walk.bracketed) & there
    passed = brackets.passed & kept[:, None]
    # A step may have passed several.
    rows = jnp.nonzero(passed.ravel(), size=SPECIALS, fill_value=-1)[0]
    nowhere = Special(jnp.asarray(-1), *(jnp.full((), jnp.nan) for _ in range(4)))

    def one(row):
        step, number = jnp.divmod(row, 3)
        bracket = jax.tree.map(lambda a: a[step], brackets)
        look = lambda: special_of(locate_change(field, continuation.conditions, bracket, number))
        return jax.lax.cond(row >= 0, look, lambda: nowhere), jnp.where(row >= 0, bracket.at, 0)

    found, after = jax.lax.map(one, rows)
    special = Special(
        found.kind, frame.origin + frame.unit * found.drive, jnp.exp(found.log_period),
        found.top * frame.size[0], found.bottom * frame.size[0],
    )  # fmt: skip
    return _Changes(special, after, jnp.sum(passed, axis=0))


def _of_kind(special, kind, passed) -> CycleEvents:
    """Those of one kind, in the order of the branch; what was passed and not located is counted."""
    mine = special.kind == kind
    order = jnp.argsort(~mine)
    hide = lambda a: jnp.where(mine, a, jnp.nan)[order]
    found = jnp.sum(mine)
    if kind != BRANCH_POINT:
        crosses = jnp.sum(special.kind == BRANCH_POINT) if kind == FOLD else 0
        found = jnp.maximum(found, passed[kind] - crosses)
    _, drive, period, top, bottom = special
    return CycleEvents(hide(drive), hide(period), hide(top), hide(bottom), found)
