"""What is wrong with a study before it is fitted: said at once, not found out after minutes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fitting.models.ranges import seen_in
from fitting.problem.batch import unwrap
from fitting.problem.space import Space
from fitting.terms.curve import SteadyCurve
from fitting.terms.spectrum import Spectrum
from fitting.terms.spikes import Spikes
from fitting.terms.term import Prior
from fitting.terms.trace import Trace
from jaxmem.devices import Memristor2D
from jaxmem.lens import locate

# Two measurements of one resistance that differ by this factor are in different units.
THOUSAND = 300.0


def check_study(
    terms: Sequence[Any], model: Any, space: Space, box: Mapping[str, tuple[float, float]]
) -> list[str]:
    """Remarks on a study, in words; errors are raised.

    Remarked: a prior of what is fixed; terms whose resistances are far apart, as if a unit were
    wrong; biases far outside of what loops and curves sweep.

    **Raises:** `ValueError` for a range of starts that lies outside a parameter's bounds, for a
    prior that contradicts one, or for spikes of a 2D device.
    """
    c = space.resolve(model)
    free = {k for positions in c.positions for k in positions}
    remarks = []
    for name, (low, high) in box.items():
        if name not in c.names:
            continue
        k = c.names.index(name)
        bounds = np.sort(c.to_values(np.stack([c.low, c.high]))[:, k])
        if high < bounds[0] or low > bounds[1]:
            raise ValueError(
                f"{name}: the starts lie in {low:g} to {high:g} {c.units[k]}, but its bounds are "
                f"{bounds[0]:g} to {bounds[1]:g}; change one of them"
            )
    if isinstance(model, Memristor2D) and any(isinstance(unwrap(t), Spikes) for t in terms):
        raise ValueError(
            "a 2D device does not spike under a constant current (it has no second lag); fit "
            'spikes with device = "3d"'
        )
    for term in terms:
        if isinstance(term, Prior):
            position = locate(term.lens, model)[0]
            if position not in free:
                remarks.append(
                    "a prior is on a parameter that is fixed: it has no effect; free the parameter "
                    "or leave out the prior"
                )
            else:
                at = next(k for k, p in enumerate(c.positions) if position in p)
                low, high = np.sort(c.to_values(np.stack([c.low, c.high]))[:, at])
                if not low <= term.mean <= high:
                    raise ValueError(
                        f"{c.names[at]}: the prior's mean, {term.mean:g} {c.units[at]}, lies "
                        f"outside its bounds {low:g} to {high:g}"
                    )
    return [*remarks, *_units(terms), *_biases(terms)]


def _units(terms: Sequence[Any]) -> list[str]:
    """Resistances of spectra and of traces that are a factor of a thousand apart."""
    sizes: dict[str, float] = {}
    for term in terms:
        inner = unwrap(term)
        if isinstance(inner, Spectrum) and len(inner.freq):
            # At the lowest frequency, where it is nearest to what a slow loop sees.
            sizes[inner.name] = float(np.abs(inner.Z[np.argmin(inner.freq)]))
        elif isinstance(inner, Trace | SteadyCurve):
            seen = seen_in(inner)
            span = lambda x: float(np.ptp(np.append(x, 0.0)))
            if span(seen.currents) > 0:
                sizes[inner.name] = span(seen.voltages) / span(seen.currents)
    if len(sizes) < 2:
        return []
    names = list(sizes)
    found = []
    for k, name in enumerate(names):
        others = [sizes[n] for n in names[:k] + names[k + 1 :]]
        low, high = min(others), max(others)
        if sizes[name] > THOUSAND * high or sizes[name] < low / THOUSAND:
            found.append(
                f"{name}: its resistance is about {sizes[name]:.3g} ohm, those of the others "
                f"{low:.3g} to {high:.3g} ohm: check the units"
            )
    # Of two that disagree, neither is the odd one out.
    return found[:1] if len(names) == 2 else found


def _biases(terms: Sequence[Any]) -> list[str]:
    """Spectra at biases far outside of what the other data sweep."""
    swept = [seen_in(m) for t in terms if isinstance(m := unwrap(t), Trace | SteadyCurve)]
    if not swept:
        return []
    low = min(float(s.voltages.min()) for s in swept)
    high = max(float(s.voltages.max()) for s in swept)
    width = max(high - low, 1e-12)
    found = []
    for term in terms:
        inner = unwrap(term)
        if isinstance(inner, Spectrum) and inner.bias[0] in ("u", "V"):
            value = inner.bias[1]
            if value < low - width or value > high + width:
                found.append(
                    f"{inner.name}: its bias, {value:g} V, lies far outside of what the other data "
                    f"sweep, {low:.3g} to {high:.3g} V: check the bias"
                )
    return found
