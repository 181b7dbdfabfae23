"""Slips in the printed paper, each shown by the live code."""
# Fields of devices and waves take numbers, which pyright does not see.
# pyright: reportArgumentType=false, reportCallIssue=false

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.apps.paper.impedance import BIASES, growth, impedance_of, near_bias
from jaxmem.apps.paper.oscillation import crossings, printed_and_exact
from jaxmem.apps.paper.panel import Builder, Check, PaperPanel, near, occupation, root, true
from jaxmem.devices import Memristor3D, paper_device
from jaxmem.plots.figure import (
    ANSWER,
    BLACK,
    STIMULUS,
    AbstractMark,
    Curve,
    Note,
    Panel,
    PlotAxis,
    Rule,
)
from jaxmem.responses import equivalent_circuit, linearize, operating_point
from jaxmem.stability import unstable_count

# R_b, C_m, i_c0, V_T, V_m, tau_d, tau_k by [tau_m, tau_d, tau_k]: the last has so narrow a window
# that the printed equation loses it.
NARROW = "[1, 1, 1], i_c0 = 1.9"
SETS = {
    "[1, 1, 1]": (1.0, 1.0, 10.0, 1.0, 0.05, 1.0, 1.0),
    "[2, 1, 0.5]": (1.0, 2.0, 10.0, 1.0, 0.05, 1.0, 0.5),
    "[0.5, 1, 2]": (1.0, 0.5, 10.0, 1.0, 0.05, 1.0, 2.0),
    "SI": (1e4, 1e-7, 5e-4, 0.8, 0.04, 2e-3, 5e-3),
    NARROW: (1.0, 1.0, 1.9, 1.0, 0.05, 1.0, 1.0),
}


def printed_polynomial() -> PaperPanel:
    """The printed equation 20 lacks 1/(f tau_m tau_d tau_k)."""
    checks: list[Check] = []
    rows = []
    for name, letters in SETS.items():
        model = Memristor3D(*letters)
        V_T, V_m = float(model.V_T), float(model.V_m)
        u = V_T + V_m * np.linspace(-8.001, 8, 1601)
        # The truth, from eigenvalues of the Jacobian (18) written by hand.
        unstable = np.array([eigenvalues(letters, x).real.max() > 0 for x in u])
        c = printed_and_exact(model, u)
        exact, printed = (c[form] > c["c1"] * c["c2"] for form in ("c0", "c0_printed"))
        wrong = int(np.sum(printed != unstable))
        checks += [
            true(f"{name}: with the full c0 the verdict is that of the eigenvalues at all "
                 "1,601 voltages", np.array_equal(exact, unstable)),
            true(f"{name}: with the printed c0 it is wrong at some", wrong > 0),
        ]  # fmt: skip
        window, lost = crossings(model), crossings(model, "c0_printed")
        if name == NARROW:
            checks.append(true("there the printed form has no window", len(lost) == 0))
            checks.append(true("and yet there is one", len(window) == 2))
        rows.append([*window, *(lost or [np.nan, np.nan])])
    table = np.array(rows)

    marks: list[AbstractMark] = []
    for k, letters in enumerate(SETS.values()):
        x = (table[k] - letters[3]) / letters[4]
        marks += [
            Curve(x[:2], [k, k], "line", 7, colour=ANSWER),
            Curve(x[2:], [k, k], "line", 2.5, colour=BLACK),
        ]
        if np.isnan(x[2]):
            marks.append(Note("lost in print", (float(x[1]) + 0.15, k)))
    drawn = Panel(
        marks, PlotAxis(r"$(u - V_T)/V_m$"),
        PlotAxis(limits=(-0.6, len(SETS) - 0.4), names=list(SETS)),
        "unstable window: exact (wide), printed (black)",
    )  # fmt: skip
    columns = ("u_low", "u_high", "u_low_printed", "u_high_printed")
    curves = {"": {"set": np.array(list(SETS))}}
    curves[""] |= {name: table[:, k] for k, name in enumerate(columns)}
    shows = "equation 20 lacks the term 1/(f tau_m tau_d tau_k)"
    return PaperPanel("e1", shows, {"sets": list(SETS)}, tuple(checks), curves, drawn, (5.6, 3.4))


