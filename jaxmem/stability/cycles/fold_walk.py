"""From fold to fold of cycles in two parameters: one extended system, by pseudo-arclength."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxmem.devices.branch import Scalar
from jaxmem.responses.characteristic import solve_columns
from jaxmem.results import RESULTS
from jaxmem.stability.cycles import mesh as meshes
from jaxmem.stability.cycles.collocation import Field, Orbit, linearise, slopes, weights
from jaxmem.stability.cycles.extrema import dense_ends
from jaxmem.stability.equilibria.followed import ENDS

# Folds to each side of the start; cusps that are kept. Steps in relative change; the cosine of the
# largest turn in a step.
LENGTH, MOST = 200, 8
FIRST, LARGEST, SMALLEST, TURN = 0.05, 0.5, 1e-6, 0.8
# Newton's method: the last update, and iterations. ln T grows by so much at most.
UPDATE, ITERATIONS, LONGEST = 1e-7, 9, 14.0


class Fold(NamedTuple):
    """A fold of cycles, `orbit.drive` being (drive, second parameter).

    - `tangent` of the curve of folds; `null`: the direction of cycles that do not move the drive.
    - `along` (2,): the direction in which the two parameters move; `cusp`: how fast they do, with
      the sign of the way along it. It changes at a cusp.
    """

    mesh: Float[Array, "N"]
    orbit: Orbit
    tangent: Orbit
    null: Orbit
    along: Float[Array, "2"]
    cusp: Scalar


class FoldRow(NamedTuple):
    """What is kept of a fold, in the units of the continuation."""

    parameters: Float[Array, "2"]
    log_period: Scalar
    top: Scalar
    bottom: Scalar


class FoldWalk(NamedTuple):
    """The state of the walk to one side."""

    at: Fold
    step: Scalar
    count: Int[Array, ""]  # pyright: ignore[reportIncompatibleMethodOverride]
    rows: FoldRow
    # The folds before cusps, and the steps over them.
    before: Fold
    over: Float[Array, "8"]
    cusps: Int[Array, ""]
    stopped: Bool[Array, ""]
    end: ENDS
    result: RESULTS


def corrected(
    field: Field, at: Fold, step: Scalar, guess: Orbit, reach: Scalar
) -> tuple[Fold, Bool[Array, ""], Int[Array, ""]]:
    """The fold at this arclength from another one, whether it was found, and the iterations.

    The closed orbit with its phase, the fold and the arclength are solved for together. At a fold
    the linearised problem of closed orbits (of which the two parameters are unknowns, too) has the
    `null` direction v, along which no parameter moves:

        L v = 0, <null, v> = 1, along . v_(p, q) = 0    ->    g = across . v_(p, q) = 0

    which is regular at cusps, where `null` is the curve's own direction.
    """
    size, n = meshes.spans(at.orbit), at.orbit.start.shape[0]
    share = weights(at.mesh)[..., None] / size[None, None] ** 2
    metric = jnp.stack([1 / reach**2, jnp.ones(())])
    product = lambda a, b: scalar_product(share, metric, a, b)
    predicted = at.orbit.plus(at.tangent, step)
    flow = share * slopes(predicted) / at.mesh[:, None, None]
    flow = flow / jnp.sqrt(jnp.sum(flow**2 / share))
    none = jnp.zeros_like(flow)
    forms = jnp.stack([flow, share * at.null.stages, none])
    periods = jnp.stack([jnp.zeros(()), at.null.log_period, jnp.zeros(())])
    drives = jnp.stack([jnp.zeros(2), jnp.zeros(2), at.along])
    across = jnp.stack([-at.along[1], at.along[0]])

    def singular(orbit):
        """g, and three directions: to the closed orbit, `null`, along the parameters."""
        linear = linearise(field, at.mesh, orbit)
        rows = jnp.concatenate([linear.closure, linear.row(forms, periods, drives)])
        gone = jnp.sum(flow * (orbit.stages - predicted.stages))
        gap = rows[:, -1] + gone * np.eye(n + 3)[n]
        right = jnp.stack([-gap, *np.eye(n + 3)[n + 1 :]], axis=1)
        V = solve_columns(rows[:, :-1], right).T
        last = jnp.array([1.0, 0.0, 0.0])
        V = jnp.concatenate([V, last[:, None]], axis=1)
        return across @ V[1, n + 1 : -1], jax.vmap(linear.direction)(V)

    def newton(state):
        k, orbit, *_ = state
        g, push, ways = jax.linearize(singular, orbit, has_aux=True)
        by = jax.vmap(push)(ways)
        far = jax.vmap(lambda way: product(at.tangent, way))(ways)
        gone = product(at.tangent, orbit.plus(at.orbit, -1.0)) - step
        left = jnp.stack([by[1:], far[1:]])
        share = solve_columns(left, -jnp.stack([g + by[0], gone + far[0]])[:, None])[:, 0]
        change = jax.tree.map(lambda a: a[0] + jnp.tensordot(share, a[1:], 1), ways)
        update = jnp.maximum(
            jnp.max(jnp.abs(change.stages) / size[None, None]),
            jnp.maximum(jnp.abs(change.log_period), jnp.max(jnp.abs(change.drive) * metric**0.5)),
        )
        return k + 1, orbit.plus(change), ways, by, update

    def going(state):
        k, update = state[0], state[4]
        return (k < ITERATIONS) & (update > UPDATE) & (update < 3.0)

    ways = jax.tree.map(lambda a: jnp.zeros((3, *a.shape)), guess)
    begin = (jnp.asarray(0), guess, ways, jnp.zeros(3), jnp.asarray(1.0))
    k, orbit, ways, by, update = jax.lax.while_loop(going, newton, begin)
    null, aside = (jax.tree.map(lambda a, j=j: a[j], ways) for j in (1, 2))
    # Along the curve g stays 0.
    tangent = _scaled(null, by[2]).plus(aside, -by[1])
    tangent = _scaled(tangent, 1 / jnp.sqrt(product(tangent, tangent)))
    tangent = _scaled(tangent, jnp.where(product(tangent, at.tangent) < 0, -1.0, 1.0))
    null = null._replace(drive=jnp.zeros(2))
    null = _scaled(null, 1 / jnp.sqrt(product(null, null)))
    along = aside.drive / jnp.linalg.norm(aside.drive)
    new = Fold(at.mesh, orbit, tangent, null, along, tangent.drive @ along)
    return new, (update <= UPDATE) & jnp.all(jnp.isfinite(tangent.stages)), k


def scalar_product(share, metric, a: Orbit, b: Orbit) -> Scalar:
    """The scalar product of relative changes: states by their ranges, ln T, the two parameters."""
    states = jnp.sum(share * a.stages * b.stages)
    return states + a.log_period * b.log_period + jnp.sum(metric * a.drive * b.drive)


def _scaled(orbit, factor):
    return Orbit(*(factor * a for a in orbit))


def row_of(fold: Fold) -> FoldRow:
    """What is kept of it."""
    return FoldRow(fold.orbit.drive, fold.orbit.log_period, *dense_ends(fold.orbit))


def remeshed(fold: Fold) -> Fold:
    """On a mesh that is adapted to it."""
    mesh = meshes.equidistribute(fold.mesh, fold.orbit, fold.mesh.shape[0])
    three = jax.tree.map(lambda *a: jnp.stack(a), fold.orbit, fold.tangent, fold.null)
    three = jax.vmap(meshes.onto, (None, 0, None))(fold.mesh, three, mesh)
    return fold._replace(
        mesh=mesh,
        **{
            name: jax.tree.map(lambda a, k=k: a[k], three)
            for k, name in enumerate(fold._fields[1:4])
        },
    )


def follow_folds(
    field: Field, start: Fold, sign: Scalar, there: Bool[Array, ""], *, most: Scalar,
    least_swing: Scalar, reach: Callable[[Scalar], Scalar],
) -> FoldWalk:  # fmt: skip
    """The curve of folds to one side.

    - `most`: the second parameter's last value, up and down; `least_swing` of u: a smaller one is
      taken for none, at a Bautin point.
    - `reach`: a change of the drive that is large, at a drive.
    """
    nan = jnp.full((LENGTH,), jnp.nan)
    rows = FoldRow(jnp.full((LENGTH, 2), jnp.nan), nan, nan, nan)
    keep = jax.tree.map(lambda a: jnp.broadcast_to(a, (MOST, *a.shape)), start)
    start = start._replace(tangent=_scaled(start.tangent, sign), cusp=sign * start.cusp)
    none = jnp.zeros((), int)
    walk = FoldWalk(
        start, jnp.asarray(FIRST), none, rows, keep, jnp.zeros(MOST), none, ~there,
        ENDS.not_followed, RESULTS.successful,
    )  # fmt: skip
    begin = start.orbit.log_period

    def trip(w: FoldWalk) -> FoldWalk:
        at = w.at
        guess = at.orbit.plus(at.tangent, w.step)
        new, good, k = corrected(field, at, w.step, guess, reach(at.orbit.drive[0]))
        share = weights(at.mesh)[..., None] / meshes.spans(at.orbit)[None, None] ** 2
        metric = jnp.stack([1 / reach(at.orbit.drive[0]) ** 2, jnp.ones(())])
        good = good & (scalar_product(share, metric, new.tangent, at.tangent) > TURN)
        row = row_of(new)
        small = good & (row.top - row.bottom < least_swing)
        far = good & (jnp.abs(row.parameters[1]) > most)
        long = good & (row.log_period - begin > LONGEST)
        passed = good & (at.cusp * new.cusp < 0) & (w.count > 0)
        at_cusp = jnp.where(passed, w.cusps, MOST)
        count = w.count + good
        place = jnp.where(good, w.count, LENGTH)
        grown = jnp.where(k <= 3, 1.5, jnp.where(k <= 5, 1.0, 0.6)) * w.step
        step = jnp.where(good, jnp.minimum(grown, LARGEST), 0.35 * w.step)
        short, full = step < SMALLEST, count >= LENGTH
        end = ENDS.where(small, ENDS.bautin, w.end)
        end = ENDS.where(far, ENDS.parameter, end)
        result = RESULTS.where(short, RESULTS.step_too_short, w.result)
        result = RESULTS.where(full, RESULTS.curve_too_long, result)
        result = RESULTS.where(long, RESULTS.period_too_long, result)
        result = RESULTS.where(small | far, RESULTS.successful, result)
        put = lambda a, b: a.at[at_cusp].set(b, mode="drop")
        return FoldWalk(
            jax.tree.map(lambda a, b: jnp.where(good, a, b), remeshed(new), at), step, count,
            jax.tree.map(lambda a, b: a.at[place].set(b, mode="drop"), w.rows, row),
            jax.tree.map(put, w.before, at), put(w.over, w.step), w.cusps + passed,
            short | full | long | small | far, end, result,
        )  # fmt: skip

    return jax.lax.while_loop(lambda w: ~w.stopped, trip, walk)
