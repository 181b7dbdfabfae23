"""The smallest change that makes a device spike, and the lag that 2D lacks, from outside."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from oracles.spiking import least_gap
from scipy.optimize import brentq, minimize
from strategies import letters

import jaxmem as jm
from benchmarks.oracles.hopf_cubic import cubic_roots
from benchmarks.problems.drawn_devices import draw_device
from benchmarks.problems.published import FitzHughNagumo

NAMES = ("R_b", "C_m", "i_c0", "V_m", "tau_d", "tau_k")


def scaled(case, z):
    return case | {n: case[n] * np.exp(x) for n, x in zip(NAMES, z, strict=True)}


def by_slsqp(case):
    """The least sum of squares by SciPy, with differences for derivatives."""
    at = lambda z: least_gap(scaled(case, z))
    found = minimize(
        lambda z: z @ z, np.full(6, 1e-3), method="SLSQP",
        constraints={"type": "eq", "fun": at}, options={"ftol": 1e-12, "maxiter": 200},
    )  # fmt: skip
    return np.linalg.norm(found.x) if found.success and abs(at(found.x)) < 1e-6 else np.inf


@pytest.mark.slow
def test_least_change_of_all_parameters_together():
    rng = np.random.default_rng(3)
    seen = 0
    for _ in range(12):
        case = draw_device(rng, True, gain=(1.0, 1000.0), spread=2.0)
        found = jm.smallest_change(jm.Memristor3D(**case))
        z = np.log(np.asarray(found.factors))
        assert found.names == NAMES and found.result == jm.RESULTS.successful
        assert bool(found.spikes) == (cubic_roots(**case).size == 2)
        assert float(found.distance) == pytest.approx(np.linalg.norm(z), rel=1e-9)
        # It is on the boundary, and a little farther is beyond it.
        for more, spikes in ((1e-4, not found.spikes), (-1e-4, bool(found.spikes))):
            beyond = scaled(case, z * (1 + more))
            assert (cubic_roots(**beyond).size == 2) == spikes
        rival = by_slsqp(case)
        assert float(found.distance) <= rival * (1 + 1e-5) or not np.isfinite(rival)
        seen += np.isfinite(rival) and float(found.distance) >= rival * (1 - 1e-3)
    # Where the rival arrives at all it is at the same distance.
    assert seen >= 7


@pytest.mark.slow
@settings(max_examples=6)
@given(case=letters(gain=(1.0, 2e3), decades=3.0))
def test_one_parameter_alone_against_a_fine_scan(case):
    found = jm.smallest_change(jm.Memristor3D(**case))
    steps = np.linspace(0, np.log(1e6), 1500)
    for k, name in enumerate(NAMES):
        for side, sign in ((0, -1), (1, 1)):
            values = np.array([least_gap(case | {name: case[name] * np.exp(sign * s)})
                               for s in steps[::10]])  # fmt: skip
            got = float(found.alone[k, side])
            first = np.flatnonzero(np.sign(values[1:]) != np.sign(values[:-1]))
            if not first.size:
                assert np.isnan(got) or abs(values).min() < 0.1, (name, side)
                continue
            at = lambda s, name=name, sign=sign: least_gap(
                case | {name: case[name] * np.exp(sign * s)}
            )
            root = brentq(at, steps[::10][first[0]], steps[::10][first[0] + 1], xtol=1e-10)
            assert np.log(got) * sign == pytest.approx(root, abs=1e-4), (name, side)
    # More saturated current, or a steeper onset, always does it.
    if not found.spikes:
        assert np.isfinite(float(found.alone[2, 1])) and np.isfinite(float(found.alone[3, 0]))


@pytest.mark.slow
def test_units_do_not_matter_and_batches_are_single_calls():
    volt, ampere, second = 1e3, 1e9, 1e3
    d = jm.paper_device(tau_m=0.01, tau_d=1.0, tau_k=1.0)
    other = jm.Memristor3D(
        R_b=d.R_b * volt / ampere, C_m=d.C_m * ampere * second / volt, i_c0=d.i_c0 * ampere,
        V_T=d.V_T * volt, V_m=d.V_m * volt, tau_d=d.tau_d * second, tau_k=d.tau_k * second,
    )  # fmt: skip
    one, two = jm.smallest_change(d), jm.smallest_change(other)
    np.testing.assert_allclose(one.factors, two.factors, rtol=1e-6)
    np.testing.assert_allclose(one.alone, two.alone, rtol=1e-6)
    assert float(two.u) == pytest.approx(float(one.u) * volt, rel=1e-6)
    assert float(two.omega) == pytest.approx(float(one.omega) / second, rel=1e-6)
    taus = jnp.array([0.1, 1.0, 30.0])
    single = [jm.smallest_change(jm.paper_device(tau_m=0.01, tau_d=t, tau_k=1.0)) for t in taus]
    batch = jax.vmap(lambda t: jm.smallest_change(jm.paper_device(tau_m=0.01, tau_d=t, tau_k=1.0)))(
        taus
    )
    np.testing.assert_allclose(batch.factors, np.stack([s.factors for s in single]), rtol=1e-7)
    np.testing.assert_array_equal(batch.spikes, [bool(s.spikes) for s in single])


@pytest.mark.slow
def test_voltage_drive_is_current_drive_with_both_resistances():
    case = dict(C_m=0.3, i_c0=10.0, V_T=1.0, V_m=0.05, tau_d=1.0, tau_k=1.0)
    behind = jm.smallest_change(
        jm.Memristor3D(R_b=1.0, R_s=0.25, **case), lambda d: d.i_c0, drive="voltage"
    )
    alone = jm.smallest_change(jm.Memristor3D(R_b=0.2, **case), lambda d: d.i_c0)
    np.testing.assert_allclose(behind.factors, alone.factors, rtol=1e-9)
    assert not behind.spikes and float(behind.factors[0]) > 1
    # The series resistance counts only where it closes the circuit.
    free = jm.smallest_change(jm.Memristor3D(R_b=1.0, R_s=0.25, **case), lambda d: d.R_s)
    assert free.result == jm.RESULTS.no_change and np.isnan(free.alone).all()


@pytest.mark.slow
@pytest.mark.parametrize(("b", "u_range"), [(0.5, (-1.5, 1.7)), (0.9, None)])
def test_fitzhugh_nagumo_in_closed_form(b, u_range):
    # The trace at u = 0 is 1/C - eps b: it spikes while eps b C < 1, whatever the offset.
    eps, C = 3.0, 4.0
    device = jm.Device(C, {"w": FitzHughNagumo(0.7, b, eps)})
    chosen = (lambda d: d.C_m, lambda d: d.branches["w"].b, lambda d: d.branches["w"].eps)
    found = jm.smallest_change(device, *chosen, u_range=u_range)
    assert found.names == ("C_m", "branches.w.b", "branches.w.eps")
    assert not found.spikes and float(found.u) == pytest.approx(0.0, abs=1e-6)
    if found.result == jm.RESULTS.successful:
        np.testing.assert_allclose(found.factors, (1 / (eps * b * C)) ** (1 / 3), rtol=1e-7)
    np.testing.assert_allclose(found.alone[:, 0], 1 / (eps * b * C), rtol=1e-9)


@pytest.mark.slow
def test_a_saddle_is_no_oscillation():
    # With b > 1 the rest at u = 0 is a saddle: the trace vanishes, and nothing oscillates.
    device = jm.Device(4.0, {"w": FitzHughNagumo(0.7, 1.5, 3.0)})
    found = jm.smallest_change(device, lambda d: d.C_m, u_range=(-1.5, 1.7))
    assert found.result == jm.RESULTS.saddle and np.isnan(found.factors).all()


@pytest.mark.slow
def test_two_dimensions_never_and_the_second_lag_in_closed_form():
    # tau_m equal to tau_d, a decade apart, and too far apart for the gain of 50 at f = 1/2.
    for tau_m in (1.0, 0.1, 0.01):
        two = jm.paper_device(tau_m=tau_m, tau_d=1.0)
        never = jm.smallest_change(two)
        assert never.result == jm.RESULTS.no_change and np.isnan(never.alone).all()
        lag = jm.second_lag(two)
        S, P = tau_m + 1, 1 / tau_m + 1
        f = 1 / (1 + np.exp(-np.linspace(-12, 12, 200_001)))
        # P T3^2 + (S P - g) T3 + S < 0 with T3 = f tau_k.
        linear = S * P - 200 * f * (1 - f)
        root = linear**2 - 4 * P * S
        open_ = (root > 0) & (linear < 0)
        low = (-linear - np.sqrt(np.where(open_, root, np.nan))) / (2 * P) / f
        high = (-linear + np.sqrt(np.where(open_, root, np.nan))) / (2 * P) / f
        needed = (1 + S / np.sqrt(tau_m)) ** 2 - 1
        assert bool(np.isfinite(lag.low)) == (needed < 50) == bool(open_.any())
        if open_.any():
            assert float(lag.low) == pytest.approx(np.nanmin(low), rel=1e-6)
            assert float(lag.high) == pytest.approx(np.nanmax(high), rel=1e-6)
        assert float(lag.best) == pytest.approx(2 * np.sqrt(tau_m), rel=0.2)
        gain, bound = jm.loop_gain(lag.device, 1.0)
        assert float(gain) == pytest.approx(50.0)
        assert float(bound) == pytest.approx(needed, rel=1e-2)
        assert np.isinf(jm.loop_gain(two, 1.0).bound)


@settings(max_examples=20)
@given(case=letters(gain=(1.0, 2e3), decades=3.0))
def test_loop_gain_meets_its_bound_at_the_hopf_points(case):
    for f in cubic_roots(**case):
        u = case["V_T"] + case["V_m"] * np.log(f / (1 - f))
        gain, bound = jm.loop_gain(jm.Memristor3D(**case), u)
        assert float(gain) == pytest.approx(float(bound), rel=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda d: jm.smallest_change(d, drive="voltage"), "R_s > 0"),
        (lambda d: jm.smallest_change(d, drive="light"), "current"),
        (lambda d: jm.smallest_change(d, lambda d: d.R_s), "R_s is 0"),
        (lambda d: jm.smallest_change(jm.Device(1.0, {"leak": jm.Leak(1.0)})), "u_range"),
        (lambda d: jm.second_lag(d), "smallest_change"),
        (lambda d: jm.loop_gain(jm.Device(1.0, {"leak": jm.Leak(1.0)}), 0.1), "hopf_margin"),
    ],
)
def test_wrong_calls_say_what_to_do(call, words, as_users_call):
    with pytest.raises(ValueError, match=words):
        call(jm.paper_device(tau_k=1.0))
