"""Equilibria and small signals against closed forms typed here."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from strategies import letters

import jaxmem as jm


def closed_form(device, u, omega):
    """Eqs 6 and 13, in NumPy."""
    p = {k: float(getattr(device, k)) for k in ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d")}
    f = 1 / (1 + np.exp(-(u - p["V_T"]) / p["V_m"]))
    R_a = p["V_m"] / (p["i_c0"] * f * (1 - f))
    s = 1j * omega
    if hasattr(device, "tau_k"):
        Z_c = (1 + s * p["tau_d"]) * (R_a + f * float(device.tau_k) * R_a * s)
    else:
        Z_c = R_a + p["tau_d"] * R_a * s
    return (s * p["C_m"], 1 / p["R_b"] + 0 * s, 1 / Z_c)


def random_devices(seed, count):
    rng = np.random.default_rng(seed)
    for k in range(count):
        volt, amp, sec = (
            10 ** rng.uniform(-3, 0),
            10 ** rng.uniform(-9, 0),
            10 ** rng.uniform(-6, 2),
        )
        G = 10 ** rng.uniform(0, 4)
        taus = sec * 10 ** rng.uniform(-3, 3, 3)
        V_m = volt * 10 ** rng.uniform(-2, 0)
        R_b = G * V_m / amp
        values = dict(R_b=R_b, C_m=taus[0] / R_b, i_c0=amp, V_T=volt, V_m=V_m, tau_d=taus[1])
        yield jm.Memristor3D(**values, tau_k=taus[2]) if k % 2 else jm.Memristor2D(**values), rng


def test_impedance_is_the_closed_form():
    for device, rng in random_devices(1, 40):
        u = float(device.V_T + device.V_m * rng.uniform(-6, 6))
        omega = np.logspace(-4, 4, 41) / float(device.tau_d)
        parts = closed_form(device, u, omega)
        Y = np.asarray(jm.linearize(device, u=u).admittance(omega))
        assert np.all(abs(Y - sum(parts)) <= 1e-11 * sum(abs(p) for p in parts))


def test_operating_point_balances_to_the_last_digits():
    for device, rng in random_devices(2, 40):
        I = float(device.i_c0) * rng.choice([-1, 1]) * 10 ** rng.uniform(-6, 6)
        u = float(jm.operating_point(device, I=I).u)
        x = (u - float(device.V_T)) / float(device.V_m)
        i_c = float(device.i_c0) * (1 / (1 + np.exp(-x)) if x > -600 else 0.0)
        leak = u / float(device.R_b)
        assert abs(leak + i_c - I) <= 1e-12 * (abs(leak) + i_c + abs(I))


def test_all_equilibria_of_a_device_with_negative_resistance():
    class Cubic(jm.AbstractBranch):
        a: jax.Array = eqx.field(converter=jnp.asarray)

        def current(self, u, x):
            return self.a * (u**3 / 3 - u)

    device = jm.Device(1.0, {"leak": jm.Leak(10.0), "cubic": Cubic(1.0)})
    u, count = jm.operating_points(device, I=0.0)
    expected = np.sort(np.roots([1 / 3, 0, -0.9, 0]).real)
    assert int(count) == 3
    np.testing.assert_allclose(u[:3], expected, atol=1e-14)
    with pytest.raises(ValueError, match="3 equilibria"):
        jm.operating_point(device, I=0.0)
    with pytest.raises(ValueError, match="I must be a finite number, got nan"):
        jm.operating_point(device, I=np.nan)


@pytest.mark.quick
def test_values_of_the_paper():
    device = jm.paper_device()
    I = jm.steady_curve(device, jnp.array([0.5, 1.0, 1.5])).I
    np.testing.assert_allclose(I, [0.50045, 6.0, 11.49955], atol=1e-5)
    behind = jm.operating_point(jm.paper_device(R_s=0.1), V=1.5)
    np.testing.assert_allclose([behind.I, behind.u], [5.1652, 0.983485], atol=5e-5)
    near = jm.linearize(jm.paper_device(0.01, 1.0, 1.0), u=0.95)
    omega = np.linspace(9, 11, 20001)
    Z = np.asarray(near.impedance(omega))
    assert Z.real.min() == pytest.approx(-0.7475, abs=1e-4)
    assert omega[Z.real.argmin()] == pytest.approx(9.96, abs=0.01)
    assert np.all(near.eigenvalues().real < 0)


def test_polynomial_is_that_of_the_eigenvalues_and_the_corrected_c0():
    device = jm.si_device()
    near = jm.linearize(device, u=0.75)
    c = np.asarray(near.polynomial())
    np.testing.assert_allclose(c, np.poly(np.asarray(near.eigenvalues())).real, rtol=1e-9)
    f = 1 / (1 + np.exp(-(0.75 - 0.8) / 0.04))
    c0 = 1 / (f * 1e-3 * 2e-3 * 5e-3) + 5e-4 * (1 - f) / (2e-3 * 5e-3 * 1e-7 * 0.04)
    assert c[-1] == pytest.approx(c0, rel=1e-10)


@given(letters(gain=(1.0, 1e4), decades=6.0))
def test_coefficients_keep_the_digits_of_stiff_devices(case):
    """Against c2, c1 and the corrected c0 (eqs 20 to 22), over six decades of time constants."""
    d = jm.Memristor3D(**case)
    tau_m = case["R_b"] * case["C_m"]
    for x in (-6.0, 0.0, 3.0):
        f, closed = 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(x))
        a, b, k = 1 / tau_m, 1 / case["tau_d"], 1 / (f * case["tau_k"])
        loop = case["i_c0"] * closed / (
            case["tau_d"] * case["tau_k"] * case["C_m"] * case["V_m"]
        )  # fmt: skip
        want = [1, a + b + k, a * b + a * k + b * k, a * b * k + loop]
        c = jm.linearize(d, u=case["V_T"] + x * case["V_m"]).polynomial()
        np.testing.assert_allclose(c, want, rtol=1e-9)


def test_low_frequency_capacitance():
    device = jm.si_device()
    circuit = jm.equivalent_circuit(device, jm.operating_point(device, u=0.75))
    f = 1 / (1 + np.exp(-(0.75 - 0.8) / 0.04))
    R_a = 0.04 / (5e-4 * f * (1 - f))
    assert circuit.C_lf == pytest.approx(1e-7 - (2e-3 + f * 5e-3) / R_a, rel=1e-10)
    assert circuit.R_dc == pytest.approx(1 / (1e-4 + 1 / R_a), rel=1e-12)


def test_ladder_keeps_the_accuracy_asked():
    for n in (0.5, 0.8, 0.957, 1.0):
        for band, accuracy in (((1.0, 1e4), 7e-3), ((0.1, 1e6), 1e-3)):
            element = jm.ConstantPhase(1e-8, n, band, accuracy)
            s = 2j * np.pi * np.logspace(*np.log10(band), 200)
            C, ladder = element.ladder()
            Y = s * float(C) + np.asarray(ladder.admittance(s, 0.0))
            assert np.max(abs(Y / (1e-8 * s**n) - 1)) <= accuracy


def test_jit_vmap_grad():
    device = jm.paper_device(1.0, 1.0, 1.0)
    point = lambda I: jm.operating_point(device, I=I).u
    I = jnp.array([0.5, 6.0])
    np.testing.assert_allclose(jax.jit(jax.vmap(point))(I), [point(0.5), point(6.0)])
    # dI/du = 1/R_b + (i_c0/V_m) f (1 - f) with f = 1/2 at u = V_T
    assert jax.grad(point)(6.0) == pytest.approx(1 / (1 + 10 / 0.05 / 4), rel=1e-12)
    reactance = lambda tau: jnp.imag(
        jm.linearize(jm.paper_device(0.01, tau), u=0.9).impedance(jnp.array(10.0))
    )
    step = 1e-6
    slope = (reactance(1 + step) - reactance(1 - step)) / (2 * step)
    assert jax.grad(reactance)(1.0) == pytest.approx(float(slope), rel=1e-6)


def test_bad_values_are_refused():
    with pytest.raises(ValueError, match=r"R_b .* must be positive"):
        jm.paper_device(R_b=-1.0)
    with pytest.raises(ValueError, match="C_m = 0"):
        jm.paper_device(tau_m=0.0)
    with pytest.raises(ValueError, match="exactly one"):
        jm.operating_point(jm.paper_device())


def test_derivatives_of_states_in_reverse_mode():
    """Places for further equilibria, which are not there, do not make them NaN."""
    f = lambda V_m: jm.operating_point(jm.si_device(V_m=V_m), I=1e-4).x[1]
    slope = (f(0.04 + 1e-6) - f(0.04 - 1e-6)) / 2e-6
    assert float(jax.grad(f)(0.04)) == pytest.approx(float(slope), rel=1e-7)


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda d: jm.operating_point(d, I=1j), "I must be a finite number"),
        (lambda d: jm.operating_point(d, u=np.nan), "u must be a finite number"),
        (lambda d: jm.operating_point(d, u=jnp.ones(2)), "u must be a finite number"),
        (lambda d: jm.operating_points(d, I=np.inf), "I must be a finite number"),
        (lambda d: jm.operating_points(d, V="a"), "V must be a finite number"),
        (lambda d: jm.operating_point(d, I=1e-4, branch="x"), "branch wants the number"),
        (lambda d: jm.steady_curve(d, 0.5), "a vector of real numbers"),
        (lambda d: jm.steady_curve(d, jnp.ones(2) * 1j), "a vector of real numbers"),
        (lambda d: jm.hopf_points(None), "wants a device first, got NoneType"),
        (lambda d: jm.fold_points(jm.Circuit(d, jm.CurrentDrive(1.0))), "got Circuit"),
        (lambda d: jm.hopf_points(d, u_range=3), "u_range wants"),
        (lambda d: jm.linearize(d, I=jnp.ones(2)), "I must be a finite number"),
    ],
)
def test_what_is_no_call_is_refused_by_its_cause(call, says):
    with pytest.raises(ValueError, match=says):
        call(jm.si_device())


@pytest.mark.slow
def test_rest_is_reached_with_a_constant_phase_element_as_the_capacitance():
    class Tunnel(jm.AbstractBranch):
        g: jax.Array = eqx.field(converter=jnp.asarray)

        def current(self, u, x):
            return self.g * u * jnp.exp(-(u**2))

    branches = {"cpe": jm.ConstantPhase(1e-6, 0.8), "n": Tunnel(1e-5), "leak": jm.Leak(1e6)}
    device = jm.Device(0.0, branches)
    found = jm.operating_points(device, I=3e-6)
    assert int(found.count) == 3
    assert float(jm.operating_point(device, I=3e-6, branch="rest").u) == float(found.u[0])
