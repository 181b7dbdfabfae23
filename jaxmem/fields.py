"""A physical field of a device: its unit, its meaning, and whether it is positive."""

from collections.abc import Callable, Sequence
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
    if is_complex(value):
        return value  # refused where a model is made of it (`check_positive`)
    if isinstance(value, bool | int | float | np.ndarray | np.generic | list | tuple):
        return jnp.asarray(value, dtype=jnp.result_type(float))
    return value


def is_complex(value: Any) -> bool:
    """Whether a value is a complex number, or an array of them."""
    return isinstance(value, complex) or getattr(getattr(value, "dtype", None), "kind", "") == "c"


def quantity(
    unit: str, meaning: str, *, positive: bool = True, default: Any = None, **extra: Any
) -> Any:
    """An Equinox field that knows its SI `unit` and its `meaning`.

    **Arguments:**

    - `unit`: in SI, as it is printed (`"ohm"`, `"s"`); `meaning`: what the field is, in words.
    - `positive`: a fit searches the field in its logarithm, and a device refuses values that are
      not positive.
    - `default`: the value where the field is left out; without one it must be given.
    - `extra`: `bounds` (the least and the largest value), `zero_allowed`; `where_to_look` if it
      only says where equilibria are looked for, and is no property of the device.
    """
    metadata = {"unit": unit, "meaning": meaning, "positive": positive, **extra}
    if default is None:
        return eqx.field(converter=as_array, metadata=metadata)
    return eqx.field(converter=as_array, metadata=metadata, default=default)


def quantities(module: eqx.Module | type[eqx.Module]) -> dict[str, dict[str, Any]]:
    """The declared quantities of a module, name to `{"unit", "meaning", "positive"}`."""
    fields = module.__dataclass_fields__
    return {name: dict(f.metadata) for name, f in fields.items() if "unit" in f.metadata}


def voltages(module: eqx.Module) -> list[Any]:
    """The values of a module's fields that are voltages, one number each (not 1/V, not eV)."""
    units = {prefix + "V" for prefix in ("", "n", "u", "µ", "μ", "m", "k", "M")}
    found = [getattr(module, k) for k, meta in quantities(module).items() if meta["unit"] in units]
    return [value for value in found if np.ndim(value) == 0]


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


def check_number(name: str, value: Any) -> None:
    """Refuse what is not one finite real number, where it is known.

    **Raises:** `ValueError`; `name` says what it is (`"operating_point: I"`).
    """
    wrong = value is None or isinstance(value, str | bytes) or is_complex(value) or np.ndim(value)
    if wrong or (is_concrete(value) and not np.isfinite(np.asarray(value, dtype=float))):
        raise ValueError(f"{name} must be a finite number, got {value}")


def check_positive(module: eqx.Module) -> None:
    """Refuse a module whose positive quantities are not (zero is refused too, unless declared)."""
    for name, meta in quantities(module).items():
        value = getattr(module, name)
        if value is None or isinstance(value, str | bytes) or is_complex(value):
            raise ValueError(
                f"{type(module).__name__}: {name} ({meta['meaning']}) must be a real number in "
                f"{meta['unit']}, got {value!r}"
            )
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


def stack(models: Sequence[Any]) -> Any:
    """One batch of several devices or circuits: each number with their number as its first axis.

    `jax.vmap(function)(stack(devices))` runs a function for one device over all of them, and so
    does `jax.lax.map`.

    **Raises:** `ValueError` without models, or where they are not made of the same parts.
    """
    models = list(models)
    if not models:
        raise ValueError("stack: wants at least one device or circuit, got none")
    first = jax.tree.structure(models[0])
    for k, model in enumerate(models):
        if jax.tree.structure(model) != first:
            raise ValueError(
                f"stack: number {k} is a {type(model).__name__} of other parts than the first, a "
                f"{type(models[0]).__name__}; a batch is of one kind, with the same branches"
            )
    shapes = [[np.shape(leaf) for leaf in jax.tree.leaves(model)] for model in models]
    for k, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ValueError(f"stack: number {k} has arrays of other lengths than the first")
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *models)


def broadcast(module: eqx.Module, *parts: str) -> dict[str, Any]:
    """New values of a module's fields where one is a batch, of shape `(n,)`; else nothing.

    **Arguments:**

    - `module`: what is being made; its quantities are single numbers or all of one shape.
    - `parts`: names of fields that hold further models, whose single numbers follow.

    **Raises:** `ValueError` for quantities of several lengths, and for parts with vectors of
    their own, of which it is not plain what the batch is.
    """
    own = {name: as_array(getattr(module, name)) for name in quantities(module)}
    shapes = {name: np.shape(value) for name, value in own.items() if np.ndim(value)}
    if not shapes:
        return {}
    kind, (shape, *others) = type(module).__name__, sorted(set(shapes.values()))
    inside = {name: getattr(module, name) for name in parts}
    vectors = [
        np.shape(leaf) for leaf in jax.tree.leaves(inside) if np.shape(leaf) not in ((), shape)
    ]
    if others or vectors:
        said = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(
            f"{kind}: the fields of a batch want one shape, got {said}"
            + (f" beside arrays of shape {vectors[0]} in {parts[0]}" if vectors else "")
            + "; make the devices one by one and give jaxmem.stack(devices)"
        )
    fill = lambda a: jnp.broadcast_to(jnp.asarray(a, dtype=jnp.result_type(a, float)), shape)
    return {k: fill(v) for k, v in own.items()} | jax.tree.map(fill, inside)


def check_single(what: str, model: Any) -> None:
    """Refuse a batch where one device or circuit is wanted.

    **Raises:** `ValueError`, which says what to write instead.
    """
    wave = getattr(getattr(model, "drive", None), "wave", None)
    for part in (model, getattr(model, "device", model), wave):
        if not isinstance(part, eqx.Module):
            continue
        for name in quantities(part):
            value, kind = getattr(part, name), part.__dataclass_fields__[name].type
            # A waveform may have vectors of its own, as its vertices.
            if np.ndim(value) and (part is not wave or getattr(kind, "dim_str", "") == ""):
                raise ValueError(
                    f"{what}: wants one {type(model).__name__}, got a batch ({name} has the shape "
                    f"{np.shape(value)}); for each of them: jax.vmap(lambda one: {what}(one, ...)"
                    ")(batch), or jax.lax.map"
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
