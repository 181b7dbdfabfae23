"""Models for a fit, and ranges to start from that are read off the data alone."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from fitting.models.graphical import (
    Arcs,
    Curve,
    arcs,
    curve_of_loop,
    gate_of_curve,
    gate_of_slopes,
    lags_of_loop,
)
from fitting.models.ranges import Range, Scales, Seen, seen_in
from fitting.problem.space import Free, Space
from fitting.terms.curve import SteadyCurve
from fitting.terms.spectrum import Spectrum
from fitting.terms.trace import Trace
from jaxmem.devices import (
    AbstractDevice,
    ConstantPhase,
    Device,
    Leak,
    Memristor2D,
    Memristor3D,
    Polarisation,
    SlowConductance,
    TwoLagConductance,
)
from jaxmem.fields import quantities

KINDS = ("rc", "2d", "3d")
ADDITIONS = ("cpe", "polarisation", "slow")


class Setup(NamedTuple):
    """A model to start from, what is free in it, and the box of starts by name."""

    model: Any
    space: Space
    box: dict[str, Range]


def element_model(
    kind: str = "2d",
    add: Sequence[str] = (),
    *,
    spectrum: Spectrum,
    lead: bool = True,
    series: bool = True,
) -> Setup:
    """The elements that one spectrum can determine, with starts from the data.

    **Arguments:**

    - `kind`: `"rc"` (C_m, R_b), `"2d"` (and the chemical inductor g, tau_d: R_a = 1/g,
      L_d = tau_d/g), `"3d"` (and a second lag tau_2).
    - `add`: `"cpe"` puts a constant-phase element (Q, n) in the place of C_m,
      `"polarisation"` adds a resistor and capacitor in series (R_1, C_1), `"slow"` a second
      slow conductance of either sign (g_slow, tau_slow).
    - `lead`, `series`: whether L_s and R_s are free; else they are zero.

    **Raises:** `ValueError` for a kind or addition that is not known.
    """
    _check(kind, add)
    scale = Scales.of([spectrum])
    box, branches, frees = _surroundings(scale, add, lead, series, home="branches")
    box["R_b"] = scale.resistance(0.3, 30)
    branches = {"leak": Leak(_middle(box["R_b"]))} | branches
    frees.insert(0, Free(lambda d: d.branches["leak"].R_b, name="R_b"))
    if kind != "rc":
        box["g"] = _inverse(scale.resistance(1e-2, 1e2))
        box["tau_d"] = scale.time
        slow = (_middle(box["g"]), _middle(box["tau_d"]))
        branches["slow"] = SlowConductance(*slow)
        frees += [
            Free(lambda d: d.branches["slow"].g, name="g", log=True),
            Free(lambda d: d.branches["slow"].tau, name="tau_d"),
        ]
        if kind == "3d":
            box["tau_2"] = scale.time
            branches["slow"] = TwoLagConductance(*slow, slow[1] / 3)
            frees.append(Free(lambda d: d.branches["slow"].tau_2, name="tau_2"))
    device = Device(
        0.0 if "cpe" in add else _middle(box["C_m"]),
        branches,
        _middle(box["R_s"]) if series else 0.0,
        _middle(box["L_s"]) if lead else 0.0,
    )
    seen = arcs(spectrum)
    guess = seen._asdict() | {"Q": _phase_element(seen), "tau_d": seen.tau, "tau_2": seen.tau / 3}
    return _begun(Setup(device, Space(*frees), box), guess)


def memristor_model(
    kind: str,
    terms: Sequence[Any],
    add: Sequence[str] = (),
    *,
    lead: bool = True,
    series: bool = True,
) -> Setup:
    """`Memristor2D` or `Memristor3D` for spectra at known biases, traces and curves.

    The free parameters are the paper's, R_b, C_m, i_c0, V_T, V_m, tau_d (and tau_k), in ranges that
    are read off the data. Without spectra the lead inductance stays zero: nothing else sees it.

    **Arguments:**

    - `kind`: `"2d"` or `"3d"`.
    - `terms`: spectra with a bias, traces and steady curves; at least one of them.
    - `add`, `lead`, `series`: see `element_model`.

    **Raises:** `ValueError` if a spectrum has no bias, or for a kind that is not known.
    """
    _check(kind, add)
    if kind == "rc":
        raise ValueError("an R-C circuit has no physical parameters; use element_model")
    spectra = [t for t in terms if isinstance(t, Spectrum)]
    for s in spectra:
        if s.bias[0] is None:
            raise ValueError(
                f"{s.name}: a spectrum without a bias determines elements (R_a, L_d, tau), not "
                "i_c0, V_T, V_m; give u=, V= or I=, or fit elements"
            )
    seen = [seen_in(t) for t in terms if isinstance(t, Trace | SteadyCurve)]
    if not spectra and not seen:
        raise ValueError("memristor_model: give at least one spectrum, trace or curve")
    scale = Scales.of(spectra) if spectra else Scales.in_time(seen)
    times = _times(scale, seen)
    box, extra, frees = _surroundings(scale, add, lead and bool(spectra), series, home="extra")
    volts = np.concatenate([[_voltage(s) for s in spectra], *[s.voltages for s in seen]])
    # What a loop sweeps, it need not pass; what a spectrum was taken at, lies near something.
    width = max(np.ptp(volts), 0.2 * np.abs(volts).max(), 0.05)
    beyond = 0.0 if seen else width
    box["R_b"] = scale.resistance(0.3, 30)
    box["V_T"] = (volts.min() - beyond, volts.max() + beyond)
    box["V_m"] = (width / 50, width / (2 if seen else 1))
    # R_a = V_m/(i_c0 f(1-f)) (eq. 7), where f(1-f) is at most a quarter.
    low, high = _inverse(scale.resistance(1e-2, 1e1))
    box["i_c0"] = (4 * box["V_m"][0] * low, 40 * box["V_m"][1] * high)
    box["tau_d"] = times
    if kind == "3d":
        box["tau_k"] = (times[0], 10 * times[1])
    names = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d") + (("tau_k",) if kind == "3d" else ())
    values: dict[str, Any] = {n: _middle(box[n]) for n in names if n in box and n != "V_T"}
    values["V_T"] = np.mean(volts)
    if "cpe" in add:
        values["C_m"] = 0.0
    device = (Memristor3D if kind == "3d" else Memristor2D)(
        **values,
        R_s=_middle(box["R_s"]) if series else jnp.zeros(()),
        L_s=_middle(box["L_s"]) if "L_s" in box else jnp.zeros(()),
        extra=extra,
    )
    lenses = dict(
        R_b=lambda d: d.R_b, i_c0=lambda d: d.i_c0, V_T=lambda d: d.V_T, V_m=lambda d: d.V_m,
        tau_d=lambda d: d.tau_d, tau_k=lambda d: d.tau_k,
    )  # fmt: skip
    own = [Free(lenses[n]) for n in names if n in lenses]
    return _begun(Setup(device, Space(*own, *frees), box), _letters(spectra, terms, box))


def _letters(spectra, terms, box: dict[str, Range]) -> dict[str, float]:
    """The paper's letters as spectra, loops and steady curves show them, where they do."""
    guess: dict[str, float] = {}
    gate, ranges = None, (box["V_T"], box["V_m"])
    if spectra:
        seen = [arcs(s) for s in spectra]
        # Of the circuits at several biases the one in the middle, by each number.
        middle = Arcs(*(float(np.median(x[np.isfinite(x)])) if np.isfinite(x).any() else np.nan
                        for x in np.array(seen).T))  # fmt: skip
        guess |= middle._asdict() | {"Q": _phase_element(middle)}
        guess |= {"tau_d": middle.tau, "tau_k": middle.tau}
        # At a current u would have to be known by the chord.
        known = [(s.bias[1], a.g) for s, a in zip(spectra, seen, strict=True) if s.bias[0] != "I"]
        gate = gate_of_slopes([u for u, _ in known], [g for _, g in known], *ranges)
    for curve in _curves(terms):
        # Of a fast loop the middle is no steady curve: better than nothing, and than nothing only.
        found = gate_of_curve(curve, *ranges) if curve.slow or gate is None else None
        if found is None:
            continue
        gate, R_b = found
        if not spectra:
            guess["R_b"] = R_b
            if curve.C_lf is not None:
                guess["C_m"], guess["tau_d"] = lags_of_loop(curve.V, curve.C_lf, gate)
                guess["tau_k"] = guess["tau_d"]
        break
    return guess | (gate._asdict() if gate is not None else {})


