"""Whether intervals of the linear law hold where they are wide: refits with one parameter moved."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from fitting.diagnosis.covariance import DECADE
from fitting.problem.problem import Problem
from fitting.problem.space import Coordinates
from fitting.solvers.host_loop import HostLeastSquares
from fitting.solvers.levenberg_marquardt import LeastSquares
from fitting.solvers.pool import pooled
from fitting.solvers.residual_parts import Parts
from fitting.terms.spectrum import Spectrum
from fitting.terms.spectrum_batch import SpectrumBatch

# Up to this standard error, in natural lengths, the linear law is not doubted.
NARROW = 0.15
# How far a parameter is moved, in standard errors; by the linear law chi2 then rises by its square.
MOVE_IN_ERRORS = 2.0
# A move after which chi2 has risen by more than this is tried again half as far, so many times in
# all: that far off no linear law is asked for.
LARGEST_RISE, TRIES = 10.0, 3
# The law is broken where chi2 rises by less than this share of what it says, or where another
# parameter moves this many times as far as a point of that chi2 may lie off.
LEAST_SHARE_OF_RISE, MOST_TIMES_AS_FAR = 0.25, 1.5
# A point whose chi2 is lower than at the optimum by so much is a better fit.
BETTER_BY = 0.5
TOO_FLAT = "its likelihood falls off more slowly than its covariance says: see its profile"
BETTER_FIT = "a better fit was met elsewhere: search from more starts"


class Nonlinearity(NamedTuple):
    """What was found: reasons by parameter; points where the data are still explained, and how many
    standard errors off a quantity may be there by the linear law."""

    reasons: dict[int, str]
    ends: list[tuple[np.ndarray, float]]


def find_nonlinearity(
    problem: Problem,
    z: np.ndarray,
    chi2: float,
    error: np.ndarray,
    x_scale: np.ndarray,
    noise: float,
) -> Nonlinearity:
    """Which parameters have intervals that the likelihood does not bear out, and why.

    Each parameter with a wide interval is moved by two standard errors (at most a decade) to either
    side, and all others are fitted again. Near a direction that the data hardly feel, others may
    then move along a curve, far beyond what the tangent at the optimum says.

    **Arguments:**

    - `problem`, `z`, `chi2`: what was fitted, its optimum, shape `(p,)`, and chi2 there.
    - `error`, `x_scale`: standard errors and natural lengths, shape `(p,)`.
    - `noise`: what the residuals are to be divided by.

    **Raises:** `KeyboardInterrupt`, also if a refit returned because of one.
    """
    problem = problem.rescaled(problem.scales * noise)

    def refit(_, begin, *bounds):
        if not problem.integrates:
            # The program that searched: a parameter is held by its bounds, which are data.
            found = problem.search(LeastSquares(), begin, x_scale, bounds=bounds)
            return found.z, found.chi2
        solver, residual = HostLeastSquares(max_steps=30, enough=0.02), problem.on_host()
        ends = [
            solver.search(residual._replace(low=low, high=high), z, x_scale).unless_interrupted()
            for z, low, high in zip(begin, *bounds, strict=True)
        ]
        return np.stack([end.z for end in ends]), np.array([end.chi2 for end in ends])

    c = problem.coordinates
    moves = _moves(refit, c, z[None], np.array([chi2 / noise**2]), error[None], x_scale[None])
    reasons = {}
    broken = moves.too_flat, moves.follows, moves.better
    for k, *rows in zip(moves.parameter, *broken, strict=True):
        follows = f"it follows {c.names[k]} beyond its interval"
        for text, row in zip((TOO_FLAT, follows, BETTER_FIT), rows, strict=True):
            for j in np.flatnonzero(row):
                # A better fit is the reason that counts.
                if j not in reasons or text == BETTER_FIT:
                    reasons[int(j)] = text
    explained = moves.rise >= -BETTER_BY
    ends = zip(moves.z[explained], moves.allowed[explained].tolist(), strict=True)
    return Nonlinearity(reasons, list(ends))


def find_nonlinearity_of_many(
    spectra: Sequence[Spectrum],
    model: Any,
    c: Coordinates,
    z: Float[np.ndarray, "s p"],
    chi2: Float[np.ndarray, "s"],
    error: Float[np.ndarray, "s p"],
    x_scale: Float[np.ndarray, "s p"],
    noise: Float[np.ndarray, "s"],
    lanes: bool,
) -> Bool[np.ndarray, "s p"]:
    """Which intervals the likelihood does not bear out, for spectra that are fitted one by one.

    As `find_nonlinearity` of each of the s spectra, with all moves in one program; `lanes` side by
    side.
    """
    batch = SpectrumBatch.of(list(spectra))
    # Padded to a power of two, and to the same each time: one program serves all.
    size = max(16, 1 << (2 * int(np.sum(_wide(error, x_scale))) - 1).bit_length())

    def refit(which, begin, *bounds):
        count = len(which)
        pad = lambda a: np.concatenate([a, np.repeat(a[-1:], size - count, axis=0)])
        which, begin, *bounds = map(pad, (which, begin, *bounds))
        # Gathered here: how many spectra there are is not to decide what is compiled.
        data = jax.tree.map(lambda x: np.asarray(x)[which], batch)
        found = _refit_jit(
            data, model, c, begin[:, None], x_scale[which], bounds, jnp.asarray(count), lanes
        )
        end, cost = (np.asarray(a)[:count] for a in found)
        return end, cost / noise[which[:count]] ** 2

    moves = _moves(refit, c, z, chi2 / noise**2, error, x_scale)
    lost = np.zeros(z.shape, bool)
    np.logical_or.at(lost, moves.fit, moves.too_flat | moves.follows | moves.better)
    return lost


@eqx.filter_jit
def _refit_jit(data, model, c, begin, x_scale, bounds, count, lanes):
    solver = LeastSquares(max_steps=60)

    def residual(datum, always):
        one = jax.tree.map(lambda x: x[None], datum)
        return Parts(lambda z: one.parts(c.unpack(z, model)), always)

    if not lanes:
        one = jnp.asarray(1)
        found = pooled(solver, residual, data, begin, x_scale, bounds, count, one)
        return found["z"], found["chi2"]
    search = lambda datum, *rest: solver.search(residual(datum, count >= 0), *rest)
    end = jax.vmap(search)(data, begin[:, 0], *bounds, x_scale)
    return end.z, end.chi2


class _Moves(NamedTuple):
    """Refits with a parameter moved: of which `fit`, which `parameter`, shape `(n,)`; where they
    ended, `(n, p)`; by how much chi2 has risen, `(n,)`; by how many standard errors each parameter
    is off, `(n, p)`."""

    fit: Int[np.ndarray, "n"]
    parameter: Int[np.ndarray, "n"]
    z: Float[np.ndarray, "n p"]
    rise: Float[np.ndarray, "n"]
    off: Float[np.ndarray, "n p"]

    @property
    def allowed(self) -> Float[np.ndarray, "n"]:
        """How many standard errors a parameter may be off: by the linear law sqrt(rise) at most."""
        return MOST_TIMES_AS_FAR * np.sqrt(np.maximum(self.rise, MOVE_IN_ERRORS**2))

    @property
    def better(self) -> Bool[np.ndarray, "n p"]:
        """Which parameters a better fit has elsewhere."""
        return (self.rise < -BETTER_BY)[:, None] & (self.off > 1)

    @property
    def too_flat(self) -> Bool[np.ndarray, "n p"]:
        """Which parameters were moved and cost less than the law says."""
        flat = self.rise[:, None] < LEAST_SHARE_OF_RISE * self.off**2
        return flat & self._moved & (self.rise >= -BETTER_BY)[:, None]

    @property
    def follows(self) -> Bool[np.ndarray, "n p"]:
        """Which of the others have moved too far."""
        far = self.off > self.allowed[:, None]
        return far & ~self._moved & (self.rise >= -BETTER_BY)[:, None]

    @property
    def _moved(self):
        return self.parameter[:, None] == np.arange(self.off.shape[1])


def _wide(error, x_scale):
    return ~(error <= NARROW * x_scale)


def _moves(refit: Callable[..., Any], c: Coordinates, z, chi2, error, x_scale) -> _Moves:
    """All moves of fits `(s, p)`; `refit` of (which fit, start, low, high) gives z and chi2."""
    fit, k = np.repeat(np.stack(np.nonzero(_wide(error, x_scale))), 2, axis=1)
    side = np.resize([-1.0, 1.0], len(k))
    reach = np.minimum(MOVE_IN_ERRORS * error[fit, k], DECADE * x_scale[fit, k])
    end, rise, left = z[fit], np.full(len(k), np.inf), np.arange(len(k))
    for turn in range(TRIES if len(k) else 0):
        begin, row = z[fit[left]], (np.arange(len(left)), k[left])
        begin[row] += side[left] * reach[left] / 2**turn
        begin = np.clip(begin, c.low, c.high)
        low, high = (np.array(np.broadcast_to(b, begin.shape)) for b in (c.low, c.high))
        low[row] = high[row] = begin[row]
        end[left], cost = refit(fit[left], begin, low, high)
        rise[left] = cost - chi2[fit[left]]
        left = left[~(rise[left] <= LARGEST_RISE)]
        if not len(left):
            break
    near = rise <= LARGEST_RISE
    off = np.abs(end - z[fit]) / np.where(error > 0, error, np.inf)[fit]
    return _Moves(fit[near], k[near], end[near], rise[near], off[near])
