"""
Figures 1c to 1f and 4: impedance and its circuit
=================================================

The 2D device has a capacitive arc and, below the axis, the inductive one of the chemical inductor
(1d). A second lag distorts it (1f); one that is fast changes nothing (4a). In 4b the real part is
negative over a range of frequencies, and yet the device is stable: see :doc:`/physics/ring`.
"""

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp

import jaxmem as jm
from jaxmem.plots import (
    ANSWER,
    CircuitDiagram,
    Curve,
    Figure,
    Panel,
    Rule,
    draw,
    grid,
    nyquist_axes,
)

SETS = {
    "1d": (0.9, {}),
    "1f": (0.9, {"tau_k": 0.5}),
    "4a": (0.9, {"tau_k": 1e-3}),
    "4b": (0.95, {"tau_k": 1.0}),
}
omega = jnp.geomspace(1e-2, 1e4, 1200)
panels = []
for name, (u, lag) in SETS.items():
    near = jm.linearize(jm.paper_device(0.01, 1.0, **lag), u=u)
    Z = near.impedance(omega)
    print(name, "stable" if near.eigenvalues().real.max() < 0 else "unstable")
    marks = [Rule("y", 0.0), Curve(Z.real, -Z.imag, colour=ANSWER)]
    panels.append(Panel(marks, title=f"{name}   u = {u:g}", **nyquist_axes("R_b")))

for name, lag in (("1c", {}), ("1e", {"tau_k": 0.5})):
    device = jm.paper_device(0.01, 1.0, **lag)
    e = jm.equivalent_circuit(device, jm.operating_point(device, u=0.9))
    values = {"R_b": 1.0, "C_m": 0.01, "R_a": float(e.R_a), "L_d": float(e.L_d)}
    values |= {"L_k": float(e.L_k)} if lag else {}
    panels.append(Panel([CircuitDiagram(values)], title=f"{name}   the circuit at u = 0.9"))
figure = draw(Figure(grid(panels, 2), (12, 12)))
