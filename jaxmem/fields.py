"""A physical field of a device: its unit, its meaning, and whether it is positive."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


def as_array(value: Any) -> Any:
    """A floating-point array of `value`; what is no number (a tracer's stand-in) passes as it is.

    Python floats would trace separately from arrays and a scalar default would break `vmap`
    over a batch made by `tree_at`, so fields are converted on construction.
    """
    if isinstance(value, bool | int | float | np.ndarray | np.generic | list | tuple):
        return jnp.asarray(value, dtype=jnp.result_type(float))
    return value


def quantity(
    unit: str, meaning: str, *, positive: bool = True, default: Any = None, **extra: Any
) -> Any:
    """An Equinox field that knows its SI `unit` and its `meaning`.

    **Arguments:**

    - `unit`: in SI, as it is printed (`"ohm"`, `"s"`); `meaning`: what the field is, in words.
    - `positive`: a fit searches the field in its logarithm, and a device refuses values that are
      not positive.
    - `default`: the value where the field is left out; without one it must be given.
    - `extra`: `bounds` (the least and the largest value), `zero_allowed`.
    """
    metadata = {"unit": unit, "meaning": meaning, "positive": positive, **extra}
    if default is None:
        return eqx.field(converter=as_array, metadata=metadata)
    return eqx.field(converter=as_array, metadata=metadata, default=default)


def quantities(module: eqx.Module | type[eqx.Module]) -> dict[str, dict[str, Any]]:
    """The declared quantities of a module, name to `{"unit", "meaning", "positive"}`."""
    fields = module.__dataclass_fields__
    return {name: dict(f.metadata) for name, f in fields.items() if "unit" in f.metadata}


def is_concrete(*values: Any) -> bool:
    """Whether all arrays in `values` are known now (nothing is being traced)."""
    return not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(values))


def require(condition: Callable[..., Any], *values: Any, message: str) -> None:
    """Raise `ValueError` if a condition on known values fails.

    `condition` gets the values as NumPy arrays, because JAX would stage a comparison of known
    values inside a trace. If one of them is traced nothing is checked; there the kernels carry
    result codes. `message` may show the values: `"{0}"`.
    """
    if not is_concrete(*values):
        return
    arrays = [np.asarray(value) for value in values]
    if not np.all(condition(*arrays)):
        raise ValueError(message.format(*arrays))


def check_positive(module: eqx.Module) -> None:
    """Refuse a module whose positive quantities are not (zero is refused too, unless declared)."""
    for name, meta in quantities(module).items():
        value = getattr(module, name)
        if not meta["positive"] or not is_concrete(value) or not eqx.is_array(value):
            continue
        # NumPy, because JAX would stage the comparison of known values inside a trace.
        known = np.asarray(value)
        fine = (known >= 0) if meta.get("zero_allowed") else (known > 0)
        if not np.all(fine & np.isfinite(known)):
            want = "non-negative" if meta.get("zero_allowed") else "positive"
            raise ValueError(
                f"{type(module).__name__}: {name} ({meta['meaning']}) must be {want} and finite, "
                f"got {value} {meta['unit']}"
            )


def allowed(*modules: eqx.Module) -> Any:
    """Whether all quantities of modules are finite, and positive where they must be: a traced bool.

    What `check_positive` refuses where values are known, programs tell by this.
    """
    fine = jnp.asarray(True)
    for module in modules:
        for name, meta in quantities(module).items():
            value = getattr(module, name)
            if not (eqx.is_array(value) and jnp.issubdtype(value.dtype, jnp.floating)):
                continue
            good = jnp.isfinite(value)
            if meta["positive"]:
                good = good & ((value >= 0) if meta.get("zero_allowed") else (value > 0))
            fine = fine & jnp.all(good)
    return fine
