"""The elements that one spectrum can determine, with starts that are read off it."""

from collections.abc import Sequence

from fitting.models.graphical import Arcs, arcs
from fitting.models.ranges import Scales
from fitting.models.setup import DIRECT, Setup, check_kind, inverse, middle, started, surroundings
from fitting.problem.space import Free, Space
from fitting.terms.spectrum import Spectrum
from jaxmem.devices import Device, Leak, SlowConductance, TwoLagConductance


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

    **Raises:** `ValueError` for a kind or addition that is not known, or has no impedance.
    """
    check_kind(kind, add)
    if DIRECT in add:
        raise ValueError(
            "a photocurrent has no impedance, so that a spectrum by itself says nothing of it; fit "
            "loops or curves, or spectra at currents --together with them"
        )
    scale = Scales.of_spectra([spectrum.sizes()])
    box, branches, frees = surroundings(scale, add, lead, series, home="branches")
    box["R_b"] = scale.resistance(0.3, 30)
    branches = {"leak": Leak(middle(box["R_b"]))} | branches
    frees.insert(0, Free(lambda d: d.branches["leak"].R_b, name="R_b"))
    if kind != "rc":
        box["g"] = inverse(scale.resistance(1e-2, 1e2))
        box["tau_d"] = scale.time
        slow = (middle(box["g"]), middle(box["tau_d"]))
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
        0.0 if "cpe" in add else middle(box["C_m"]),
        branches,
        middle(box["R_s"]) if series else 0.0,
        middle(box["L_s"]) if lead else 0.0,
    )
    seen = arcs(spectrum.sizes())
    guess = seen._asdict() | {"Q": phase_element(seen), "tau_d": seen.tau, "tau_2": seen.tau / 3}
    return started(Setup(device, Space(*frees), box), guess)


def phase_element(seen: Arcs) -> float:
    """Q of the constant-phase element whose arc with R_b has its apex where it is seen."""
    return 1 / (seen.R_b * seen.apex**0.9)
