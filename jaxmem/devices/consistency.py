"""Whether a branch says one thing where it says it twice: its equilibrium, and its chart."""

from functools import lru_cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.devices.branch import AbstractBranch
from jaxmem.fields import is_concrete, voltages

# Of the sizes of the terms that must balance, this share may be left, in float64 and in float32.
SHARE = {8: 1e-6, 4: 2e-3}
# Charts are compared where their coordinates are no larger: beyond, a state has no digits left.
FARTHEST = 15.0
# Branches whose answers are kept, so that a check is made once.
KEPT = 4096


def check_branch(name: str, branch: Any) -> None:
    """Refuse a branch whose `rest` or whose chart contradicts its `rates`.

        rates(u, rest(u)) = 0,   unchart(chart(x)) = x,   dz/dt = (dz/dx) rates(u, unchart(z))

    Looked at for several u: in its window, round its own voltages, and for some magnitudes. What is
    left of the rates is compared with sum over j of |d rates_i/dx_j| times the size of x_j, which
    has their unit, so that units do not matter. The branches of this package are held to it by
    tests; nothing is checked where values are traced.

    **Raises:** `ValueError` that names the branch, the voltage and what was got.
    """
    kind = type(branch)
    if not branch.size or kind.__module__.split(".")[0] == "jaxmem" or not is_concrete(branch):
        return
    leaves, structure = jax.tree.flatten(branch)
    if not all(isinstance(leaf, jax.Array | np.ndarray | float | int) for leaf in leaves):
        return
    known = tuple((a.shape, a.dtype.str, a.tobytes()) for a in map(np.asarray, leaves))
    with jax.ensure_compile_time_eval():  # a device may be made inside a traced function
        fault = _fault(_Kept(branch, (kind, structure, known)))
    if fault:
        raise ValueError(f"{name}: {kind.__name__}{fault}")


class _Kept:
    """A branch that is equal to another with the same values."""

    def __init__(self, branch, key):
        self.branch, self.key = branch, key

    def __hash__(self):
        return hash(self.key)

    def __eq__(self, other):
        return self.key == other.key


@lru_cache(maxsize=KEPT)
def _fault(kept: _Kept) -> str:
    """What is wrong with a branch, in words; nothing if nothing is."""
    branch = kept.branch
    n = branch.size
    u = jnp.zeros((), jnp.result_type(float))
    if branch.rates_only:
        return _fault_of_walk(branch)
    try:
        x = jax.eval_shape(branch.rest, u) if not branch.has_curve else u
        shape = (n,) if branch.has_curve else x.shape
        r = jax.eval_shape(branch.rates, u, jnp.zeros(n))
    except Exception:
        if any(np.ndim(leaf) for leaf in jax.tree.leaves(branch)):
            return ""  # a batch of branches: each is looked at by itself
        raise
    if not branch.has_curve and type(branch).rest is AbstractBranch.rest:
        return (
            f" has the states {branch.states} and says nowhere where they rest: give rest(u), or, "
            "where they may rest in several states at one voltage, rest_curve(s) with "
            "rest_range(): u and the states over a parameter of your own, as a state from which u "
            "follows by rates(u, x) = 0 (ThermalSwitch does so), or rest_box(): the lowest and the "
            "highest (u, x), between which they are then followed"
        )
    for method, got in (("rest", shape), ("rates", r.shape)):
        if got != (n,) and not any(np.ndim(leaf) for leaf in jax.tree.leaves(branch)):
            return (
                f".{method}: wants the shape ({n},), one number for each of its states "
                f"{branch.states}, got {got}"
            )
        if got != (n,):
            return ""
    places = _places(branch)
    found = jax.tree.map(np.asarray, _compare(branch, places))
    share = SHARE[found.x.dtype.itemsize]
    for said, off, size, got in (
        (_RATES, found.rates, found.terms, found.rates),
        (_CHART, found.back - found.x, found.size, found.back),
        (_CHART_REST, found.chart_rest - found.x, found.size, found.chart_rest),
        (_CHART_RATES, found.chart_off, found.chart_size, found.chart_off),
    ):
        with np.errstate(invalid="ignore", over="ignore"):
            wrong = np.abs(off) > share * size
        wrong = wrong & np.isfinite(off) & np.isfinite(size)
        if wrong.any():
            worst = np.where(wrong, np.abs(off) / np.where(size > 0, size, 1.0), 0.0)
            k, i = np.unravel_index(np.argmax(worst), worst.shape)
            return said.format(
                at=f"{found.u[k]:.6g} V", state=branch.states[i],
                unit=branch.units[i] if i < len(branch.units) else "1",
                got=f"{got[k, i]:.6g}", x=f"{found.x[k, i]:.6g}", size=f"{size[k, i]:.3g}",
            )  # fmt: skip
    if not np.isfinite(found.rates).any():
        return ".rest: neither it nor its rates are finite at any voltage that was tried"
    return ""


