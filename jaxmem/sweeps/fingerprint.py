"""What tells one function or model from another, in a few letters that a store can keep."""

import hashlib
from functools import partial
from types import CodeType, FunctionType
from typing import Any

import jax
import numpy as np


def told(value: Any) -> str:
    """The name of a function, or type of a model, and a hash of what its answers depend on.

    Of a function that is its code and what it closes over, so that a sweep at another drive is
    another sweep although the function has the same name. What it reads of its module is not seen.
    """
    if value is None:
        return ""
    named = value if isinstance(value, FunctionType) else type(value)
    name = f"{named.__module__}.{named.__qualname__}"
    return f"{name} {hashlib.sha256(_bits(value, ())).hexdigest()[:16]}"


def _bits(value: Any, within: tuple[int, ...]) -> bytes:
    """What is hashed of a value; `within`: what it is a part of, lest one contain itself."""
    if id(value) in within:
        return b"itself"
    if isinstance(value, partial):
        parts = [value.func, value.args, *sorted(value.keywords.items())]
    elif not isinstance(value, FunctionType) and hasattr(value, "__wrapped__"):
        parts = [value.__wrapped__]  # of `jax.jit` and the like
    elif isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        parts = [value.__code__, *cells, *(value.__defaults__ or ())]
    elif isinstance(value, CodeType):
        parts = [value.co_code, *value.co_names, *value.co_consts]
    elif isinstance(value, jax.Array | np.ndarray | np.generic):
        return f"{value.dtype}{value.shape}".encode() + np.asarray(value).tobytes()
    elif isinstance(value, bytes):
        return value
    elif value is None or isinstance(value, str | bool | int | float | complex):
        return repr(value).encode()
    elif isinstance(value, list | tuple):
        parts = list(value)
    else:
        # Of a model its parts; of an object that has none its type, for its text has an address.
        leaves, structure = jax.tree.flatten(value)
        if len(leaves) == 1 and leaves[0] is value:
            return type(value).__qualname__.encode()
        parts = [str(structure), *leaves]
    return b"".join(hashlib.sha256(_bits(part, (*within, id(value)))).digest() for part in parts)
