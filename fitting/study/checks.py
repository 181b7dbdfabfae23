"""What is wrong with a study before it is fitted: said at once, not found out after minutes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fitting.models.offset import offset_of
from fitting.models.ranges import chord, extent
from fitting.problem.space import Space
from fitting.terms.measurement import AbstractMeasurement, Sizes, measurement_of
from fitting.terms.term import Prior
from jaxmem.devices import AbstractDevice, Photocurrent
from jaxmem.lens import locate
from jaxmem.output.numbers import engineering

# Two measurements of one resistance that differ by this factor are in different units.
THOUSAND = 300.0


def check_study(
    terms: Sequence[Any], model: Any, space: Space, box: Mapping[str, tuple[float, float]]
) -> list[str]:
    """Remarks on a study, in words; errors are raised.

    Remarked: a prior of what is fixed; terms whose resistances are far apart, as if a unit were
    wrong; biases far outside of what loops and curves sweep.

    **Raises:** `ValueError` for a range of starts that lies outside a parameter's bounds, or for a
    prior that contradicts one.
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


def offset_remarks(terms: Sequence[Any], model: Any) -> list[str]:
    """That the data show a current at V = 0, where the model has no source of it; in words.

    **Arguments:**

    - `terms`: what is fitted. `model`: what is fitted to it.
    """
    branches = model.branches.values() if isinstance(model, AbstractDevice) else ()
    if any(isinstance(branch, Photocurrent) for branch in branches):
        return []
    found = [(m.name, offset) for m, seen in _measured(terms)
             if (offset := offset_of(seen)) is not None]  # fmt: skip
    if not found:
        return []
    shown = ", ".join(f"{engineering(o.current, 'A', 3)} in {name}" for name, o in found[:3])
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return [
        f"At V = 0 a current flows, {shown}{more}, which the model cannot have: light or an offset "
        "drives it. Add a constant current, --add photocurrent (in a device file a branch of kind "
        "Photocurrent); without it other parameters are bent to make up for it."
    ]


def _units(terms: Sequence[Any]) -> list[str]:
    """Resistances of spectra and of traces that are a factor of a thousand apart."""
    found: dict[str, float] = {}
    for m, seen in _measured(terms):
        if len(seen.Z):
            # At the lowest frequency, where it is nearest to what a slow loop sees.
            found[m.name] = float(np.abs(seen.Z[np.argmin(seen.omega)]))
        elif len(seen.I) and extent(seen.I) > 0:
            found[m.name] = chord(seen)
    if len(found) < 2:
        return []
    names = list(found)
    said = []
    for k, name in enumerate(names):
        others = [found[n] for n in names[:k] + names[k + 1 :]]
        low, high = min(others), max(others)
        if found[name] > THOUSAND * high or found[name] < low / THOUSAND:
            said.append(
                f"{name}: its resistance is about {found[name]:.3g} ohm, those of the others "
                f"{low:.3g} to {high:.3g} ohm: check the units"
            )
    # Of two that disagree, neither is the odd one out.
    return said[:1] if len(names) == 2 else said


def _biases(terms: Sequence[Any]) -> list[str]:
    """Spectra at biases far outside of what the other data sweep."""
    every = _measured(terms)
    swept = [seen.V for _, seen in every if len(seen.V) and not len(seen.Z)]
    if not swept:
        return []
    low, high = float(np.concatenate(swept).min()), float(np.concatenate(swept).max())
    width = max(high - low, 1e-12)
    said = []
    for m, _ in every:
        kind, value = m.bias
        if kind in ("u", "V") and not low - width <= value <= high + width:
            said.append(
                f"{m.name}: its bias, {value:g} V, lies far outside of what the other data "
                f"sweep, {low:.3g} to {high:.3g} V: check the bias"
            )
    return said


def _measured(terms: Sequence[Any]) -> list[tuple[AbstractMeasurement, Sizes]]:
    found = [m for term in terms if (m := measurement_of(term)) is not None]
    return [(m, m.sizes()) for m in found]
