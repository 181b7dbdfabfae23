"""`find_nonlinearity` for thousands of spectra: all moves are searches of one program."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from fitting.diagnosis.covariance import DECADE
from fitting.diagnosis.nonlinearity import FAR, HIGHEST, NARROW, SHORTER, SOFT, Why, judged
from fitting.problem.space import Coordinates
from fitting.solvers.levenberg_marquardt import LeastSquares, Parts
from fitting.solvers.pool import pooled
from fitting.terms.spectrum import Spectrum
from fitting.terms.spectrum_batch import SpectrumBatch

SEARCH = LeastSquares(max_steps=60)


class Spring(eqx.Module):
    """The residual (z_k - aim) stiff, which holds one parameter where it was moved to."""

    which: Any
    aim: Any
    stiff: Any

    def residual(self, z: Any) -> Any:
        """Shape `(1,)`; z comes as an array or one by one."""
        here = sum(self.which[k] * z[k] for k in range(len(z)))
        return jnp.reshape((here - self.aim) * self.stiff, (1,))


def find_nonlinearity_of_many(
    spectra: Sequence[Spectrum],
    model: Any,
    c: Coordinates,
    z: np.ndarray,
    chi2: np.ndarray,
    error: np.ndarray,
    x_scale: np.ndarray,
    noise: np.ndarray,
    lanes: bool,
) -> np.ndarray:
    """Which intervals the likelihood does not bear out, `(spectra, p)`; see `find_nonlinearity`.

    `z`, `error`, `x_scale` have shape `(spectra, p)`, `chi2` and `noise` `(spectra,)`.
    """
    batch = SpectrumBatch.of(list(spectra))
    low, high = np.asarray(c.low), np.asarray(c.high)
    lost = np.zeros(z.shape, bool)
    # Of each wide interval two moves: of which spectrum, of which parameter, to which side.
    s, k = np.repeat(np.stack(np.nonzero(~(error <= NARROW * x_scale))), 2, axis=1)
    side = np.resize([-1.0, 1.0], len(s))
    reach = np.minimum(FAR * error[s, k], DECADE * x_scale[s, k])
    # Padded to a power of two, and to the same in each round: one program serves all.
    size = max(16, 1 << (max(len(s), 1) - 1).bit_length())
    for _ in range(SHORTER):
        if not len(s):
            break
        begin, aim = z[s], z[s, k] + side * reach
        begin[np.arange(len(s)), k] = aim
        width = SOFT * reach
        spring = Spring(np.eye(z.shape[1])[k], aim, noise[s] / width)
        rows = (s, np.clip(begin, low, high)[:, None], spring, x_scale[s])
        end = _moved(batch, model, c, rows, size, lanes)
        pull = (end["z"][np.arange(len(s)), k] - aim) / width
        rise = (end["chi2"] - chi2[s]) / noise[s] ** 2 - pull**2
        settled = np.isfinite(rise) & (rise <= HIGHEST)
        error_of = np.where(error > 0, error, np.inf)[s]
        moved = np.abs(end["z"] - z[s]) / error_of
        why, _ = judged(k[settled], moved[settled], rise[settled])
        np.logical_or.at(lost, s[settled], why != Why.FINE)
        again = ~settled
        s, k, side, reach = s[again], k[again], side[again], reach[again] / 2
    return lost


def _moved(batch, model, c, rows, size, lanes) -> dict[str, np.ndarray]:
    """The ends of searches, one for each row of (spectrum, start, spring, natural lengths)."""
    count = len(rows[0])
    fill = lambda a: np.concatenate([a, np.repeat(a[-1:], size - count, axis=0)])
    s, begin, spring, x_scale = jax.tree.map(fill, rows)
    # Gathered here: how many spectra there are is not to decide what is compiled.
    data = jax.tree.map(lambda x: np.asarray(x)[s], batch), spring
    found = _moved_jit(data, model, c, begin, x_scale, jnp.asarray(count), lanes)
    return {name: np.asarray(values)[:count] for name, values in found.items()}


@eqx.filter_jit
def _moved_jit(data, model, c, begin, x_scale, count, lanes):
    bounds = jnp.asarray(c.low), jnp.asarray(c.high)

    def residual(datum, always):
        one, spring = datum
        one = jax.tree.map(lambda x: x[None], one)
        return Parts(lambda z: (*one.parts(c.unpack(z, model)), spring.residual(z)), always)

    if not lanes:
        return pooled(SEARCH, residual, data, begin, x_scale, bounds, count, jnp.asarray(1))
    search = lambda datum, begin, x_scale: SEARCH.search(
        residual(datum, count >= 0), begin[0], *bounds, x_scale
    )
    end = jax.vmap(search)(data, begin, x_scale)
    return dict(z=end.z, chi2=end.chi2)
