"""The paper's memristors for any data, with ranges and starts that are read off them."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from fitting.models.elements import phase_element
from fitting.models.graphical import (
    Arcs,
    Curve,
    arcs,
    curve_of_loop,
    gate_of_curve,
    gate_of_slopes,
    lags_of_loop,
)
from fitting.models.offset import offset_at_zero
from fitting.models.ranges import Range, Scales, shortest
from fitting.models.setup import DIRECT, Setup, check_kind, inverse, middle, started, surroundings
from fitting.problem.space import Free, Space
from fitting.terms.measurement import Sizes, measurement_of
from jaxmem.devices import Memristor2D, Memristor3D, Photocurrent


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
    - `terms`: spectra with a bias, traces, steady curves, measurements of one's own that tell
      sizes; at least one.
    - `add`, `lead`, `series`: see `element_model`.

    **Raises:** `ValueError` if a spectrum has no bias, or for a kind that is not known.
    """
    check_kind(kind, add)
    if kind == "rc":
        raise ValueError("an R-C circuit has no physical parameters; use element_model")
    found = [m for term in terms if (m := measurement_of(term)) is not None]
    pairs = [(m, m.sizes()) for m in found]
    spectra = [(m, s) for m, s in pairs if len(s.Z)]
    for m, _ in spectra:
        if m.bias[0] is None:
            raise ValueError(
                f"{m.name}: a spectrum without a bias determines elements (R_a, L_d, tau), not "
                "i_c0, V_T, V_m; give u=, V= or I=: FILE:V=0.7 behind its file, --bias 0.7 for all "
                "files, V = 0.7 under its [[spectra]] in a fit.toml, or a column V_V in the file; "
                "or fit elements, without --together"
            )
    seen = [s for _, s in pairs if not len(s.Z) and len(s.V)]
    if not spectra and not seen:
        raise ValueError("memristor_model: give at least one spectrum, trace or curve")
    small = [s for _, s in spectra]
    scale = Scales.of_spectra(small) if spectra else Scales.in_time(seen)
    times = _times(scale, seen)
    box, extra, frees = surroundings(scale, add, lead and bool(spectra), series, home="extra")
    volts = np.concatenate([s.V for s in [*small, *seen]])
    # What a loop sweeps, it need not pass; what a spectrum was taken at, lies near something.
    width = max(np.ptp(volts), 0.2 * np.abs(volts).max(), 0.05)
    beyond = 0.0 if seen else width
    if DIRECT in add:
        most = _largest_current(spectra, seen, scale)
        box["I_ph"] = (-2 * most, 2 * most)
        extra[DIRECT] = Photocurrent(jnp.zeros(()))
        frees.append(Free(lambda d: d.extra[DIRECT].I_ph, name="I_ph", log=False))
    box["R_b"] = scale.resistance(0.3, 30)
    box["V_T"] = (volts.min() - beyond, volts.max() + beyond)
    box["V_m"] = (width / 50, width / (2 if seen else 1))
    # R_a = V_m/(i_c0 f(1-f)) (eq. 7), where f(1-f) is at most a quarter.
    low, high = inverse(scale.resistance(1e-2, 1e1))
    box["i_c0"] = (4 * box["V_m"][0] * low, 40 * box["V_m"][1] * high)
    box["tau_d"] = times
    if kind == "3d":
        box["tau_k"] = (times[0], 10 * times[1])
    names = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d") + (("tau_k",) if kind == "3d" else ())
    values: dict[str, Any] = {n: middle(box[n]) for n in names if n in box and n != "V_T"}
    values["V_T"] = np.mean(volts)
    if "cpe" in add:
        values["C_m"] = 0.0
    device = (Memristor3D if kind == "3d" else Memristor2D)(
        **values,
        R_s=middle(box["R_s"]) if series else jnp.zeros(()),
        L_s=middle(box["L_s"]) if "L_s" in box else jnp.zeros(()),
        extra=extra,
    )
    lenses = dict(
        R_b=lambda d: d.R_b, i_c0=lambda d: d.i_c0, V_T=lambda d: d.V_T, V_m=lambda d: d.V_m,
        tau_d=lambda d: d.tau_d, tau_k=lambda d: d.tau_k,
    )  # fmt: skip
    own = [Free(lenses[n]) for n in names if n in lenses]
    return started(Setup(device, Space(*own, *frees), box), _letters(spectra, seen, box))


def _letters(spectra, swept, box: dict[str, Range]) -> dict[str, float]:
    """The paper's letters as spectra, loops and steady curves show them, where they do."""
    guess: dict[str, float] = {}
    gate, ranges = None, (box["V_T"], box["V_m"])
    if spectra:
        seen = [arcs(sizes) for _, sizes in spectra]
        # Of the circuits at several biases the one in the middle, by each number.
        middle = Arcs(*(float(np.median(x[np.isfinite(x)])) if np.isfinite(x).any() else np.nan
                        for x in np.array(seen).T))  # fmt: skip
        guess |= middle._asdict() | {"Q": phase_element(middle)}
        guess |= {"tau_d": middle.tau, "tau_k": middle.tau}
        # At a current u would have to be known by the chord.
        known = [
            (m.bias[1], a.g) for (m, _), a in zip(spectra, seen, strict=True) if m.bias[0] != "I"
        ]
        gate = gate_of_slopes([u for u, _ in known], [g for _, g in known], *ranges)
    for curve in _curves(swept):
        if "I_ph" in box and (found := offset_at_zero(curve.V, curve.current)) is not None:
            guess["I_ph"] = -found.current
            curve = curve._replace(current=curve.current - found.current)
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


def _curves(swept: Sequence[Sizes]) -> list[Curve]:
    """Steady curves and the loops of voltage drives, the slowest first."""
    found: list[Curve] = []
    for s in swept:
        if not len(s.t) and len(s.I):
            found.append(Curve(s.V, s.I))
        elif s.drive == "voltage" and len(s.I):
            curve = curve_of_loop(s.t, s.V, s.I)
            found += [] if curve is None else [curve]
    return sorted(found, key=lambda curve: curve.rate)


def _largest_current(spectra, swept: Sequence[Sizes], scale: Scales) -> float:
    """The largest current of the data [A]; of spectra alone what they were biased at."""
    found = [float(np.abs(s.I).max()) for s in swept if len(s.I)]
    found += [abs(m.bias[1]) if m.bias[0] == "I" else abs(m.bias[1]) / scale.R_min
              for m, _ in spectra]  # fmt: skip
    return max([size for size in found if size > 0], default=1.0)


def _times(scale: Scales, seen: Sequence[Sizes]) -> Range:
    """Shortest and longest lag that the data can show [s]."""
    moving = [s for s in seen if len(s.t) > 1]
    low, high = scale.time
    if not moving:
        return low, high
    return min(low, *map(shortest, moving)), max(high, *(3 * float(np.ptp(s.t)) for s in moving))
