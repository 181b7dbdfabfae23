"""Families of models that may explain the same data: what `compare` ranks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

from fitting.models.conductance import as_list, conductance_model
from fitting.models.elements import element_model
from fitting.models.memristor import memristor_model
from fitting.models.setup import Setup
from fitting.terms.measurement import measurement_of
from fitting.terms.term import unwrap

# Ideas of what the slow current is, in words.
IDEAS = {
    "rc": "a resistor and a capacitor alone",
    "capacitive": "a slow capacitive branch",
    "2d": "a chemical inductor (2D)",
    "3d": "a chemical inductor behind a second lag (3D)",
    "memory": "a conductance with memory",
    "switching": "a conductance that switches at a rate set by the voltage",
}
TITLES = {"rc": "R-C", "2d": "2D", "3d": "3D"}


@dataclass(frozen=True)
class Rival:
    """A model that may explain the data.

    **Arguments:**

    - `name`: what tables call it.
    - `setup`: called with the list of terms, gives model, space and start box (see `Setup`).
    - `idea`: what it says of the physics, in words that can begin a sentence; rivals of one idea
      differ in what surrounds it. Default: the name.
    - `contains`: names of rivals that it becomes at the edge of its space. Of two such the simpler
      one is preferred unless the larger one gains.
    """

    name: str
    setup: Callable[[Sequence[Any]], Setup]
    idea: str = ""
    contains: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The idea, or else the name."""
        return self.idea or self.name


def rivals(
    terms: Any | Sequence[Any],
    *,
    kinds: Sequence[str] = ("rc", "2d", "3d"),
    cpe: Sequence[bool] = (False, True),
    lead: Sequence[bool] = (True,),
    capacitive: Sequence[bool] = (False, True),
    series: bool = True,
    conductance: bool | None = None,
    photocurrent: bool = False,
) -> list[Rival]:
    """The family that these data can tell apart.

    Of one spectrum, or of spectra without a bias, the elements: R-C, 2D, 3D. Of anything else the
    devices with the paper's letters, `Memristor2D` and `Memristor3D`, and the conductance memristor
    (see `conductance_model`), with constant and with voltage-dependent relaxation.

    **Arguments:**

    - `kinds`: of `"rc"` (elements only), `"2d"`, `"3d"`.
    - `cpe`, `lead`, `capacitive`: with and without a constant-phase element in the place of C_m, a
      lead inductance, and a slow capacitive R-C branch. Without a chemical inductor the last is the
      purely capacitive rival; a `SlowConductance` with g < 0 is the same admittance, because
      -1/R + 1/(R + 1/(s C)) is one.
    - `series`: whether the series resistance R_s is free; else it is zero.
    - `conductance`: whether the conductance memristor is a rival; default where there are traces.
    - `photocurrent`: whether each has a constant current source beside it; there is no conductance
      memristor with one.

    **Raises:** `ValueError` for a kind that is not known, or if no rival is left.
    """
    terms = as_list(terms)
    inner = [m for term in terms if (m := measurement_of(term)) is not None]
    physical = _physical(inner)
    if unknown := set(kinds) - set(TITLES):
        raise ValueError(f"no kind {sorted(unknown)}; there are {', '.join(TITLES)}")
    found: list[tuple[Rival, tuple]] = []
    for kind, with_cpe, with_lead, slow in product(kinds, cpe, lead, capacitive):
        if physical and kind == "rc":
            continue
        add = (("cpe",) if with_cpe else ()) + (("polarisation",) if slow else ())
        add += ("photocurrent",) if photocurrent and physical else ()
        parts = [TITLES[kind], *(["CPE"] if with_cpe else []), *(["slow R-C"] if slow else [])]
        name = " + ".join(parts) + ("" if with_lead or len(set(lead)) == 1 else ", no lead")
        setup = partial(_letters if physical else _elements, kind, add, with_lead, series)
        idea = IDEAS["capacitive" if kind == "rc" and slow else kind]
        key = (("rc", "2d", "3d").index(kind), with_cpe, with_lead, slow)
        found.append((Rival(name, setup, idea), key))
    result = []
    for rival, key in found:
        less = tuple(r.name for r, k in found if k != key and _within(k, key))
        result.append(Rival(rival.name, rival.setup, rival.idea, less))
    traced = any(len(m.sizes().t) for m in inner)
    if physical and not photocurrent and (traced if conductance is None else conductance):
        for kind in ("memory", "switching"):
            setup = partial(conductance_model, kind)
            result.append(Rival(f"conductance, {kind}", setup, IDEAS[kind]))
    if not result:
        raise ValueError("rivals: none is left; give kinds, cpe, lead and capacitive")
    return result


def _elements(kind, add, lead, series, terms) -> Setup:
    found = [unwrap(term) for term in terms if measurement_of(term) is not None]
    return element_model(kind, add, spectrum=found[0], lead=lead, series=series)


def _letters(kind, add, lead, series, terms) -> Setup:
    return memristor_model(kind, terms, add, lead=lead, series=series)


def _physical(inner) -> bool:
    """Whether biases, loops or curves tell the paper's letters from elements."""
    sizes = [m.sizes() for m in inner]
    if any(len(s.V) and not len(s.Z) for s in sizes):
        return True
    biases = {m.bias for m, s in zip(inner, sizes, strict=True) if len(s.Z)}
    return len(biases) > 1 and all(kind is not None for kind, _ in biases)


def _within(less, more) -> bool:
    return all(a <= b for a, b in zip(less, more, strict=True))
