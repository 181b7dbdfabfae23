"""What each lane needs before its first step, and the field of all lanes number by number."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxmem.circuits.circuit import Circuit
from jaxmem.devices.branch import Scalar
from jaxmem.responses.integration import LEAST_STEP, _amplitude, _bounds, _initial
from jaxmem.responses.lanes.scalars import apply_program, dependence, filled, in_lanes_by_number
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
    begin: Beginning,
    rtol: Scalar,
    atol: Scalar,
) -> Ready:
    """What `integrate` says of one circuit before its first segment."""
    bounds = _bounds(t, circuit.drive.wave.edges())
    amplitude = _amplitude(circuit.drive.wave, bounds, t)
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


class LaneField:
    """F of all lanes, number by number, and on which of (s, *y) each component depends (`needs`).

    `s` is the time since the segments' starts `a` [s]; `at` is a time inside of each piece.
    """

    needs: list[frozenset[int]]

    def __init__(self, circuits: Circuit, a: Any, at: Any, scale: Any, size: int):
        arrays, static = eqx.partition((circuits, a, at, scale), eqx.is_array)
        leaves, form = jax.tree.flatten(arrays)
        one = [jax.ShapeDtypeStruct(v.shape[:-1], v.dtype) for v in leaves]
        number = jax.ShapeDtypeStruct((), scale.dtype)

        def components(leaves, s, *y):
            circuit, a, at, scale = eqx.combine(jax.tree.unflatten(form, leaves), static)
            F = circuit.field(a + s, jnp.stack(y), at, scale)
            return [F[i] for i in range(size)]

        program = jax.make_jaxpr(components)(one, *[number] * (size + 1))
        self._jaxpr, self._constants = program.jaxpr, program.consts
        self._algebra = in_lanes_by_number(scale.shape[0])
        self._fixed = [filled(v.shape[:-1], lambda place, v=v: v[place]) for v in leaves]
        self.needs = dependence(self._jaxpr, self._constants, size + 1)

    def __call__(self, s: Any, y: list[Any]) -> list[Any]:
        moving = [filled((), lambda _, v=v: v) for v in (s, *y)]
        given = [*self._fixed, *moving]
        return [F[()] for F in apply_program(self._jaxpr, self._constants, given, self._algebra)]