def _curves(terms) -> list[Curve]:
    """Steady curves and the loops of voltage drives, the slowest first."""
    found: list[Curve] = []
    for term in terms:
        if isinstance(term, SteadyCurve):
            V, current, *_ = seen_in(term)
            found.append(Curve(V, current))
        elif isinstance(term, Trace) and term.observe == "I":
            V = np.asarray(term.drive.wave(term.t))[term.used]
            curve = curve_of_loop(term.t[term.used], V, term.observed[term.used])
            if curve is not None:
                found.append(curve)
    return sorted(found, key=lambda curve: curve.rate)


def _phase_element(seen: Arcs) -> float:
    """Q of the constant-phase element whose arc with R_b has its apex where it is seen."""
    return 1 / (seen.R_b * seen.apex**0.9)


def _begun(setup: Setup, guess: Mapping[str, float]) -> Setup:
    """The setup with what was read off the data in its model, within the box."""
    c = setup.space.resolve(setup.model)
    z = c.pack(setup.model)
    for k, name in enumerate(c.names):
        value = guess.get(name, np.nan)
        # A lag or a capacitance of nothing is one that was not seen.
        if np.isfinite(value) and (value > 0 or not c.log[k]):
            low, high = setup.box[name]
            value = float(np.clip(value, low, high))
            z[k] = math.log(value) if c.log[k] else value
    return setup._replace(model=c.unpack(jnp.asarray(z), setup.model))


