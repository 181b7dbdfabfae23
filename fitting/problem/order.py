"""Parts of a model that may be exchanged without a change are kept in one order."""

from typing import Any

import jax
import numpy as np

from fitting.problem.space import Coordinates


def in_order(c: Coordinates, model: Any, z: np.ndarray) -> np.ndarray:
    """Search vectors with interchangeable parts of the model in one order.

    A chain of two p(R,C) has each optimum twice; without an order the second would be another
    minimum, as good as the first, and no parameter would be determined. What a model calls
    `interchangeable()` is put into the order of the sums of its logarithms: of p(R,C) that is
    ln(R C), so that the fastest comes first. A group of which something is fixed or bounded, and
    not the same in all its parts, stays as it is.

    **Arguments:**

    - `c`: the coordinates of the search.
    - `model`: holds what is fixed; one without `interchangeable` leaves all as it is.
    - `z`: search vectors, shape `(..., p)`.

    **Returns:** the vectors in order, of the same shape.
    """
    return np.take_along_axis(z, order_of(c, model, z), axis=-1)


def order_of(c: Coordinates, model: Any, z: np.ndarray) -> np.ndarray:
    """From where each component of a search vector in order is taken; see `in_order`."""
    leaves = jax.tree.leaves(model)
    order = np.broadcast_to(np.arange(z.shape[-1]), z.shape).copy()
    index = {positions[0]: k for k, positions in enumerate(c.positions)}
    for group in getattr(model, "interchangeable", list)():
        columns = list(zip(*group, strict=True))
        free = [column for column in columns if all(leaf in index for leaf in column)]
        held = [column for column in columns if column not in free]
        alike = all(
            leaf not in index and float(leaves[leaf]) == float(leaves[column[0]])
            for column in held
            for leaf in column
        )
        if not (free and alike):
            continue
        rows = np.array([[index[leaf] for leaf in column] for column in free]).T
        ends = [np.asarray(bound)[rows] for bound in (c.low, c.high)]
        if any((end != end[0]).any() for end in ends):
            continue
        logs = [j for j, k in enumerate(rows[0]) if c.log[k]]
        # Parts within parts were put in order before.
        values = np.take_along_axis(z, order, axis=-1)[..., rows]
        first = np.argsort(values[..., logs].sum(axis=-1), axis=-1, kind="stable")
        order[..., rows] = np.take_along_axis(order[..., rows], first[..., None], axis=-2)
    return order
