"""Models for a fit, and ranges to start from that are read off the data alone."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from fitting.data import Spectrum
from fitting.space import Free, Space
from fitting.steady_curve import SteadyCurve
from fitting.trace import Trace
from jaxmem.circuits import VoltageDrive
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
from jaxmem.quantity import quantities

KINDS = ("rc", "2d", "3d")
ADDITIONS = ("cpe", "polarisation", "slow")
Range = tuple[float, float]


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
    scale = _Scales.of([spectrum])
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
    return Setup(device, Space(*frees), box)


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
    are read off the data; `add`, `lead` and `series` are those of `element_model`. Without spectra
    the lead inductance stays zero: nothing else sees it.

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
    scale = _Scales.of(spectra) if spectra else _Scales.in_time(seen)
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
    return Setup(device, Space(*own, *frees), box)


class Seen(NamedTuple):
    """What a trace or a curve alone says of sizes: voltages, currents, and times in between."""

    voltages: np.ndarray
    currents: np.ndarray
    fastest: float
    slowest: float


def seen_in(term: Trace | SteadyCurve) -> Seen:
    """Voltages [V], currents [A], shortest and longest time [s] (0 for a curve)."""
    if isinstance(term, SteadyCurve):
        if term.kind == "I":
            return Seen(term.observed, term.bias, 0.0, 0.0)
        return Seen(term.bias, term.observed, 0.0, 0.0)
    applied = np.asarray(term.drive.wave(term.t))
    used = term.used
    pair = (applied[used], term.observed[used])
    gaps = np.diff(np.unique(term.t))
    length = float(term.t[-1] - term.t[0])
    if isinstance(term.drive, VoltageDrive) and term.observe == "u":
        # Voltages only.
        return Seen(pair[1], np.zeros(0), float(gaps.min()), length)
    voltages, currents = pair if term.observe == "I" else pair[::-1]
    return Seen(voltages, currents, float(gaps.min()), length)


def _times(scale: "_Scales", seen: Sequence[Seen]) -> Range:
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


class _Scales(NamedTuple):
    """What the data alone say of sizes: |Z|, and the angular frequencies seen."""

    Z_max: float
    Z_end: float
    R_min: float
    slowest: float
    fastest: float
    apex: float

    @classmethod
    def of(cls, spectra: Sequence[Spectrum]) -> "_Scales":
        if any(len(s.freq) == 0 for s in spectra):
            raise ValueError("a spectrum without points says nothing of where to start")
        omega = np.concatenate([s.omega for s in spectra])
        Z: Any = np.concatenate([s.Z for s in spectra])
        positive = Z.real[Z.real > 0]
        # The capacitive arc's apex; where there is none, the middle of what was seen.
        dips = Z.imag < 0
        apex = omega[dips][np.argmin(Z.imag[dips])] if dips.any() else np.sqrt(
            omega.min() * omega.max()
        )  # fmt: skip
        return cls(
            float(np.abs(Z).max()), float(np.abs(Z[np.argmax(omega)])),
            float(positive.min()) if positive.size else float(np.abs(Z).min()),
            float(omega.min()), float(omega.max()), float(apex),
        )  # fmt: skip

    @classmethod
    def in_time(cls, seen: Sequence[Seen]) -> "_Scales":
        """From loops, steps and curves: chords for resistances, samples for times."""
        # With the origin: a step holds one current all the time.
        span = lambda x: float(np.ptp(np.append(x, 0.0)))
        R = [span(s.voltages) / span(s.currents) for s in seen if span(s.currents) > 0]
        if not R:
            raise ValueError("nothing says how large the currents are; give a term that does")
        moving = [s for s in seen if s.slowest > 0]
        slowest = 1 / max((s.slowest for s in moving), default=1.0)
        fastest = 1 / min((s.fastest for s in moving), default=1e-3)
        return cls(
            float(max(R)), float(min(R)), float(min(R)), float(slowest), float(fastest),
            float(np.sqrt(slowest * fastest)),
        )  # fmt: skip

    def resistance(self, low: float, high: float) -> Range:
        return low * self.Z_max, high * self.Z_max

    @property
    def time(self) -> Range:
        return 1 / self.fastest, 10 / self.slowest

    @property
    def capacitance(self) -> Range:
        middle = 1 / (self.apex * self.Z_max)
        return middle / 30, middle * 30


def _surroundings(scale: _Scales, add, lead, series, *, home: str):
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
