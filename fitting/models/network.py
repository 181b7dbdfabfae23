"""A circuit of the user's own as the model of a fit: what is free, and where starts are drawn."""

import math
from functools import lru_cache

import numpy as np

from fitting.models.ranges import Range, Scales
from fitting.models.setup import Setup
from fitting.problem.space import Free, Space
from fitting.terms.spectrum import Spectrum
from jaxmem.fields import quantities
from jaxmem.networks import Network, with_values


def network_model(network: Network, *, spectrum: Spectrum, own: bool = False) -> Setup:
    """A circuit whose elements are free, and starts from what the spectrum says of sizes.

    Every parameter is free but exponents that theory knows (of diffusion), which keep their
    values. The box of starts spans what elements can be that the spectrum sees: resistances from
    a hundredth of the least |Z| to three times the largest, times from the fastest to the slowest
    period, and capacitances and inductances of both.

    **Arguments:**

    - `network`: the circuit.
    - `spectrum`: what it is fitted to.
    - `own`: start at the values that the circuit has, too; else in the middle of the box.
    """
    frees, box = [], {}
    for name, (element, field) in network.parameters().items():
        kind = network.elements[element]
        if field in kind.exponents:
            continue
        meta = quantities(kind)[field]
        box[name] = _range(meta["unit"], spectrum)
        # An exponent lies between 0 and 1: it is searched as it is.
        log = False if meta["unit"] == "1" else None
        frees.append(Free(_at(element, field), name=name, log=log))
    if not own:
        middle = lambda low, high: math.sqrt(low * high) if low > 0 else high / 2
        network = with_values(network, {name: middle(*ends) for name, ends in box.items()})
    return Setup(network, Space(*frees), box)


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
