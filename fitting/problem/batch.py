"""Terms stacked for compiled programs: what has one shape is evaluated together."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from fitting.solvers.residual import value_and_jacobian
from fitting.terms.curve import SteadyCurve
from fitting.terms.spectrum import Spectrum, SpectrumBatch
from fitting.terms.spikes import Spikes
from fitting.terms.term import On
from fitting.terms.trace import Trace, TraceBatch

Measurement = Spectrum | Trace | SteadyCurve | Spikes


class Part(eqx.Module):
    """What is evaluated together: a batch or a term, and the part of the model it looks at.

    A part that `integrates` does so in time; the others cost microseconds.
    """

    batch: Any
    at: Callable[[Any], Any] | None = eqx.field(static=True)
    integrates: bool = eqx.field(static=True)

    def residual(self, model: Any) -> Any:
        """Residuals, shape `(m,)`."""
        return jnp.ravel(self.batch.residual(model if self.at is None else self.at(model)))

    def size(self, model: Any) -> int:
        """How many residuals there are, padding included."""
        if isinstance(self.batch, TraceBatch):
            return self.batch.weight.size
        if isinstance(self.batch, SpectrumBatch):
            return 2 * self.batch.weight.size
        shape = eqx.filter_eval_shape(self.residual, model)
        return int(np.size(shape)) if not hasattr(shape, "shape") else int(np.prod(shape.shape))

    def inspect(self, model: Callable[[Any], Any], z: Any) -> tuple[Any, Any]:
        """Residuals, shape `(m,)`, and their derivatives by z, `(p, m)`, of the model at z."""
        if isinstance(self.batch, TraceBatch):
            at = self.at or (lambda model: model)
            return self.batch.inspect(lambda z: at(model(z)), z)
        return value_and_jacobian(lambda z: self.residual(model(z)), z, together=self.integrates)

    def pieces(self, model: Any, far: Any, scale: Any) -> tuple[Any, ...]:
        """The same over `scale`, shape `(m,)`, as it comes: for sums of squares.

        `far` (None, 0 or 1) asks for what serves far from the data, where there is such a thing.
        """
        device = model if self.at is None else self.at(model)
        if isinstance(self.batch, SpectrumBatch):
            k, n = self.batch.omega.shape
            re, im = self.batch.parts(device, far)
            scale = scale.reshape(k, 2, n)
            return re / scale[:, 0], im / scale[:, 1]
        near = jnp.ravel(self.batch.residual(device))
        if far is not None and hasattr(self.batch, "compressed"):
            near = jnp.where(far, jnp.ravel(self.batch.compressed(device)), near)
        return (near / scale,)


def unwrap(term: Any) -> Any:
    """The measurement or term inside of any number of `On`."""
    while isinstance(term, On):
        term = term.term
    return term


def stack(terms: Sequence[Any], model: Any) -> tuple[tuple[Part, ...], np.ndarray]:
    """Parts, the cheap ones first, and which term each of their residuals belongs to."""
    batches: dict[tuple, list[int]] = {}
    others: list[int] = []
    for k, term in enumerate(terms):
        inner = unwrap(term)
        at = _part_of(term)
        if isinstance(inner, Spectrum):
            batches.setdefault((0, at, inner.bias[0]), []).append(k)
        elif isinstance(inner, Trace):
            batches.setdefault((1, at, TraceBatch.key(inner)), []).append(k)
        else:
            others.append(k)
    cheap, slow = [], []
    for (order, at, _), members in batches.items():
        inner = [unwrap(terms[k]) for k in members]
        batch = TraceBatch.of(inner) if order else SpectrumBatch.of(inner)
        rows = np.where(batch.rows >= 0, np.asarray(members)[batch.rows], -1)
        (slow if order else cheap).append((Part(batch, at, bool(order)), rows))
    for k in others:
        inner = unwrap(terms[k])
        part = Part(inner, _part_of(terms[k]), getattr(inner, "integrates", False))
        (slow if part.integrates else cheap).append((part, np.full(part.size(model), k)))
    every = [*cheap, *slow]
    return tuple(part for part, _ in every), np.concatenate([rows for _, rows in every])


def _part_of(term):
    """Composition of the parts that nested `On` point at, None for the whole model."""
    chain = []
    while isinstance(term, On):
        chain.append(term.part)
        term = term.term
    if len(chain) <= 1:
        return chain[0] if chain else None

    def at(model):
        for part in chain:
            model = part(model)
        return model

    return at


def noise_groups(terms) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Spectra without sigma share one scale; any other unknown scale is a term's own.

    Whatever is known shares a group whose scale stays 1.
    """
    groups, estimated, names = [], [], {}
    for k, term in enumerate(terms):
        inner = unwrap(term)
        if not isinstance(inner, Measurement) or inner.scale_known:
            name = "known"
        elif isinstance(inner, Spectrum) and inner.sigma is None:
            name = "spectra"
        else:
            name = k
        if name not in names:
            names[name] = len(estimated)
            estimated.append(name != "known")
        groups.append(names[name])
    return tuple(groups), tuple(estimated)


def relative_weights(parts, model) -> np.ndarray:
    """What turns the residual of a spectrum into a share of |Z|; 0 for all else, shape `(m,)`."""
    share = lambda p: p.batch.relative if isinstance(p.batch, SpectrumBatch) else None
    rows = [np.zeros(p.size(model)) if (s := share(p)) is None else s for p in parts]
    return np.concatenate(rows)


def observed_samples(parts, model) -> np.ndarray:
    """Samples of traces over their sigma, NaN for all other residuals, shape `(m,)`."""
    seen = lambda b: np.asarray(b.observed * b.weight).ravel()
    rows = [
        seen(p.batch) if isinstance(p.batch, TraceBatch) else np.full(p.size(model), np.nan)
        for p in parts
    ]
    return np.concatenate(rows)
