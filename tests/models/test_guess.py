"""What is read off the data with a ruler is near the truth, in any units."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

import jaxmem as jm
from fitting import Spectrum, Trace, memristor_model
from fitting.models.graphical import (
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


@pytest.mark.quick
@given(**SIZES, apart=decades(2.5, 4), series=decades(-3, -1))
def test_arcs_of_a_circuit_are_read_off(R_b, tau_m, gain, apart, series):
    # 1/Z = 1/R_b + i w C + g/(1 + i w tau), its arcs well apart; the lead is seen at the top.
    C_m, g, R_s = tau_m / R_b, gain / R_b, series * R_b
    tau = apart * tau_m
    L_s = R_s * 1e-4 * tau_m
    s = 1j * np.geomspace(0.01 / tau, 1e5 / tau_m, 200)
    Z = R_s + L_s * s + 1 / (1 / R_b + C_m * s + g / (1 + s * tau))
    seen = arcs(Spectrum(s.imag / (2 * np.pi), Z).sizes())
    truth = dict(R_s=R_s, R_b=R_b, C_m=C_m, g=g, tau=tau, apex=1 / tau_m)
    for name, value in truth.items():
        assert off(getattr(seen, name), value) < 1.5, name
    assert off(seen.L_s, L_s) < 1.5


def test_a_capacitive_arc_alone_says_nothing_of_a_memory():
    freq = np.geomspace(1, 1e6, 50)
    seen = arcs(Spectrum(freq, 10 + 1e4 / (1 + 2j * np.pi * freq * 1e-4)).sizes())
    assert off(seen.R_b, 1e4) < 1.1 and np.isnan([seen.g, seen.tau, seen.L_s]).all()


@pytest.mark.quick
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
    # The leak is a hundredth of the current where gain is 100.
    assert off(gate.V_T, V_T) < 1.1 and off(gate.i_c0, i_c0) < 1.2 and off(R, R_b) < 3
    lags = lags_of_loop(curve.V, curve.C_lf, gate)
    assert off(lags[0], C_m) < 2 and off(lags[1], tau) < 2


def test_what_says_nothing_is_not_believed():
    t, ranges = np.linspace(0, 1, 200), ((0.1, 1.0), (0.01, 0.1))
    assert curve_of_loop(t, t, t) is None
    assert curve_of_loop(t[:3], np.array([0.0, 1.0, 0.0]), t[:3]) is None
    # A train of pulses goes up and down, too, but between two voltages.
    assert curve_of_loop(t, np.floor(8 * t) % 2, t) is None
    noise = np.random.default_rng(0).normal(size=200)
    for current in (1e-4 * t, 1e-4 * t * (1 + 0.01 * noise), -t, 0 * t):
        assert gate_of_curve(Curve(t, current), *ranges) is None


@pytest.mark.filterwarnings("error")
def test_a_loop_may_stand_still_and_repeat_a_time():
    t = np.repeat(np.linspace(0, 2, 101), 2)
    V = 1 - np.abs(1 - t)
    curve = curve_of_loop(t, V, 1e-3 * V)
    assert curve is not None and curve.slow
    np.testing.assert_allclose(curve.current, 1e-3 * curve.V, rtol=1e-6)


def device(**letters):
    values = dict(R_b=1e4, C_m=1e-7, i_c0=5e-4, V_T=0.8, V_m=0.04, tau_d=2e-3, tau_k=5e-3)
    return jm.Memristor3D(**(values | letters), R_s=50.0)


def loop(device, top, length):
    drive = jm.VoltageDrive(jm.Triangle([0.0, top], rate=2 * abs(top) / length))
    t = np.linspace(0, length, 201)
    return Trace(t, drive, np.asarray(jm.solve(jm.Circuit(device, drive), t).I))


def spectra(device, biases):
    freq = np.geomspace(0.1, 1e6, 60)
    s = jnp.asarray(2j * np.pi * freq)
    return [Spectrum(freq, np.asarray(device.impedance(s, u)), u=u) for u in biases]


def test_a_loop_at_negative_voltages_has_its_gate_there():
    d = device()
    t = np.linspace(0, 10, 201)
    V = -(1 - np.abs(1 - t / 5))
    current = V / 1e4 + 5e-4 * expit((V + 0.4) / 0.04)
    start = memristor_model("3d", [Trace(t, jm.VoltageDrive(jm.Sampled(t, V)), current)]).model
    assert float(start.V_T) == pytest.approx(-0.4, abs=0.02)
    assert off(float(start.i_c0), float(d.i_c0)) < 1.2


@pytest.mark.slow
def test_a_fast_loop_does_not_spoil_what_spectra_show():
    d = device(C_m=1e-8, i_c0=5e-5)
    seen = spectra(d, (0.72, 0.8, 0.88))
    for terms in (seen, [*seen, loop(d, 1.1, 0.02)]):
        start = memristor_model("3d", terms).model
        assert off(float(start.V_T), 0.8) < 1.02 and off(float(start.V_m), 0.04) < 3
    slow = memristor_model("3d", [*seen, loop(d, 1.1, 20.0)]).model
    assert off(float(slow.V_T), 0.8) < 1.02 and off(float(slow.V_m), 0.04) < 1.2


def test_one_used_sample_is_no_loop():
    d = device()
    whole = loop(d, 1.1, 1.0)
    used = np.arange(201) == 100
    one = Trace(whole.t, whole.drive, whole.observed, used=used)
    assert memristor_model("3d", [one, whole]).model is not None
