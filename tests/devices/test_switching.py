"""The switching conductance against scipy's integrators and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import jaxmem as jm

# About what the measured loops of a W/Ge2Se3 memristor show.
LETTERS = dict(g_on=9e-5, g_off=4e-6, k_on=1e-3, k_off=1e-1, V_on=0.022, V_off=0.026)
R_S, C_M, FREQ, TOP = 47e3, 2e-9, 10.0, 0.8


def device(**letters):
    branches = {"switch": jm.SwitchingConductance(**(LETTERS | letters))}
    return jm.Device(C_M, branches, R_S)


def reference(t, method, V_on=LETTERS["V_on"]):
    """u and logit x from x = 1/2 at u = 0, by scipy from the equations typed here."""
    p = LETTERS | {"V_on": V_on}

    def field(t, y):
        u, w = y
        x = 1 / (1 + np.exp(-w))
        V = TOP * np.sin(2 * np.pi * FREQ * t)
        i = (p["g_off"] + (p["g_on"] - p["g_off"]) * x) * u
        up, down = p["k_on"] * np.exp(u / p["V_on"]), p["k_off"] * np.exp(-u / p["V_off"])
        return [((V - u) / R_S - i) / C_M, up * (1 + np.exp(-w)) - down * (1 + np.exp(w))]

    out = solve_ivp(field, (0, t[-1]), [0.0, 0.0], method, t, rtol=1e-10, atol=1e-12)
    assert out.success
    return out.y


@pytest.mark.slow
def test_a_sine_behind_a_resistor_against_two_of_scipys_methods():
    t = np.linspace(0, 3 / FREQ, 301)
    truth, other = reference(t, "LSODA"), reference(t, "Radau")
    np.testing.assert_allclose(truth[0], other[0], atol=1e-7)
    drive = jm.VoltageDrive(jm.Sine(TOP, FREQ))
    out = jm.solve(jm.Circuit(device(), drive), t, start=(0.0, jnp.array([0.5])))
    x = 1 / (1 + np.exp(-truth[1]))
    assert np.ptp(x) > 0.6
    np.testing.assert_allclose(out.u, truth[0], atol=1e-5 * np.ptp(truth[0]))
    np.testing.assert_allclose(out.x[:, 0], x, atol=1e-5)
    I = (TOP * np.sin(2 * np.pi * FREQ * t) - truth[0]) / R_S
    np.testing.assert_allclose(out.I, I, atol=1e-5 * np.ptp(I))


@pytest.mark.slow
def test_a_settled_loop_and_its_slope():
    t = np.linspace(0, 1 / FREQ, 101)
    drive = jm.VoltageDrive(jm.Sine(TOP, FREQ))
    loop = lambda V_on: (
        jm.periodic_state(
            jm.Circuit(device(V_on=V_on), drive), 1 / FREQ, t=t, multipliers=False
        ).transient.I
    )
    I_model, slope = jax.jit(lambda V: jax.jvp(loop, (V,), (1.0,)))(LETTERS["V_on"])
    long = np.concatenate([[0.0], 3 / FREQ + t])
    u = reference(long, "LSODA")[0][1:]
    I = (TOP * np.sin(2 * np.pi * FREQ * t) - u) / R_S
    np.testing.assert_allclose(I_model, I, atol=2e-5 * np.ptp(I))
    h = 1e-6
    high, low = (reference(long, "LSODA", LETTERS["V_on"] + s)[0][1:] for s in (h, -h))
    np.testing.assert_allclose(slope, -(high - low) / (2 * h) / R_S, atol=1e-3 * np.ptp(slope))


@pytest.mark.parametrize("u", [-0.2, 0.05, 0.1])
def test_admittance_is_the_limit_of_small_sines(u):
    """Harmonic response of the two equations by hand: x1 = x_inf'(u) u1/(1 + s tau)."""
    d = device()
    p, h = LETTERS, 1e-6

    def both(u):
        up, down = p["k_on"] * np.exp(u / p["V_on"]), p["k_off"] * np.exp(-u / p["V_off"])
        return up / (up + down), 1 / (up + down)

    (x, tau), slope = both(u), (both(u + h)[0] - both(u - h)[0]) / (2 * h)
    s = 2j * np.pi * np.geomspace(1e-3, 1e4, 30)
    g = p["g_off"] + (p["g_on"] - p["g_off"]) * x
    Y = s * C_M + g + (p["g_on"] - p["g_off"]) * u * slope / (1 + s * tau)
    np.testing.assert_allclose(d.admittance(jnp.asarray(s), u), Y, rtol=1e-7)
    np.testing.assert_allclose(d.steady_current(u), g * u, rtol=1e-12)


def test_the_chart_is_the_same_equation_and_stays_finite():
    branch = jm.SwitchingConductance(**LETTERS)
    for u in (-0.3, 0.0, 0.15, 0.4):
        rest = branch.rest(jnp.asarray(u))
        np.testing.assert_allclose(
            branch.rates(jnp.asarray(u), rest), 0, atol=1e-12 * float(branch.k_off) * np.exp(25)
        )
        for x in (0.01, 0.5, 0.99):
            x = jnp.array([x])
            want = branch.rates(jnp.asarray(u), x) / (x * (1 - x))
            got = branch.chart_rates(jnp.asarray(u), branch.chart(x))
            np.testing.assert_allclose(got, want, rtol=1e-9)
    for u in (-1e3, 1e3):
        for w in (-1e4, 0.0, 1e4):
            point = (jnp.asarray(u), jnp.array([w]))
            assert np.isfinite(branch.chart_rates(*point)).all()
            assert np.isfinite(jax.jacfwd(branch.chart_rates, argnums=1)(*point)).all()


def test_a_rectifying_leak_by_hand():
    leak = jm.RectifyingLeak(1e-7, 0.05, 0.2)
    none = jnp.zeros(0)
    for u in (-0.6, 0.0, 0.1, 0.6):
        want = 1e-7 * (np.exp(u / 0.05) - np.exp(-u / 0.2))
        np.testing.assert_allclose(leak.current(jnp.asarray(u), none), want, rtol=1e-12)
    assert np.isfinite(leak.current(jnp.asarray(-1e6), none))
    both = jm.Device(1e-9, {"switch": jm.SwitchingConductance(**LETTERS), "leak": leak})
    again = jm.device_from_toml(jm.device_to_toml(both))
    assert jax.tree.structure(again) == jax.tree.structure(both)
    assert jax.tree.leaves(again) == jax.tree.leaves(both)
