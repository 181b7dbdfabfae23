"""A branch's own program as formulas: no equation is written twice."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np

from jaxmem.netlists.formulas import Formula, Formulas
from jaxmem.responses.lanes.scalars import (
    CALLS,
    OWN_RULES,
    Algebra,
    Numbers,
    apply_program,
    filled,
)

# Primitives that are an operation by another or the same name.
SAME = {
    "add": "add", "add_any": "add", "sub": "sub", "mul": "mul", "div": "div", "neg": "neg",
    "min": "min", "max": "max", "abs": "abs", "sqrt": "sqrt", "exp": "exp", "log": "ln",
    "logistic": "logistic", "sign": "sign", "floor": "floor", "ceil": "ceil", "pow": "pow",
    "lt": "lt", "le": "le", "gt": "gt", "ge": "ge", "eq": "eq", "ne": "ne", "and": "and",
    "or": "or", "not": "not", "sin": "sin", "cos": "cos", "tan": "tan", "asin": "asin",
    "acos": "acos", "atan": "atan", "sinh": "sinh", "cosh": "cosh",
    "tanh": "tanh", "asinh": "asinh", "acosh": "acosh", "atanh": "atanh",
}  # fmt: skip
# What changes no number.
NOTHING = {"copy", "copy_p", "stop_gradient", "optimization_barrier"}


class Untranslatable(Exception):
    """A primitive that circuit simulators have no word for."""


def translate(
    function: Callable[..., Any], model: Any, names: Any, arguments: Sequence[str], many: Formulas
) -> list[Formula]:
    """The numbers that `function(model, *arguments)` returns, as formulas.

    **Arguments:**

    - `function`: of a model and of numbers, traced once; returns a pytree of arrays.
    - `model`: its floating-point arrays become symbols; what else it holds is fixed.
    - `names`: the same pytree, with arrays of names in the place of the arrays.
    - `arguments`: the symbols of the numbers.

    **Raises:** `Untranslatable` for a primitive without a word in circuit simulators.
    """
    arrays, static = eqx.partition(model, eqx.is_inexact_array)
    leaves, form = jax.tree.flatten(arrays)
    words: list[Numbers] = [np.asarray(word, dtype=object) for word in jax.tree.leaves(names)]

    def of_leaves(leaves, *numbers):
        return function(eqx.combine(jax.tree.unflatten(form, leaves), static), *numbers)

    number = jax.ShapeDtypeStruct((), np.result_type(float))
    program = jax.make_jaxpr(of_leaves)(leaves, *[number] * len(arguments))
    given = [filled(w.shape, lambda at, w=w: many.symbol(str(w[at]))) for w in words]
    given += [filled((), lambda _, a=a: many.symbol(a)) for a in arguments]
    algebra = Algebra(
        lambda value, _: many.constant(value),
        lambda eqn, parts: _number(eqn, parts, many),
        lambda parts: _total(parts, many),
        _array,
        CALLS | OWN_RULES,
    )
    found = apply_program(program.jaxpr, program.consts, given, algebra)
    return [formula for array in found for formula in array.ravel()]


def _number(eqn, parts: list[Formula], many: Formulas) -> Formula:
    name, one = eqn.primitive.name, lambda: many.constant(1.0)
    if name in NOTHING:
        return parts[0]
    if name in SAME:
        return many(SAME[name], *parts)
    match name:
        case "convert_element_type":
            to, value = eqn.params["new_dtype"], parts[0]
            if value.name == "constant":
                return many.constant(np.asarray(value.value, to))
            if np.issubdtype(to, np.floating) and eqn.invars[0].aval.dtype == bool:
                return many("select", value, one(), many.constant(0.0))
            if np.issubdtype(to, np.floating):
                return value
        case "expm1":
            return many("sub", many("exp", *parts), one())
        case "log1p":
            return many("ln", many("add", one(), *parts))
        case "exp2":
            return many("exp", many("mul", many.constant(math.log(2.0)), *parts))
        case "rsqrt":
            return many("div", one(), many("sqrt", *parts))
        case "square":
            return many("mul", parts[0], parts[0])
        case "integer_pow":
            return _power(parts[0], eqn.params["y"], many)
        case "clamp":
            return many("min", many("max", parts[1], parts[0]), parts[2])
        case "select_n" if len(parts) == 3:
            return many("select", parts[0], parts[2], parts[1])
    raise Untranslatable(name)


def _power(x: Formula, n: int, many: Formulas) -> Formula:
    """Products: `pow` of simulators takes the modulus of its base."""
    if n < 0:
        return many("div", many.constant(1.0), _power(x, -n, many))
    if n == 0:
        return many.constant(1.0)
    half = _power(x, n // 2, many)
    even = many("mul", half, half) if n > 1 else many.constant(1.0)
    return many("mul", even, x) if n % 2 else even


def _total(parts: list[Formula], many: Formulas) -> Formula:
    total = parts[0]
    for part in parts[1:]:
        total = many("add", total, part)
    return total


def _array(eqn, into: list[Numbers]) -> list[Numbers]:
    """What works on arrays and is no mere moving of numbers."""
    del into
    raise Untranslatable(eqn.primitive.name)
