"""Modules that print their numbers, where Equinox's print shapes."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.fields import is_concrete
from jaxmem.results import RESULTS, item_name

# Longer arrays, and all of two dimensions, are printed as their type and shape.
LONGEST = 8


class Printed(eqx.Module):
    """An Equinox module whose text has its numbers: `R_b=60, tau_d=[0.1, 0.2], u=f64[2001]`.

    Where they are not known, under `jit` and `vmap`, it has types and shapes as Equinox's own.
    """

    def __repr__(self) -> str:
        return eqx.tree_pformat(jax.tree.map(_readable, self, is_leaf=_is_result))


class _Text(str):
    """Text that is printed without quotation marks."""

    def __repr__(self) -> str:
        return str(self)


def _is_result(leaf: Any) -> bool:
    return isinstance(leaf, type(RESULTS.successful))


def _readable(leaf: Any) -> Any:
    if not is_concrete(leaf):
        return leaf
    if _is_result(leaf):
        return leaf if leaf._value.ndim else _Text(f"RESULTS.{item_name(leaf)}")
    if not eqx.is_array(leaf) or leaf.ndim > 1 or leaf.size > LONGEST:
        return leaf
    inexact = jnp.issubdtype(leaf.dtype, jnp.inexact)
    numbers = [f"{v:.6g}" if inexact else str(v) for v in np.asarray(leaf).ravel()]
    return _Text(numbers[0] if leaf.ndim == 0 else f"[{', '.join(numbers)}]")
