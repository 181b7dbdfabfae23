"""One step of Rodas5P of many circuits side by side: the lane is the last axis of every array.

The method is that of `jaxmem.responses.rosenbrock`, with its check of a step's end and middle,
written number by number: of y, F and the Jacobian each component is an array over the lanes.
Components of the Jacobian that are zero by the structure of the device do not exist (`None`), so
that a ladder of many states costs no more than its number of states.

How it is written decides how fast it is. XLA on a CPU computes again what several of its loops
share, unless it holds it to be dear, as a division is: therefore the last operation of what is used
again (stages, rows of the factors) divides (docs/decisions/0042).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmem.responses.rosenbrock import ALPHA, GAMMA, GAMMA_I, A, C, H

Lanes = Float[Array, "lanes"]
# Components, each over the lanes; None where there is nothing.
Row = list[Any]
Field = Callable[[Lanes, list[Lanes]], list[Lanes]]
WEIGHTS = np.asarray(H)


class Slopes(NamedTuple):
    """F, dF/dy and dF/dt at a place."""

    F: list[Lanes]
    J: list[Row]
    F_t: Row


class Made(NamedTuple):
    """What a step made: y at its end, the error of each component, dense output, slopes there."""

    y: list[Lanes]
    error: list[Lanes]
    bend: list[list[Lanes]]
    end: Slopes


def slopes_at(field: Field, needs: list[frozenset[int]], s: Lanes, y: list[Lanes]) -> Slopes:
    """F and its derivatives, in forward mode, one number at a time.

    `needs` says of each component of F on which of (s, *y) it depends.
    """
    n = len(y)
    columns, F = [], None
    for k in range(n + 1):
        rows = [i for i in range(n) if k in needs[i]]
        if not rows:
            columns.append([None] * n)
            continue
        moved = [s, *y]
        along = lambda v, k=k, moved=moved: _at(field, moved, k, v)
        F, slope = jax.jvp(along, (moved[k],), (jnp.ones_like(moved[k]),))
        columns.append([slope[i] if i in rows else None for i in range(n)])
    F = field(s, y) if F is None else F
    return Slopes(F, [[columns[j + 1][i] for j in range(n)] for i in range(n)], columns[0])


def _at(field, numbers, k, value):
    s, *y = [*numbers[:k], value, *numbers[k + 1 :]]
    return field(s, y)


def step(
    field: Field,
    needs: list[frozenset[int]],
    mass: list[Lanes],
    s: Lanes,
    y: list[Lanes],
    h: Lanes,
    begin: Slopes,
    middle: bool,
) -> Made:
    """One step of the length h from (s, y), where the slopes are `begin`.

    `middle` says whether the middle of the step is looked at in rows with a mass other than 1.
    """
    n = len(y)
    per_step = [m / h for m in mass]
    own = [m / GAMMA for m in per_step]
    solve = factorise(_shifted(own, begin.J))
    U: list[list[Lanes]] = []
    argument = y
    for k in range(len(ALPHA)):
        F = begin.F
        if k:
            argument = [y[i] + _sum(A[k], U, i) for i in range(n)]
            F = field(s + ALPHA[k] * h, argument)
        right = []
        for i in range(n):
            r = F[i] + per_step[i] * _sum(C[k], U, i) if k else F[i]
            slope = begin.F_t[i]
            right.append(r if slope is None or not GAMMA_I[k] else r + GAMMA_I[k] * h * slope)
        U.append(solve(right))
    end_y = [a + b for a, b in zip(argument, U[-1], strict=True)]
    bend = [[_sum(row, U, i) for i in range(n)] for row in H]
    end = slopes_at(field, needs, s + h, end_y)
    together = WEIGHTS.sum(axis=0)
    slope = [end_y[i] - y[i] - _sum(together, U, i) for i in range(n)]
    defect = [end.F[i] - per_step[i] * slope[i] for i in range(n)]
    check = factorise(_shifted(own, end.J))(defect)
    error = [jnp.maximum(jnp.abs(U[-1][i]), 0.1 * jnp.abs(check[i])) for i in range(n)]
    if middle:
        half = WEIGHTS[0] + WEIGHTS[1] / 2 + WEIGHTS[2] / 4
        place = [(y[i] + end_y[i]) / 2 + _sum(half, U, i) / 4 for i in range(n)]
        F = field(s + h / 2, place)
        # Only the first row, of a current, has a mass other than 1.
        lean = end_y[0] - y[0] + _sum(WEIGHTS[1] + WEIGHTS[2], U, 0) / 4
        diagonal = 0.0 if end.J[0][0] is None else jnp.abs(end.J[0][0])
        inside = jnp.abs(F[0] - per_step[0] * lean) / (own[0] + diagonal)
        counts = (mass[0] > 0) & (mass[0] != 1)
        error[0] = jnp.maximum(error[0], jnp.where(counts, inside, 0.0))
    return Made(end_y, error, bend, end)


def _sum(weights, U, i):
    terms = [float(w) * U[k][i] for k, w in enumerate(weights) if w]
    return sum(terms[1:], terms[0])


def _shifted(own, J) -> list[Row]:
    """diag(own) - J."""
    n = len(own)
    minus = lambda a: None if a is None else -a
    W = [[minus(J[i][j]) for j in range(n)] for i in range(n)]
    for i in range(n):
        W[i][i] = own[i] if J[i][i] is None else own[i] - J[i][i]
    return W


def factorise(W: list[Row]) -> Callable[[list[Lanes]], list[Lanes]]:
    """A function that solves W v = r, in the order of `jaxmem.responses.rosenbrock`.

    The branches' states are eliminated first, in reverse order, and the voltage or current last.
    """
    n = len(W)
    w = [list(row) for row in W]
    for k in reversed(range(n)):
        for i in range(k):
            if w[i][k] is None:
                continue
            w[i][k] = w[i][k] / w[k][k]
            for j in range(k):
                if w[k][j] is not None:
                    product = w[i][k] * w[k][j]
                    w[i][j] = -product if w[i][j] is None else w[i][j] - product

    def solve(right):
        r, v = list(right), []
        for k in reversed(range(n)):
            for i in range(k):
                if w[i][k] is not None:
                    r[i] = r[i] - w[i][k] * r[k]
        for i in range(n):
            for j in range(i):
                if w[i][j] is not None:
                    r[i] = r[i] - w[i][j] * v[j]
            v.append(r[i] / w[i][i])
        return v

    return solve
