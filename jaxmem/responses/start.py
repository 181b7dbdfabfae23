"""Where a transient starts: at rest before the drive, or at a given state."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from jaxmem.circuits.circuit import Circuit
from jaxmem.circuits.drive import LETTER
from jaxmem.devices.branch import Scalar, States
from jaxmem.fields import is_complex, is_concrete
from jaxmem.responses.characteristic import coefficients
from jaxmem.responses.linear import driven_matrix, unstable_roots
from jaxmem.responses.steady import OperatingPoint, operating_point, operating_points, rest_at

# Voltage over the memristor [V], the branches' states in their charts, terminal current [A].
Beginning = tuple[Scalar, States, Scalar]


def given(
    circuit: Circuit, start: OperatingPoint | tuple[Any, Any], throw: bool = True
) -> Beginning:
    """The beginning at an operating point or at `(u, x)`.

    **Raises:** `ValueError` for another number of states, or for what is no such state.
    """
    size = circuit.device.size
    wants = (
        f"solve: start wants an operating point, or (u, x) with a voltage and {size} states "
        f"{circuit.device.state_names}"
    )
    if isinstance(start, OperatingPoint):
        start = start.u, start.x
    if not isinstance(start, tuple | list) or len(start) != 2:
        raise ValueError(f"{wants}, got {type(start).__name__}")
    u, x = start
    if is_complex(u) or is_complex(x) or np.ndim(u):
        raise ValueError(f"{wants}, real numbers; got u = {u}, x = {x}")
    x = jnp.asarray(x, dtype=jnp.result_type(float))
    if x.shape != (size,):
        raise ValueError(
            f"solve: start wants (u, x) with {size} states "
            f"{circuit.device.state_names}, got x of shape {x.shape}"
        )
    u = jnp.asarray(u, dtype=jnp.result_type(float))
    z = circuit.device.chart(x)
    if throw and is_concrete(u, z):
        for name, own, charted in zip(
            ("u", *circuit.device.state_names), (u, *x), (u, *z), strict=True
        ):
            if not np.isfinite(charted):
                raise ValueError(
                    f"solve: start has {name} = {float(own):g}, where the device cannot be "
                    "evaluated; an occupation lies between 0 and 1, and reaches neither"
                )
    return u, z, jnp.zeros_like(u)


def at_rest(circuit: Circuit) -> Beginning:
    """The beginning at rest at the value that the drive has before its first edge.

    **Raises:** `ValueError` if there is no one equilibrium; where it is traced all is NaN then.
    """
    before = circuit.drive.wave.before()
    begin, count = _at_rest(circuit.device, before, circuit.is_voltage)
    if is_concrete(count) and np.any(np.asarray(count) != 1):
        bias: dict[str, Any] = {LETTER[circuit.drive.kind]: before}
        try:
            operating_point(circuit.device, **bias)  # says that there is none, or several
        except ValueError as error:
            raise ValueError(
                "solve: before the drive's first edge there is no one equilibrium to start from "
                f"({error}); give start=(u, x), or start=operating_point(device, u=...)"
            ) from None
    return begin


@eqx.filter_jit
def _at_rest(device, before, is_voltage):
    point = rest_at(device, before, is_voltage)
    z = device.chart_rest(point.u) if device.curve is None else device.chart(point.x)
    return (point.u, z, point.I), point.count


def about_rest(circuit: Circuit, begin: Beginning | None, start: Any) -> tuple[str, ...]:
    """Notes where the circuit starts at an equilibrium that is unstable, or at one of several.

    Only where all values are known; a start `(u, x)` is taken as it is.
    """
    if begin is None or not is_concrete(circuit, begin) or np.ndim(begin[0]):
        return ()
    if not (start is None or isinstance(start, OperatingPoint)):
        return ()
    device, notes, place = circuit.device, [], f"u = {float(begin[0]):.6g} V"
    growing = unstable_roots(np.asarray(_polynomial(device, *begin[:2], circuit.is_voltage)))
    if growing:
        notes.append(
            f"it starts at rest at {place}, which is unstable (growing modes: {growing}): a "
            "solution may stay there where a device does not; give start=(u, x) beside it to see "
            "where it goes"
        )
    if isinstance(start, OperatingPoint):
        name = LETTER[circuit.drive.kind]
        value: Any = getattr(start, name)
        bias: dict[str, Any] = {name: value}
        count = int(np.asarray(operating_points(device, **bias).count))
        if count > 1:
            notes.append(
                f"it starts at {place}, one of {count} equilibria at "
                f"{name} = {float(np.asarray(value)):.6g}"
            )
    return tuple(notes)


@eqx.filter_jit
def _polynomial(device, u, z, is_voltage):
    return coefficients(driven_matrix(device, u, device.unchart(z), is_voltage))[0]
