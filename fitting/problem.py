"""A fit as the compiled programs see it: terms stacked, parameters as a vector."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from fitting.data import Spectrum, SpectrumBatch, bias_voltage
from fitting.estimators import AbstractEstimator, Parts, Search, value_and_jacobian
from fitting.space import Coordinates, Space
from fitting.terms import On, Term
from jaxmem.devices import AbstractDevice

# How many search vectors are looked at in one call.
BLOCK = 8


class Problem(eqx.Module):
    """Terms, the model that holds what is fixed, and the coordinates of what is free."""

    terms: tuple[Any, ...]
    spectra: tuple[Spectrum, ...]
    prepared: tuple[Any, ...]
    model: Any
    coordinates: Coordinates = eqx.field(static=True)
    points: int = eqx.field(static=True)

    @classmethod
    def of(cls, terms: Any, model: Any, space: Space, *, scale: float = 1.0) -> "Problem":
        """Check terms, model and space, and stack the spectra.

        **Raises:** `ValueError` without double precision, for something that is no term, for
        fewer data than parameters, and as `Space.resolve` does.
        """
        if not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
            raise ValueError(
                "a fit needs double precision; put "
                'jax.config.update("jax_enable_x64", True) in the first line of the program'
            )
        terms = tuple(terms) if isinstance(terms, list | tuple) else (terms,)
        if not terms:
            raise ValueError("a fit needs at least one term: a Spectrum, a Goal, a Prior")
        for term in terms:
            if not isinstance(term, Term):
                raise ValueError(
                    f"a {type(term).__name__} is no term: it has no residual(model); "
                    "give spectra, goals and priors"
                )
        coordinates = space.resolve(model)
        spectra = tuple(s for s in map(_measured, terms) if s is not None)
        prepared = prepare(terms, scale)
        points = sum(2 * len(s.freq) for s in spectra)
        for term in terms:
            if isinstance(term, Spectrum):
                _check_device(term, model)
            elif _measured(term) is None:
                points += sum(np.size(x) for x in jax.tree.leaves(_shape(term, model)))
        if points < len(coordinates.names):
            raise ValueError(
                f"{points} numbers cannot determine {len(coordinates.names)} parameters "
                f"({', '.join(coordinates.names)}); give more data or fix some"
            )
        return cls(terms, spectra, prepared, model, coordinates, points)

    def rescaled(self, scale: float) -> "Problem":
        """The same with another relative noise for spectra without sigma."""
        return eqx.tree_at(lambda p: p.prepared, self, prepare(self.terms, scale))

    def natural_lengths(self, z: np.ndarray, width: np.ndarray | None = None) -> np.ndarray:
        """1 for a logarithm; for a signed parameter its size or the width of its start range."""
        size = np.abs(z) if width is None else np.maximum(np.abs(z), width / 4)
        return np.where(self.coordinates.log, 1.0, np.where(size > 0, size, 1.0))

    def inspect(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals, `(k, m)`, and d residual/dz, `(k, m, p)`, at search vectors `(k, p)`."""
        # In blocks of one size, so that all that is asked of an optimum is one program.
        padded = np.resize(z, (-(-len(z) // BLOCK) * BLOCK, z.shape[1]))
        parts = [_inspect_jit(*self._compiled, jnp.asarray(part)) for part in _blocks(padded)]
        r, J = (np.concatenate([np.asarray(part[i]) for part in parts])[: len(z)] for i in (0, 1))
        return r, np.swapaxes(J, 1, 2)

    def jacobian(self, z: np.ndarray) -> np.ndarray:
        """d residual/dz at one search vector, shape `(m, p)`."""
        return self.inspect(np.asarray(z)[None])[1][0]

    def chi2(self, z: np.ndarray) -> np.ndarray:
        """Sum of squares at search vectors, shape `(k, p)` to `(k,)`."""
        return np.sum(self.inspect(z)[0] ** 2, axis=1)

    def relative_rms(self, z: np.ndarray, *, known: bool = True) -> float:
        """sqrt(sum(|dZ|^2/|Z|^2)/(2N)) over the N points of all spectra; NaN without any.

        With `known=False` only over the spectra that have no sigma.
        """
        terms = [t for t in self.terms if (s := _measured(t)) and (known or s.sigma is None)]
        if not terms:
            return float("nan")
        prepared = prepare([_without_sigma(t) for t in terms], 1.0)
        r = eqx.tree_at(lambda p: p.prepared, self, prepared).inspect(np.asarray(z)[None])[0]
        points = sum(len(_measured(t).freq) for t in terms)  # pyright: ignore
        return float(np.sqrt(np.sum(r**2) / (2 * points)))

    def search(
        self,
        estimator: AbstractEstimator,
        starts: np.ndarray,
        limit: np.ndarray,
        lanes: bool | None = None,
    ) -> Search:
        """Searches from all starts, shape `(starts, parameters)`.

        With `lanes` they run side by side (`vmap`), else one after the other; default: side by
        side on an accelerator only, because on a CPU all lanes wait for the slowest.
        """
        # 1,000 starts of 16 steps take 0.11 s one after the other, 0.43 s side by side (CPU).
        lanes = jax.default_backend() != "cpu" if lanes is None else lanes
        count = len(starts)
        # Padded to a power of two: any number of starts up to it shares a program.
        size = max(16, 1 << (count - 1).bit_length())
        padded = np.concatenate([starts, np.repeat(starts[-1:], size - count, axis=0)])
        found = _search_jit(
            *self._compiled, estimator, jnp.asarray(padded), jnp.asarray(count),
            jnp.asarray(limit), lanes,
        )  # fmt: skip
        return Search(*(np.asarray(part)[:count] for part in found))

    @property
    def _compiled(self):
        return self.prepared, self.model, self.coordinates


def prepare(terms: Sequence[Any], scale: float) -> tuple[Any, ...]:
    """Spectra stacked by their kind of bias; other terms as they are."""
    groups: dict[str | None, list[Spectrum]] = {}
    others = []
    for term in terms:
        if isinstance(term, Spectrum):
            groups.setdefault(term.bias[0], []).append(term)
        elif isinstance(term, On):
            others.append(On(term.part, prepare([term.term], scale)[0]))
        else:
            others.append(term)
    batches = [SpectrumBatch.of(group, scale=scale) for group in groups.values()]
    return (*batches, *others)


def _measured(term: Any) -> Spectrum | None:
    while isinstance(term, On):
        term = term.term
    return term if isinstance(term, Spectrum) else None


def _without_sigma(term: Any) -> Any:
    if isinstance(term, On):
        return On(term.part, _without_sigma(term.term))
    return eqx.tree_at(lambda s: s.sigma, term, None, is_leaf=lambda x: x is None)


def _shape(term, model):
    return eqx.filter_eval_shape(term.residual, model)


def _check_device(spectrum: Spectrum, model: Any) -> None:
    if not isinstance(model, AbstractDevice):
        raise ValueError(
            f"{spectrum.name}: the model is a {type(model).__name__}, not a device; "
            "say which part it was measured on: On(lambda m: m[0], spectrum)"
        )
    bias_voltage(model, spectrum.bias[0] and "u", spectrum.bias[1])


def _residual(prepared, model, coordinates, z):
    there = coordinates.unpack(z, model)
    return jnp.concatenate([jnp.ravel(term.residual(there)) for term in prepared])


def _parts(prepared, model, coordinates, z):
    there = coordinates.unpack(z, model)
    parts = ()
    for term in prepared:
        batch = isinstance(term, SpectrumBatch)
        parts += term.parts(there) if batch else (term.residual(there),)
    return parts


def _blocks(rows):
    return [rows[k : k + BLOCK] for k in range(0, len(rows), BLOCK)]


@eqx.filter_jit
def _inspect_jit(prepared, model, coordinates, z):
    at = lambda z: value_and_jacobian(lambda z: _residual(prepared, model, coordinates, z), z)
    return jax.lax.map(at, z)


@eqx.filter_jit
def _search_jit(prepared, model, coordinates, estimator, starts, count, limit, lanes):
    low, high = jnp.asarray(coordinates.low), jnp.asarray(coordinates.high)

    def one(z):
        residual = Parts(lambda z: _parts(prepared, model, coordinates, z))
        return estimator.search(residual, z, low, high, limit)

    if lanes:
        return jax.vmap(one)(starts)
    shape = jax.eval_shape(jax.vmap(one), starts)
    empty = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shape)

    def step(k, found):
        return jax.tree.map(lambda all, new: all.at[k].set(new), found, one(starts[k]))

    return jax.lax.fori_loop(0, count, step, empty)
