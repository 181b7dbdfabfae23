"""Parts of a model that may be exchanged without a change are kept in one order."""

import numpy as np

from fitting.problem.problem import Problem


def in_order(problem: Problem, z: np.ndarray) -> np.ndarray:
    """Search vectors with interchangeable parts of the model in order, the fastest first.

    A chain of two p(R,C) has each optimum twice; without an order the second would be another
    minimum, as good as the first, and no parameter would be determined. What a model calls
    `interchangeable()` is put into the order of the sums of its logarithms (of p(R,C): of its
    time). A part of which something is fixed stays where it is.

    **Arguments:**

    - `problem`: the problem; models without `interchangeable` are left as they are.
    - `z`: search vectors, shape `(..., p)`.

    **Returns:** the vectors in order, of the same shape.
    """
    c = problem.coordinates
    groups = getattr(problem.model, "interchangeable", list)()
    if not groups:
        return z
    z = np.array(z)
    index = {positions[0]: k for k, positions in enumerate(c.positions)}
    for group in groups:
        if not all(leaf in index for block in group for leaf in block):
            continue
        rows = np.array([[index[leaf] for leaf in block] for block in group])
        logs = [j for j, k in enumerate(rows[0]) if c.log[k]]
        values = z[..., rows]
        order = np.argsort(values[..., logs].sum(axis=-1), axis=-1, kind="stable")
        z[..., rows] = np.take_along_axis(values, order[..., None], axis=-2)
    return z
