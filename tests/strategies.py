"""Devices for hypothesis to draw."""

import numpy as np
from hypothesis import strategies as st


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
