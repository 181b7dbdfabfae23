"""The compiled programs of a design: Hopf points of several devices, and one device's goals with
all slopes.

Each is compiled once. The cycle is found by programs of its own, which know no slopes: a single
program of all would take several times as long to compile.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import jaxmem as jm
from fitting.designs.goals.behaviour import circuit_at, drives_of, in_window, without_window
from jaxmem.lens import put_leaves
from jaxmem.programs import program, seldom
from jaxmem.stability.cycles.cycle import describe_cycle
from jaxmem.stability.cycles.search import CycleSearch, find_cycle
from jaxmem.stability.equilibria.hopf import MOST

# Devices side by side, and intervals of a cycle.
LANES, INTERVALS = 8, 80


def moved(device: Any, positions: tuple[tuple[int, ...], ...], z: Any) -> Any:
    """The device with the leaves of knob k times exp(z_k)."""
    leaves = jax.tree.leaves(device)
    # Known numbers are multiplied by NumPy, which takes far less time for one.
    known = isinstance(z, np.ndarray)
    factors = np.exp(z) if known else jnp.exp(z)
    times = (lambda a, b: jnp.asarray(np.asarray(a) * b)) if known else (lambda a, b: a * b)
    return put_leaves(
        device,
        [((k,), times(leaves[k], factors[n]))
         for n, where in enumerate(positions) for k in where if k < len(leaves)],
    )  # fmt: skip


def drive_moved(device: Any, positions: tuple[tuple[int, ...], ...], z: Any, value: Any) -> Any:
    """The drive, or the place in the window, times exp(z_k) if a knob is the drive."""
    beyond = len(jax.tree.leaves(device))
    for n, where in enumerate(positions):
        if beyond in where:
            value = value * jnp.exp(z[n])
    return value


@program
def hopf_with_slopes(z: Any, device: Any, positions: Any, drive: Any) -> Any:
    """Hopf points of the devices at z, `(LANES, p)`, and the derivatives of their numbers by z."""

    def one(z):
        def twice(z):
            points = jm.hopf_points(moved(device, positions, z), drive=drive)
            return eqx.filter(points, eqx.is_inexact_array), points

        return jax.jacfwd(twice, has_aux=True)(z)

    return jax.vmap(one)(z)


@seldom
def without_cycles(z: Any, points: Any, *given: Any) -> Any:
    """Of the devices at z the goals that need neither cycle nor integration, 0 for the others;
    whether there is a window, and whether the drive lies in it."""
    device, positions, kinds, meant, drive, how, where = given

    def one(z, points):
        found = _without_cycle(z, points, device, positions, drive, how, where)
        values = [
            jnp.asarray(kind.value(found, said), dtype=float)
            if kind.needs in ("device", "hopf") else jnp.zeros(())
            for kind, said in zip(kinds, meant, strict=True)
        ]  # fmt: skip
        if points is None:
            return jnp.stack(values), jnp.asarray(True), jnp.asarray(True)
        inside = (found.level > found.low) & (found.level < found.high)
        return jnp.stack(values), jnp.isfinite(found.low), inside

    return jax.vmap(one)(z, points)


def _without_cycle(z, points, device, positions, drive, how, where):
    changed = moved(device, positions, z)
    at = how, drive_moved(device, positions, z, where)
    if points is None:
        return without_window(changed, drive, at)
    return in_window(changed, drive, at, points)


@seldom
def numbers_with_slopes(
    z: Any, points: Any, slopes: Any, search: Any, near: bool, rtol: Any, *given: Any
) -> tuple[Any, Any]:
    """The goals' quantities at z and their slopes by z.

    `points`, `slopes`: Hopf points and their derivatives, or None. `search`: where the cycle was
    found, or None; `near`: whether it may be next to a Hopf point.
    """
    device, positions, kinds, meant, drive, how, where = given

    def numbers(step):
        # The Hopf points with their derivatives, without the program that finds them.
        live = None
        if points is not None:
            numeric, other = eqx.partition(points, eqx.is_inexact_array)
            live = eqx.combine(
                jax.tree.map(lambda a, by: a + jnp.nan_to_num(by) @ step, numeric, slopes), other
            )
        found = _without_cycle(z + step, live, device, positions, drive, how, where)
        if search is not None:
            circuit = circuit_at(found.device, drive, found.level).in_time()
            cycle = describe_cycle(circuit, search, live if near else None, rtol)
            found = found._replace(cycle=cycle)
        values = [kind.value(found, said) for kind, said in zip(kinds, meant, strict=True)]
        values = jnp.stack([jnp.asarray(value, dtype=float) for value in values])
        return values, values

    slopes_of, values = jax.jacfwd(numbers, has_aux=True)(jnp.zeros_like(z))
    return values, slopes_of


drive_at = program(drives_of)


def cycle_found(circuit: jm.Circuit, points: jm.HopfPoints, *, transients: bool) -> CycleSearch:
    """Where the cycle is, on the branches from the Hopf points, or by transients, too."""
    return find_cycle(circuit.in_time(), points, None, INTERVALS, transients=transients)


def compiled_aside(task: Any) -> Future[Any] | None:
    """Compile the programs of cycles in another thread, while Hopf points are looked for in this
    one; None if there is no cycle to find."""
    if "cycle" not in task.needs:
        return None
    other = ThreadPoolExecutor(1)
    # Ctrl-C does not wait for a program that nobody needs any more.
    made = other.submit(_compile, task)
    other.shutdown(wait=False)
    return made


def _compile(task) -> None:
    z = np.zeros(len(task.knobs.names))
    device = task.moved(z)
    states = device.in_time().size
    # No point: all is compiled, and nothing is followed.
    line = jnp.full((MOST,), jnp.nan)
    points = jm.HopfPoints(
        u=line, x=jnp.full((MOST, states), jnp.nan), I=line, V=line, omega=line, l1=line,
        l1_kuznetsov=line, amplitude2_slope=line, period_slope=line, place=line,
        found=jnp.zeros((), int),
    )  # fmt: skip
    slopes = jax.tree.map(
        lambda a: jnp.zeros((*a.shape, z.size)), eqx.filter(points, eqx.is_inexact_array)
    )
    circuit = circuit_at(device, task.drive, jnp.ones(()))
    search = cycle_found(circuit, points, transients=False)
    task.numbers(z, points, slopes, search)


def in_lanes(z: Float[np.ndarray, "n p"]) -> list[np.ndarray]:
    """Pieces of `LANES` rows; the last one is filled up with its own last row."""
    rows = -(-len(z) // LANES) * LANES
    padded = np.concatenate([z, np.repeat(z[-1:], rows - len(z), axis=0)])
    return list(padded.reshape(-1, LANES, z.shape[1]))
