"""Cycles that branches do not lead to, next to Hopf points and folds, and none where none is."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles.spiking import HARD
from scipy.integrate import solve_ivp

import jaxmem as jm
from benchmarks.problems.published import HodgkinHuxley, Lienard, MorrisLecar

PAPER = jm.paper_device(tau_m=1.0, tau_d=1.0, tau_k=1.0)


def at_current(device, I, **how):
    how = {"throw": False} | how
    return jm.limit_cycle(jm.Circuit(device, jm.CurrentDrive(jm.Constant(I))), **how)


@pytest.mark.slow
def test_a_relaxation_cycle_behind_a_canard_is_found_by_a_transient():
    """Van der Pol's at mu = 30 against SciPy's Radau; its branch spends itself in the canard."""
    mu, b = 30.0, 0.5
    device = jm.Device(1 / mu, {"v": Lienard(mu, b)})
    got = at_current(device, 0.0, u_range=(-2.5, 2.5))

    def field(t, y):
        return [-mu * (y[0] ** 3 / 3 - y[0] + y[1]), (y[0] - b * y[1]) / mu]

    up = lambda t, y: y[0]
    up.direction = 1
    run = solve_ivp(field, (0, 220), [2.0, 0.0], method="Radau", rtol=1e-10, atol=1e-12, events=up)
    times = run.t_events[0]
    assert bool(got.stable) and got.result == jm.RESULTS.successful
    assert float(got.period) == pytest.approx(times[-1] - times[-2], rel=1e-6)


@pytest.fixture(scope="module")
def onset():
    return float(jm.hopf_points(PAPER).I[0])


@pytest.mark.slow
def test_next_to_a_hopf_point_cycles_grow_like_a_root(onset):
    """Amplitude and period at 1e-8 are what those at 1e-4 and 2e-4, by collocation, lead to."""

    def numbers(I):
        cycle = at_current(PAPER, I)
        return cycle.period, (cycle.u_max - cycle.u_min) ** 2

    far = [1e-4, 2e-4]
    rows = [numbers(onset * (1 + e)) for e in (*far, 1e-8)]
    (T, a2) = ([float(row[k]) for row in rows] for k in range(2))
    for values, start in ((T, float(jm.hopf_points(PAPER).period[0])), (a2, 0.0)):
        # The slope at the onset, from two distances: its error is of second order.
        one, two = ((v - start) / (onset * e) for v, e in zip(values, far, strict=False))
        slope = 2 * one - two
        assert (values[2] - start) / (onset * 1e-8) == pytest.approx(slope, rel=1e-5)
        if values is T:
            dT = jax.grad(lambda I: numbers(I)[0])(jnp.asarray(onset * (1 + 1e-8)))
            assert float(dT) == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("distance", [1e-5, 1e-7, 1e-9])
def test_next_to_a_hopf_point_the_cycle_is_stable(onset, distance):
    found = at_current(PAPER, onset * (1 + distance))
    assert found.result == jm.RESULTS.successful and bool(found.stable)
    assert float(found.error) < 1e-6 and 0.99 < abs(complex(found.multipliers[1])) < 1
    # On the other side rest is stable, and no cycle of the branch is there.
    assert at_current(PAPER, onset * (1 - distance)).result == jm.RESULTS.no_cycle


def test_what_is_not_known_is_not_said(onset):
    lost = at_current(PAPER, onset * (1 + 1e-13))
    assert lost.result == jm.RESULTS.next_to_hopf and np.isnan(lost.period)
    slope = jax.grad(lambda I: at_current(PAPER, I).period)(jnp.asarray(0.5 * onset))
    assert np.isnan(slope)
    plain = jm.Device(1e-6, {"leak": jm.Leak(1e3)})
    assert at_current(plain, 1e-3).result == jm.RESULTS.no_states


@pytest.mark.slow
def test_beside_a_fold_the_stable_cycle_is_returned():
    """Its multiplier leaves 1 like the root of the distance to the fold."""
    device = jm.Memristor3D(**HARD)
    low = float(jm.cycle_branch(device).low)
    away = []
    for distance in (1e-4, 1e-6, 1e-8):
        found = at_current(device, low * (1 + distance))
        assert bool(found.stable) and found.result == jm.RESULTS.successful
        away.append((1 - abs(complex(found.multipliers[1]))) / np.sqrt(distance))
    np.testing.assert_allclose(away, away[-1], rtol=0.02)


def test_a_fold_does_not_depend_on_the_way():
    """From both of its Hopf points, and no other change of stability on the way."""
    device = jm.Memristor3D(**HARD)
    there, back = jm.cycle_branch(device), jm.cycle_branch(device, start=1)
    for branch in (there, back):
        others = (branch.doublings, branch.tori, branch.branch_points)
        assert [int(e.found) for e in (branch.folds, *others)] == [1, 0, 0, 0]
    np.testing.assert_allclose(there.folds.drive[0], back.folds.drive[0], rtol=1e-9)
    assert float(there.low) == float(there.folds.drive[0])
    assert np.isnan(back.low)  # its own onset is soft


@pytest.mark.slow
def test_a_branch_towards_a_saddle_node_has_no_end():
    device = jm.Device(20.0, {"membrane": MorrisLecar(4.0, 12.0, 17.4, 0.0667)})
    branch = jm.cycle_branch(device)
    assert branch.result == jm.RESULTS.period_too_long and int(branch.end_hopf) == -1
    # Rest vanishes at a fold of equilibria, where the period is infinite.
    folds = np.asarray(jm.fold_points(device).I)
    last = float(branch.drive[int(branch.count) - 1])
    assert np.nanmin(np.abs(folds - last)) < 1e-3
    assert eqx.tree_equal(branch.complete, jnp.asarray(False))


@pytest.mark.slow
def test_where_an_unstable_rest_is_left_for_is_said():
    """Morris and Lecar's three equilibria at I = 30, of which only an unstable one is looked at."""
    device = jm.Device(20.0, {"membrane": MorrisLecar(4.0, 12.0, 17.4, 0.0667)})
    found = at_current(device, 30.0, u_range=(-5.0, 20.0))
    assert found.result == jm.RESULTS.settles_elsewhere
    with pytest.raises(ValueError, match=r"rest is unstable.*at u = -41\.84"):
        at_current(device, 30.0, u_range=(-5.0, 20.0), throw=True)
    # With all of them in sight the branch, which ends at a saddle-node, says that there is none.
    assert at_current(device, 30.0).result == jm.RESULTS.no_cycle


@pytest.mark.slow
def test_the_window_of_hodgkin_and_huxley():
    """Of three folds and two period doublings the last fold makes cycles stable (AUTO: 6.2645)."""
    device = jm.Device(1.0, {"membrane": HodgkinHuxley()})
    branch = jm.cycle_branch(device, u_range=(-20.0, 60.0))
    assert int(branch.folds.found) == 3 and int(branch.doublings.found) == 2
    assert float(branch.low) == pytest.approx(6.2645, abs=1e-4)
    assert float(branch.high) == pytest.approx(9.779638, abs=1e-6)
    table = branch.to_dataset()
    kinds = table.special_kind.values.tolist()
    assert sorted(kinds) == ["fold"] * 3 + ["period doubling"] * 2
    assert table.special_drive.attrs["units"] == "A" and table.drive.size == int(branch.count)