def _fault_of_walk(branch) -> str:
    """What is wrong with a branch that gives its rates and a box only."""
    wants = f".rest_box: wants the lowest and the highest (u, x), {1 + branch.size} numbers each"
    try:
        ends = [np.asarray(end, float) for end in branch.rest_box()]
    except (TypeError, ValueError) as error:
        return f"{wants}: {error}"
    if [end.shape for end in ends] != [(1 + branch.size,)] * 2 or not np.all(ends[0] < ends[1]):
        return f"{wants} that ascend, got {[end.tolist() for end in ends]}"
    walk = branch.walk()
    if not bool(walk.begun):
        return (
            f": at u = {ends[0][0]:.6g} V, the lowest of rest_box, its states {branch.states} come "
            "to no rest in the box: begin where there is one stable equilibrium, or give "
            "rest_curve(s)"
        )
    if not bool(walk.left):
        last = walk.low + walk.size * walk.ys[int(walk.count) - 1]
        return (
            f": its equilibria, followed from the lowest voltage of rest_box, are lost at (u, x) = "
            f"({', '.join(f'{float(v):.6g}' for v in last)}) inside it: look at rates() there, or "
            "give rest_curve(s)"
        )
    return ""


_RATES = (
    ": at u = {at} the states that rest gives do not rest: the rate of {state} is {got} {unit}/s "
    "at {state} = {x} {unit}, where its terms are of the size of {size}; rates(u, rest(u)) must "
    "be zero: correct rest or rates"
)
_CHART = (
    ": at u = {at} unchart(chart(x)) is {got} for {state} = {x} {unit}; unchart must be the "
    "inverse of chart: correct one of them, or leave out both"
)
_CHART_REST = (
    ": at u = {at} unchart(chart_rest(u)) is {got} where rest(u) gives {state} = {x} {unit}; "
    "correct chart_rest, or leave it out"
)
_CHART_RATES = (
    ": at u = {at}, near {state} = {x} {unit}, chart_rates differ from what rates say in the chart "
    "by {got} {unit}/s; correct chart_rates, or leave it out"
)


def _places(branch) -> np.ndarray:
    """Voltages to compare at, or places of the curve; always as many for a kind of branch."""
    if branch.has_curve:
        low, high = (float(end) for end in branch.rest_range())
        return low + (high - low) * np.linspace(0.03, 0.97, 12)
    own = [float(value) for value in voltages(branch)]
    window = branch.window()
    if window is not None:
        centre, width = (float(np.asarray(end)) for end in window)
        own += [centre + width * x for x in (-10.0, -1.0, 0.0, 0.7, 3.0, 10.0)]
    some = [s * a for a in (0.003, 0.03, 0.3, 3.0, 30.0) for s in (-1.0, 1.0)]
    places = np.array([0.0, *own, *some])
    return places[np.argsort(np.abs(places), kind="stable")]


class _Comparison(eqx.Module):
    """At each place: u, x, rates, what their terms amount to, and the chart's versions."""

    u: Any
    x: Any
    rates: Any
    terms: Any
    size: Any
    back: Any
    chart_rest: Any
    chart_off: Any
    chart_size: Any


@eqx.filter_jit
def _compare(branch, places):
    places = jnp.asarray(places, jnp.result_type(float))

    def state(s):
        return branch.rest_curve(s) if branch.has_curve else (s, branch.rest(s))

    u, x = jax.vmap(state)(places)
    # A state is as large as at any smaller voltage, and at the next two.
    size = jax.lax.cummax(jnp.where(jnp.isfinite(x), jnp.abs(x), 0.0))
    size = jnp.concatenate([size[2:], size[-1:], size[-1:]])

    def terms(u, x, size):
        slopes = jax.jacfwd(branch.rates, argnums=1)(u, x)
        return jnp.abs(slopes) @ size

    rates = jax.vmap(branch.rates)(u, x)
    amount = jax.vmap(terms)(u, x, size)
    back = jax.vmap(lambda x: branch.unchart(branch.chart(x)))(x)

    def in_chart(u, x, size):
        z = branch.chart(x)
        near = z + 0.1 * jnp.where(jnp.abs(z) > 0.1, 1.0, jnp.maximum(jnp.abs(z), 1e-3))
        there, moved = jax.jvp(branch.unchart, (near,), (branch.chart_rates(u, near),))
        want = branch.rates(u, there)
        slopes = jax.jacfwd(branch.rates, argnums=1)(u, there)
        far = jnp.any(jnp.abs(near) > FARTHEST)
        bulk = jnp.abs(slopes) @ jnp.maximum(size, jnp.abs(there)) + jnp.abs(want)
        return jnp.where(far, 0.0, moved - want), bulk

    off, bulk = jax.vmap(in_chart)(u, x, size)
    kept = x if branch.has_curve else jax.vmap(lambda u: branch.unchart(branch.chart_rest(u)))(u)
    return _Comparison(u, x, rates, amount, size, back, kept, off, bulk)