def _times(scale: "Scales", seen: Sequence[Seen]) -> Range:
    """Shortest and longest lag that the data can show [s]."""
    moving = [s for s in seen if s.slowest > 0]
    low, high = scale.time
    if not moving:
        return low, high
    return min(low, *(s.fastest for s in moving)), max(high, *(3 * s.slowest for s in moving))


def device_model(device: AbstractDevice) -> Setup:
    """Any device as the start of a fit: every quantity of it is free, but those that are zero.

    The start box is two decades to each side of the device's own values.
    """
    frees = []
    for home, module in (("", device), *_branches(device)):
        for field in quantities(module):
            if np.ndim(getattr(module, field)) == 0 and float(getattr(module, field)) != 0:
                name = f"{home}.{field}".lstrip(".")
                frees.append(Free(_at(home, field), name=name))
    return Setup(device, Space(*frees), {})


def _branches(device):
    """Path and branch of what a device holds as fields, not of what it derives."""
    for home in ("branches", "extra"):
        if home in type(device).__dataclass_fields__ and home in vars(device):
            for name, branch in getattr(device, home).items():
                yield f"{home}.{name}", branch


@lru_cache(maxsize=1024)
def _at(home: str, field: str):
    # Cached, because a new function would compile anew.
    if not home:
        return lambda d: getattr(d, field)
    holder, name = home.split(".", 1)
    return lambda d: getattr(getattr(d, holder)[name], field)


def _surroundings(scale: Scales, add, lead, series, *, home: str):
    """C_m or what replaces it, what is added, R_s and L_s: box, branches, free parameters."""
    box: dict[str, Range] = {}
    branches, frees = {}, []
    at = lambda name, field: lambda d: getattr(getattr(d, home)[name], field)
    if "cpe" in add:
        low, high = scale.capacitance
        box["Q"], box["n"] = (low, high * max(scale.apex, 1.0) ** 0.3), (0.7, 1.0)
        branches["cpe"] = ConstantPhase(_middle(box["Q"]), jnp.asarray(0.9))
        frees += [Free(at("cpe", "Q"), name="Q"), Free(at("cpe", "n"), name="n", log=False)]
    else:
        box["C_m"] = scale.capacitance
        frees.append(Free(lambda d: d.C_m, name="C_m"))
    if "polarisation" in add:
        box["R_1"] = scale.resistance(1e-2, 1e2)
        box["C_1"] = (1 / (scale.fastest * scale.Z_max), 10 / (scale.slowest * scale.Z_max))
        branches["polarisation"] = Polarisation(_middle(box["R_1"]), _middle(box["C_1"]))
        frees += [
            Free(at("polarisation", "R_1"), name="R_1"),
            Free(at("polarisation", "C_1"), name="C_1"),
        ]
    if "slow" in add:
        # Either sign: searched as it is, not in a logarithm.
        box["g_slow"], box["tau_slow"] = (-3 / scale.Z_max, 3 / scale.Z_max), scale.time
        name = "slow_2"
        branches[name] = SlowConductance(-_middle((0.3, 0.3)) / scale.Z_max, _middle(scale.time))
        frees += [
            Free(at(name, "g"), name="g_slow", log=False),
            Free(at(name, "tau"), name="tau_slow"),
        ]
    if series:
        box["R_s"] = (1e-3 * scale.R_min, scale.R_min)
        frees.append(Free(lambda d: d.R_s, name="R_s"))
    if lead:
        size = scale.Z_end / scale.fastest
        box["L_s"] = (1e-3 * size, size)
        frees.append(Free(lambda d: d.L_s, name="L_s"))
    return box, branches, frees


def _voltage(s: Spectrum) -> float:
    """A rough voltage over the memristor at the spectrum's bias."""
    kind, value = s.bias
    Z: Any = s.Z[np.argmin(s.freq)]
    return float(value * Z.real if kind == "I" else value)


def _check(kind: str, add: Sequence[str]) -> None:
    if kind not in KINDS:
        raise ValueError(f"no device {kind!r}; there are {', '.join(KINDS)}")
    if isinstance(add, str) or not set(add) <= set(ADDITIONS):
        raise ValueError(f"cannot add {add!r}; there are {', '.join(ADDITIONS)}, as a list")


def _middle(ends: Range) -> Any:
    return jnp.asarray(np.sqrt(ends[0] * ends[1]))


def _inverse(ends: Range) -> Range:
    return 1 / ends[1], 1 / ends[0]
