"""Folds of cycles as a second parameter moves: cusps, and where they end at Bautin points."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.devices.device import check_device
from jaxmem.fields import is_concrete
from jaxmem.lens import Lens, Parameter, get
from jaxmem.lens import parameter as named
from jaxmem.programs import program
from jaxmem.results import RESULTS
from jaxmem.stability.cycles import continuation, fold_walk
from jaxmem.stability.cycles import mesh as meshes
from jaxmem.stability.cycles.bifurcations import FOLD, Located, locate_change
from jaxmem.stability.cycles.branch import branch_of
from jaxmem.stability.cycles.collocation import Orbit
from jaxmem.stability.cycles.continuation import SPECIALS
from jaxmem.stability.cycles.fold_walk import Fold, FoldRow, FoldWalk, corrected, follow_folds
from jaxmem.stability.cycles.frame import AMPLITUDE
from jaxmem.stability.cycles.illinois import Between
from jaxmem.stability.equilibria.followed import ENDS, Followed
from jaxmem.stability.equilibria.hopf import hopf_points
from jaxmem.stability.equilibria.parameter_plane import check_curve, moved_leaves

# A drive that changed by this share of itself, or by the width of the window, has changed much.
MUCH = 0.1
# Cycles to find a cusp, and what is left of its test.
CYCLES, VANISHED = 40, 1e-9


class FoldCycles(NamedTuple):
    """Special folds of cycles, in the order of their curve, padded with NaN.

    `parameter` in its unit, `drive` [A] or [V], `period` [s], `u_max`, `u_min` [V]; `found` of
    them.
    """

    parameter: Float[Array, "k"]
    drive: Float[Array, "k"]
    period: Float[Array, "k"]
    u_max: Float[Array, "k"]
    u_min: Float[Array, "k"]
    found: Int[Array, ""]


class CycleFoldCurve(Followed):
    """A curve of folds of cycles over a parameter; arrays `(401,)`, padded with NaN.

    - `parameter` in its unit, `drive` I [A] or V [V], `period` [s]; `u_max`, `u_min` [V], the
      largest and smallest at 33 places of each interval.
    - `cusps`: where two folds meet and vanish, and the curve turns back.
    - `bautin`: its ends at Bautin points (generalised Hopf), where the cycle shrinks to rest;
      extrapolated in the square of the amplitude.
    - `ends` of shape (2,): what its first and its last point are, each one of `ENDS`;
      `end_names` says it in words.
    - `count` of points; `result`: `RESULTS.successful` if each end is a Bautin point or lies just
      beyond the range of the parameter, and all cusps were located, or why not.
    - `over`: name, unit and meaning of the parameter; `kind` of the drive.
    """

    parameter: Float[Array, "m"]
    drive: Float[Array, "m"]
    period: Float[Array, "m"]
    u_max: Float[Array, "m"]
    u_min: Float[Array, "m"]
    cusps: FoldCycles
    bautin: FoldCycles
    ends: ENDS
    count: Int[Array, ""]
    result: RESULTS
    over: Parameter = eqx.field(static=True)
    kind: DriveKind = eqx.field(static=True)


def cycle_fold_curve(
    device: AbstractDevice,
    parameter: Lens,
    *,
    factor: float = 100.0,
    drive: DriveKind = "current",
    hopf: int = 0,
    start: int = 0,
    u_range: tuple[float, float] | None = None,
    intervals: int = 40,
) -> CycleFoldCurve:
    """Follow the fold of limit cycles number `start` of a branch while a parameter moves.

    The closed orbit, its period, the drive and the parameter are unknowns of one system with the
    condition that the linearised problem has a direction along which neither parameter moves
    (Kuznetsov, Elements of Applied Bifurcation Theory, section 10.3), by Radau IIA collocation and
    pseudo-arclength to both sides, through cusps.

    **Arguments:**

    - `parameter`: a lens to a positive parameter; tied leaves move by one factor.
    - `factor`: how far it moves, down and up.
    - `hopf`, `drive`, `u_range`: at which Hopf point the branch begins, as in `cycle_branch`.
    - `start`: which of its `folds`; without one the curve is empty (`count` is 0, `result`
      `RESULTS.no_start`).
    - `intervals` of the mesh; the branch has as many.

    **Raises:** `ValueError` for a parameter or factor that is not positive, and as `cycle_branch`.
    """
    check_device("cycle_fold_curve", device)
    check_curve("cycle_fold_curve", device, parameter, factor, drive, start)
    over = named(parameter, device)
    fixed = jax.lax.stop_gradient(device)
    points = hopf_points(fixed, drive=drive, u_range=u_range)
    frame, walk = branch_of(fixed, points, drive, jnp.asarray(hopf), intervals)
    moved = jnp.asarray(moved_leaves(fixed, parameter))
    plane = _Plane(fixed, moved, get(parameter, fixed), frame)
    there = (jnp.asarray(hopf) < points.found) & (walk.bracketed > 0)
    fold, there = _first(plane, walk, there, jnp.asarray(start), drive)
    reach = jnp.log(jnp.asarray(factor, dtype=jnp.result_type(float)))
    both = _both(plane, fold, there, reach, drive)
    cusps = None
    # Few curves have cusps: nothing is compiled for those that have none.
    if not is_concrete(both.cusps) or int(jnp.sum(both.cusps)):
        cusps = _cusps(plane, both, drive)
    return CycleFoldCurve(**_described(plane, fold, both, there, cusps), over=over, kind=drive)


class _Plane(NamedTuple):
    """A device, which of its leaves move by one factor, the value there, and units."""

    device: AbstractDevice
    moved: Float[Array, "k"]
    value: Any
    frame: Any

    def field(self, kind):
        """F(tau, y, (p, q)): the drive in units of the continuation, ln of the factor."""
        leaves, structure = jax.tree.flatten(self.device)

        def field(tau, z, pq):
            changed = [a * jnp.exp(m * pq[1]) for a, m in zip(leaves, self.moved, strict=True)]
            device = jax.tree.unflatten(structure, changed).in_time()
            return self.frame.field(device, kind)(tau, z, pq[0])

        return field

    def reach(self, p):
        """A large change of the drive."""
        return jnp.maximum(1.0, MUCH * jnp.abs(self.frame.origin / self.frame.unit + p))

    def numbers(self, row: FoldRow):
        """Parameter, drive, period, u_max, u_min."""
        p, q = row.parameters[..., 0], row.parameters[..., 1]
        unit = self.frame.size[0]
        return (
            self.value * jnp.exp(q), self.frame.origin + self.frame.unit * p,
            jnp.exp(row.log_period), row.top * unit, row.bottom * unit,
        )  # fmt: skip


@program
def _first(plane: _Plane, walk, there, start, kind) -> tuple[Fold, Any]:
    """The fold number `start` of a branch as one of two parameters, and whether it is one."""
    device, brackets = plane.device.in_time(), walk.brackets
    field = plane.frame.field(device, kind)
    passed = brackets.passed[:, FOLD] & (jnp.arange(SPECIALS) < walk.bracketed) & there

    def one(state):
        k, seen, _ = state
        bracket = jax.tree.map(lambda a: a[k], brackets)
        found = locate_change(field, continuation.conditions, bracket, jnp.asarray(FOLD))
        return k + 1, seen + (passed[k] & (found.kind == FOLD)), found

    def going(state):
        return (state[0] < SPECIALS) & (state[1] <= start) & jnp.any(passed)

    none = jax.tree.map(lambda a: a[0], brackets).place
    wide = jax.tree.map(lambda a: jnp.concatenate([a, a]), none.orbit.stages)
    blank = lambda orbit: orbit._replace(stages=wide)
    nowhere = Located(
        jnp.asarray(-1), jnp.concatenate([none.mesh, none.mesh]) / 2, blank(none.orbit),
        blank(none.tangent),
    )  # fmt: skip
    _, seen, found = jax.lax.while_loop(going, one, (jnp.asarray(0), jnp.asarray(0), nowhere))
    there = there & (seen > start)
    count = none.mesh.shape[0]
    mesh = meshes.equidistribute(found.mesh, found.orbit, count)
    pair = lambda orbit: orbit._replace(drive=jnp.stack([orbit.drive, 0.0]))
    orbit, null = (pair(meshes.onto(found.mesh, a, mesh)) for a in (found.orbit, found.tangent))
    size = meshes.spans(orbit)
    share = fold_walk.weights(mesh)[..., None] / size[None, None] ** 2
    null = null._replace(drive=jnp.zeros(2))
    length = jnp.sqrt(fold_walk.scalar_product(share, jnp.ones(2), null, null))
    null = Orbit(*(a / length for a in null))
    # At first the parameter stays where it is.
    up = Orbit(jnp.zeros_like(orbit.start), jnp.zeros_like(orbit.stages), jnp.zeros(()),
               jnp.array([0.0, 1.0]))  # fmt: skip
    at = Fold(mesh, orbit, up, null, jnp.array([0.0, 1.0]), jnp.ones(()))
    reach = plane.reach(orbit.drive[0])
    fold, good, _ = corrected(plane.field(kind), at, jnp.zeros(()), orbit, reach)
    return fold_walk.remeshed(fold), there & good


@program
def _both(plane: _Plane, fold: Fold, there, reach, kind) -> FoldWalk:
    follow = lambda sign: follow_folds(
        plane.field(kind), fold, sign, there, most=reach,
        least_swing=jnp.asarray(2 * AMPLITUDE),
        reach=plane.reach,
    )  # fmt: skip
    return jax.lax.map(follow, jnp.array([-1.0, 1.0]))


@program
def _cusps(plane: _Plane, both: FoldWalk, kind) -> FoldRow:
    """The cusps, (2, 8) of them: folds at which the parameters turn back."""
    field = plane.field(kind)

    def one(case):
        before, over, there = case
        reach = plane.reach(before.orbit.drive[0])

        def look(state):
            k, ends, s, orbit, c, fine = state
            new = jnp.where(k == 0, over, ends.low + ends.share() * (ends.high - ends.low))
            guess = orbit.plus(before.tangent, new - s)
            found, good, _ = corrected(field, before, new, guess, reach)
            # The sign of the way along the parameters is that of the fold before.
            c = found.cusp * jnp.sign(found.along @ before.along)
            first = Between(jnp.zeros(()), new, jnp.stack([before.cusp, c]), jnp.asarray(0))
            closer = ends.narrowed(new, c)
            ends = jax.tree.map(lambda a, b: jnp.where(k == 0, a, b), first, closer)
            return k + 1, ends, new, found.orbit, c, fine & good

        def going(state):
            k, ends, _, _, c, fine = state
            open_ = (jnp.abs(c) > VANISHED) & (ends.high - ends.low > VANISHED * over)
            return fine & there & (k < CYCLES) & ((k == 0) | open_)

        zero = jnp.zeros(())
        ends = Between(zero, over, jnp.stack([before.cusp, -before.cusp]), jnp.asarray(0))
        begin = (jnp.asarray(0), ends, zero, before.orbit, jnp.asarray(1.0), jnp.asarray(True))
        _, _, _, orbit, c, fine = jax.lax.while_loop(going, look, begin)
        row = fold_walk.row_of(before._replace(orbit=orbit))
        good = fine & there & (jnp.abs(c) < 1e3 * VANISHED)
        return jax.tree.map(lambda a: jnp.where(good, a, jnp.nan), row)

    there = jnp.arange(both.over.shape[1])[None] < both.cusps[:, None]
    flat = lambda a: a.reshape(-1, *a.shape[2:])
    found = jax.lax.map(one, jax.tree.map(flat, (both.before, both.over, there)))
    return jax.tree.map(lambda a: a.reshape(2, -1, *a.shape[1:]), found)


@program
def _described(plane: _Plane, fold: Fold, both: FoldWalk, there, cusps) -> dict[str, Any]:
    own = fold_walk.row_of(fold)

    def joined(a, b):
        """Rows behind the start in turn, the start, rows ahead."""
        middle = jnp.where(there, b, jnp.nan)
        return jnp.concatenate([a[0][::-1], middle[None], a[1]])

    rows = jax.tree.map(joined, both.rows, own)
    none = jnp.full((both.over.shape[1],), jnp.nan)
    marks = FoldCycles(none, none, none, none, none, found=jnp.sum(both.cusps))
    missed = jnp.asarray(False)
    if cusps is not None:
        # Those behind the start come first, in turn.
        row = jax.tree.map(lambda a: jnp.concatenate([a[0][::-1], a[1]]), cusps)
        shown = jnp.isfinite(row.log_period)
        order = jnp.argsort(~shown, stable=True)[: none.size]
        numbers = [a[order] for a in plane.numbers(row)]
        marks = FoldCycles(*numbers, found=jnp.sum(both.cusps))
        missed = jnp.sum(shown) < jnp.sum(both.cusps)
    vanished = jax.vmap(lambda end: end == ENDS.bautin)(both.end) & there
    ends = jax.vmap(lambda end: ENDS.where(there, end, ENDS.nowhere))(both.end)
    results = [jax.tree.map(lambda a, k=k: a[k], both.result) for k in (0, 1)]
    result = RESULTS.where(results[0] == RESULTS.successful, results[1], results[0])
    lost = (result == RESULTS.successful) & missed
    result = RESULTS.where(lost, RESULTS.not_located, result)
    numbers = plane.numbers(rows)
    return dict(
        zip(("parameter", "drive", "period", "u_max", "u_min"), numbers, strict=True),
        cusps=marks, bautin=_bautin(plane, both, vanished), ends=ends,
        count=jnp.sum(jnp.isfinite(rows.log_period)),
        result=RESULTS.where(there, result, RESULTS.no_start),
    )  # fmt: skip


def _bautin(plane: _Plane, both: FoldWalk, vanished) -> FoldCycles:
    """Where the amplitude vanishes, from the last three folds: a parabola in its square."""

    def one(rows: FoldRow, count):
        last = jax.tree.map(lambda a: a[jnp.clip(count - 3 + jnp.arange(3), 0)], rows)
        a2 = (last.top - last.bottom) ** 2
        share = jnp.stack([
            a2[i] * a2[j] / ((a2[k] - a2[i]) * (a2[k] - a2[j]))
            for k, i, j in ((0, 1, 2), (1, 2, 0), (2, 0, 1))
        ])  # fmt: skip
        row = jax.tree.map(lambda a: jnp.tensordot(share, a, 1), last)
        middle = (row.top + row.bottom) / 2
        return row._replace(top=middle, bottom=middle)

    rows = jax.vmap(one)(both.rows, both.count)
    order = jnp.argsort(~vanished, stable=True)
    hide = lambda a: jnp.where(vanished, a, jnp.nan)[order]
    return FoldCycles(*(hide(a) for a in plane.numbers(rows)), found=jnp.sum(vanished))