def eigenvalues(letters, u) -> Any:
    """Of the Jacobian as equation 18 prints it."""
    R_b, C_m, i_c0, V_T, V_m, tau_d, tau_k = letters
    f = occupation(u, V_T, V_m)
    J = [
        [-1 / (R_b * C_m), -1 / C_m, 0.0],
        [0.0, -1 / tau_d, i_c0 / tau_d],
        [(1 - f) / (tau_k * V_m), 0.0, -1 / (f * tau_k)],
    ]
    # In units of the states' own sizes, or digits are lost.
    size = np.array([V_m, i_c0, 1.0])
    return np.linalg.eigvals(np.array(J) * size / size[:, None])


def literal_activation() -> PaperPanel:
    """Equation 12 without the parentheses round u - V_T has no threshold."""
    u = np.linspace(0, 1.6, 801)
    meant = occupation(u)
    literal = 1 / (1 + np.exp(-u - 1.0 / 0.05))
    ours = np.array([float(paper_device(tau_k=1.0).rest(jnp.asarray(x))[1]) for x in (0.5, 1.0)])
    checks = (
        true("the program's f at rest is equation 4",
             np.allclose(ours, [meant[250], meant[500]], rtol=1e-12)),
        true("taken literally, f exceeds 0.99999999 at all voltages", literal.min() > 0.99999999),
    )  # fmt: skip

    drawn = Panel(
        [
            Curve(u, literal, "dashed", label="(12) as printed", colour=BLACK),
            Curve(u, meant, label=r"$-(u - V_T)/V_m$", colour=ANSWER),
        ],
        PlotAxis("u"), PlotAxis("f at rest", limits=(-0.05, 1.1)), "the exponent of equation 12",
        legend="center left",
    )  # fmt: skip
    curves = {"": {"u": u, "f_meant": meant, "f_literal": literal}}
    shows = "equation 12 is printed without the parentheses round u - V_T"
    return PaperPanel("e2", shows, {"V_T": 1.0, "V_m": 0.05}, checks, curves, drawn)


def chord() -> PaperPanel:
    """R_dc of equation 9 is differential; the voltage at rest needs the chord."""
    device = paper_device()
    point = operating_point(device, I=6.0)
    R_dc = float(equivalent_circuit(device, point).R_dc)
    checks = (
        near("u at rest under I = 6", point.u, "1.000000"),
        near("u/I, the chord", float(point.u) / 6, "0.1667"),
        near("R_dc = dV/dI", R_dc, "0.01961"),
        true("R_dc I is not u: it is less than an eighth of it", 6 * R_dc < float(point.u) / 8),
    )
    shows = "(9) is a differential resistance: the voltage at rest needs the chord"
    return PaperPanel("e3", shows, {"I": 6.0}, checks)


def caption_of_figure_3() -> PaperPanel:
    """The rest of figure 3 is not I_tot(V_app)."""
    device = paper_device(R_s=0.1)
    by_caption = float(device.steady_current(1.5))
    point = operating_point(device, V=1.5)
    # By hand: V = R_s I(u) + u.
    I_of = lambda u: u + 10 * occupation(u)
    u = root(lambda u: 0.1 * I_of(u) + u - 1.5, 0, 1.5)
    checks = (
        near("I_tot(1.5), as the caption has it", by_caption, "11.49955"),
        near("I at rest behind R_s", point.I, "5.1652"),
        near("u at rest behind R_s", point.u, "0.983485"),
        true("both agree with a root found by hand", abs(float(point.u) - u) < 1e-12),
    )
    shows = "the caption of figure 3 takes I_tot(V_app); the equilibrium solves V = R_s I(u) + u"
    return PaperPanel("e4", shows, {"V": 1.5, "R_s": 0.1}, checks)


