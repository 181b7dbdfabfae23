"""Families of models that may explain the same data: what `compare` ranks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import jax.numpy as jnp
import numpy as np

from fitting.data import Spectrum
from fitting.elements import Setup, element_model, memristor_model
from fitting.problem import measured
from fitting.space import Free, Space
from fitting.steady_curve import SteadyCurve
from fitting.trace import Trace
from jaxmem.devices import Device, MemoryConductance, SwitchingConductance

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
    conductance: bool | None = None,
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
    - `conductance`: whether the conductance memristor is a rival; default where there are traces.

    **Raises:** `ValueError` for a kind that is not known, or if no rival is left.
    """
    terms = _as_list(terms)
    inner = [measured(term) for term in terms]
    physical = _physical(inner)
    if unknown := set(kinds) - set(TITLES):
        raise ValueError(f"no kind {sorted(unknown)}; there are {', '.join(TITLES)}")
    found: list[tuple[Rival, tuple]] = []
    for kind, with_cpe, with_lead, slow in product(kinds, cpe, lead, capacitive):
        if physical and kind == "rc":
            continue
        add = (("cpe",) if with_cpe else ()) + (("polarisation",) if slow else ())
        parts = [TITLES[kind], *(["CPE"] if with_cpe else []), *(["slow R-C"] if slow else [])]
        name = " + ".join(parts) + ("" if with_lead else ", no lead")
        setup = partial(_letters if physical else _elements, kind, add, with_lead)
        idea = IDEAS["capacitive" if kind == "rc" and slow else kind]
        key = (("rc", "2d", "3d").index(kind), with_cpe, with_lead, slow)
        found.append((Rival(name, setup, idea), key))
    result = []
    for rival, key in found:
        less = tuple(r.name for r, k in found if k != key and _within(k, key))
        result.append(Rival(rival.name, rival.setup, rival.idea, less))
    traced = any(isinstance(t, Trace) for t in inner)
    if physical and (traced if conductance is None else conductance):
        for kind in ("memory", "switching"):
            setup = partial(conductance_model, kind)
            result.append(Rival(f"conductance, {kind}", setup, IDEAS[kind]))
    if not result:
        raise ValueError("rivals: none is left; give kinds, cpe, lead and capacitive")
    return result


def conductance_model(kind: str, terms: Any | Sequence[Any]) -> Setup:
    """The conductance memristor I = C_m u' + [g_off + (g_on - g_off) x] u, with starts from data.

    `kind` is `"memory"` (x relaxes in one time, `MemoryConductance`) or `"switching"` (in a time
    that the voltage sets, `SwitchingConductance`).

    **Raises:** `ValueError` for another kind, or if no term says anything of sizes.
    """
    R, V, T = scales(terms)
    g = (1 / R[1], 1 / R[0])
    box = {"C_m": (1e-3 * T[0] / R[1], 1e-1 * T[1] / R[1]), "R_s": (1e-2 * R[0], 3 * R[0])}
    box |= {"g_on": (0.3 * g[1], 30 * g[1]), "g_off": (g[0] / 10, 3 * g[0])}
    middle = lambda name: jnp.asarray(np.sqrt(box[name][0] * box[name][1]))
    if kind == "memory":
        box |= {"V_T": (-V, V), "V_m": (V / 30, V), "tau": (T[0], T[1])}
        memory = (jnp.asarray(V / 3), middle("V_m"), middle("tau"))
        branch: Any = MemoryConductance(middle("g_on"), middle("g_off"), *memory)
    elif kind == "switching":
        steep = (V / 50, V / 3)
        rate = (1e-3 / T[1], 10 / T[1])
        box |= {"k_on": rate, "k_off": rate, "V_on": steep, "V_off": steep}
        rest = ("g_on", "g_off", "k_on", "k_off", "V_on", "V_off")
        branch = SwitchingConductance(*(middle(name) for name in rest))
    else:
        raise ValueError(f"no conductance memristor {kind!r}; there are memory, switching")
    at = lambda name: lambda d: getattr(d.branches["memory"], name)
    own = [Free(at(name), name=name) for name in box if name not in ("C_m", "R_s")]
    device = Device(middle("C_m"), {"memory": branch}, middle("R_s"))
    frees = (*own, Free(lambda d: d.C_m, name="C_m"), Free(lambda d: d.R_s, name="R_s"))
    return Setup(device, Space(*frees), box)


def scales(terms: Any | Sequence[Any]):
    """What data say of sizes: resistances (low, high) [ohm], largest |V| [V], times [s].

    **Raises:** `ValueError` if there is no spectrum, trace or curve.
    """
    R, V, T = [], [], []
    for term in map(measured, _as_list(terms)):
        if isinstance(term, Spectrum):
            R += [float(np.abs(term.Z).min()), float(np.abs(term.Z).max())]
            V.append(abs(term.bias[1]))
            T += [1 / float(term.omega.max()), 1 / float(term.omega.min())]
            continue
        if not isinstance(term, Trace | SteadyCurve):
            continue
        if isinstance(term, Trace):
            imposed = np.asarray(term.drive.wave(jnp.asarray(term.t)))
            T += [float(np.median(np.diff(term.t))), float(np.ptp(term.t))]
        else:
            imposed = term.bias
        a, b = np.abs(imposed), np.abs(term.observed)
        voltage, current = (b, a) if term.unit == "V" else (a, b)
        felt = (voltage > 0.3 * voltage.max()) & (current > 1e-3 * current.max())
        if felt.any():
            R += list(np.quantile(voltage[felt] / current[felt], [0.05, 0.95]))
        V.append(float(voltage.max()))
    if not R or not max(V) > 0:
        raise ValueError("scales: these terms say nothing of resistance and voltage")
    T = T or [1e-3, 1.0]
    return (min(R), max(R)), max(V), (min(T), max(T))


def _elements(kind, add, lead, terms) -> Setup:
    spectra = [t for t in map(measured, terms) if isinstance(t, Spectrum)]
    return element_model(kind, add, spectrum=spectra[0], lead=lead)


def _letters(kind, add, lead, terms) -> Setup:
    spectra = [t for t in map(measured, terms) if isinstance(t, Spectrum)]
    return memristor_model(kind, spectra or [_pretended(terms)], add, lead=lead and bool(spectra))


def _pretended(terms) -> Spectrum:
    """An R-C spectrum of the size that traces and curves show, for starts where there is none."""
    R, V, T = scales(terms)
    freq = np.geomspace(1 / T[1], 1 / T[0], 16) / (2 * np.pi)
    Z = R[0] / 10 + R[1] / (1 + 2j * np.pi * freq * T[0] * 3)
    return Spectrum(freq, Z, u=V / 2)


def _physical(inner) -> bool:
    if any(isinstance(t, Trace | SteadyCurve) for t in inner):
        return True
    biases = {t.bias for t in inner if isinstance(t, Spectrum)}
    return len(biases) > 1 and all(kind is not None for kind, _ in biases)


def _within(less, more) -> bool:
    return all(a <= b for a, b in zip(less, more, strict=True))


def _as_list(terms) -> list:
    return list(terms) if isinstance(terms, list | tuple) else [terms]
