"""What a steady current, an impedance or a crossover cannot be within ranges: their closed forms.

For the paper's 2D and 3D devices without further branches, f = 1/(1 + exp(-(u - V_T)/V_m)):

- I(u) = u/R_b + i_c0 f. Each factor is monotone in each parameter, so that its least and largest
  value in the ranges lie at their ends; the sum lies between the sums of these.
- Behind R_s, V = R_s I + u with u between 0 and V: the current is at most I(u = V), and at least
  the solution of I = least I(u = V - R_s I) at the largest R_s.
- |Z| >= 1/|Y| - R_s - omega L_s, and |Y| <= omega C_m + 1/R_b + 1/R_a, because |1 + s tau| >= 1 on
  the imaginary axis; and 1/R_a = (i_c0/V_m) f (1 - f) <= i_c0/(4 V_m).
- C_lf = C_m - (tau_d + f tau_k)/R_a is positive at all voltages where throughout the ranges
  (tau_d + tau_k) i_c0/(4 V_m) < C_m.
"""

from math import exp, inf, pi
from typing import Any

from scipy.optimize import brentq

from fitting.designs.bounds.oscillation import Range
from fitting.designs.goals.goal import DesignGoal

Ranges = dict[str, Range]


def closed_form_bound(goal: DesignGoal, p: Ranges) -> tuple[Range, str]:
    """The least and the largest value of a goal's quantity in the ranges, and why."""
    where = goal.where
    if goal.quantity == "current" and "u" in where:
        return steady_current(where["u"], p), "I = u/R_b + i_c0 f"
    if goal.quantity == "current" and where["V"] > 0:
        return behind(where["V"], p), "I = u/R_b + i_c0 f with u = V - R_s I"
    if goal.quantity == "impedance":
        Y = 2 * pi * where["freq"] * p["C_m"][1] + 1 / p["R_b"][0]
        Y += p["i_c0"][1] / (4 * p["V_m"][0])
        why = "|Z| >= 1/|Y| - R_s, and |Y| is at most omega C_m + 1/R_b + i_c0/(4 V_m)"
        # The inductance of the leads may take away from |Z| as much as R_s.
        lead = 2 * pi * where["freq"] * p["L_s"][1]
        return (max(1 / Y - p["R_s"][1] - lead, 0.0), inf), why
    return (-inf, inf), ""


def keeps_its_sign(p: Ranges) -> bool:
    """Whether C_lf is positive at every voltage, for all values in the ranges."""
    slowest = p["tau_d"][1] + p.get("tau_k", (0.0, 0.0))[1]
    return slowest * p["i_c0"][1] / (4 * p["V_m"][0]) < p["C_m"][0]


def steady_current(u: float, p: Ranges) -> Range:
    """The least and the largest current at u."""
    leak = [u / R for R in p["R_b"]]
    x = [(u - V_T) / V_m for V_T in p["V_T"] for V_m in p["V_m"]]
    slow = [i * _sigmoid(y) for i in p["i_c0"] for y in (min(x), max(x))]
    return min(leak) + min(slow), max(leak) + max(slow)


def behind(V: float, p: Ranges) -> Range:
    """The least and the largest current at V > 0 over device and R_s."""
    most, R_s = steady_current(V, p)[1], p["R_s"][1]
    least = lambda I: steady_current(V - R_s * I, p)[0] - I
    if R_s == 0:
        return steady_current(V, p)[0], most
    # Falls with I from a value that is positive at 0.
    found: Any = brentq(least, 0.0, V / R_s) if least(0.0) > 0 else 0.0
    return float(found), most


def _sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x)) if x > -700 else 0.0
