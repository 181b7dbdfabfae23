"""
Hodgkin-Huxley
==============

The squid axon: Hodgkin and Huxley, *J. Physiol.* 1952, 117, 500, at 6.3 °C, voltages from rest,
in mV, ms and µA/cm². Three gates are three states of one branch.
"""

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
from jax.nn import sigmoid

import jaxmem as jm
from jaxmem.plots import SHADES, Curve, Figure, Panel, PlotAxis, draw


def bend(z):
    """z/(exp(z) - 1), 1 at z = 0."""
    small = jnp.abs(z) < 1e-4
    full = jnp.where(small, 1.0, z)
    return jnp.where(small, 1 - z / 2 + z**2 / 12, full / jnp.expm1(full))


class HodgkinHuxley(jm.AbstractBranch):
    """Gates m, h, n that open at a(u) and shut at b(u)."""

    states = ("m", "h", "n")
    units = ("1", "1", "1")

    def current(self, u, x):
        m, h, n = x
        return 120 * m**3 * h * (u - 115) + 36 * n**4 * (u + 12) + 0.3 * (u - 10.599)

    def openings(self, u):
        a = [bend((25 - u) / 10), 0.07 * jnp.exp(-u / 20), 0.1 * bend((10 - u) / 10)]
        b = [4 * jnp.exp(-u / 18), sigmoid((u - 30) / 10), 0.125 * jnp.exp(-u / 80)]
        return jnp.stack(a), jnp.stack(b)

    def rates(self, u, x):
        a, b = self.openings(u)
        return a * (1 - x) - b * x

    def rest(self, u):
        a, b = self.openings(u)
        return a / (a + b)


device = jm.Device(1.0, {"membrane": HodgkinHuxley()})
waves = []
for k, (I, colour) in enumerate(zip((5.0, 10.0, 30.0), SHADES, strict=True)):
    run = jm.solve(jm.Circuit(device, jm.CurrentDrive(jm.Step(I))), jnp.linspace(-5, 80, 2201))
    waves.append(Curve(run.t, run.u + 130 * k, label=f"I = {I:g}", colour=colour))
panel = Panel(
    waves,
    PlotAxis("t / ms"),
    PlotAxis("u / mV, each shifted by 130", limits=(-30, 470)),
    "from rest",
    legend="upper right",
)
figure = draw(Figure([[panel]], (8, 4.2)))
