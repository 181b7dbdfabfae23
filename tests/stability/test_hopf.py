"""Hopf points against 40-digit references, the cubic in f, eigenvalues and closed forms."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from scipy.optimize import fsolve
from strategies import letters

import jaxmem as jm
from benchmarks.oracles.hopf_cubic import cubic_roots
from benchmarks.problems.drawn_devices import draw_device, nearly_closed
from benchmarks.problems.published import FitzHughNagumo

NAMES = dict(Rb="R_b", ic0="i_c0", VT="V_T", Vm="V_m", Cm="C_m", td="tau_d", tk="tau_k")


@pytest.fixture(scope="module")
def reference():
    from conftest import SHARED

    path = SHARED / "reference/bifurcation.json"
    if not path.is_file():
        pytest.skip("no reference values beside the checkout")
    return json.loads(path.read_text())


def device_of(parameters):
    return jm.Memristor3D(**{ours: float(parameters[n]) for n, ours in NAMES.items()})


@pytest.mark.quick
@pytest.mark.parametrize("name", ["A", "SI", "N1"])
def test_reference_values(reference, name):
    entry = reference["hopf_points"][name]
    found = jm.hopf_points(device_of(entry["parameters"]))
    assert int(found.found) == len(entry["hopf"])
    for k, want in enumerate(entry["hopf"]):
        for ours, theirs, rel in (
            (found.I, want["I"], 1e-12), (found.u, want["u"], 1e-12),
            (found.omega, want["omega"], 1e-12), (found.period, want["period"], 1e-12),
            (found.l1, float(want["c1_nf_q_u_eq_1"][0]) / float(want["omega"]), 1e-10),
            (found.l1_kuznetsov, want["l1"], 1e-10),
            (found.amplitude2_slope, want["d_uamp2_dI"], 1e-10),
            (found.period_slope, want["dT_dI_on_cycle"], 1e-10),
        ):  # fmt: skip
            assert float(ours[k]) == pytest.approx(float(theirs), rel=rel)
    assert np.isnan(found.u[len(entry["hopf"]) :]).all()


@pytest.mark.parametrize("name", [pytest.param("A", marks=pytest.mark.slow), "SI"])
def test_reference_gradients(reference, name):
    d = device_of(reference["hopf_points"][name]["parameters"])

    def numbers(d):
        h = jm.hopf_points(d)
        return jnp.stack([h.I, h.u, h.omega])

    point = jax.jacfwd(numbers)(d)
    l1 = jax.jacfwd(lambda d: jm.hopf_points(d).l1_kuznetsov)(d)
    here = jm.hopf_points(d)
    for k, want in enumerate(reference["hopf_gradients"][name]):
        for theirs, ours in NAMES.items():
            size = abs(float(getattr(d, ours)))
            for i, q in enumerate(("I", "u", "omega")):
                value = abs(float(getattr(here, q)[k]))
                got = float(getattr(point, ours)[i, k])
                assert abs(got - float(want[theirs][q])) * size <= 1e-8 * value, (ours, q)
            got = float(getattr(l1, ours)[k])
            scale = abs(float(here.l1_kuznetsov[k]))
            assert abs(got - float(want[theirs]["l1_qunit"])) * size <= 1e-7 * scale, ours
    assert float(point.V_T[0, 0]) == pytest.approx(1 / float(d.R_b), rel=1e-8)


def test_random_devices_have_the_roots_of_the_cubic():
    rng = np.random.default_rng(7)
    cases = [draw_device(rng, True, gain=(10.0, 1e4), spread=4.0) for _ in range(400)]
    stack = {n: jnp.array([c[n] for c in cases]) for n in NAMES.values()}
    found = jax.vmap(lambda p: jm.hopf_points(jm.Memristor3D(**p)))(stack)
    for k, case in enumerate(cases):
        f = cubic_roots(**case)
        assert int(found.found[k]) == f.size, case
        u = case["V_T"] + case["V_m"] * np.log(f / (1 - f))
        np.testing.assert_allclose(found.u[k, : f.size], u, atol=1e-8 * case["V_m"], rtol=1e-9)
    assert 100 < int(np.sum(np.asarray(found.found) > 0)) < 400


def test_narrow_windows_are_not_lost():
    """Devices with i_c0 lowered until both points lie between two samples of the scan."""
    rng = np.random.default_rng(8)
    drawn = [draw_device(rng, True, gain=(10.0, 1e4), spread=4.0) for _ in range(120)]
    cases = [c for case in drawn if (c := nearly_closed(case, rng)) is not None]
    stack = {n: jnp.array([c[n] for c in cases]) for n in NAMES.values()}
    found = jax.vmap(lambda p: jm.hopf_points(jm.Memristor3D(**p)))(stack)
    assert np.asarray(found.found).tolist() == [2] * len(cases) and len(cases) > 30
    width = (found.u[:, 1] - found.u[:, 0]) / stack["V_m"]
    assert 0 < float(width.min()) and float(jnp.median(width)) < 0.1


@pytest.mark.slow
@given(letters(gain=(1.0, 1e4), decades=6.0))
def test_the_count_is_that_of_eigenvalues(case):
    d = jm.Memristor3D(**case)
    for x in (-3.0, -1.0, 0.0, 2.0):
        u = case["V_T"] + x * case["V_m"]
        real = np.linalg.eigvals(np.asarray(jm.linearize(d, u=u).jacobian)).real
        sure = np.abs(real) > 1e-9 * np.abs(real).max()
        if sure.all():
            assert int(jm.unstable_count(d, u)) == int(np.sum(real > 0))
            assert (float(jm.hopf_margin(d, u)) > 0) == (np.sum(real > 0) == 0)


@pytest.mark.quick
def test_units_change_nothing_but_units():
    d = jm.si_device()
    volt, ampere, second = 1e3, 1e9, 1e6  # mV, nA, us
    scaled = jm.Memristor3D(
        R_b=d.R_b * volt / ampere, C_m=d.C_m * ampere * second / volt, i_c0=d.i_c0 * ampere,
        V_T=d.V_T * volt, V_m=d.V_m * volt, tau_d=d.tau_d * second, tau_k=d.tau_k * second,
    )  # fmt: skip
    one, two = jm.hopf_points(d), jm.hopf_points(scaled)
    assert int(one.found) == int(two.found) == 2
    for a, b in (
        (one.u * volt, two.u), (one.I * ampere, two.I), (one.omega / second, two.omega),
        (one.l1 / volt**2, two.l1), (one.period_slope * second / ampere, two.period_slope),
    ):  # fmt: skip
        np.testing.assert_allclose(a[:2], b[:2], rtol=1e-12)


def test_a_voltage_behind_a_resistance_is_a_current_beside_one():
    """Under voltage drive R_b R_s/(R_b + R_s) takes the place of R_b."""
    d = jm.paper_device(tau_m=1.0, tau_d=1.0, tau_k=1.0, R_s=0.5)
    beside = jm.paper_device(tau_m=1.0, tau_d=1.0, tau_k=1.0, R_b=1.0 / 3, C_m=1.0)
    one, two = jm.hopf_points(d, drive="voltage"), jm.hopf_points(beside)
    assert int(one.found) == int(two.found) == 2
    for name in ("u", "omega", "l1"):
        np.testing.assert_allclose(getattr(one, name)[:2], getattr(two, name)[:2], rtol=1e-11)
    np.testing.assert_allclose(one.V, 0.5 * one.I + one.u)
    assert int(jm.hopf_points(jm.paper_device(tau_k=1.0, R_s=0.1), drive="voltage").found) == 0
    with pytest.raises(ValueError, match="cannot oscillate"):
        jm.hopf_points(jm.paper_device(tau_k=1.0), drive="voltage")


@given(letters(three=False))
def test_2d_has_none(case):
    assert int(jm.hopf_points(jm.Memristor2D(**case)).found) == 0


@pytest.mark.parametrize("b, eps", [(0.8, 0.08), (0.5, 0.3), (1.2, 0.02)])
def test_fitzhugh_nagumo_in_closed_form(b, eps):
    d = jm.Device(1.0, {"fhn": FitzHughNagumo(0.7, b, eps)})
    found = jm.hopf_points(d, u_range=(-3.0, 3.0))
    u = np.sqrt(1 - eps * b)
    omega = np.sqrt(eps * (1 - eps * b**2))
    assert int(found.found) == 2
    np.testing.assert_allclose(found.u[:2], [-u, u], rtol=1e-12)
    np.testing.assert_allclose(found.omega[:2], omega, rtol=1e-12)
    # The formula of the normal form for a plane, where only du/dt is nonlinear.
    a = eps * b
    p = 1 / (1 - (a - 1j * omega) ** 2 / eps)
    mean, double = -a / omega**2, -(2j * omega + a) / (3 * omega**2)
    c1 = p / 2 * (-2 + 4 * u**2 * (-2 * mean + double))
    np.testing.assert_allclose(found.l1[:2], c1.real / omega, rtol=1e-10)
    everywhere = jm.hopf_points(d)
    assert int(everywhere.found) == 2
    np.testing.assert_allclose(everywhere.I[:2], found.I[:2], rtol=1e-12)
    with pytest.raises(ValueError, match="u_range wants low < high"):
        jm.hopf_points(d, u_range=(1.0, -1.0))


def random_device(rng, states):
    """A device of some states with saddles and several equilibria, in volts, amperes, seconds."""
    branches = {"fhn": FitzHughNagumo(0.7, rng.uniform(0.4, 3.0), 10 ** rng.uniform(-2, 0.5))}
    for k in range(states - 2):
        tau = 10 ** rng.uniform(-1, 2)
        branches[f"s{k}"] = jm.SlowConductance(rng.uniform(-1.5, 1.5), tau)
    return jm.Device(10 ** rng.uniform(-1, 0.5), branches)


@pytest.mark.parametrize(
    "states", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (3, 4, 5))]
)
def test_random_devices_against_eigenvalues_on_a_fine_grid(states):
    rng = np.random.default_rng(states)
    total = 0
    for _ in range(12):
        d = random_device(rng, states)
        found = jm.hopf_points(d, u_range=(-3.0, 3.0))
        u = jnp.linspace(-3, 3, 19_201)
        matrices = jax.vmap(lambda u, d=d: jm.linearize(d, u=u).jacobian)(u)
        values = np.linalg.eigvals(np.asarray(matrices))
        pairs = np.sum((values.real > 0) & (values.imag > 0), axis=1)
        # A pair that crosses, not two real ones that meet to the right of the axis.
        crossing = []
        for k in np.flatnonzero(np.diff(pairs)):
            near = min(np.abs(v.real[v.imag > 0]).min(initial=np.inf) for v in values[k : k + 2])
            if near < 0.01 * np.abs(values[k]).max():
                crossing.append((u[k] + u[k + 1]) / 2)
        assert int(found.found) == len(crossing)
        kept = np.asarray(found.u)[: len(crossing)]
        np.testing.assert_allclose(kept, crossing, atol=6 / 19_200)
        total += len(crossing)
    assert total > 4


@pytest.mark.slow
def test_criticality_is_what_a_simulation_shows():
    """Just above a soft onset the squared amplitude grows as its slope says."""
    d = jm.paper_device(tau_m=1.0, tau_d=1.0, tau_k=1.0)
    h = jm.hopf_points(d)
    assert np.all(np.asarray(h.l1[:2]) < 0)
    step = 2e-3
    I = float(h.I[0]) + step
    point = jm.operating_point(d, I=I)
    T = float(h.period[0]) + step * float(h.period_slope[0])
    swing = np.sqrt(step * float(h.amplitude2_slope[0]))
    start = (point.u + swing, point.x)
    t = jnp.concatenate([jnp.zeros(1), 600 * T + jnp.linspace(0, 2 * T, 801)])
    circuit = jm.Circuit(d, jm.CurrentDrive(I))
    run = jm.solve(circuit, t, start=start, rtol=1e-8, max_steps=1_000_000)
    u = np.asarray(run.u)[1:]
    assert np.ptp(u) / 2 == pytest.approx(swing, rel=0.02)


@pytest.mark.slow
def test_jit_and_grad_agree_with_plain_calls():
    d = jm.si_device()
    plain = jm.hopf_points(d)
    jitted = jax.jit(jm.hopf_points)(d)
    np.testing.assert_allclose(plain.I, jitted.I, rtol=1e-13)
    I = lambda R_b: jm.hopf_points(jm.si_device(R_b=R_b)).I[0]
    h = 1.0
    assert float(jax.grad(I)(1e4)) == pytest.approx(
        float(I(1e4 + h) - I(1e4 - h)) / (2 * h), rel=1e-6
    )


def test_a_drive_that_is_none_is_refused():
    with pytest.raises(Exception, match="drive"):
        jm.hopf_margin(jm.si_device(), 0.7, "power")


CPE = dict(Q=2e-7, n=0.95)


@pytest.fixture(scope="module")
def many():
    """A constant-phase element in the place of C_m, as a ladder that keeps 0.1 %."""
    cpe = jm.ConstantPhase(**CPE, band=(1.0, 1e5), accuracy=1e-3)
    return jm.si_device(C_m=0.0, R_s=2e4, extra={"cpe": cpe})


def by_hand(z, drive):
    """Y(j omega; u) of the SI device with the element itself: eqs 4, 7, 13, 15."""
    u, s = z[0], 1j * np.exp(z[1])
    f = 1 / (1 + np.exp(-(u - 0.8) / 0.04))
    R_a = 0.04 / (5e-4 * f * (1 - f))
    Y = CPE["Q"] * s ** CPE["n"] + 1e-4 + 1 / (R_a * (1 + 2e-3 * s) * (1 + 5e-3 * f * s))
    Y = Y + 1 / 2e4 if drive == "voltage" else Y
    return [1e4 * Y.real, 1e4 * Y.imag]


@pytest.mark.slow
@pytest.mark.parametrize("drive", ["current", "voltage"])
def test_many_states_are_those_of_the_element_and_of_eigenvalues(many, drive):
    found = jm.hopf_points(many, drive=drive)
    assert many.in_time().size > 10 and int(found.found) == 2
    for u, omega in zip(np.asarray(found.u)[:2], np.asarray(found.omega)[:2], strict=True):
        root = fsolve(by_hand, [u, np.log(omega)], args=(drive,), xtol=1e-12)
        # The ladder is the element to 0.1 %.
        assert u == pytest.approx(root[0], abs=0.01 * 0.04)
        assert omega == pytest.approx(np.exp(root[1]), rel=3e-3)
        # And the point is that of the ladder: a pair of its eigenvalues is on the axis.
        J = np.asarray(jm.linearize(many, u=u).jacobian).copy()
        J[0, 0] -= 1 / (2e4 * float(many.in_time().C_m)) if drive == "voltage" else 0.0
        size = np.append([0.04, 5e-5, 0.1], np.full(len(J) - 3, 0.04))
        values = np.linalg.eigvals(J * size / size[:, None])
        pair = values[np.argmin(np.abs(values - 1j * omega))]
        assert pair == pytest.approx(1j * omega, rel=1e-7)
    between = float(found.u[:2].mean())
    count = [int(jm.unstable_count(many, u, drive)) for u in (0.6, between, 1.0)]
    assert count == [0, 2, 0]
    assert float(jm.hopf_margin(many, between, drive)) < 0 < float(jm.hopf_margin(many, 0.6, drive))


@pytest.mark.slow
def test_derivatives_of_many_states_are_those_of_finite_differences(many):
    def numbers(i_c0):
        found = jm.hopf_points(eqx.tree_at(lambda d: d.i_c0, many, jnp.asarray(i_c0)))
        return jnp.stack([found.u[0], found.omega[0]])

    i_c0, h = 5e-4, 1e-8
    slope = jax.jacrev(numbers)(jnp.asarray(i_c0))
    want = (numbers(i_c0 + h) - numbers(i_c0 - h)) / (2 * h)
    np.testing.assert_allclose(slope, want, rtol=1e-6)
