"""What each lane needs before its first step, and the field of all lanes number by number."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxmem.circuits.circuit import Circuit
from jaxmem.devices.branch import Scalar
from jaxmem.responses.ensemble.pattern import dependence
from jaxmem.responses.ensemble.step import Field
from jaxmem.responses.integration import LEAST_STEP, _amplitude, _bounds, _initial
from jaxmem.responses.start import Beginning

LAST = eqx.if_array(-1)


def in_lanes(fn: Callable, *arguments: Any) -> Any:
    """A function of one lane for all of them: the lane is the last axis, before and after."""
    return eqx.filter_vmap(fn, in_axes=LAST, out_axes=LAST)(*arguments)


class Ready(NamedTuple):
    """Of a lane: the ends of its segments, its units and tolerances, and where it starts."""

    bounds: Float[Array, "..."]
    amplitude: Float[Array, "..."]
    scale: Float[Array, "..."]
    relative: Float[Array, "..."]
    absolute: Float[Array, "..."]
    mass: Float[Array, "..."]
    least: Float[Array, "..."]
    y: Float[Array, "..."]
    V_old: Float[Array, "..."]
    allowed: Bool[Array, "..."]


def prepare(
    circuit: Circuit,
    t: Float[Array, "t"],
    begin: Beginning | None,
    rtol: Scalar,
    atol: Scalar,
) -> Ready:
    """What `integrate` says of one circuit before its first segment."""
    bounds = _bounds(t, circuit.drive.wave.edges())
    amplitude = _amplitude(circuit.drive.wave, bounds)
    scale = circuit.scale(amplitude)
    y, V_old = _initial(circuit, begin, scale)
    relative, absolute = circuit.weights(amplitude)
    least = jax.lax.stop_gradient(LEAST_STEP * (bounds[-1] - bounds[0]))
    return Ready(
        bounds,
        amplitude,
        scale,
        jnp.maximum(rtol * relative, 100 * jnp.finfo(t.dtype).eps),
        atol * absolute,
        circuit.mass(),
        least,
        y,
        V_old,
        circuit.device.allowed(),
    )


def lane_field(circuits: Circuit, a: Any, at: Any, scale: Any, size: int) -> Field:
    """F of all lanes, a list of components, at the time `s` since the segments' starts `a` [s]."""

    def field(s, y):
        return list(in_lanes(_components, circuits, a, at, scale, s, *y))

    del size
    return field


def _components(circuit, a, at, scale, s, *y):
    F = circuit.field(a + s, jnp.stack(y), at, scale)
    return tuple(F[i] for i in range(len(y)))


def needs_of(circuits: Circuit, a: Any, at: Any, scale: Any, size: int) -> list[frozenset[int]]:
    """Of each component of the field, on which of (s, *y) it depends."""
    arrays, static = eqx.partition((circuits, a, at, scale), eqx.is_array)
    one = jax.tree.map(lambda v: jax.ShapeDtypeStruct(v.shape[:-1], v.dtype), arrays)

    def fn(fixed, s, *y):
        circuit, a, at, scale = eqx.combine(fixed, static)
        return _components(circuit, a, at, scale, s, *y)

    return dependence(fn, one, size + 1, scale.dtype)
