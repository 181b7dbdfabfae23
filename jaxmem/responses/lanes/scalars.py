"""The program of a circuit's field, number by number.

A field is written for one circuit, with its states in small arrays. Of many circuits side by side
each *number* of these is an array over the lanes, and putting them into arrays of (state, lane) and
taking them out again costs more than the arithmetic. Here the program is walked through once while
it is traced: what only moves numbers about (`concatenate`, `slice`, ...) is done there and then,
and what works number by number is applied to each. The same walk tells which number depends on
which, from the program and never from values.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal, jaxpr_as_fun

# Primitives that work number by number.
ELEMENTWISE = {
    "abs", "acos", "acosh", "add", "add_any", "and", "asin", "asinh", "atan", "atan2", "atanh",
    "cbrt", "ceil", "clamp", "convert_element_type", "copy", "copy_p", "cos", "cosh", "div", "eq",
    "erf", "exp", "exp2", "expm1", "floor", "ge", "gt", "integer_pow", "is_finite", "le", "log",
    "log1p", "logistic", "lt", "max", "min", "mul", "ne", "neg", "nextafter", "not", "or", "pow",
    "rem", "round", "rsqrt", "select_n", "sign", "sin", "sinh", "sqrt", "square", "stop_gradient",
    "sub", "tan", "tanh", "xor",
}  # fmt: skip
# Programs within the program. Those with derivatives of their own are applied as they are.
CALLS = {"jit", "pjit", "closed_call", "core_call"}
OWN_RULES = {"custom_jvp_call", "custom_vjp_call"}

# An array of Python objects, of the shape that one circuit's array has; each is a number.
Numbers = np.ndarray


class Algebra(NamedTuple):
    """What a number is: how a constant becomes one, and what is done with them."""

    constant: Callable[[Any, Any], Any]
    apply: Callable[[Any, list[Any]], Any]
    total: Callable[[list[Any]], Any]
    opaque: Callable[[Any, list[Numbers]], list[Numbers]]
    calls: set[str]


def filled(shape: Sequence[int], value: Callable[[tuple], Any]) -> Numbers:
    """Numbers of a shape, each `value(place)`."""
    out = np.empty(shape, dtype=object)
    for place in np.ndindex(*shape):
        out[place] = value(place)
    return out


def apply_program(jaxpr: Any, constants: Sequence[Any], given: Sequence[Numbers], algebra: Algebra):
    """What a program returns of given numbers."""
    known: dict[Any, Numbers] = dict(zip(jaxpr.invars, given, strict=True))
    fixed = lambda value, aval: filled(
        aval.shape, lambda place: algebra.constant(np.asarray(value)[place], aval.dtype)
    )
    for v, value in zip(jaxpr.constvars, constants, strict=True):
        known[v] = value if isinstance(value, np.ndarray) and value.dtype == object else (
            fixed(value, v.aval)
        )  # fmt: skip
    read = lambda v: fixed(v.val, v.aval) if _literal(v) else known[v]
    for eqn in jaxpr.eqns:
        found = _equation(eqn, [read(v) for v in eqn.invars], algebra)
        known.update(zip(eqn.outvars, found, strict=True))
    return [read(v) for v in jaxpr.outvars]


def _equation(eqn, into: list[Numbers], algebra: Algebra) -> list[Numbers]:
    name, params, shape = eqn.primitive.name, eqn.params, eqn.outvars[0].aval.shape
    if name in algebra.calls:
        inner = params.get("jaxpr", params.get("call_jaxpr"))
        return apply_program(inner.jaxpr, inner.consts, into, algebra)
    if name in ELEMENTWISE and all(a.shape in ((), shape) for a in into):
        pick = lambda a, place: a[place] if a.ndim else a[()]
        return [filled(shape, lambda at: algebra.apply(eqn, [pick(a, at) for a in into]))]
    if name == "concatenate":
        return [np.concatenate(into, axis=params["dimension"])]
    if name == "stack":
        return [np.stack(into, axis=params["axis"])]
    if name == "unstack":
        rows = np.moveaxis(into[0], params["axis"], 0)
        return [rows[k : k + 1].reshape(rows.shape[1:]) for k in range(len(rows))]
    if name == "slice":
        steps = params["strides"] or (1,) * into[0].ndim
        ends = zip(params["start_indices"], params["limit_indices"], steps, strict=True)
        return [into[0][tuple(slice(a, b, s) for a, b, s in ends)]]
    if name == "split":
        return np.split(into[0], np.cumsum(params["sizes"])[:-1], axis=params["axis"])
    if name in ("squeeze", "reshape") and len(into) == 1:
        return [into[0].reshape(shape)]
    if name == "broadcast_in_dim" and len(into) == 1:
        kept = [1] * len(shape)
        for place, k in enumerate(params["broadcast_dimensions"]):
            kept[k] = into[0].shape[place]
        return [np.broadcast_to(into[0].reshape(kept), shape)]
    if name == "reduce_sum" and into[0].size:
        last = np.moveaxis(into[0], params["axes"], range(-len(params["axes"]), 0))
        rows = last.reshape(*shape, -1)
        return [filled(shape, lambda at: algebra.total(list(rows[at])))]
    return algebra.opaque(eqn, into)


def _literal(v) -> bool:
    return isinstance(v, Literal)


def _alone(eqn, inputs: list[Any]) -> Any:
    """The program of one equation: in the place of those of another with as many numbers."""
    shapes = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in inputs]
    zeros = lambda *_: [jnp.zeros(v.aval.shape, v.aval.dtype) for v in eqn.outvars]
    other = jax.make_jaxpr(zeros)(*shapes).jaxpr
    return other.replace(
        constvars=[], invars=inputs, outvars=list(eqn.outvars), eqns=[eqn], effects=eqn.effects
    )


def dependence(jaxpr: Any, constants: Sequence[Any], count: int) -> list[frozenset[int]]:
    """For each number that a program returns on which of its last `count` arguments it depends.

    What is not understood depends on everything that goes into it: no dependence is overlooked.
    """
    none = frozenset()
    every = lambda sets: frozenset().union(*sets)

    def opaque(eqn, into):
        whole = every([s for a in into for s in a.ravel()])
        return [filled(v.aval.shape, lambda _: whole) for v in eqn.outvars]

    algebra = Algebra(lambda *_: none, lambda _, sets: every(sets), every, opaque, CALLS)
    known = len(jaxpr.invars) - count
    given = [filled(v.aval.shape, lambda _: none) for v in jaxpr.invars[:known]]
    own = [filled((), lambda _, k=k: frozenset([k])) for k in range(count)]
    return [s for a in apply_program(jaxpr, constants, [*given, *own], algebra) for s in a.ravel()]


def in_lanes_by_number(lanes: int) -> Algebra:
    """Numbers are arrays over so many lanes."""

    def opaque(eqn, into):
        stack = lambda a: jnp.stack(list(a.ravel())).reshape(*a.shape, lanes)
        # A program of this one equation, with whatever rules its primitive has.
        wanted = {v: stack(a) for v, a in zip(eqn.invars, into, strict=True) if not _literal(v)}
        program = _alone(eqn, list(wanted))
        one = jaxpr_as_fun(ClosedJaxpr(program, ()))
        found = jax.vmap(one, in_axes=-1, out_axes=-1)(*wanted.values())
        return [filled(a.shape[:-1], lambda at, a=a: a[at]) for a in found]

    def apply(eqn, numbers):
        return eqn.primitive.bind(*numbers, **eqn.params)

    constant = lambda value, dtype: jnp.full((lanes,), value, dtype)
    return Algebra(constant, apply, lambda many: sum(many[1:], many[0]), opaque, CALLS)
