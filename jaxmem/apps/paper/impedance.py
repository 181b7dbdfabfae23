"""Figures 1c-f and 4: circuits with their elements at a bias, and impedance."""

from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxmem.apps.paper.panel import Builder, PaperPanel, near, occupation, true
from jaxmem.devices import paper_device
from jaxmem.plots.figure import (
    ANSWER,
    STIMULUS,
    AbstractMark,
    CircuitDiagram,
    Curve,
    Note,
    Panel,
    Rule,
    nyquist_axes,
)
from jaxmem.responses import Linearised, equivalent_circuit, linearize

# u, [tau_m, tau_d, tau_k]: our sets; without tau_k the 2D device.
BIASES = {
    "1d": (0.9, (0.01, 1.0, None)), "1f": (0.9, (0.01, 1.0, 0.5)),
    "4a": (0.9, (0.01, 1.0, 0.001)), "4b": (0.95, (0.01, 1.0, 1.0)),
}  # fmt: skip
OMEGA = np.geomspace(1e-3, 1e5, 6001)


def near_bias(name: str) -> Linearised:
    """The device of a panel, linearised at its bias."""
    u, (tau_m, tau_d, tau_k) = BIASES[name]
    return linearize(paper_device(tau_m=tau_m, tau_d=tau_d, tau_k=tau_k), u=u)


def impedance_of(device_near: Linearised) -> Any:
    """Z at all frequencies."""
    return np.asarray(device_near.impedance(jnp.asarray(OMEGA)))


def growth(device_near: Linearised) -> float:
    """The largest real part of the eigenvalues: above zero it oscillates."""
    rates: Any = np.asarray(device_near.eigenvalues())
    return float(rates.real.max())


def least(y: np.ndarray) -> tuple[float, float]:
    """The least value of a curve over OMEGA and its omega: a parabola in ln omega."""
    k = int(np.argmin(y))
    x = np.log(OMEGA[k - 1 : k + 2] / OMEGA[k])
    a, b, c = np.polyfit(x, y[k - 1 : k + 2], 2)
    return float(c - b**2 / (4 * a)), float(OMEGA[k] * np.exp(-b / (2 * a)))


def plane_panel(name: str) -> PaperPanel:
    """Impedance in the complex plane."""
    u, (tau_m, tau_d, tau_k) = BIASES[name]
    here = near_bias(name)
    Z, lines = impedance_of(here), []
    lowest, at = least(-Z.imag)
    zero = true("Re Z > 0 at both ends of the spectrum", min(Z[0].real, Z[-1].real) > 0)
    if name == "1d":
        shows = "a capacitive arc, and an inductive one below the axis"
        checks = [
            near("least -Im Z", lowest, "-0.468"),
            near("omega there", at, "18.2"), zero,
        ]  # fmt: skip
    elif name == "1f":
        shows = "the inductive arc is distorted; Re Z stays positive"
        Z2 = impedance_of(near_bias("1d"))
        lines = [("2D", Z2)]
        checks = [
            true("Re Z > 0 everywhere", Z.real.min() > 0),
            true("the arc is no circle: its largest Re Z exceeds that of 2D by more than half",
                 Z.real.max() > 1.5 * Z2.real.max()), zero,
        ]  # fmt: skip
    elif name == "4a":
        shows = "a fast activation gives the 2D spectrum"
        Z2 = impedance_of(near_bias("1d"))
        lines = [("2D", Z2)]
        off = np.abs(Z - Z2).max() / np.abs(Z2).max()
        checks = [
            near("least -Im Z", lowest, "-0.47"),
            true("Z is that of the 2D device within 1 % of its largest modulus", off < 0.01),
        ]
    else:
        shows = "Re Z is negative over a range of frequencies, and yet the device is stable"
        lowest, at = least(Z.real)
        checks = [
            near("least Re Z", lowest, "-0.7475"), near("omega there", at, "9.96"),
            true("all eigenvalues have negative real parts",
                 growth(here) < 0), zero,
        ]  # fmt: skip

    marks: list[AbstractMark] = [Rule("y", 0.0)]
    if name == "4b":
        marks.append(Rule("x", 1.3 * Z.real.min(), 0.0))
    for label, other in lines:
        marks.append(Curve(other.real, -other.imag, "line", 3, label=label, colour=STIMULUS))
    marks.append(Curve(Z.real, -Z.imag, label="3D" if lines else ""))
    for exponent in range(4):
        k = np.argmin(np.abs(np.log10(OMEGA) - exponent))
        x, y = float(Z.real[k]), float(-Z.imag[k])
        marks += [Curve([x], [y], "mark"), Note(f"$10^{{{exponent}}}$", (x, y), (5, 7))]
    inner = ", ".join(f"{x:g}" for x in (tau_m, tau_d, tau_k) if x is not None)
    title = f"{name}   u = {u:g}, [{inner}]"
    drawn = Panel(marks, title=title, colour=ANSWER, **nyquist_axes("R_b"))
    given = {"u": u, "tau_m": tau_m, "tau_d": tau_d} | ({"tau_k": tau_k} if tau_k else {})
    curves = {"": {"omega": OMEGA, "Re_Z": Z.real, "Im_Z": Z.imag}}
    for label, other in lines:
        curves[label] = {"omega": OMEGA, "Re_Z": other.real, "Im_Z": other.imag}
    return PaperPanel(name, shows, given, tuple(checks), curves, drawn, size=(4.6, 3.8))


