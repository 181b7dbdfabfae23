"""Which component of a field depends on which number: found from its program, never from values."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import Literal

# Primitives that work number by number.
ELEMENTWISE = {
    "abs", "acos", "acosh", "add", "add_any", "and", "asin", "asinh", "atan", "atan2", "atanh",
    "cbrt", "ceil", "clamp", "convert_element_type", "copy", "copy_p", "cos", "cosh", "div", "eq",
    "erf", "exp", "exp2", "expm1", "floor", "ge", "gt", "integer_pow", "is_finite", "le", "log",
    "log1p", "logistic", "lt", "max", "min", "mul", "ne", "neg", "nextafter", "not", "or", "pow",
    "rem", "round", "rsqrt", "select_n", "sign", "sin", "sinh", "sqrt", "square", "stop_gradient",
    "sub", "tan", "tanh", "xor",
}  # fmt: skip
# Programs within the program, under the name of the parameter that holds them.
INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")
CALLS = {"jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call", "remat", "checkpoint"}

# For each number of an array the set of inputs that it depends on.
Sources = np.ndarray


def dependence(fn: Callable, fixed: Any, count: int, dtype: Any) -> list[frozenset[int]]:
    """For each number that `fn(fixed, *numbers)` returns, on which of `count` numbers it depends.

    What is not understood depends on everything that goes into it: no dependence is overlooked.
    """
    numbers = [jax.ShapeDtypeStruct((), dtype)] * count
    closed = jax.make_jaxpr(fn)(fixed, *numbers)
    known = len(closed.jaxpr.invars) - count
    none = [_filled(v.aval.shape, frozenset()) for v in closed.jaxpr.invars[:known]]
    own = [_filled((), frozenset([k])) for k in range(count)]
    return [found[()] for found in _through(closed.jaxpr, [*none, *own])]


def _filled(shape, value) -> Sources:
    out = np.empty(shape, dtype=object)
    out[...] = value if out.ndim == 0 else None
    if out.ndim:
        for place in np.ndindex(*shape):
            out[place] = value
    return out


def _through(jaxpr, sources: Sequence[Sources]) -> list[Sources]:
    seen = dict(zip(jaxpr.invars, sources, strict=True))
    empty = lambda v: _filled(v.aval.shape, frozenset())

    def read(v):
        return empty(v) if isinstance(v, Literal) or v not in seen else seen[v]

    for eqn in jaxpr.eqns:
        into = [read(v) for v in eqn.invars]
        for v, found in zip(eqn.outvars, _of(eqn, into), strict=True):
            seen[v] = found
    return [read(v) for v in jaxpr.outvars]


def _of(eqn, into) -> list[Sources]:
    name, shapes = eqn.primitive.name, [v.aval.shape for v in eqn.outvars]
    inner = [eqn.params[k] for k in INNER if k in eqn.params]
    if name in CALLS and inner:
        program = getattr(inner[0], "jaxpr", inner[0])
        if len(program.invars) == len(into):
            return _through(program, into)
    if name in ELEMENTWISE and all(a.shape in ((), shapes[0]) for a in into):
        out = _filled(shapes[0], frozenset())
        for place in np.ndindex(*shapes[0]):
            out[place] = frozenset().union(*(a[place] if a.ndim else a[()] for a in into))
        return [out]
    if name == "concatenate":
        return [np.concatenate(into, axis=eqn.params["dimension"])]
    if name == "slice":
        steps = eqn.params["strides"] or (1,) * into[0].ndim
        ends = zip(eqn.params["start_indices"], eqn.params["limit_indices"], steps, strict=True)
        return [into[0][tuple(slice(a, b, s) for a, b, s in ends)]]
    if name in ("squeeze", "reshape"):
        return [into[0].reshape(shapes[0])]
    if name == "broadcast_in_dim":
        kept = [1] * len(shapes[0])
        for place, k in enumerate(eqn.params["broadcast_dimensions"]):
            kept[k] = into[0].shape[place]
        return [np.broadcast_to(into[0].reshape(kept), shapes[0]).copy()]
    every = frozenset().union(*(s for a in into for s in a.ravel()))
    return [_filled(shape, every) for shape in shapes]
