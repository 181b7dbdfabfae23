"""The operating points of a device at a bias, and its steady current-voltage curve."""

from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Real

from jaxmem.devices.branch import Scalar
from jaxmem.devices.device import AbstractDevice, check_device
from jaxmem.fields import check_number, check_positive, is_complex, is_concrete
from jaxmem.responses.search import check_range
from jaxmem.responses.steady.choice import advice, chosen, only, reached
from jaxmem.responses.steady.points import OperatingPoint, OperatingPoints, SteadyStates, hidden
from jaxmem.responses.steady.roots import find


def steady_curve(device: AbstractDevice, u: Real[ArrayLike, "n"]) -> SteadyStates:
    """The steady current-voltage curve I(u) = u/R_b + i_c0 f_ss(u) (eq. 5), for any device.

    **Arguments:**

    - `device`: any device.
    - `u`: voltages over the memristor [V], shape `(n,)`. Of a device whose equilibria are a curve
      over a parameter of its own (`AbstractBranch.rest_curve`) values of this parameter.
    """
    check_device("steady_curve", device)
    if isinstance(u, str) or is_complex(u) or np.ndim(u) != 1:
        raise ValueError(f"steady_curve: u must be a vector of real numbers, got {u}")
    places, device = jnp.asarray(u, dtype=jnp.result_type(float)), device.walked()

    def one(s):
        u, x = device.equilibrium(s)
        return u, device.current(u, x)

    u, I = jax.vmap(one)(places)
    return SteadyStates(u, I, device.R_s * I + u)


def operating_point(
    device: AbstractDevice,
    *,
    u=None,
    I=None,
    V=None,
    u_range: tuple[Any, Any] | None = None,
    branch: int | Literal["rest"] | None = None,
) -> OperatingPoint:
    """The equilibrium at a bias, one of: u over the memristor [V], I [A], applied V [V].

    The residual is at most a few units in the last place of the currents that balance.
    Derivatives with respect to device and bias are those of the implicit function theorem.

    **Arguments:**

    - `device`: any device.
    - `u`, `I`, `V`: the bias, a number; exactly one of them.
    - `u_range`: voltages to look in [V], as in `operating_points`.
    - `branch`: which of several: a number, that in `operating_points`; or `"rest"`, the one that is
      reached from rest as the drive, I or V, goes slowly from 0 to its value: the first that
      the curve of equilibria meets on its way from the stable one at 0. None: there must be one.

    **Raises:** `ValueError` if not exactly one bias is given, or if a given I or V is not finite,
    or has no equilibrium or several (a branch with negative differential resistance) and `branch`
    does not choose one: then `operating_points` lists them, and `branch`, `u=` or `u_range`
    chooses. Under `jit` or `vmap` the result is NaN instead and `count` tells why.
    """
    check_device("operating_point", device)
    given = {k: b for k, b in {"u": u, "I": I, "V": V}.items() if b is not None}
    if len(given) != 1:
        raise ValueError("operating_point: give exactly one of u=, I=, V=")
    for name, value in given.items():
        check_number(f"operating_point: {name}", value)
    if not (branch is None or branch == "rest" or (isinstance(branch, int) and branch >= 0)):
        raise ValueError(
            'operating_point: branch wants the number of an equilibrium, from 0 on, or "rest", '
            f"got {branch!r}"
        )
    if u is not None and device.curve is None:
        point = _known(device, jnp.asarray(u, dtype=jnp.result_type(float)))
        check_values("operating_point", device, point.count)
        return point
    device = device.walked()
    found = _points("operating_point", device, given, u_range)
    check_values("operating_point", device, found.count)
    if branch == "rest" and u is None:
        k = reached(device, found, V is not None, u_range)
    else:
        k = jnp.asarray(branch if isinstance(branch, int) else 0)
        some = (k >= 0) & (k < found.count)
        k = jnp.where(some if isinstance(branch, int) else found.count == 1, k, -1)
    if is_concrete(found, k) and int(k) < 0:
        ((name, value),) = given.items()
        there = ", ".join(f"{float(r):.6g}" for r in found.u if jnp.isfinite(r))
        raise ValueError(
            f"operating_point: {int(found.count)} equilibria at {name} = "
            f"{float(np.asarray(value)):.6g}"
            + (f", u = {there} V" if there else "")
            + advice(device, branch, int(found.count))
        )
    return chosen(found, k)


def rest_at(device: AbstractDevice, value: Scalar, voltage: bool | Array) -> OperatingPoint:
    """The equilibrium at an applied voltage [V] or a current [A]; `voltage` says which.

    For programs that learn the kind when they run. NaN where there is not exactly one.
    """
    value = jnp.asarray(value, dtype=jnp.result_type(float))
    ratio = jnp.asarray(voltage, dtype=value.dtype)
    return only(find(device, value, ratio, None))


def operating_points(
    device: AbstractDevice, *, I=None, V=None, u_range: tuple[Any, Any] | None = None
) -> OperatingPoints:
    """All equilibria of a device at a current or an applied voltage.

    They are searched most densely where the branches are steep (their `window`). If a branch does
    not say where, all magnitudes of u from 1e-6 V on are looked at, and intervals are split where
    current and states bend. What is narrower than a tenth of its own voltage and shows nowhere
    else may still be overlooked: `u_range` then says where to look.

    **Arguments:**

    - `device`: any device.
    - `I` [A] or `V` [V]: the bias, a number; exactly one of them.
    - `u_range`: voltages to look in [V], `(low, high)`; no equilibrium outside is counted.

    **Returns:** their voltages `u` [V], ascending, shape `(7,)`, padded with NaN, states `x`,
    currents and applied voltages; and how many there are (`count`), which may be more. Where
    equilibria are a curve over a parameter of its own, they ascend in this parameter.

    **Raises:** `ValueError` if not exactly one bias is given, and for values of the device that
    are not allowed (under `jit` or `vmap` all is NaN then and `count` -1), or a bias that is not
    finite.
    """
    check_device("operating_points", device)
    if (I is None) == (V is None):
        raise ValueError("operating_points: give exactly one of I=, V=")
    given = {"I": I} if V is None else {"V": V}
    for name, value in given.items():
        check_number(f"operating_points: {name}", value)
    found = _points("operating_points", device.walked(), given, u_range)
    check_values("operating_points", device, found.count)
    return found


def check_values(name: str, device: AbstractDevice, count: Array) -> None:
    """Say which value of a device is not allowed, where a count is -1.

    A device checks them when it is made; `eqx.tree_at` makes one without.
    """
    if not is_concrete(device, count) or np.all(np.asarray(count) >= 0):
        return
    for part in (device, *device.branches.values()):
        try:
            check_positive(part)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None


@eqx.filter_jit
def _known(device, u):
    x = device.rest(u)
    I = device.current(u, x)
    there = device.allowed()
    point = OperatingPoint(u, x, I, device.R_s * I + u, jnp.where(there, 1, -1))
    return hidden(point, there)


def _points(name, device, given, u_range):
    ((kind, target),) = given.items()
    target = jnp.asarray(target, dtype=jnp.result_type(float))
    ratio = None if kind == "u" else np.asarray(float(kind == "V"))
    return find(device, target, ratio, check_range(name, u_range))
