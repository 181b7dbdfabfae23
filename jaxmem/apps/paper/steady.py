"""Figures 1a and 1b: the steady current and the resistance of the slow path."""

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

from jaxmem.apps.paper.panel import Builder, Panel, near, root, true
from jaxmem.devices import paper_device
from jaxmem.plots.devices import ANSWER, STIMULUS
from jaxmem.responses import equivalent_circuit, operating_point, steady_curve

U = np.linspace(0, 1.6, 801)


def current_panel() -> Panel:
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

    def draw(ax: Axes) -> None:
        ax.plot(U, I, color=ANSWER, lw=1.6, label=r"$I_{tot}$")
        ax.plot(U, U, color=STIMULUS, lw=1.3, label=r"$u/R_b$")
        ax.plot(U, I - U, color=STIMULUS, lw=1.3, ls="--", label=r"$i_c$")
        ax.plot(crossing, crossing, "o", color="k", ms=4)
        ax.set(xlabel="u", ylabel="I", xlim=(0, 1.6), ylim=(0, 12.5))
        ax.legend(frameon=False, fontsize="small")
        ax.set_title("1a", fontsize="medium", loc="left")

    curves = {"": {"u": U, "I_tot": I, "I_ohmic": U, "i_c": I - U}}
    shows = "below the threshold the ohmic current leads, above it the slow one"
    return Panel("1a", shows, {}, checks, curves, draw)


def resistance_panel() -> Panel:
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

    def draw(ax: Axes) -> None:
        ax.semilogy(U, R_a, color=ANSWER, lw=1.6, label=r"$R_a$")
        ax.axhline(1, color=STIMULUS, lw=1.3, label=r"$R_b$")
        ax.semilogy(U, R_dc, color="k", lw=1.1, ls="--", label=r"$R_{dc}$")
        ax.set(xlabel="u", ylabel="resistance", xlim=(0, 1.6), ylim=(1e-2, 1e4))
        ax.legend(frameon=False, fontsize="small")
        ax.set_title("1b", fontsize="medium", loc="left")

    curves = {"": {"u": U, "R_a": R_a, "R_dc": R_dc}}
    shows = "the resistance of the slow path is least at the threshold"
    return Panel("1b", shows, {}, checks, curves, draw)


PANELS: dict[str, Builder] = {"1a": current_panel, "1b": resistance_panel}
