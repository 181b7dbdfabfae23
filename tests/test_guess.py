"""What is read off the data with a ruler is near the truth, in any units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from fitting import Spectrum
from fitting.guess import (
    Curve,
    arcs,
    curve_of_loop,
    gate_of_curve,
    gate_of_slopes,
    lags_of_loop,
)

decades = lambda low, high: st.floats(low, high).map(lambda x: 10.0**x)
# From the paper's units to megohms and from seconds to microseconds.
SIZES = dict(R_b=decades(0, 7), tau_m=decades(-7, 0), gain=decades(-0.7, 1.3))


def off(found, truth):
    """By what factor, at least 1."""
    return max(found / truth, truth / found)


@given(**SIZES, apart=decades(2.5, 4), series=decades(-3, -1))
def test_arcs_of_a_circuit_are_read_off(R_b, tau_m, gain, apart, series):
    # 1/Z = 1/R_b + i w C + g/(1 + i w tau), its arcs well apart; the lead is seen at the top.
    C_m, g, R_s = tau_m / R_b, gain / R_b, series * R_b
    tau = apart * tau_m
    L_s = R_s * 1e-4 * tau_m
    s = 1j * np.geomspace(0.01 / tau, 1e5 / tau_m, 200)
    Z = R_s + L_s * s + 1 / (1 / R_b + C_m * s + g / (1 + s * tau))
    seen = arcs(Spectrum(s.imag / (2 * np.pi), Z))
    truth = dict(R_s=R_s, R_b=R_b, C_m=C_m, g=g, tau=tau, apex=1 / tau_m)
    for name, value in truth.items():
        assert off(getattr(seen, name), value) < 1.5, name
    assert off(seen.L_s, L_s) < 1.5


def test_a_capacitive_arc_alone_says_nothing_of_a_memory():
    freq = np.geomspace(1, 1e6, 50)
    seen = arcs(Spectrum(freq, 10 + 1e4 / (1 + 2j * np.pi * freq * 1e-4)))
    assert off(seen.R_b, 1e4) < 1.1 and np.isnan([seen.g, seen.tau, seen.L_s]).all()


@given(V_T=st.floats(0.3, 1.5), narrow=st.floats(0.05, 0.12), i_c0=decades(-9, 1))
def test_the_gate_is_read_off_slopes_at_three_biases(V_T, narrow, i_c0):
    V_m = narrow * V_T
    u = V_T + V_m * np.array([-2.0, 0.0, 2.0])
    f = expit((u - V_T) / V_m)
    found = gate_of_slopes(u, i_c0 / V_m * f * (1 - f), (0.5 * V_T, 1.5 * V_T), (V_m / 10, 4 * V_m))
    assert found is not None and off(found.V_T, V_T) < 1.1
    assert off(found.V_m, V_m) < 1.3 and off(found.i_c0, i_c0) < 1.5


@pytest.mark.parametrize("u, g", [((0.5,), (1e-3,)), ((0.5, 0.6), (np.nan, 1e-3))])
def test_one_bias_says_nothing_of_the_gate(u, g):
    assert gate_of_slopes(u, g, (0.1, 1.0), (0.01, 0.1)) is None


@given(R_b=decades(0, 7), gain=decades(0.3, 2), narrow=st.floats(0.05, 0.12))
def test_a_slow_loop_gives_gate_capacitance_and_lag(R_b, gain, narrow):
    V_T = 1.0
    i_c0, top, tau = gain * V_T / R_b, V_T * (1 + 6 * narrow), 1e-2
    C_m = 0.1 * tau * i_c0 / (narrow * V_T)
    t = np.linspace(0, 100, 801)
    V = top * (1 - np.abs(1 - t / 50))
    rate = np.where(t < 50, top / 50, -top / 50)
    f = expit((V - V_T) / (narrow * V_T))
    slope = i_c0 * f * (1 - f) / (narrow * V_T)
    curve = curve_of_loop(t, V, V / R_b + i_c0 * f + (C_m - tau * slope) * rate)
    assert curve is not None and curve.C_lf is not None
    ranges = ((0.0, top), (top / 50, top / 2))
    found = gate_of_curve(curve, *ranges)
    assert found is not None
    gate, R = found
    assert off(gate.V_T, V_T) < 1.1 and off(gate.i_c0, i_c0) < 1.2 and off(R, R_b) < 1.3
    lags = lags_of_loop(curve.V, curve.C_lf, gate)
    assert off(lags[0], C_m) < 2 and off(lags[1], tau) < 2


def test_what_goes_one_way_is_no_loop_and_a_line_has_no_gate():
    t = np.linspace(0, 1, 50)
    assert curve_of_loop(t, t, t) is None
    assert gate_of_curve(Curve(t, -t, None), (0.1, 1.0), (0.01, 0.1)) is None
