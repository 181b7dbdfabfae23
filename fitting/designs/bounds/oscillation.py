"""What no device within the knobs' ranges can do, as far as that is proved.

For the paper's 3D device without further branches; R is R_b under a current, R_b R_s/(R_b + R_s)
behind R_s. Each bound holds for all values in the ranges, so that it may be far from what there is:
nothing follows for a goal that it allows.

- Rest loses its stability only where the loop gain g = (R i_c0/V_m) f (1 - f) is 8 or more, because
  (T1 + T2 + T3)(1/T1 + 1/T2 + 1/T3) >= 9. As f (1 - f) <= 1/4, not where R i_c0/V_m < 32.
- With G the largest R i_c0/V_m, f lies between (1 -+ sqrt(1 - 32/G))/2 there, and
  u = V_T + V_m logit f, I = u/R_b + i_c0 f, V = u + R_s I.
- i_c relaxes to i_c0 f, so that it lies between 0 and i_c0 on a cycle; u relaxes with C_m to a
  value that moves by R i_c0 at most, so that it swings by less.
"""

from math import inf, log, sqrt

from fitting.designs.goals.goal import DesignGoal
from jaxmem.circuits import DriveKind

Range = tuple[float, float]
LEAST_GAIN = 32.0


def bound(
    goal: DesignGoal, p: dict[str, Range], R: Range, G: float, drive: DriveKind
) -> tuple[Range, str]:
    """The least and the largest value of a goal's quantity, and why."""
    if goal.quantity == "amplitude":
        name = "R_b i_c0" if drive == "current" else "R_b R_s/(R_b + R_s) i_c0"
        return (0.0, R[1] * p["i_c0"][1]), f"u swings by less than {name}"
    if goal.quantity == "threshold":
        root = sqrt(1 - LEAST_GAIN / G)
        f = LEAST_GAIN / 2 / (G * (1 + root)), (1 + root) / 2
        reach = p["V_m"][1] * log(f[1] / f[0])
        u = p["V_T"][0] - reach, p["V_T"][1] + reach
        over = lambda u, R: u / R[1] if u > 0 else u / R[0]
        most = lambda u, R: u / R[0] if u > 0 else u / R[1]
        I = over(u[0], p["R_b"]) + p["i_c0"][0] * f[0], most(u[1], p["R_b"]) + p["i_c0"][1] * f[1]
        why = f"rest loses its stability only with f between {f[0]:.3g} and {f[1]:.3g}"
        if drive == "current":
            return I, why
        drop = [min(I[0] * r for r in p["R_s"]), max(I[1] * r for r in p["R_s"])]
        return (u[0] + drop[0], u[1] + drop[1]), why
    return (-inf, inf), ""
