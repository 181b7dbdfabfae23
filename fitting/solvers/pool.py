"""A pool of lanes that many searches share: one that has ended makes room for the next."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from fitting.solvers.levenberg_marquardt import Code, LeastSquares

# How many searches go side by side on a CPU. Their scalars fill its vectors, and what each
# operation costs to start is shared.
LANES = 16


def pooled(
    solver: LeastSquares,
    residual: Callable[[Any, Any], Any],
    data: Any,
    begin: Any,
    x_scale: Any,
    bounds: tuple[Any, Any],
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
      `x_scale`, natural lengths, shape `(k, p)`; `bounds`, of shape `(p,)` each.
    - `count`, `tries`: how many of the k data and of the starts are real.

    Returned: `z`, `chi2`, `code` of the best search, `steps` and `converged` of all.
    """
    size, width = begin.shape[0], min(LANES, begin.shape[0])
    total = count * tries
    always = total >= 0

    def load(job):
        k = jnp.minimum(job // tries, size - 1)
        at = lambda x: jax.lax.dynamic_index_in_dim(x, k, keepdims=False)
        start = jax.lax.dynamic_index_in_dim(at(begin), job % tries, keepdims=False)
        return jax.tree.map(at, data), at(x_scale), solver.begin(start)

    def step(datum, x_scale, state):
        return solver.step(residual(datum, always), state, *bounds, x_scale)

    def ended(lanes, jobs):
        return (lanes[2].code >= 0) & (jobs >= 0)

    def exchange(carry):
        """Note down one search that has ended, and put the next in its lane."""
        lanes, jobs, following, best = carry
        lane = jnp.argmax(ended(lanes, jobs))
        end = solver.end(jax.tree.map(lambda x: x[lane], lanes[2]))
        k = jobs[lane] // tries
        here = {name: x[k] for name, x in best.items()}
        usable = jnp.isfinite(end.chi2) & (end.code != Code.NOT_FINITE)
        better = usable & (end.chi2 < here["chi2"])
        new = dict(z=end.z, chi2=end.chi2, code=end.code)
        new = {name: jnp.where(better, x, here[name]) for name, x in new.items()}
        new["steps"] = here["steps"] + end.steps
        new["converged"] = here["converged"] + (end.code == Code.CONVERGED)
        best = {name: _put(x, new[name], k) for name, x in best.items()}
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
    best = dict(z=begin[:, 0], chi2=jnp.full(size, jnp.inf, begin.dtype),
                code=none + int(Code.NOT_FINITE), steps=none, converged=none)  # fmt: skip
    first = jnp.arange(width, dtype=jnp.int32)
    jobs = jnp.where(first < total, first, -1)
    carry = (jax.vmap(load)(first), jobs, jnp.asarray(width, jnp.int32), best)
    return jax.lax.while_loop(lambda c: jnp.any(c[1] >= 0), trial, carry)[3]


def _put(rows, row, k):
    return jax.lax.dynamic_update_index_in_dim(rows, row, k, 0)
