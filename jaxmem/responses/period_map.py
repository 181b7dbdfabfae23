"""The period map of a driven circuit: its state one period of the drive later."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmem.circuits.circuit import Circuit
from jaxmem.circuits.waveform import AbstractWaveform
from jaxmem.devices.branch import Scalar, States
from jaxmem.responses.steady import OperatingPoint
from jaxmem.responses.transient import Transient, solve


def first_edge(wave: AbstractWaveform) -> Scalar:
    """The time of a waveform's first edge [s]; 0 without edges."""
    edges = wave.edges()
    return jnp.min(edges) if edges.shape[0] else jnp.zeros(())


class PeriodMap(eqx.Module):
    """y(t0) to y(t0 + T), with y = (u/unit, the branches' states in their charts).

    `circuit` has its constant-phase elements as ladders (`in_time`), `unit` is the least width of
    the branches' windows [V], and `options` are those of `solve`.
    """

    circuit: Circuit
    unit: Scalar
    options: dict[str, Any]

    @classmethod
    def near(cls, circuit: Circuit, rest: OperatingPoint, options: dict[str, Any]) -> "PeriodMap":
        """The map of a circuit that has rested at a point."""
        widths = [w for _, w in circuit.device.windows()]
        unit = jnp.min(jnp.stack(widths)) if widths else jnp.maximum(jnp.abs(rest.u), 1.0)
        return cls(circuit, jax.lax.stop_gradient(unit), options)

    def pack(self, u: Scalar, x: States) -> Float[Array, "m"]:
        """y of a voltage [V] and the branches' states."""
        return jnp.concatenate([(u / self.unit)[None], self.circuit.device.chart(x)])

    def rest(self, point: OperatingPoint) -> Float[Array, "m"]:
        """y at an operating point."""
        device = self.circuit.device
        z = device.chart_rest(point.u) if device.curve is None else device.chart(point.x)
        return jnp.concatenate([(point.u / self.unit)[None], z])

    def follow(self, y: Float[Array, "m"], t: Float[Array, "t"]) -> Transient:
        """The transient from y, sampled at the times t [s]."""
        start = (y[0] * self.unit, self.circuit.device.unchart(y[1:]))
        return solve(self.circuit, t, start=start, throw=False, **self.options)

    def state(self, run: Transient, k: Any) -> Float[Array, "m"]:
        """y at sample k of a transient."""
        return self.pack(run.u[k], run.x[k])

    def __call__(self, y: Float[Array, "m"], ends: Float[Array, "2"]) -> Float[Array, "m"]:
        """y at the second of two times [s], from y at the first."""
        return self.state(self.follow(y, ends), -1)
