"""Devices for hypothesis to draw, and a branch that is not the library's own."""

from typing import ClassVar

import jax
import numpy as np
from hypothesis import strategies as st

import jaxmem as jm


class FitzHughNagumo(jm.AbstractBranch):
    """i = u^3/3 - u + w, dw/dt = eps (u + a - b w)."""

    states: ClassVar = ("w",)
    units: ClassVar = ("A",)
    a: jax.Array = jm.quantity("V", "offset")
    b: jax.Array = jm.quantity("V/A", "slope")
    eps: jax.Array = jm.quantity("A/(V s)", "rate")

    def current(self, u, x):
        return u**3 / 3 - u + x[0]

    def rates(self, u, x):
        return self.eps * (u + self.a - self.b * x)

    def rest(self, u):
        return ((u + self.a) / self.b)[None]


def letters(three=True, gain=(1.0, 1e4), decades=6.0):
    """Hypothesis strategy of devices in SI or in paper units (a dictionary of letters)."""
    log = lambda low, high: st.floats(np.log10(low), np.log10(high)).map(lambda p: 10.0**p)

    @st.composite
    def build(draw):
        si = draw(st.booleans())
        R_b = draw(log(1e2, 1e7)) if si else 1.0
        V_T = draw(st.floats(0.3, 1.5)) if si else 1.0
        V_m = V_T * draw(log(0.01, 0.2))
        slowest = draw(log(1e-5, 1e2)) if si else 1.0
        names = ("tau_m", "tau_d", "tau_k") if three else ("tau_m", "tau_d")
        tau = {name: slowest * 10 ** -draw(st.floats(0, decades)) for name in names}
        i_c0 = draw(log(*gain)) * V_m / R_b
        C_m = tau.pop("tau_m") / R_b
        return dict(R_b=R_b, C_m=C_m, i_c0=i_c0, V_T=V_T, V_m=V_m, **tau)

    return build()
