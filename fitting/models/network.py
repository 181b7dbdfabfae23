"""A circuit of the user's own as the model of a fit: what is free, and where starts are drawn."""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from fitting.models.ranges import Range, Scales
from fitting.models.setup import Setup
from fitting.problem.space import Free, Space
from fitting.terms.spectrum import Spectrum
from jaxmem.fields import quantities
from jaxmem.lens import Lens
from jaxmem.networks import Given, Network, with_values


def network_model(
    network: Network,
    *,
    spectrum: Spectrum,
    own: bool = False,
    given: Mapping[str, Given] | None = None,
) -> Setup:
    """A circuit whose elements are free, and starts from what the spectrum says of sizes.

    Every parameter is free but what is given as fixed and, unless a value without a fixing is
    given, exponents that theory knows (of diffusion). The box of starts spans what elements can be
    that the spectrum sees: resistances from a hundredth of the least |Z| to three times the
    largest, times from the fastest to the slowest period, and capacitances and inductances of both.

    **Arguments:**

    - `network`: the circuit.
    - `spectrum`: what it is fitted to.
    - `own`: start at the values that the circuit has, too; else in the middle of the box.
    - `given`: of parameters by name, as `written_circuit` says them: a value, at which a start
      stands, whether it is fixed, and limits, which the fit keeps.
    """
    frees, box, given = [], {}, given or {}
    for name, (element, field) in network.parameters().items():
        kind, known = network.elements[element], given.get(name)
        if field in kind.exponents if known is None else known.fixed:
            continue
        meta = quantities(kind)[field]
        box[name] = _range(meta["unit"], spectrum)
        # An exponent lies between 0 and 1: it is searched as it is.
        log = False if meta["unit"] == "1" else None
        limits = {} if known is None else _limits(known, meta)
        if known is not None:
            box[name] = _within(box[name], known, meta["positive"])
        frees.append(Free(_at(element, field), name=name, log=log, **limits))
    if not own:
        middle = lambda low, high: math.sqrt(low * high) if low > 0 else high / 2
        start = {n: middle(*ends) for n, ends in box.items() if n not in given}
        network = with_values(network, start)
    return Setup(network, Space(*frees), box)


def _limits(known: Given, meta: Mapping[str, Any]) -> dict[str, float]:
    """The limits that say more than the field does."""
    low, high = meta.get("bounds", (0.0 if meta["positive"] else -math.inf, math.inf))
    limits = {"low": known.low} if known.low > low else {}
    return limits | ({"high": known.high} if known.high < high else {})


def _within(ends: Range, known: Given, positive: bool) -> Range:
    """The part of a start range within limits; where there is none, the limits, or a thousandth to
    a thousand times the value."""
    low, high = max(ends[0], known.low), min(ends[1], known.high)
    if low < high:
        return low, high
    size = abs(known.value)
    low, high = (size / 1e3, size * 1e3) if positive else (known.value - size, known.value + size)
    return max(low, known.low), min(high, known.high)


def _range(unit: str, spectrum: Spectrum) -> Range:
    """Where a parameter of a unit may start."""
    scale = Scales.of_spectra([spectrum.sizes()])
    low, high = 1e-2 * float(np.abs(spectrum.Z).min()), 3 * scale.Z_max
    fast, slow = 1 / scale.fastest, 1 / scale.slowest
    match unit:
        case "ohm":
            return low, high
        case "F":
            return fast / high, slow / scale.R_min
        case "H":
            return fast * low, slow * high
        case "s":
            return fast, 10 * slow
        case "1/s":
            return 0.1 / slow, 1 / fast
        case "1":
            return 0.4, 1.0
        case "S":
            return -3 / scale.R_min, 3 / scale.R_min
        case "S s^n":
            return fast / high, math.sqrt(slow) / scale.R_min
        case "ohm s^-1/2":
            return low / math.sqrt(slow), high / math.sqrt(fast)
        case "s/ohm^(1/n)":
            return fast / high**2, slow / scale.R_min**2
    raise ValueError(f"nothing is known of where to start a parameter in {unit}")


@lru_cache(maxsize=1024)
def _at(element: str, field: str):
    # Cached, because a new function would compile anew.
    return lambda network: getattr(network.elements[element], field)


def network_lenses(network: Network) -> dict[str, Lens]:
    """What points at each parameter of a circuit, by its name."""
    return {name: _at(*where) for name, where in network.parameters().items()}