def necessary_not_sufficient() -> PaperPanel:
    """Negative Re Z does not make a device oscillate: it says that some capacitance would."""
    u, (tau_m, tau_d, tau_k) = BIASES["4b"]
    assert tau_k is not None
    f = occupation(u)
    needed = float(np.sqrt(tau_d * f * tau_k))
    with_C = lambda C: paper_device(tau_m=C, tau_d=tau_d, tau_k=tau_k)  # R_b = 1
    C = np.geomspace(1e-3, 1e2, 501)
    counts = np.asarray(jax.vmap(lambda c: unstable_count(with_C(c), u))(jnp.asarray(C)))
    values: Any = jax.vmap(lambda c: linearize(with_C(c), u=u).eigenvalues())(jnp.asarray(C))
    u_1f, (_, _, tau_k_1f) = BIASES["1f"]
    with_C_1f = lambda C: paper_device(tau_m=C, tau_d=tau_d, tau_k=tau_k_1f)
    count_1f = jax.vmap(lambda c: unstable_count(with_C_1f(c), u_1f))(jnp.asarray(C))
    quiet = impedance_of(near_bias("1f")).real.min() > 0 and not np.any(np.asarray(count_1f))
    largest = np.max(np.real(np.asarray(values)), axis=1)
    checks = (
        true("stable as it is, although Re Z < 0", int(unstable_count(with_C(tau_m), u)) == 0),
        true("with C = sqrt(tau_d f tau_k)/R_b it is unstable at the same bias",
             int(unstable_count(with_C(needed), u)) == 2),
        true("there is one range of capacitances that makes it so",
             np.sum(np.abs(np.diff(counts)) > 0) == 2),
        true("at the bias of 1f, where Re Z > 0 throughout, none of them does", quiet),
        true("eigenvalues agree at all 501 capacitances",
             np.array_equal(counts > 0, largest > 0)),
    )  # fmt: skip
    here = growth(near_bias("4b"))

    drawn = Panel(
        [
            Rule("y", 0.0), Rule("x", needed, role="dotted", colour=STIMULUS),
            Curve(C, largest, colour=ANSWER), Curve([tau_m], [here], "mark", colour=BLACK),
            Note("4b", (tau_m, here), (6, -12)),
        ],
        PlotAxis("total parallel capacitance ($R_b$ = 1)", scale="log"), PlotAxis("largest Re λ"),
        "at the bias of 4b it oscillates above zero",
    )  # fmt: skip
    shows = (
        "figure 4b: Re Z < 0 is necessary, not sufficient; the total parallel capacitance that "
        f"would make it spike is {needed:.4g} (it has {tau_m:g})"
    )
    given = {"u": u, "tau_m": tau_m, "tau_d": tau_d, "tau_k": tau_k}
    curves = {"": {"C": C, "unstable": counts.astype(float), "largest_real_part": largest}}
    return PaperPanel("e5", shows, given, checks, curves, drawn)


def underdamped() -> PaperPanel:
    """The oscillations that the text calls overdamped are underdamped."""
    ratios = {}
    for name, (tau_m, tau_d) in {"2h": (1.0, 1.0), "2l": (10.0, 5.0), "2m": (10.0, 2.0)}.items():
        rates: Any = np.asarray(
            linearize(paper_device(tau_m=tau_m, tau_d=tau_d), u=1.0).eigenvalues()
        )
        ratios[name] = float(np.max(-rates.real / np.abs(rates)))
    checks = tuple(
        true(f"{name}: the damping ratio at rest under I = 6 is below 1", 0 < ratio < 1)
        for name, ratio in ratios.items()
    )
    shows = "“overdamped” oscillations are underdamped: their eigenvalues are complex"
    return PaperPanel("e6", shows, {"damping ratio": ratios}, checks)


ERRATA: dict[str, Builder] = {
    "e1": printed_polynomial, "e2": literal_activation, "e3": chord, "e4": caption_of_figure_3,
    "e5": necessary_not_sufficient, "e6": underdamped,
}  # fmt: skip
# Slips that there is nothing to compute of.
IN_WORDS = (
    "The sentence before equation 16 says “eq 15” and means 14.",
    "The captions of figures 1e, 1f, 4 and 5 say “eqs 1, 10, 11” and mean 1, 11, 12.",
    "“Figure 2f” in the paragraph on the action potential is 2j and 2k.",
)
