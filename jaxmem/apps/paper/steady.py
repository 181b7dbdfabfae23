"""Figures 1a and 1b: the steady current and the resistance of the slow path."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.apps.paper.panel import Builder, PaperPanel, near, root, true
from jaxmem.devices import paper_device
from jaxmem.plots.figure import ANSWER, BLACK, STIMULUS, Curve, Panel, PlotAxis, Rule
from jaxmem.responses import equivalent_circuit, operating_point, steady_curve

U = np.linspace(0, 1.6, 801)


def current_panel() -> PaperPanel:
    """I(u) with its ohmic and its slow part."""
    device = paper_device()
    I = np.asarray(steady_curve(device, U).I)
    at = lambda u: float(device.steady_current(u))
    ohmic = lambda u: float(device.branches["leak"].current(jnp.asarray(u), jnp.zeros(0)))
    crossing = root(lambda u: at(u) - 2 * ohmic(u), 0.8, 1.0)
    checks = (
        near("I(0.5)", at(0.5), "0.50045"), near("I(1)", at(1.0), "6.00000"),
        near("I(1.5)", at(1.5), "11.49955"),
        near("u at which the slow current passes the ohmic one", crossing, "0.883289"),
        true("I rises with u everywhere", np.all(np.diff(I) > 0)),
    )  # fmt: skip

    drawn = Panel(
        [
            Curve(U, I, label=r"$I_{tot}$", colour=ANSWER),
            Curve(U, U, label=r"$u/R_b$", colour=STIMULUS),
            Curve(U, I - U, "dashed", label=r"$i_c$", colour=STIMULUS),
            Curve([crossing], [crossing], "mark", colour=BLACK),
        ],
        PlotAxis("u", limits=(0, 1.6)), PlotAxis("I", limits=(0, 12.5)), "1a",
    )  # fmt: skip
    curves = {"": {"u": U, "I_tot": I, "I_ohmic": U, "i_c": I - U}}
    shows = "below the threshold the ohmic current leads, above it the slow one"
    return PaperPanel("1a", shows, {}, checks, curves, drawn)


def resistance_panel() -> PaperPanel:
    """R_a(u), R_b and the differential resistance at rest."""
    device = paper_device()
    elements = jax.vmap(lambda u: equivalent_circuit(device, operating_point(device, u=u)))
    found = elements(jnp.asarray(U))
    R_a, R_dc = np.asarray(found.R_a), np.asarray(found.R_dc)
    at = lambda u: float(equivalent_circuit(device, operating_point(device, u=u)).R_a)
    checks = (
        near("R_a(0.9)", at(0.9), "0.04762"), near("least R_a", R_a.min(), "0.02"),
        near("u there", U[np.argmin(R_a)], "1.0"),
        true("1/R_dc = 1/R_b + 1/R_a (9)", np.allclose(1 / R_dc, 1 + 1 / R_a, rtol=1e-9)),
    )  # fmt: skip

    drawn = Panel(
        [
            Curve(U, R_a, label=r"$R_a$", colour=ANSWER),
            Rule("y", 1.0, role="line", label=r"$R_b$", colour=STIMULUS),
            Curve(U, R_dc, "dashed", label=r"$R_{dc}$", colour=BLACK),
        ],
        PlotAxis("u", limits=(0, 1.6)), PlotAxis("resistance", "", "log", (1e-2, 1e4)), "1b",
    )  # fmt: skip
    curves = {"": {"u": U, "R_a": R_a, "R_dc": R_dc}}
    shows = "the resistance of the slow path is least at the threshold"
    return PaperPanel("1b", shows, {}, checks, curves, drawn)


PANELS: dict[str, Builder] = {"1a": current_panel, "1b": resistance_panel}
