"""Why a transient cannot be integrated, or was not: what is wrong with a call, in words."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from jaxmem.circuits.circuit import Circuit
from jaxmem.fields import is_complex, is_concrete, require
from jaxmem.results import RESULTS

# A voltage so many times what the drive and the windows reach is called running away.
AWAY = 1e6


def check_call(circuit: Circuit, t: Float[Array, "t"], rtol: Any, atol: Any) -> None:
    """Refuse what no integration can answer.

    **Raises:** `ValueError` for times that do not ascend or are not finite, a tolerance that is
    not positive and finite, a number of the circuit that is NaN, a drive that is not finite.
    """
    check_times("solve", t, rtol, atol)
    for keys, leaf in jax.tree_util.tree_flatten_with_path(circuit)[0]:
        if is_complex(leaf) or isinstance(leaf, str):
            path = jax.tree_util.keystr(keys).lstrip(".")
            raise ValueError(f"solve: {path} is {leaf!r}; it must be a real number")
    wrong = strange(circuit, np.isnan)
    if wrong:
        raise ValueError(f"solve: {wrong}")
    _check_drive(circuit, t)


def check_times(name: str, t: Float[Array, "t"], rtol: Any, atol: Any) -> None:
    """Refuse times that do not ascend or are not finite, and tolerances that are not positive."""
    if is_concrete(t):
        known = np.asarray(t)
        if not np.all(np.isfinite(known)):
            k = int(np.argmin(np.isfinite(known)))
            raise ValueError(f"{name}: the times t must be finite and ascend; t[{k}] is {known[k]}")
        down = np.diff(known) < 0
        if np.any(down):
            k = int(np.argmax(down))
            raise ValueError(
                f"{name}: the times t must be finite and ascend; "
                f"t[{k}] = {known[k]:g} s is followed by {known[k + 1]:g} s"
            )
    for what, value in (("rtol", rtol), ("atol", atol)):
        if isinstance(value, str) or is_complex(value) or np.ndim(value):
            raise ValueError(f"{name}: {what} must be one real number, got {value!r}")
        require(
            lambda a: np.isfinite(a) & (a > 0),
            value,
            message=f"{name}: {what} must be positive and finite, got {{0}}",
        )


def strange(model: Any, test: Any) -> str:
    """The first number of a model for which `test` is true, by its path; or nothing."""
    for keys, leaf in jax.tree_util.tree_flatten_with_path(model)[0]:
        if not is_concrete(leaf):
            continue
        known = np.asarray(leaf)
        if known.dtype.kind == "f" and np.any(test(known)):
            value = known[test(known)].ravel()[0]
            return f"{jax.tree_util.keystr(keys).lstrip('.')} is {value}"
    return ""


def _check_drive(circuit: Circuit, t: Any) -> None:
    """Refuse a drive with an infinite value; a start or an edge at infinity never comes."""
    wave, letter = circuit.drive.wave, "applied voltage" if circuit.is_voltage is True else "drive"
    # Only where a number of it is infinite it has to be looked at.
    if not is_concrete(wave, t) or not strange(wave, np.isinf):
        return
    times = np.concatenate([np.asarray(t), wave.finite_edges()])
    values = np.append(np.asarray(wave(times)), np.asarray(wave.before()))
    if not np.all(np.isfinite(values)):
        raise ValueError(
            f"solve: the {letter} is not finite: drive.wave{'.' + strange(wave, np.isinf)}"
        )


def cause(circuit: Circuit, result: Any, ending: Any, steps: Any, max_steps: int) -> str:
    """What stopped an integration, and what to do; all values are known.

    **Arguments:**

    - `circuit`: what was integrated.
    - `result`, `ending`: how and where it stopped (see `integrate`).
    - `steps`, `max_steps`: how many steps were accepted in all, and how many are allowed in each
      piece of the drive.
    """
    t, u, end = (float(x) for x in (ending.t, ending.u, ending.end))
    if bool(result == RESULTS.rates_not_finite):
        names = ", ".join(circuit.device.state_names)
        more = strange(circuit, lambda a: ~np.isfinite(a))
        return (
            f"the device's current or rates are not finite at t = {t:g} s, where a piece of the "
            f"drive begins (u = {u:g} V; states {names})"
            + (f"; {more}" if more else "; look at the start and at current() and rates()")
        )
    edges = circuit.drive.wave.finite_edges()
    levels = np.asarray(circuit.drive.wave(np.append(edges, t)))
    reach = [abs(float(c)) + abs(float(w)) for c, w in circuit.device.windows()]
    if circuit.is_voltage is True:
        reach += [float(np.max(np.abs(levels)))]
    away = reach and abs(u) > AWAY * max(reach)
    if away or not np.isfinite(u):
        return (
            f"u runs away: it is {u:.3g} V at t = {t:.6g} s, after {int(steps)} steps. "
            "The device's current does not hold it: look at the signs in current() and rates()"
        )
    why = RESULTS[result]
    if bool(result == RESULTS.max_steps_reached):
        return (
            f"the integration came to t = {t:.6g} s (u = {u:.6g} V) and not to {end:.6g} s in "
            f"max_steps = {max_steps} steps. Raise max_steps or loosen rtol, or pass throw=False "
            "to see how far it came"
        )
    return (
        f"the integration stopped at t = {t:.6g} s (u = {u:.6g} V), before {end:.6g} s: {why}. "
        "Loosen rtol, or pass throw=False to see how far it came"
    )
