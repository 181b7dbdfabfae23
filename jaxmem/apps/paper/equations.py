"""The paper's equations, each typed by hand beside what the program computes."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxmem.apps.paper.panel import Builder, PaperPanel, occupation, true
from jaxmem.circuits import Circuit, Constant, CurrentDrive
from jaxmem.devices import Memristor2D, Memristor3D, paper_device
from jaxmem.responses import equivalent_circuit, linearize, operating_point

TAUS = dict(tau_m=0.4, tau_d=2.0, tau_k=0.7)
# Voltages on both sides of the threshold, and states away from rest.
U, I_C, F, I = (0.3, 0.9, 1.0, 1.2), 3.7, 0.62, 6.0
R_B, I_C0, V_T, V_M, R_S = 1.0, 10.0, 1.0, 0.05, 0.1
TAU_M, TAU_D, TAU_K = TAUS.values()


def both_devices() -> tuple[Memristor2D, Memristor3D]:
    """The paper's 2D and 3D device behind R_s = 0.1."""
    flat: Any = paper_device(tau_m=TAU_M, tau_d=TAU_D, R_s=R_S)
    full: Any = paper_device(**TAUS, R_s=R_S)
    return flat, full


def close(a: Any, b: Any) -> bool:
    """Whether two arrays agree to 1e-12 of the second one's largest value."""
    a, b = np.asarray(a), np.asarray(b)
    return bool(np.abs(a - b).max() <= 1e-12 * np.abs(b).max())


def dynamic() -> PaperPanel:
    """Equations 1, 2, 11, 12: the rates of all states, away from rest."""
    flat, full = both_devices()
    rows: dict[str, list[bool]] = {"1": [], "2": [], "11": [], "12": []}
    for u in U:
        i, x = jnp.asarray([I_C]), jnp.asarray([I_C, F])
        # The rates that the solver integrates.
        now = jnp.zeros(())
        y = jnp.concatenate([jnp.asarray([u]), full.chart(x)])
        du = Circuit(full, CurrentDrive(Constant(jnp.asarray(I)))).field(now, y, now, jnp.ones(()))[
            0
        ]
        rows["1"].append(close(du, (I - u / R_B - I_C) / (TAU_M / R_B)))
        rates = flat.rates(jnp.asarray(u), i)
        rows["2"].append(close(rates, [(I_C0 * occupation(u) - I_C) / TAU_D]))
        di, df = full.rates(jnp.asarray(u), x)
        rows["11"].append(close(di, (I_C0 * F - I_C) / TAU_D))
        rows["12"].append(close(df, ((1 - F) - np.exp(-(u - V_T) / V_M) * F) / TAU_K))
    says = {
        "1": "(1) C_m du/dt = I - u/R_b - i_c", "2": "(2) tau_d di_c/dt = i_c0 f_ss(u) - i_c",
        "11": "(11) tau_d di_c/dt = i_c0 f - i_c",
        "12": "(12) tau_k df/dt = (1 - f) - exp(-(u - V_T)/V_m) f",
    }  # fmt: skip
    checks = tuple(true(says[n], all(found)) for n, found in rows.items())
    return PaperPanel(
        "q1", "the rates of u, i_c and f at four voltages, away from rest", TAUS, checks
    )


def rest() -> PaperPanel:
    """Equations 4, 5, 7 to 10, 15: rest and its elements."""
    flat, full = both_devices()
    rows: dict[str, list[bool]] = {}

    def note(says, *pair):
        rows.setdefault(says, []).append(close(*pair))

    for u in U:
        f = occupation(u)
        R_a = V_M / (I_C0 * f * (1 - f))
        point = operating_point(full, u=u)
        e = equivalent_circuit(full, point)
        current = u / R_B + I_C0 * f
        note("(4) f_ss = 1/(1 + exp(-(u - V_T)/V_m))", point.x[1], f)
        note("(5) I = u/R_b + i_c0 f_ss", point.I, current)
        note("(5) the same in 2D", operating_point(flat, u=u).I, current)
        note("(7) 1/R_a = (i_c0/V_m) f (1 - f)", e.R_a, R_a)
        note("(8) L_d = tau_d R_a", e.L_d, TAU_D * R_a)
        note("(9) R_dc = (1/R_b + 1/R_a)^-1", e.R_dc, 1 / (1 / R_B + 1 / R_a))
        note("(10) V_app = R_s I + u", point.V, R_S * current + u)
        note("(15) L_k = f tau_k R_a", e.L_k, f * TAU_K * R_a)
        note("(17) R_c = -(L_k L_d/R_a) omega^2", e.R_c(3.0), -f * TAU_K * TAU_D * R_a * 9.0)
    checks = tuple(true(says, all(found)) for says, found in rows.items())
    return PaperPanel("q2", "rest and the elements at four voltages", TAUS, checks)


def small_signal() -> PaperPanel:
    """Equations 6, 13, 14, 18, 20 to 22: impedance, Jacobian and polynomial."""
    flat, full = both_devices()
    s = 1j * np.geomspace(1e-3, 1e4, 201)
    rows: dict[str, list[bool]] = {}

    def note(says, *pair):
        rows.setdefault(says, []).append(close(*pair))

    for u in U:
        f = occupation(u)
        R_a, C_m = V_M / (I_C0 * f * (1 - f)), TAU_M / R_B
        near, near_2d = linearize(full, u=u), linearize(flat, u=u)
        Z = R_S + 1 / (C_m * s + 1 / R_B + 1 / (R_a * (1 + TAU_D * s)))
        note("(6) Z of the 2D device", near_2d.impedance(jnp.asarray(s.imag)), Z)
        Z_c = (1 + s * TAU_D) * (R_a + f * TAU_K * R_a * s)
        Z = R_S + 1 / (C_m * s + 1 / R_B + 1 / Z_c)
        note("(13, 14) Z of the 3D device", near.impedance(jnp.asarray(s.imag)), Z)
        J = [
            [-1 / TAU_M, -1 / C_m, 0.0],
            [0.0, -1 / TAU_D, I_C0 / TAU_D],
            [(1 - f) / (TAU_K * V_M), 0.0, -1 / (f * TAU_K)],
        ]
        note("(18) the Jacobian of u, i_c, f", near.jacobian, J)
        _, c2, c1, c0 = near.polynomial()
        T = np.array([TAU_M, TAU_D, f * TAU_K])
        ring = I_C0 * (1 - f) / (TAU_D * TAU_K * C_m * V_M)
        note("(20) c0, with the term that print lacks", c0, 1 / T.prod() + ring)
        note("(21) c1", c1, 1 / (T[0] * T[1]) + 1 / (T[0] * T[2]) + 1 / (T[1] * T[2]))
        note("(22) c2", c2, np.sum(1 / T))
    checks = tuple(true(says, all(found)) for says, found in rows.items())
    return PaperPanel("q3", "impedance, Jacobian and polynomial at four voltages", TAUS, checks)


EQUATIONS: dict[str, Builder] = {
    "q1": dynamic, "q2": rest, "q3": small_signal,
}  # fmt: skip
