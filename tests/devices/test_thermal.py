"""The thermal switch, whose equilibria are no function of the voltage, against other arithmetic."""

from decimal import Decimal, localcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import jaxmem as jm

K_B, R_s, C_m = 8.617333262e-5, 2e5, 3e-12
LETTERS = dict(R_0=100.0, E_a=0.2, b=0.02, C_th=1e-14, R_th=1e6)
SWITCH = jm.ThermalSwitch(**LETTERS)
DEVICE = jm.Device(C_m, {"switch": SWITCH}, R_s=R_s)


def current(u, T, exp, sqrt):
    return u / 100.0 * exp(-(0.2 - 0.02 * sqrt(u)) / (K_B * T))


@pytest.mark.slow
def test_the_curve_rests_and_has_derivatives():
    s = jnp.linspace(-26.0, 26.0, 53)
    u, x = jax.vmap(SWITCH.rest_curve)(s)
    rates = jax.vmap(SWITCH.rates)(u, x)
    assert float(jnp.max(jnp.abs(rates))) < 1e-10 * 700 / (1e6 * 1e-14)
    slope = jax.vmap(jax.grad(lambda s: SWITCH.rest_curve(s)[0]))(s)
    h = 1e-4
    ends = [jax.vmap(lambda s: SWITCH.rest_curve(s)[0])(s + d) for d in (h, -h)]
    away = jnp.abs(s) > 0.5
    np.testing.assert_allclose(slope[away], ((ends[0] - ends[1]) / (2 * h))[away], rtol=1e-6)
    # Folds need the second one.
    first = jax.grad(lambda s: SWITCH.rest_curve(s)[0])
    second = jax.vmap(jax.grad(first))(s)
    ends = [jax.vmap(first)(s + d) for d in (h, -h)]
    np.testing.assert_allclose(second[away], ((ends[0] - ends[1]) / (2 * h))[away], rtol=1e-6)


def test_two_states_at_one_voltage_and_one_at_each_current():
    device = jm.Device(C_m, {"switch": SWITCH}, R_s=1e2)
    found = jm.operating_points(device, V=1.0)
    assert int(found.count) == 2 and float(found.x[1, 0] - found.x[0, 0]) > 100
    np.testing.assert_allclose(found.V[:2], 1.0, rtol=1e-13)
    for k in range(2):
        u, T = float(found.u[k]), float(found.x[k, 0])
        I = current(u, T, np.exp, np.sqrt)
        assert 1e2 * I + u == pytest.approx(1.0, rel=1e-12)
        assert I * u == pytest.approx((T - 300) / 1e6, rel=1e-10)
    hot = jm.linearize(device, found.point(1))
    assert np.real(hot.impedance(0.0)) < 0 < np.real(jm.linearize(device, I=1e-6).impedance(0.0))
    with pytest.raises(ValueError, match="several states at one voltage"):
        device.rest(jnp.asarray(1.0))
    with pytest.raises(ValueError, match="2 equilibria"):
        jm.operating_point(device, V=1.0)


def test_impedance_is_that_of_the_matrix():
    near = jm.linearize(DEVICE, I=1e-4)
    omega = 3e7
    A = np.asarray(near.jacobian)
    Z = np.linalg.solve(1j * omega * np.eye(2) - A, [1 / C_m, 0])[0] + R_s
    assert complex(near.impedance(omega)) == pytest.approx(Z, rel=1e-10)


