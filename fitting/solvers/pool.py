"""A pool of lanes that many searches share: one that has ended makes room for the next."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from fitting.solvers.levenberg_marquardt import LeastSquares
from fitting.solvers.solver import RESULTS, Search

# How many searches go side by side on a CPU. Their scalars fill its vectors, and what each
# operation costs to start is shared.
LANES = 16


def pooled(
    solver: LeastSquares,
    residual: Callable[[Any, Any], Any],
    data: Any,
    begin: Any,
    x_scale: Any,
    bounds: Sequence[Any],
    count: Any,
    tries: Any,
) -> dict[str, Any]:
    """The best of several searches for each of many data, as a dictionary of arrays.

    A `vmap` of whole searches waits for the slowest lane; here a lane that has ended is given the
    next search at once, so that none waits until there are no more.

    **Arguments:**

    - `residual`: called as `residual(datum, always)`, gives the residual of one datum; `always`
      is for `Parts`.
    - `data`: a pytree of arrays of shape `(k, ...)`; `begin`, starts, shape `(k, starts, p)`;
      `x_scale`, natural lengths, shape `(k, p)`; `bounds`, of shape `(p,)` or `(k, p)` each.
    - `count`, `tries`: how many of the k data and of the starts are real.

    Returned: `z`, `chi2`, `result` of the best search, `steps`, `failed` and `converged` of all.
    """
    size, width = begin.shape[0], min(LANES, begin.shape[0])
    total = count * tries
    always = total >= 0
    low, high = (jnp.broadcast_to(bound, x_scale.shape) for bound in bounds)

    def load(job):
        k = jnp.minimum(job // tries, size - 1)
        at = lambda x: jax.lax.dynamic_index_in_dim(x, k, keepdims=False)
        start = jax.lax.dynamic_index_in_dim(at(begin), job % tries, keepdims=False)
        return jax.tree.map(at, data), (at(low), at(high), at(x_scale)), solver.begin(start)

    def step(datum, scales, state):
        return solver.step(residual(datum, always), state, *scales)

    def ended(lanes, jobs):
        return lanes[2].ended & (jobs >= 0)

    def exchange(carry):
        """Note down one search that has ended, and put the next in its lane."""
        lanes, jobs, following, best = carry
        lane = jnp.argmax(ended(lanes, jobs))
        end = solver.end(jax.tree.map(lambda x: x[lane], lanes[2]))
        k = jobs[lane] // tries
        here, converged = jax.tree.map(lambda x: x[k], best)
        usable = jnp.isfinite(end.chi2) & (end.result != RESULTS.start_not_finite)
        better = usable & (end.chi2 < here.chi2)
        new = jax.tree.map(lambda a, b: jnp.where(better, a, b), end, here)
        new = new._replace(steps=here.steps + end.steps, failed=here.failed + end.failed)
        new = new, converged + (end.result == RESULTS.successful)
        best = jax.tree.map(lambda rows, row: _put(rows, row, k), best, new)
        lanes = jax.tree.map(lambda x, row: _put(x, row, lane), lanes, load(following))
        jobs = _put(jobs, jnp.where(following < total, following, -1), lane)
        return lanes, jobs, following + 1, best

    def trial(carry):
        lanes, jobs, following, best = carry
        lanes = (*lanes[:2], jax.vmap(step)(*lanes))
        return jax.lax.while_loop(
            lambda c: jnp.any(ended(*c[:2])), exchange, (lanes, jobs, following, best)
        )

    none = jnp.zeros(size, jnp.int32)
    lost = jax.tree.map(lambda x: none + x, RESULTS.start_not_finite)
    best = Search(begin[:, 0], jnp.full(size, jnp.inf, begin.dtype), lost, none, none), none
    first = jnp.arange(width, dtype=jnp.int32)
    jobs = jnp.where(first < total, first, -1)
    carry = (jax.vmap(load)(first), jobs, jnp.asarray(width, jnp.int32), best)
    best, converged = jax.lax.while_loop(lambda c: jnp.any(c[1] >= 0), trial, carry)[3]
    return best._asdict() | dict(converged=converged)


def _put(rows, row, k):
    return jax.lax.dynamic_update_index_in_dim(rows, row, k, 0)
