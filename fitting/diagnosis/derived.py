"""Quantities that follow from fitted parameters, with their intervals."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from fitting.diagnosis.covariance import WIDEST
from fitting.diagnosis.minima import Alternative
from fitting.problem.problem import Problem
from jaxmem.devices import AbstractDevice, SlowConductance, TwoLagConductance


class Derived(NamedTuple):
    """A quantity that follows from the parameters: value, unit, 68 % interval, verdict."""

    value: float
    unit: str
    low: float
    high: float
    identifiable: bool


def derive(
    problem: Problem,
    z: np.ndarray,
    covariance: np.ndarray,
    others: Sequence[Alternative],
    more: Mapping[str, tuple[str, Callable[[Any], Any]]] | None,
    ends: Sequence[tuple[np.ndarray, float]] = (),
) -> dict[str, Derived]:
    """Values and intervals at a search vector, by the linear law in the logarithm.

    `others` explain the data as well; so do `ends`, each with how many standard errors off a
    quantity may be there (see `find_nonlinearity`).
    """
    wanted = slow_elements(problem.model) | dict(more or {})
    if not wanted:
        return {}
    functions = tuple(fn for _, fn in wanted.values())
    at = lambda x: _evaluate(problem.model, problem.coordinates, functions, jnp.asarray(x))
    value, slope = (np.asarray(a) for a in at(z))
    points = [*((other.z, 1.0) for other in others), *ends]
    elsewhere = [(np.asarray(at(point)[0]), errors) for point, errors in points]
    found = {}
    for k, (name, (unit, _)) in enumerate(wanted.items()):
        used = np.abs(slope[k]) > 1e-9 * np.abs(slope[k]).max(initial=0.0)
        part = np.where(used, slope[k], 0.0)
        lost = np.isinf(np.diag(covariance)) & used
        finite = np.where(np.isfinite(covariance), covariance, 0.0)
        error = np.inf if lost.any() else float(np.sqrt(max(part @ finite @ part, 0.0)))
        size = abs(value[k])
        ratio = error / size if size > 0 else np.inf
        with np.errstate(over="ignore"):
            low, high = np.sort(value[k] * np.exp([-ratio, ratio])) if size > 0 else (-error, error)
        fine = ratio <= WIDEST and all(
            abs(other[k] - value[k]) <= errors * max(error, 1e-3 * size)
            for other, errors in elsewhere
        )
        found[name] = Derived(float(value[k]), unit, float(low), float(high), bool(fine))
    return found


def value_and_slope(problem: Problem, fn: Callable[[Any], Any], z: np.ndarray):
    """A function of the model at a search vector, and its derivative by it, shape `(p,)`."""
    value, slope = _evaluate(problem.model, problem.coordinates, (fn,), jnp.asarray(z))
    return float(value[0]), np.asarray(slope[0])


def slow_elements(model: Any) -> dict[str, tuple[str, Callable[[Any], Any]]]:
    """R_a = 1/g and L_d = tau/g (eqs 7, 8) of the slow conductances of a device.

    The first one's are called `R_a` and `L_d`, those of others `name.R_a`, `name.L_d`.
    """
    if not isinstance(model, AbstractDevice):
        return {}
    found = {}
    for name, branch in model.branches.items():
        if isinstance(branch, SlowConductance | TwoLagConductance):
            prefix = f"{name}." if found else ""
            found[f"{prefix}R_a"] = ("ohm", _element(name, "R_a"))
            found[f"{prefix}L_d"] = ("H", _element(name, "L_d"))
    return found


@lru_cache(maxsize=256)
def _element(branch: str, field: str) -> Callable[[Any], Any]:
    # Cached, because a new function would compile anew.
    return lambda device: getattr(device.branches[branch], field)


@eqx.filter_jit
def _evaluate(model, coordinates, functions, z):
    def values(z):
        there = coordinates.unpack(z, model)
        return jnp.stack([jnp.asarray(fn(there), z.dtype) for fn in functions])

    return values(z), jax.jacfwd(values)(z)