def exact(u, T):
    """The Hopf point near (u, T) under a voltage, in 50 digits: u, T, V, omega."""
    with localcontext() as context:
        context.prec = 50
        R_0, E_a, b, C_th, R_th, k_B = (
            Decimal(z) for z in (100.0, 0.2, 0.02, 1e-14, 1e6, 8.617333262e-5)
        )
        R, C, u, T = Decimal(R_s), Decimal(C_m), Decimal(u), Decimal(T)

        def parts(u, T):
            """i, trace and determinant of the Jacobian, and the balance of heat."""
            barrier = E_a - b * u.sqrt()
            i = u / R_0 * (-barrier / (k_B * T)).exp()
            i_u, i_T = i / u + i * b / (2 * u.sqrt() * k_B * T), i * barrier / (k_B * T * T)
            A, D = -(i_u + 1 / R) / C, (u * i_T - 1 / R_th) / C_th
            return i, A + D, A * D + i_T / C * (i + u * i_u) / C_th, i * u - (T - 300) / R_th

        h = Decimal(10) ** -22
        for _ in range(12):
            _, f, _, g = parts(u, T)
            fu, gu = ((x - y) / h for x, y in zip(parts(u + h, T)[1::2], (f, g), strict=True))
            fT, gT = ((x - y) / h for x, y in zip(parts(u, T + h)[1::2], (f, g), strict=True))
            det = fu * gT - fT * gu
            u, T = u - (f * gT - fT * g) / det, T - (fu * g - f * gu) / det
        i, trace, omega2, heat = parts(u, T)
        assert abs(trace) < omega2.sqrt() * Decimal("1e-20") and abs(heat) < i * Decimal("1e-20")
        return [float(z) for z in (u, T, R * i + u, omega2.sqrt())]


@pytest.mark.slow
def test_hopf_points_are_those_of_fifty_digits():
    found = jm.hopf_points(DEVICE, drive="voltage")
    assert int(found.found) == 4
    for k in (2, 3):
        row = [found.u[k], found.x[k, 0], found.V[k], found.omega[k]]
        np.testing.assert_allclose(row, exact(float(found.u[k]), float(found.x[k, 0])), rtol=1e-11)
    np.testing.assert_allclose(found.V[:2], -found.V[3:1:-1], rtol=1e-11)
    lower = lambda R: jm.hopf_points(
        jm.Device(C_m, {"switch": SWITCH}, R_s=R), drive="voltage"
    ).V[2]  # fmt: skip
    h = 2.0
    assert float(jax.grad(lower)(R_s)) == pytest.approx(
        float(lower(R_s + h) - lower(R_s - h)) / (2 * h), rel=1e-6
    )


@pytest.mark.slow
def test_its_cycle_is_that_of_scipy():
    V = 30.0
    cycle = jm.limit_cycle(jm.Circuit(DEVICE, jm.VoltageDrive(V)))
    assert bool(cycle.stable)
    scale = 1e-8

    def field(t, y):
        i = current(y[0], y[1], np.exp, np.sqrt)
        return [
            scale * ((V - y[0]) / R_s - i) / C_m,
            scale * (i * y[0] - (y[1] - 300) / 1e6) / 1e-14,
        ]

    middle = float(cycle.u_max + cycle.u_min) / 2
    cross = lambda t, y: y[0] - middle
    cross.direction = 1
    start = [float(cycle.u[0]), float(cycle.x[0, 0])]
    run = solve_ivp(field, (0, 500), start, "LSODA", rtol=1e-11, atol=1e-11, events=cross)
    period = np.diff(run.t_events[0])[-5:] * scale
    np.testing.assert_allclose(period, float(cycle.period), rtol=1e-7)


@pytest.mark.slow
def test_it_starts_from_rest_and_oscillates():
    T = 2 * np.pi / float(jm.hopf_points(DEVICE, drive="voltage").omega[2])
    run = jm.solve(jm.Circuit(DEVICE, jm.VoltageDrive(jm.Step(30.0))), jnp.linspace(0, 20 * T, 801))
    assert float(run.u[0]) == pytest.approx(0.0, abs=1e-9)
    assert np.ptp(np.asarray(run.u)[-200:]) > 0.5


def test_it_goes_through_a_file():
    text = jm.device_to_toml(DEVICE)
    again = jm.device_from_toml(text)
    np.testing.assert_allclose(again.branches["switch"].R_th, SWITCH.R_th)
