"""Terms stacked for compiled programs: what has one shape is evaluated together."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import numpy as np

from fitting.terms.batch import AbstractBatch, LoneTerm
from fitting.terms.measurement import measurement_of
from fitting.terms.term import part_of, unwrap


class Part(eqx.Module):
    """A batch, and the part of the model that it looks at (None: all of it)."""

    batch: AbstractBatch
    at: Callable[[Any], Any] | None = eqx.field(static=True)
    size: int = eqx.field(static=True)

    @property
    def integrates(self) -> bool:
        """Whether it integrates in time; other parts cost microseconds."""
        return self.batch.integrates

    def residual(self, model: Any) -> Any:
        """Residuals, shape `(size,)`."""
        return self.batch.residual(self._part(model))

    def inspect(self, model: Callable[[Any], Any], z: Any) -> tuple[Any, Any]:
        """Residuals, `(size,)`, and their derivatives by z, `(p, size)`, of the model at z."""
        return self.batch.inspect(lambda z: self._part(model(z)), z)

    def pieces(self, model: Any, far: Any, scale: Any) -> tuple[Any, ...]:
        """See `AbstractBatch.pieces`."""
        return self.batch.pieces(self._part(model), far, scale)

    def _part(self, model):
        return model if self.at is None else self.at(model)


def stack(terms: Sequence[Any], model: Any) -> tuple[tuple[Part, ...], np.ndarray]:
    """Parts, those that do not integrate first, and which term each of their residuals belongs to
    (-1: none, padding)."""
    groups: dict[Any, list[int]] = {}
    for k, term in enumerate(terms):
        inner = measurement_of(term)
        key = None if inner is None else inner.batch_key
        alone = k if key is None else None
        groups.setdefault((type(unwrap(term)), part_of(term), key, alone), []).append(k)
    parts = []
    for (_, at, key, _), members in groups.items():
        inner = [unwrap(terms[k]) for k in members]
        lone = measurement_of(inner[0]) is None
        batch = LoneTerm(inner[0]) if lone else type(inner[0]).batch(inner)
        rows = batch.members(model if at is None else at(model))
        owner = np.where(rows >= 0, np.asarray(members)[rows], -1)
        parts.append((Part(batch, at, len(rows)), owner, key is None))
    # What is stacked comes before what is not, and what integrates last.
    parts.sort(key=lambda row: (row[0].integrates, row[2]))
    return tuple(part for part, _, _ in parts), np.concatenate([owner for _, owner, _ in parts])


def noise_groups(terms) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """For each term the group whose noise it shares, and for each group whether its scale is
    estimated. Whatever is known shares a group whose scale stays 1."""
    groups, estimated, names = [], [], {}
    for k, term in enumerate(terms):
        inner = measurement_of(term)
        known, name = True, "known"
        if inner is not None and not inner.scale_known:
            known, name = False, k if inner.noise_group is None else inner.noise_group
        if name not in names:
            names[name] = len(estimated)
            estimated.append(not known)
        groups.append(names[name])
    return tuple(groups), tuple(estimated)
