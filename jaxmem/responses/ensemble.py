"""The transients of many circuits at the same times."""

import copy
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Real

from jaxmem.circuits.circuit import Circuit
from jaxmem.fields import is_concrete
from jaxmem.responses.ensemble_notes import about_batch, about_rests
from jaxmem.responses.failure import check_times
from jaxmem.responses.lanes.batch import spread
from jaxmem.responses.lanes.in_columns import integrate_lanes, lanes_of
from jaxmem.responses.lanes.segments import result_of
from jaxmem.responses.rosenbrock import tolerances
from jaxmem.responses.start import given
from jaxmem.responses.steady import OperatingPoint
from jaxmem.responses.transient import Transient, solve
from jaxmem.results import RESULTS


def solve_ensemble(
    circuits: Circuit,
    t: Real[ArrayLike, "t"],
    *,
    start: OperatingPoint | tuple[Any, Any] | None = None,
    solver: diffrax.AbstractSolver | None = None,
    rtol: Real[ArrayLike, ""] | None = None,
    atol: Real[ArrayLike, ""] | None = None,
    max_steps: int = 100_000,
    lanes: int | None = None,
    throw: bool = False,
) -> Transient:
    """Integrate many circuits from t[0], each with its own steps, and sample them at t [s].

    What `jax.vmap(lambda one: solve(one, t))(circuits)` gives, made to be faster: method, checks
    and tolerances are those of `solve`. One circuit that fails, or is not finite, harms no other.
    Only that a device has one equilibrium to start from is seen less closely, where no branch says
    where it is steep: a fall of the steady current by less than a thousandth of what it rises
    around may be overlooked (`start` says where it is).

    **Arguments:**

    - `circuits`: a `Circuit` of which every array leads with the batch, as
      `jax.vmap(make)(parameters)` and `jaxmem.stack` make it; a device, a branch or a waveform of
      single numbers is shared by all.
    - `t`: ascending times [s], the same for all.
    - `start`: where they start, as in `solve`: an operating point of each, or `(u, x)` of shapes
      `(B,)` and `(B, n)`; by default each has rested at the value of its drive before its edges.
    - `solver`: any diffrax solver, in the place of Rodas5P; then it is `solve` under `vmap`.
    - `rtol`, `atol`, `max_steps`: as in `solve`.
    - `lanes`: how many circuits run side by side, block after block (64; on a GPU 16,384). Memory
      holds the steps of one block.
    - `throw`: raise if one of them fails; by default see `result`, one code for each.

    Derivatives, forward and reverse, are made in forward mode, for all numbers of a circuit that
    are perturbed at once (up to 64).

    **Returns:** a `Transient` with the batch as the first axis of every array.

    **Raises:** `ValueError` for one circuit, for parts that are batches of different lengths, and
    on times that do not ascend; `RuntimeError` with `throw`. A circuit whose numbers are not
    allowed or not finite, or that has not one equilibrium to start from, is NaN with a code.
    """
    if not isinstance(circuits, Circuit):
        raise ValueError(f"solve_ensemble: wants a Circuit first, got {type(circuits).__name__}")
    circuits, count = spread(circuits)
    t = jnp.asarray(t, dtype=jnp.result_type(float))
    if t.ndim != 1 or t.shape[0] < 2:
        raise ValueError(
            f"solve_ensemble: t must be a vector of at least 2 times, got shape {t.shape}"
        )
    default_r, default_a = tolerances(t.dtype)
    rtol = default_r if rtol is None else rtol
    atol = default_a if atol is None else atol
    check_times("solve_ensemble", t, rtol, atol)
    notes = about_batch(circuits, t)
    lanes = lanes_of(count, lanes)
    if lanes < 1:
        raise ValueError(f"solve_ensemble: lanes must be at least 1, got {lanes}")
    inner = _in_time(circuits)
    begin = None if start is None else eqx.filter_vmap(given)(inner, start)
    limits = jnp.asarray(rtol, t.dtype), jnp.asarray(atol, t.dtype)
    if solver is not None:
        found = _one_by_one(inner, begin, (t, *limits), (solver, max_steps, lanes))
    else:
        out, steps, code, begin = integrate_lanes(((inner, begin), t, *limits), (lanes, max_steps))
        found = _transients(inner, t, out, steps, code)
    notes += about_rests(inner, begin, start)
    found = _with_notes(found, notes)
    if throw and is_concrete(found.result):
        _raise_failed(found.result)
    return found


@eqx.filter_jit
def _in_time(circuits):
    return eqx.filter_vmap(lambda circuit: circuit.in_time())(circuits)


def _with_notes(found, notes) -> Transient:
    # The words of a batch are no part of a compiled program, which would be made anew for each.
    noted = copy.copy(found)
    object.__setattr__(noted, "notes", notes)
    return noted


@eqx.filter_jit
def _transients(circuits, t, out, steps, code) -> Transient:
    names, units = circuits.device.state_names, circuits.device.state_units

    def one(t, u, I, V, x, steps, code):
        return Transient(t, u, x, I, V, steps, result_of(code), names, units, ())

    u, I, V, x = out
    return jax.vmap(one, in_axes=(None, 0, 0, 0, 0, 0, 0))(t, u, I, V, x, steps, code)


@eqx.filter_jit
def _one_by_one(circuits, begin, shared, settings):
    t, rtol, atol = shared
    solver, max_steps, lanes = settings
    arrays, rest = eqx.partition((circuits, begin), eqx.is_array)

    def one(part):
        circuit, begin = eqx.combine(part, rest)
        start = None if begin is None else (begin[0], circuit.device.unchart(begin[1]))
        return solve(
            circuit, t, start=start, solver=solver, rtol=rtol, atol=atol, max_steps=max_steps,
            throw=False,
        )  # fmt: skip

    return jax.lax.map(one, arrays, batch_size=lanes)


def _raise_failed(result: Any) -> None:
    codes = np.asarray(result._value)
    failed = np.flatnonzero(codes != int(RESULTS.successful._value))
    if failed.size:
        first = int(failed[0])
        raise RuntimeError(
            f"solve_ensemble: {failed.size} of {codes.size} circuits failed, number {first} the "
            f"first: {RESULTS[jax.tree.map(lambda a: a[first], result)]}. Solve that one by "
            "itself for more, or pass throw=False to keep the others"
        )
