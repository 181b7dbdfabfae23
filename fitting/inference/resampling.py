"""Bootstrap: the fit made again of data drawn around its own model."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from fitting.estimate.result import Fit
from fitting.inference.intervals import interval
from fitting.inference.likelihood import Likelihood, residual_of
from fitting.inference.propagate import Summary, summaries
from fitting.problem.noise import leverages
from fitting.solvers.host_loop import HostLeastSquares
from fitting.solvers.levenberg_marquardt import LeastSquares
from fitting.solvers.solver import RESULTS, AbstractSolver
from fitting.terms.measurement import measurement_of
from jaxmem.output.reporter import Reporter, Silent

# So many refits of spectra are one call; between calls there is progress, and Ctrl-C.
BLOCK = 64


class Bootstrap(NamedTuple):
    """Fits of data that were drawn.

    - `z`: search vectors of those that converged, `(n, p)`; `values`: in `units`, `(n, p)`.
    - `asked`, `failures`: how many refits there were, and how many did not converge.
    - `complete`: False if it was interrupted.
    """

    fit: Fit
    kind: str
    seed: int
    z: Float[np.ndarray, "n p"]
    asked: int
    failures: int
    complete: bool

    @property
    def values(self) -> Float[np.ndarray, "n p"]:
        """The parameters in their units."""
        return self.fit.problem.coordinates.to_values(self.z)

    @property
    def standard_errors(self) -> Float[np.ndarray, "p"]:
        """In search coordinates, as those of the fit."""
        return np.std(self.z, axis=0, ddof=1)

    def __getitem__(self, name: str) -> Summary:  # pyright: ignore[reportIncompatibleMethodOverride]
        """A parameter over the samples, with its 95 % interval."""
        return self.summary(name)

    def summary(self, name: str, level: float = 0.95) -> Summary:
        """A parameter over the samples: median and central interval of a level."""
        k = _index(self.fit, name)
        return Summary.of(self.values[:, k], self.fit.units[k], level)

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """Low and high of a parameter, in its unit; open where the fit cannot identify it."""
        if not self.fit.identifiable[_index(self.fit, name)]:
            return interval(self.fit, name, level)
        found = self.summary(name, level)
        return found.low, found.high

    def derived(self, fn: Callable[[Any], Any], units: Any = "", level: float = 0.95) -> Any:
        """A function of the model over the samples; see `summaries`."""
        return summaries(self.fit.problem, self.z, fn, units, level)


def bootstrap(
    fit: Fit,
    n: int = 200,
    *,
    seed: int = 0,
    kind: Literal["parametric", "residual"] = "parametric",
    progress: Reporter | None = None,
) -> Bootstrap:
    """Draw data around the fitted model n times, and fit them again from the optimum.

    With r = (model - data)/sigma, new data around the optimum z* leave r(z) - r(z*) - e, with e
    the noise that was drawn: a shift, so that all refits share the fit's programs (and one more,
    where nothing integrates in time). The scales of the noise stay as the fit found them. Priors
    and goals are drawn too, as what was known from earlier measurements.

    **Arguments:**

    - `kind`: `"parametric"` draws e from the normal distribution; `"residual"` draws the fit's own
      residuals of the same term with replacement, each over sqrt(1 - leverage), less their mean:
      for noise that is not normal. It takes them as independent of each other.
    - `progress`: hears a line now and then. Ctrl-C returns what was done until then.

    **Raises:** `ValueError` for a fit that did not converge, or another kind.
    """
    if kind not in ("parametric", "residual"):
        raise ValueError(f'bootstrap: kind is "parametric" or "residual", got {kind!r}')
    if n < 2:
        raise ValueError(f"bootstrap: n must be at least 2, got {n}")
    base, say = Likelihood.of(fit), (progress or Silent()).say
    rng = np.random.default_rng(seed)
    draw = _drawer(base, kind, rng)
    shifts = np.stack([base.r + draw() for _ in range(n)])
    refit = _integrating if base.problem.integrates else _cheap
    rows: list[np.ndarray] = []
    done, complete = 0, True
    try:
        for found, usable in refit(base, shifts):
            rows += list(found[usable])
            done += len(found)
            say(f"{done} of {n} refits")
    except KeyboardInterrupt:
        complete = False
    z = np.stack(rows) if rows else np.zeros((0, len(base.z)))
    return Bootstrap(fit, kind, seed, z, done, done - len(rows), complete)


def _drawer(base: Likelihood, kind: str, rng) -> Callable[[], np.ndarray]:
    """What draws the noise of all rows, in standard deviations; 0 for padding."""
    owned = base.problem.owner >= 0
    if kind == "parametric":
        return lambda: np.where(owned, rng.normal(size=len(owned)), 0.0)
    left = np.sqrt(np.maximum(1 - leverages(base.J), 1e-3))
    pools = []
    for k, term in enumerate(base.problem.terms):
        rows = base.problem.of_term(k)
        pool = base.r[rows] / left[rows]
        # Of a prior there is one residual, which says nothing of its distribution.
        pools.append((rows, pool - pool.mean() if _many(term) else None))

    def draw():
        e = np.zeros(len(owned))
        for rows, pool in pools:
            count = int(rows.sum())
            e[rows] = rng.normal(size=count) if pool is None else rng.choice(pool, count)
        return e

    return draw


def _many(term) -> bool:
    inner = measurement_of(term)
    # What has a few numbers has no residuals to draw from.
    return inner is not None and inner.points >= 10


def _cheap(base: Likelihood, shifts):
    """Blocks of search vectors, and which of them converged; all in one program."""
    p = base.problem
    for k in range(0, len(shifts), BLOCK):
        block = shifts[k : k + BLOCK]
        padded = np.concatenate([block, np.zeros((BLOCK - len(block), block.shape[1]))])
        found = _refits(
            p.parts, p.model, p.coordinates, LeastSquares(), jnp.asarray(p.row_scale),
            jnp.asarray(padded), jnp.asarray(len(block)), jnp.asarray(base.z),
            jnp.asarray(base.lengths),
        )  # fmt: skip
        yield tuple(np.asarray(a)[: len(block)] for a in found)


def _integrating(base: Likelihood, shifts):
    """One refit after the other, driven from here."""
    solver = HostLeastSquares(max_steps=40)
    for shift in shifts:
        drawn = base.problem.on_host().changed(lambda z, r, J, shift=shift: (r - shift, J))
        end = solver.search(drawn, base.z, base.lengths).unless_interrupted()
        yield end.z[None], np.array([bool(end.result == RESULTS.successful)])


@eqx.filter_jit
def _refits(parts, model, coordinates, solver: AbstractSolver, scale, shifts, count, z, x_scale):
    low, high = jnp.asarray(coordinates.low), jnp.asarray(coordinates.high)

    def step(k, found):
        residual = lambda z: residual_of(parts, model, coordinates, z) / scale - shifts[k]
        end = solver.search(residual, z, low, high, x_scale)
        usable = end.result == RESULTS.successful
        return found[0].at[k].set(end.z), found[1].at[k].set(usable)

    empty = jnp.zeros((len(shifts), z.size), z.dtype), jnp.zeros(len(shifts), bool)
    return jax.lax.fori_loop(0, count, step, empty)


def _index(fit: Fit, name: str) -> int:
    if name not in fit.names:
        raise KeyError(f"{name}; there are {', '.join(fit.names)}; else derived(function)")
    return fit.names.index(name)
