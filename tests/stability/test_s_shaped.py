"""All that is built on equilibria, for a device that rests in several states at one voltage."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import jaxmem as jm
from benchmarks.problems.published_cases import HEATED as p
from fitting import Spectrum, SteadyCurve
from fitting.report.export import elements_at

K_B, C_m = 8.617333262e-5, 3e-12
SWITCH = jm.ThermalSwitch(**p)


def device(R_s):
    return jm.Device(C_m, {"switch": SWITCH}, R_s=R_s)


def conducted(u, T):
    """The switch's current in NumPy."""
    barrier = p["E_a"] - p["b"] * np.sqrt(np.abs(u))
    return u / p["R_0"] * np.exp(-barrier / (K_B * T))


def at_temperature(T):
    u = brentq(lambda u: u * conducted(u, T) - (T - 300) / p["R_th"], 1e-9, 1e2, xtol=1e-15)
    return u, conducted(u, T)


def test_the_state_that_is_reached_from_rest_is_where_a_slow_ramp_ends():
    one = device(1e3)  # three states between its folds at 1.288 V and 1.393 V
    for V in (1.34, 1.42):
        point = jm.operating_point(one, V=V, branch="rest")

        def field(t, y, V=V):
            u, T = y
            i = conducted(u, T)
            into = (V * min(t / 900, 1.0) - u) / 1e3
            return [1e-8 * (into - i) / C_m, 1e-8 * (i * u - (T - 300) / p["R_th"]) / p["C_th"]]

        run = solve_ivp(field, (0, 1000), [0.0, 300.0], "LSODA", rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose([point.u, point.x[0]], run.y[:, -1], rtol=1e-6)
        assert int(point.count) == 1
    three = jm.operating_points(one, V=1.34)
    assert int(three.count) == 3 and np.all(np.diff(three.place[:3]) > 0)
    hot = jm.operating_point(one, V=1.34, branch=2)
    assert float(hot.u) == float(three.u[2]) and float(hot.x[0]) > 600
    for how, words in (
        (dict(V=1.34), "3 equilibria.*branch"), (dict(V=1.34, branch=3), "no number 3"),
        (dict(V=2.0), "rest_range"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            jm.operating_point(one, **how)


def test_of_several_states_without_a_drive_the_stable_one_is_rest():
    from oracles import morris_lecar as ml

    found = jm.operating_points(ml.device(ml.SNIC), I=20.0)
    assert int(found.count) == 3
    rest = jm.operating_point(ml.device(ml.SNIC), I=20.0, branch="rest")
    assert float(rest.u) == float(found.u[0]) == pytest.approx(-48.36347, abs=1e-4)


def test_elements_and_spectra_at_a_current():
    one, T = device(2e5), 450.0
    u, I = at_temperature(T)
    point = jm.operating_point(one, I=I)
    np.testing.assert_allclose([point.u, point.x[0]], [u, T], rtol=1e-10)
    # Y = i_u + i_T r_u/(s - r_T), by differences of the written current.
    h = 1e-5
    i_u, i_T = (
        (conducted(u + h, T) - conducted(u - h, T)) / (2 * h),
        (conducted(u, T + h) - conducted(u, T - h)) / (2 * h),
    )
    r_u, r_T = (I + u * i_u) / p["C_th"], (u * i_T - 1 / p["R_th"]) / p["C_th"]
    elements = jm.equivalent_circuit(one, point)
    assert float(elements.R_dc) == pytest.approx(1 / (i_u - i_T * r_u / r_T), rel=1e-6)
    assert float(elements.C_lf) == pytest.approx(C_m - i_T * r_u / r_T**2, rel=1e-6)
    freq = np.array([1e5, 1e6, 1e7, 1e8])
    s = 2j * np.pi * freq
    Z = 2e5 + 1 / (C_m * s + i_u + i_T * r_u / (s - r_T))
    got = one.impedance_at(jnp.asarray(s.imag), point.u, point.x)
    np.testing.assert_allclose(got[0] + 1j * np.asarray(got[1]), Z, rtol=1e-6)
    residual = Spectrum(freq, Z, I=float(I), sigma=1.0).residual(one)
    assert np.max(np.abs(residual)) < 1e-6 * np.max(np.abs(Z))
    with pytest.raises(ValueError, match="at a current"):
        Spectrum(freq, Z, u=u, sigma=1.0).residual(one)


def test_a_steady_curve_through_its_falling_part():
    T = np.array([320.0, 380.0, 450.0, 600.0])
    u, I = np.array([at_temperature(x) for x in T]).T
    assert np.argmax(u) not in (0, 3)
    residual = SteadyCurve(1e3 * I + u, I=I, sigma=1.0).residual(device(1e3))
    np.testing.assert_allclose(residual, 0, atol=1e-9)
    with pytest.raises(ValueError, match="wants currents"):
        SteadyCurve(I, u=u, sigma=1.0).residual(device(1e3))


@pytest.mark.slow
def test_of_several_states_spectra_and_curves_are_taken_at_the_one_that_is_said():
    one = device(1e3)
    u, I = at_temperature(450.0)
    point = jm.operating_point(one, I=I)
    freq = np.array([1e5, 1e6, 1e7, 1e8])
    re, im = one.impedance_at(jnp.asarray(2 * np.pi * freq), point.u, point.x)
    Z = np.asarray(re) + 1j * np.asarray(im)
    size = np.max(np.abs(Z))
    # The hottest and the coldest state at this voltage have other spectra.
    for bias in (dict(V=1e3 * float(I) + float(u)), dict(u=float(u))):
        found = Spectrum(freq, Z, **bias, branch=1, sigma=1.0)
        np.testing.assert_allclose(found.impedance(one), Z, rtol=1e-6)
        assert np.max(np.abs(found.residual(one))) < 1e-6 * size
        R_dc = jm.equivalent_circuit(one, point).R_dc
        assert elements_at(found, one)["R_dc"] == pytest.approx(float(R_dc), rel=1e-6)
    rest = Spectrum(freq, Z, V=1e3 * float(I) + float(u), sigma=1.0)
    assert np.max(np.abs(rest.residual(one))) > 0.1 * size
    with pytest.raises(ValueError, match="number of an equilibrium"):
        Spectrum(freq, Z, I=1.0, branch=-1)
    one_point = np.array([I]), np.array([u])
    for bias in (dict(u=one_point[1]), dict(V=1e3 * one_point[0] + one_point[1])):
        middle = SteadyCurve(one_point[0], **bias, branch=1, sigma=1.0).residual(one)
        np.testing.assert_allclose(middle, 0, atol=1e-6 * float(I))


@pytest.mark.slow
def test_spiking_begins_at_its_hopf_point_and_what_stops_it_stops_it():
    one = device(2e5)
    hopf = jm.hopf_points(one, drive="voltage")
    rest, kept, onset = jm.rheobase(one, "voltage")
    assert float(rest) == float(hopf.V[2]) > 0 and bool(onset == jm.ONSETS.soft_hopf)
    assert float(kept) == float(rest)
    R_s = lambda d: d.R_s
    change = jm.smallest_change(one, R_s, drive="voltage")
    assert bool(change.spikes) and "T_max" not in "".join(jm.smallest_change(one).names)
    for factor, count in ((1.001, 4), (0.999, 0)):
        other = device(2e5 * factor * float(change.alone[0, 0]))
        assert int(jm.hopf_points(other, drive="voltage").found) == count


@pytest.mark.slow
def test_driven_periodically_it_settles_as_scipy_does():
    one, V, freq = device(2e5), 8.0, 1e7
    wave = jm.Sine(1.0, freq, offset=V)
    found = jm.periodic_state(jm.Circuit(one, jm.VoltageDrive(wave)), 1 / freq)

    def field(t, y):
        u, T = y
        i = conducted(u, T)
        into = (V + np.sin(2 * np.pi * freq * 1e-8 * t) - u) / 2e5
        return [1e-8 * (into - i) / C_m, 1e-8 * (i * u - (T - 300) / p["R_th"]) / p["C_th"]]

    start = [float(found.transient.u[0]), float(found.transient.x[0, 0])]
    run = solve_ivp(field, (0, 10), start, "LSODA", rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(run.y[:, -1], start, rtol=1e-6)
    locked = jm.entrainment(jm.Circuit(one, jm.VoltageDrive(wave)), 1 / freq, settle=40)
    assert int(locked.periods) == 1 and bool(locked.stable)
    np.testing.assert_allclose(locked.u[0, 0], start[0], rtol=1e-5)
