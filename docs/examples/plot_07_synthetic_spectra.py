"""
Synthetic spectra and their fit
===============================

The bundled spectra at three biases, 0.5 % noise, and one 3D device fitted to all of them. Beside
each parameter stands the truth.
"""

import jax

jax.config.update("jax_enable_x64", True)
import numpy as np

import jaxmem as jm
from fitting import MultiStart, fit, memristor_model
from fitting.examples import three_biases
from jaxmem.plots import COLOURS, Curve, Figure, Panel, draw, nyquist_axes

spectra, truth = three_biases()
start = memristor_model("3d", spectra)
found = fit(spectra, start.model, start.space, starts=MultiStart(24, start.box))
for name, unit, value in zip(found.names, found.units, found.values, strict=True):
    print(f"{name:>6} = {value:.5g} {unit}, truth {float(getattr(truth, name)):.5g}")
print(*found.statements(), sep="\n")

marks = []
for s, colour in zip(spectra, COLOURS, strict=False):
    omega = 2 * np.pi * np.geomspace(s.freq.min(), s.freq.max(), 4000)
    Z = jm.linearize(found.model, V=s.V).impedance(omega)
    marks += [
        Curve(Z.real, -Z.imag, colour=colour),
        Curve(s.Z.real, -s.Z.imag, "data", label=f"{s.V:g} V", colour=colour),
    ]
figure = draw(Figure([[Panel(marks, title="synthetic spectra and fit", **nyquist_axes())]], (6, 5)))
