"""A lens points at a parameter of a model: `lambda d: d.tau_d`, `lambda d: d.extra["k"].R_1`."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jax.tree_util import DictKey, GetAttrKey, SequenceKey

from jaxmem.fields import quantities

Lens = Callable[[Any], Any]


class _Mark:
    """Stands for one leaf of a model while a lens looks for it."""

    def __init__(self, index: int, keys: tuple[Any, ...]):
        self.index, self.keys = index, keys


def locate(lens: Lens, model: Any) -> tuple[int, ...]:
    """Positions of the leaves that a lens selects, in the order of `jax.tree.leaves(model)`.

    A lens that returns a tuple ties its leaves: they take one value.

    **Raises:** `ValueError` if the lens selects something that is no number of the model.
    """
    return tuple(mark.index for mark in _marks(lens, model))


def path(lens: Lens, model: Any) -> str:
    """The name of what a lens selects, `"extra.surface.R_1"`; of tied leaves, joined by `=`."""
    return "=".join(_name(mark.keys) for mark in _marks(lens, model))


def describe(lens: Lens, model: Any) -> dict[str, Any]:
    """What the field declares: `unit`, `meaning`, `positive`, perhaps `bounds` (see `quantity`).

    A number that no field declares is dimensionless and of either sign.
    """
    mark = _marks(lens, model)[0]
    owner, meta = model, None
    for key in mark.keys:
        if isinstance(key, GetAttrKey):
            declared = quantities(owner) if isinstance(owner, eqx.Module) else {}
            meta = declared.get(key.name)
            owner = getattr(owner, key.name)
        elif isinstance(key, DictKey):
            owner = owner[key.key]
        elif isinstance(key, SequenceKey):
            owner = owner[key.idx]
    return meta or {"unit": "1", "meaning": _name(mark.keys), "positive": False}


class Parameter(NamedTuple):
    """What a lens points at, in words: its name (see `path`), its unit, its meaning."""

    name: str
    unit: str
    meaning: str


def parameter(lens: Lens, model: Any) -> Parameter:
    """The parameter that a lens points at, in words."""
    declared = describe(lens, model)
    return Parameter(path(lens, model), declared["unit"], declared["meaning"])


def get(lens: Lens, model: Any) -> Any:
    """The value that a lens selects; of tied leaves, the first one's."""
    return jax.tree.leaves(model)[locate(lens, model)[0]]


def put(lens: Lens, model: Any, value: Any) -> Any:
    """The model with `value` where the lens points, in all tied leaves."""
    return put_leaves(model, [(locate(lens, model), value)])


def put_leaves(model: Any, changes: list[tuple[tuple[int, ...], Any]]) -> Any:
    """The model with new values at the given leaf positions (see `locate`)."""
    leaves, structure = jax.tree.flatten(model)
    for positions, value in changes:
        for k in positions:
            leaves[k] = value
    return jax.tree.unflatten(structure, leaves)


def lenses(model: Any) -> dict[str, Lens]:
    """A lens to every single number of a model, by name: `"R_b"`, `"extra.surface.R_1"`."""
    flat = jax.tree_util.tree_flatten_with_path(model)[0]
    return {_name(keys): _leaf(k) for k, (keys, leaf) in enumerate(flat) if np.ndim(leaf) == 0}


@lru_cache(maxsize=256)
def _leaf(k: int) -> Lens:
    # Cached, because a program is compiled anew for a new function.
    return lambda model: jax.tree.leaves(model)[k]


def _marks(lens: Lens, model: Any) -> list[_Mark]:
    flat, structure = jax.tree_util.tree_flatten_with_path(model)
    marked = jax.tree.unflatten(structure, [_Mark(k, keys) for k, (keys, _) in enumerate(flat)])
    try:
        found = lens(marked)
    except (AttributeError, KeyError, IndexError, TypeError) as error:
        raise ValueError(
            f"lens does not fit a {type(model).__name__}: {type(error).__name__} {error}; "
            f"there are {', '.join(_name(keys) for keys, _ in flat)}"
        ) from error
    found = list(found) if isinstance(found, tuple | list) else [found]
    for mark in found:
        if not isinstance(mark, _Mark):
            raise ValueError(
                f"lens selects a {type(mark).__name__}, not a parameter of the "
                f"{type(model).__name__}; there are {', '.join(_name(keys) for keys, _ in flat)}"
            )
        if np.ndim(flat[mark.index][1]) != 0:
            shape = np.shape(flat[mark.index][1])
            raise ValueError(
                f"lens selects {_name(mark.keys)} of shape {shape}; parameters are single numbers"
            )
    if not found:
        raise ValueError("lens selects nothing")
    return found


def _name(keys: tuple[Any, ...]) -> str:
    parts = []
    for key in keys:
        if isinstance(key, GetAttrKey):
            parts.append(key.name)
        elif isinstance(key, DictKey):
            parts.append(str(key.key))
        elif isinstance(key, SequenceKey):
            parts.append(str(key.idx))
        else:
            parts.append(str(key))
    return ".".join(parts)