def circuit_panel(name: str) -> PaperPanel:
    """The equivalent circuit with its elements at the bias of the panel beside it."""
    beside = {"1c": "1d", "1e": "1f"}[name]
    u, (tau_m, tau_d, tau_k) = BIASES[beside]
    here = near_bias(beside)
    found = equivalent_circuit(here.device, here.point)
    # By hand, equations 7, 8 and 15.
    f = occupation(u)
    R_a = 0.05 / (10 * f * (1 - f))
    slow = tau_k is not None
    checks = [
        near("R_a (7)", found.R_a, "0.04762"),
        true("R_a is V_m/(i_c0 f (1 - f))", abs(float(found.R_a) / R_a - 1) < 1e-12),
        true("L_d is tau_d R_a (8)", abs(float(found.L_d) / (tau_d * R_a) - 1) < 1e-12),
    ]
    s = 1j * OMEGA
    chain = R_a + tau_d * R_a * s
    if slow:
        chain = (1 + s * tau_d) * (R_a + f * tau_k * R_a * s)
        right = abs(float(found.L_k) / (f * tau_k * R_a) - 1) < 1e-12
        checks.append(true("L_k is f tau_k R_a (15)", right))
    off = np.abs(impedance_of(here) * (tau_m * s + 1 + 1 / chain) - 1).max()
    checks.append(true("the circuit's impedance is that of the device to 1e-12", off < 1e-12))
    values = {
        "R_b": 1.0, "C_m": tau_m, "R_a": float(found.R_a), "L_d": float(found.L_d),
    } | ({"L_k": float(found.L_k)} if slow else {})  # fmt: skip

    model = "3D" if slow else "2D"
    drawn = Panel([CircuitDiagram(values)], title=f"{name}   {model}, at u = {u:g}")
    shows = "the chemical inductor beside R_b and C_m" + (", with a second lag" if slow else "")
    given = {"u": u, "tau_m": tau_m, "tau_d": tau_d} | ({"tau_k": tau_k} if slow else {})
    table = {k: np.array([v]) for k, v in values.items()}
    return PaperPanel(name, shows, given, tuple(checks), {"": table}, drawn, size=(5.4, 3.4))


PANELS: dict[str, Builder] = {
    "1c": partial(circuit_panel, "1c"), "1d": partial(plane_panel, "1d"),
    "1e": partial(circuit_panel, "1e"), "1f": partial(plane_panel, "1f"),
    "4a": partial(plane_panel, "4a"), "4b": partial(plane_panel, "4b"),
}  # fmt: skip
