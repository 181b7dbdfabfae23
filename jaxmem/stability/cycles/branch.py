"""Branches of limit cycles, from Hopf point to Hopf point, through folds."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.devices.branch import Scalar
from jaxmem.fields import check_single, is_concrete
from jaxmem.results import RESULTS
from jaxmem.stability.cycles import continuation
from jaxmem.stability.cycles.branch_end import end_of
from jaxmem.stability.cycles.frame import starts
from jaxmem.stability.equilibria.hopf import hopf_points

# How many cycles and folds are kept.
LENGTH, FOLDS = 200, 4
# Between two cycles the curve is looked at this often for a fold.
FINE = 65


class CycleBranch(eqx.Module):
    """Limit cycles that grow out of one Hopf point, in order; arrays `(200,)` padded with NaN.

    - `drive`: I [A] or V [V]; `period` [s]; `u_max`, `u_min` [V], the largest and smallest at 33
      places of each interval; `energy` per period at the terminals [J].
    - `multiplier`: size of the leading Floquet multiplier besides 1; `stable` where below 1.
    - `count` of cycles; `fold_drive` (4,) and `folds`: where the branch turns back.
    - `end_hopf`: index of the Hopf point where it ends, or -1; `result`: `RESULTS.successful` if
      there is one (`complete`), or why it ended elsewhere.
    - `low`, `high`: the drives between which a stable cycle exists beside a stable rest, at the
      onset of this branch (bistable window); NaN if the onset is soft.
    """

    drive: Float[Array, "m"]
    period: Float[Array, "m"]
    u_max: Float[Array, "m"]
    u_min: Float[Array, "m"]
    energy: Float[Array, "m"]
    multiplier: Float[Array, "m"]
    stable: Bool[Array, "m"]
    count: Int[Array, ""]
    fold_drive: Float[Array, "4"]
    folds: Int[Array, ""]
    end_hopf: Int[Array, ""]
    result: RESULTS
    low: Scalar
    high: Scalar

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
    largest = continuation.LARGEST_STEP if largest is None else largest
    fixed = jax.lax.stop_gradient(device)
    hopf = hopf_points(fixed, drive=drive, u_range=u_range)
    return _cycle_branch(fixed, hopf, drive, jnp.asarray(start), intervals, jnp.asarray(largest))


@eqx.filter_jit
def _cycle_branch(device, hopf, kind, start, intervals, largest):
    device = device.in_time()
    frame, places, sizes = starts(device, hopf, kind, intervals)
    place, size = jax.tree.map(lambda a: a[start], (places, sizes))
    there = start < hopf.found

    walk = continuation.follow_cycles(
        frame.field(device, kind), frame.power(device, kind), place, size, most=LENGTH,
        largest=largest,
    )  # fmt: skip
    rows, count = walk.rows, jnp.where(there, walk.count, 0)
    shown = jnp.arange(LENGTH) < count
    hide = lambda a: jnp.where(shown, a, jnp.nan)
    at = hopf.imposed(kind)
    end = end_of(walk, hopf, frame, kind, start)
    result = RESULTS.where(there, end.result, RESULTS.no_start)
    end = jnp.where(there, end.hopf, -1)
    folds, fold_count = _folds(rows, shown)
    period = jnp.exp(rows.log_period)
    drive = frame.origin + frame.unit * hide(rows.drive)
    fold_drive = frame.origin + frame.unit * folds
    hard = there & (hopf.l1[start] > 0) & (fold_count > 0)
    edges = jnp.stack([fold_drive[0], at[start]])
    return CycleBranch(
        drive, hide(period), hide(rows.top * frame.size[0]), hide(rows.bottom * frame.size[0]),
        hide(period * rows.mean_power), hide(rows.multiplier), shown & (rows.multiplier < 1),
        count, fold_drive, fold_count, end, result,
        jnp.where(hard, jnp.min(edges), jnp.nan), jnp.where(hard, jnp.max(edges), jnp.nan),
    )  # fmt: skip


def _folds(rows, shown):
    """Extrema of the drive along the branch, from the cubic through values and slopes."""
    p, before, after, step = rows.drive, rows.slope_before, rows.slope_after, rows.step
    # Interval k goes from cycle k to k + 1; its slopes are those by the arclength of that step.
    p0, p1, s0, s1, ds = p[:-1], p[1:], before[1:], after[1:], step[1:]
    s = jnp.linspace(0, 1, FINE)[None]
    a, b = s0 * ds, s1 * ds
    rise = p1 - p0
    cubic = lambda s: (
        p0[:, None]
        + s * (a[:, None] + s * ((3 * rise - 2 * a - b)[:, None] + s * (a + b - 2 * rise)[:, None]))
    )
    values = cubic(s)
    turned = (s0 * s1 < 0) & shown[1:]
    best = jnp.where(s0 > 0, jnp.max(values, axis=1), jnp.min(values, axis=1))
    found = jnp.nonzero(turned, size=FOLDS, fill_value=-1)[0]
    return jnp.where(found >= 0, best[found], jnp.nan), jnp.sum(turned)
