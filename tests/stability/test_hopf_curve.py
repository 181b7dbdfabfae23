"""Curves of Hopf points over a parameter: the cubic, closed windows, criticality."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles.spiking import gap, least_gap
from scipy.optimize import brentq

import jaxmem as jm
from benchmarks.oracles.hopf_cubic import cubic_roots
from benchmarks.problems.drawn_devices import draw_device
from benchmarks.problems.published import FitzHughNagumo

LENSES = {
    name: (lambda d, name=name: getattr(d, name))
    for name in ("R_b", "C_m", "i_c0", "V_m", "tau_d", "tau_k")
}


def spiking(rng, **kind):
    while True:
        case = draw_device(rng, True, **kind)
        if cubic_roots(**case).size == 2:
            return case


@pytest.mark.slow
def test_random_curves_lie_on_the_cubic_and_end_where_the_window_closes():
    rng = np.random.default_rng(11)
    merges = 0
    for k in range(24):
        case = spiking(rng, gain=(40.0, 5000.0), spread=2.0)
        name = list(LENSES)[k % 6]
        curve = jm.hopf_curve(jm.Memristor3D(**case), LENSES[name], factor=1e3)
        assert bool(curve.whole) and int(curve.count) > 10
        n = np.isfinite(curve.u)
        assert n.sum() == int(curve.count)
        p, u, I = (np.asarray(a)[n] for a in (curve.parameter, curve.u, curve.drive))
        there = case | {name: p}
        x = (u - case["V_T"]) / there["V_m"]
        f = 1 / (1 + np.exp(-x))
        np.testing.assert_allclose(gap(there, f), 0, atol=1e-8)
        np.testing.assert_allclose(I, u / there["R_b"] + there["i_c0"] * f, rtol=1e-12)
        # Every point of a curve over a parameter is one of two, up to where the window closes.
        at = lambda z, case=case, name=name: least_gap(case | {name: case[name] * np.exp(z)})
        steps = np.linspace(-np.log(1e3), np.log(1e3), 161)
        sign = np.sign([at(z) for z in steps])
        closed = [
            case[name] * np.exp(brentq(at, steps[i], steps[i + 1]))
            for i in np.flatnonzero(sign[1:] != sign[:-1])
        ]
        found = np.sort(np.asarray(curve.merges.parameter)[: int(curve.merges.found)])
        np.testing.assert_allclose(found, closed, rtol=1e-6)
        merges += len(closed)
    assert merges > 20


@pytest.mark.slow
def test_points_and_criticality_are_those_of_hopf_points():
    d = jm.paper_device(tau_m=1.0, tau_d=1.0, tau_k=1.0)
    for start in (0, 1):
        curve = jm.hopf_curve(d, lambda d: d.i_c0, factor=200.0, start=start)
        for k in np.flatnonzero(np.isfinite(curve.u))[::20]:
            h = jm.hopf_points(jm.paper_device(1.0, 1.0, 1.0, i_c0=curve.parameter[k]))
            at = int(np.nanargmin(np.abs(np.asarray(h.u - curve.u[k]))))
            for name, want in (("u", h.u), ("drive", h.I), ("omega", h.omega), ("l1", h.l1)):
                got = float(getattr(curve, name)[k])
                assert got == pytest.approx(float(want[at]), rel=1e-6), name


@pytest.mark.slow
def test_bautin_point_of_fitzhugh_nagumo_in_closed_form():
    b = 0.8

    def l1(eps):
        # The normal form for a plane, where only du/dt is nonlinear (see test_hopf).
        u2, omega, a = 1 - eps * b, np.sqrt(eps * (1 - eps * b**2)), eps * b
        p = 1 / (1 - (a - 1j * omega) ** 2 / eps)
        mean, double = -a / omega**2, -(2j * omega + a) / (3 * omega**2)
        return (p / 2 * (-2 + 4 * u2 * (-2 * mean + double))).real / omega

    start = 0.2
    d = jm.Device(1.0, {"fhn": FitzHughNagumo(0.7, b, start)})
    curve = jm.hopf_curve(d, lambda d: d.branches["fhn"].eps, factor=30.0, u_range=(-3.0, 3.0))
    shown = np.isfinite(curve.u)
    eps = np.asarray(curve.parameter)[shown]
    np.testing.assert_allclose(np.asarray(curve.u)[shown] ** 2, 1 - eps * b, atol=1e-9)
    grid = np.geomspace(eps.min(), 1 / b * 0.9999, 400)
    values = l1(grid)
    zeros = [brentq(l1, grid[i], grid[i + 1]) for i in np.flatnonzero(values[1:] * values[:-1] < 0)]
    # Both Hopf points become hard at the same eps, and merge at the middle.
    found = np.asarray(curve.bautin.parameter)[: int(curve.bautin.found)]
    np.testing.assert_allclose(np.unique(found.round(8)), np.round(zeros, 8))
    assert float(curve.merges.parameter[0]) == pytest.approx(1 / b, rel=1e-8)
    assert int(curve.merges.found) == 1


@pytest.mark.slow
def test_onsets_are_soft_below_a_gain_of_728():
    """The lowest gain with a hard onset, over all ratios of the time constants."""

    def gain(tau_d, tau_k):
        d = jm.paper_device(1.0, tau_d, tau_k, i_c0=30.0)
        curve = jm.hopf_curve(d, lambda d: d.i_c0, factor=300.0)
        return 20 * float(curve.bautin.parameter[0])

    lowest = np.exp(-2.108)
    assert gain(1.0, lowest) == pytest.approx(728.0863, rel=1e-6)
    for other in ((1.05, lowest), (0.95, lowest), (1.0, 1.05 * lowest), (1.0, 0.95 * lowest)):
        assert 728.09 < gain(*other) < 760


@pytest.mark.slow
def test_a_fold_of_cycles_begins_at_the_bautin_point():
    d = jm.paper_device(tau_m=1.0, tau_d=1.0, tau_k=1.0)
    curve = jm.hopf_curve(d, lambda d: d.i_c0, factor=200.0)
    hard = float(curve.bautin.parameter[0])
    for factor, folds in ((0.9, 0), (1.3, 1)):
        branch = jm.cycle_branch(jm.paper_device(1.0, 1.0, 1.0, i_c0=factor * hard))
        assert bool(branch.complete) and (int(branch.folds.found) > 0) == (folds > 0)
        assert np.isfinite(float(branch.low)) == (folds > 0)


@pytest.mark.slow
def test_many_states_lie_where_their_hopf_points_do():
    """A device with a ladder: each point of the curve against `hopf_points` of that device."""
    cpe = jm.ConstantPhase(2e-7, 0.95, band=(10.0, 1e4), accuracy=0.02)
    device = jm.si_device(C_m=0.0, extra={"cpe": cpe})
    curve = jm.hopf_curve(device, lambda d: d.tau_d, factor=2.0)
    good = np.flatnonzero(np.isfinite(curve.parameter))
    assert bool(curve.whole) and good.size > 5
    for k in good[[1, good.size // 2, -2]]:
        there = jm.hopf_points(eqx.tree_at(lambda d: d.tau_d, device, curve.parameter[k]))
        at = int(np.nanargmin(np.abs(there.u - curve.u[k])))
        assert float(there.u[at]) == pytest.approx(float(curve.u[k]), abs=1e-7)
        assert float(there.omega[at]) == pytest.approx(float(curve.omega[k]), rel=1e-5)
        assert float(there.l1[at]) == pytest.approx(float(curve.l1[k]), rel=1e-4)


@pytest.mark.slow
def test_batches_units_and_empty_curves():
    tau = jnp.array([0.5, 1.0, 2.0])
    fn = lambda t: jm.hopf_curve(jm.paper_device(1.0, 1.0, t), lambda d: d.V_m, factor=30.0)
    batch = jax.vmap(fn)(tau)
    for k in range(3):
        one = fn(tau[k])
        np.testing.assert_allclose(batch.parameter[k], one.parameter, rtol=1e-9)
        np.testing.assert_array_equal(batch.whole[k], one.whole)
    other = jm.Memristor3D(
        R_b=1e-6, C_m=1e9, i_c0=1e10, V_T=1e3, V_m=50.0, tau_d=1e3, tau_k=1e3
    )  # the paper's in millivolts, nanoamperes, milliseconds
    two = jm.hopf_curve(other, lambda d: d.V_m, factor=30.0)
    one = fn(jnp.asarray(1.0))
    np.testing.assert_allclose(two.merges.parameter, 1e3 * one.merges.parameter, rtol=1e-7)
    np.testing.assert_allclose(two.bautin.drive, 1e9 * one.bautin.drive, rtol=1e-7)
    none = jm.hopf_curve(jm.paper_device(1.0, 1.0), lambda d: d.V_m)
    assert int(none.count) == 0 and np.isnan(none.u).all() and not none.whole
    behind = jm.paper_device(1.0, 1.0, 1.0, R_s=1.0)
    curve = jm.hopf_curve(behind, lambda d: d.R_s, drive="voltage", factor=1e3)
    # Behind a large resistance a voltage is a current; behind a small one nothing oscillates.
    assert int(curve.merges.found) == 1 and bool(curve.whole)
    R = float(curve.merges.parameter[0])
    case = dict(C_m=1.0, i_c0=10.0, V_T=1.0, V_m=0.05, tau_d=1.0, tau_k=1.0)
    assert least_gap(case | {"R_b": R / (1 + R)}) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (dict(factor=1.0), "factor"), (dict(start=8), "start"), (dict(start=-1), "start"),
        (dict(drive="voltage"), "R_s > 0"), (dict(drive="light"), "current"),
    ],
)  # fmt: skip
def test_wrong_calls_say_what_to_do(arguments, words, as_users_call):
    with pytest.raises(ValueError, match=words):
        jm.hopf_curve(jm.paper_device(tau_k=1.0), lambda d: d.V_m, **arguments)
    with pytest.raises(ValueError, match="R_s is 0"):
        jm.hopf_curve(jm.paper_device(tau_k=1.0), lambda d: d.R_s)
