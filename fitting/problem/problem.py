"""A fit as the compiled programs see it: terms stacked, parameters as a vector."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from fitting.problem.batch import Part, noise_groups, stack
from fitting.problem.order import in_order
from fitting.problem.space import Coordinates, Space
from fitting.solvers.residual_parts import HostResidual, Parts
from fitting.solvers.solver import RESULTS, AbstractSolver, Search
from fitting.terms.measurement import measurement_of
from fitting.terms.term import Term

# How many search vectors are looked at in one call.
BLOCK = 8


class Problem(eqx.Module):
    """Terms, the model that holds what is fixed, and the coordinates of what is free.

    - `owner`: which term each residual belongs to, -1 for padding, shape `(m,)`.
    - `groups`: for each term the group whose noise it shares; `estimated`: for each group whether
      the scale of its noise is to be found; `scales`: what it is at present, 1 to begin with.
    - `shape`: for each residual the standard deviation by the model over that by the data, 1 to
      begin with (see `noise.reweighted`).
    - `observed`: of samples whose signal integrates in time and spans decades, what was observed
      over its sigma; NaN for all else.
    - `points`: how many real numbers were measured.
    """

    terms: tuple[Any, ...]
    parts: tuple[Part, ...]
    model: Any
    owner: np.ndarray
    scales: np.ndarray
    shape: np.ndarray
    observed: np.ndarray
    groups: tuple[int, ...] = eqx.field(static=True)
    estimated: tuple[bool, ...] = eqx.field(static=True)
    coordinates: Coordinates = eqx.field(static=True)
    points: int = eqx.field(static=True)

    @classmethod
    def of(cls, terms: Any, model: Any, space: Space) -> "Problem":
        """Check terms, model and space, and stack what can be evaluated together.

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
            raise ValueError("a fit needs at least one term: a Spectrum, a Trace, a Goal, a Prior")
        for term in terms:
            if not isinstance(term, Term):
                raise ValueError(
                    f"a {type(term).__name__} is no term: it has no residual(model); "
                    "give spectra, traces, goals and priors"
                )
            # A term on a part of the model asks only what that part must answer.
            if (measurement := measurement_of(term)) is term and measurement is not None:
                measurement.check(model)
        coordinates = space.resolve(model)
        parts, owner = stack(terms, model)
        points = int(np.sum(owner >= 0))
        if points < len(coordinates.names):
            raise ValueError(
                f"{points} numbers cannot determine {len(coordinates.names)} parameters "
                f"({', '.join(coordinates.names)}); give more data or fix some"
            )
        groups, estimated = noise_groups(terms)
        return cls(
            terms, parts, model, owner, np.ones(len(estimated)), np.ones(len(owner)),
            _decades(terms, owner), groups, estimated, coordinates, points,
        )  # fmt: skip

    @property
    def mixed(self) -> bool:
        """Whether the scale of some noise must be found beside others."""
        return any(self.estimated) and len(self.estimated) > 1

    @property
    def integrates(self) -> bool:
        """Whether some term integrates in time."""
        return any(part.integrates for part in self.parts)

    @property
    def biases(self) -> list[tuple[str, float]]:
        """Kind (`"u"`, `"I"`, `"V"`) and value of each bias of a small signal."""
        found = [m.bias for term in self.terms if (m := measurement_of(term)) is not None]
        return [(kind, value) for kind, value in found if kind is not None]

    def cheap(self) -> "Problem | None":
        """Only what costs microseconds, or None if that is nothing."""
        parts = tuple(part for part in self.parts if not part.integrates)
        rows = sum(part.size for part in parts)
        if not parts:
            return None
        where = lambda p: (p.parts, p.owner, p.shape, p.observed)
        kept = (a[:rows] for a in (self.owner, self.shape, self.observed))
        return eqx.tree_at(where, self, (parts, *kept))

    def rescaled(self, scales: np.ndarray) -> "Problem":
        """The same with other scales of the noise, one for each group."""
        return eqx.tree_at(lambda p: p.scales, self, np.asarray(scales, dtype=float))

    @property
    def row_scale(self) -> np.ndarray:
        """The scale of the noise of each residual, shape `(m,)`."""
        group = np.asarray(self.groups)[np.maximum(self.owner, 0)]
        return np.where(self.owner >= 0, self.scales[group] * self.shape, 1.0)

    def of_term(self, k: int) -> np.ndarray:
        """Which residuals are those of a term, shape `(m,)`."""
        return self.owner == k

    def natural_lengths(self, z: np.ndarray, width: np.ndarray | None = None) -> np.ndarray:
        """1 for a logarithm; for a signed parameter its size or the width of its start range.

        At most a quarter of what the field allows: an exponent below 1 has no length of 1.
        """
        c = self.coordinates
        size = np.abs(z) if width is None else np.maximum(np.abs(z), width / 4)
        size = np.minimum(size, np.asarray(c.spans) / 4)
        return np.where(c.log, 1.0, np.where(size > 0, size, 1.0))

    def inspect(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals, `(k, m)`, and d residual/dz, `(k, m, p)`, at search vectors `(k, p)`."""
        found = [self._rows(parts, z) for parts in self._programs]
        r, J = (np.concatenate([f[i] for f in found], axis=-1) for i in (0, 1))
        scale = self.row_scale
        return r / scale, np.swapaxes(J / scale, 1, 2)

    def on_host(self, far: bool = False) -> HostResidual:
        """What a search from Python minimises; `far`: with traces in logarithms (`compressed`)."""

        def evaluate(z):
            r, J = (a[0] for a in self.inspect(z[None]))
            return self.compressed(r, J) if far else (r, J)

        c = self.coordinates
        return HostResidual(evaluate, np.asarray(c.low), np.asarray(c.high), self.points)

    def compile(self) -> None:
        """Make what `inspect` needs, and evaluate nothing."""
        for parts in reversed(self._programs):
            self._block(parts, np.zeros((0, len(self.coordinates.names))))

    def compressed(self, r: np.ndarray, J: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals `(m,)` and Jacobian `(m, p)` with the samples of traces in logarithms.

        asinh of model and data in units of the noise, scaled so that near the data it is the
        residual: a search from far away then sees decades, not the largest samples only.
        """
        rows = np.isfinite(self.observed)
        seen = self.observed[rows] / self.row_scale[rows]
        model = seen + r[rows]
        near = np.hypot(1.0, seen)
        r, J = np.array(r), np.array(J)
        r[rows] = (np.arcsinh(model) - np.arcsinh(seen)) * near
        J[rows] *= (near / np.hypot(1.0, model))[:, None]
        return r, J

    def _rows(self, parts, z):
        found = [self._block(parts, z[k : k + BLOCK]) for k in range(0, len(z), BLOCK)]
        return tuple(np.concatenate([f[i] for f in found]) for i in (0, 1))

    def _block(self, parts, z):
        # Blocks have one size, so that all that is asked of an optimum is one program.
        n, p = z.shape
        z = np.concatenate([z, np.zeros((BLOCK - n, p))])
        return [np.asarray(a)[:n] for a in _inspect_jit(parts, *self._rest, z, np.asarray(n))]

    def jacobian(self, z: np.ndarray) -> np.ndarray:
        """d residual/dz at one search vector, shape `(m, p)`."""
        return self.inspect(np.asarray(z)[None])[1][0]

    def chi2(self, z: np.ndarray) -> np.ndarray:
        """Sum of squares at search vectors, shape `(k, p)` to `(k,)`."""
        return np.sum(self.inspect(z)[0] ** 2, axis=1)

    def differences(self, k: int, r: np.ndarray) -> np.ndarray:
        """What the residuals `(m,)` say that the signal of measurement k is above what was
        observed, in its unit, of the numbers that are fitted."""
        measurement, rows = measurement_of(self.terms[k]), self.of_term(k)
        assert measurement is not None
        return r[rows] * self.row_scale[rows] / measurement.weight[measurement.fitted]

    def search(
        self,
        solver: AbstractSolver,
        starts: np.ndarray,
        x_scale: np.ndarray,
        lanes: bool | None = None,
        far: bool | None = None,
        bounds: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> Search:
        """Searches from all starts, shape `(starts, parameters)`.

        With `lanes` they run side by side (`vmap`), else one after the other; default: side by
        side on an accelerator only, because on a CPU all lanes wait for the slowest. `far` True
        compares logarithms where that can be done (see `SpectrumBatch.compressed`), False does
        not, and both are one program. `bounds` are low and high of each start, `(starts,
        parameters)`, by default those of the coordinates; where the two are equal the parameter is
        held.
        """
        # 1,000 starts of 16 steps take 0.11 s one after the other, 0.43 s side by side (CPU).
        lanes = jax.default_backend() != "cpu" if lanes is None else lanes
        count = len(starts)
        # Padded to a power of two: any number of starts up to it shares a program.
        size = max(64, 1 << (count - 1).bit_length())
        c = self.coordinates
        low, high = bounds or (np.broadcast_to(b, starts.shape) for b in (c.low, c.high))
        # NumPy's arrays go in as they are: each conversion by JAX costs 0.05 ms.
        pad = lambda a: np.concatenate([a, np.broadcast_to(a[-1:], (size - count, a.shape[1]))])
        found = _search_jit(
            self.parts, *self._rest, solver, self.row_scale, (pad(starts), pad(low), pad(high)),
            np.asarray(count), np.asarray(x_scale), None if far is None else np.asarray(far), lanes,
        )  # fmt: skip
        found = found.at(slice(count))
        # Where a parameter is held, exchanging parts would move it.
        return found._replace(z=in_order(c, self.model, found.z)) if bounds is None else found

    @property
    def _rest(self):
        return self.model, self.coordinates

    @property
    def _programs(self) -> list[tuple[Part, ...]]:
        """What is cheap is one program, each part that integrates one of its own."""
        cheap = tuple(part for part in self.parts if not part.integrates)
        slow = [(part,) for part in self.parts if part.integrates]
        return ([cheap] if cheap else []) + slow


def _decades(terms, owner) -> np.ndarray:
    """See `Problem.observed`."""
    seen = np.full(len(owner), np.nan)
    for k, term in enumerate(terms):
        m = measurement_of(term)
        if m is not None and m.integrates and m.spans_decades:
            seen[owner == k] = (m.observed * m.weight)[m.fitted]
    return seen


def _pieces(parts, model, coordinates, z, far, scale):
    there = coordinates.unpack(z, model)
    pieces, first = (), 0
    for part in parts:
        size = part.size
        pieces += part.pieces(there, far, scale[first : first + size])
        first += size
    return pieces


@eqx.filter_jit
def _inspect_jit(parts, model, coordinates, z, count):
    def at(z):
        found = [part.inspect(lambda z: coordinates.unpack(z, model), z) for part in parts]
        return tuple(jnp.concatenate([f[i] for f in found], axis=-1) for i in (0, 1))

    rows = sum(part.size for part in parts)
    shapes = ((rows,), (z.shape[1], rows))
    return _first(at, z, count, tuple(jnp.zeros((len(z), *s), z.dtype) for s in shapes))


@eqx.filter_jit
def _search_jit(
    parts, model, coordinates, solver, scale, rows, count, x_scale, far, lanes
):  # fmt: skip
    def one(row):
        z, low, high = row
        residual = Parts(lambda z: _pieces(parts, model, coordinates, z, far, scale))
        return solver.search(residual, z, low, high, x_scale)

    if lanes:
        return jax.vmap(one)(rows)
    starts = rows[0]
    full = lambda value: jnp.full(len(starts), value)
    empty = jax.tree.map(full, Search(0.0, 0.0, RESULTS.successful, jnp.int32(0), jnp.int32(0)))
    return _first(one, rows, count, empty._replace(z=starts))


def _first(fn, rows, count, empty):
    """`fn` of the first `count` rows of a pytree, one after the other, into `empty`."""

    # A loop, because tracing a model twice (as for its shapes) takes seconds.
    def step(k, found):
        new = fn(jax.tree.map(lambda a: a[k], rows))
        return jax.tree.map(lambda all, one: all.at[k].set(one), found, new)

    return jax.lax.fori_loop(0, count, step, empty)
