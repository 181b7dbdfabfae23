"""Which goals no device within the knobs' ranges can meet: those alone of which that is proved."""

from collections.abc import Sequence

from fitting.designs.bounds.closed_forms import closed_form_bound, keeps_its_sign
from fitting.designs.bounds.oscillation import LEAST_GAIN, bound
from fitting.designs.goals.goal import DesignGoal
from fitting.designs.goals.knob import Knobs
from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice, Memristor2D, Memristor3D


def impossible(
    goals: Sequence[DesignGoal], device: AbstractDevice, knobs: Knobs, drive: DriveKind
) -> list[str]:
    """A sentence with the bound for each goal that the ranges exclude, as far as that is known."""
    if not isinstance(device, Memristor2D | Memristor3D) or device.extra:
        return []
    ranges = knobs.ranges(device)
    said = []
    for goal in goals:
        if goal.kind.needs in ("hopf", "cycle"):
            why = _no_oscillation(goal, device, ranges, drive)
        elif goal.quantity == "crossover" and keeps_its_sign(ranges):
            why = (
                "C_m - (tau_d + f tau_k)/R_a is positive at every voltage: within the ranges "
                "(tau_d + tau_k) i_c0/(4 V_m) is less than C_m"
            )
        else:
            why = _outside(goal, drive, *closed_form_bound(goal, ranges))
        if why:
            said.append(f"{goal.called}: impossible. {why}.")
    return said


def _no_oscillation(goal, device, ranges, drive) -> str:
    if isinstance(device, Memristor2D):
        return (
            "A 2D device never oscillates under a constant drive: at rest the trace of its "
            "Jacobian is negative and the determinant positive. A Memristor3D has the second lag"
        )
    R = ranges["R_b"]
    if drive == "voltage":
        low, high = (b * s / (b + s) for b, s in zip(R, ranges["R_s"], strict=True))
        R = low, high
    G = R[1] * ranges["i_c0"][1] / ranges["V_m"][0]
    if G < LEAST_GAIN:
        letter = "R_b" if drive == "current" else "R_b R_s/(R_b + R_s)"
        return (
            "There is no window of oscillation from Hopf point to Hopf point: "
            f"{letter} i_c0/V_m must be at least 32, and within the ranges it is at most {G:.3g}"
        )
    return _outside(goal, drive, *bound(goal, ranges, R, G, drive))


def _outside(goal, drive, ends, why) -> str:
    low, high = goal.allowed
    unit = goal.kind.unit_under(drive)
    if high < ends[0]:
        return f"It is at least {ends[0]:.4g} {unit} within the ranges: {why}"
    if low > ends[1]:
        return f"It is at most {ends[1]:.4g} {unit} within the ranges: {why}"
    return ""
