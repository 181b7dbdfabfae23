"""Folds of equilibria, where rest vanishes: the steady curve written out, and integration."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import morris_lecar as ml
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import jaxmem as jm
from benchmarks.problems.published import FitzHughNagumo
from benchmarks.problems.published_cases import HEATED as p


def extrema(letters, R_s=None):
    """Voltages where the steady curve turns, in NumPy."""
    of = lambda u: ml.steady(letters, u) * (R_s or 1.0) + (u if R_s else 0.0)
    slope = lambda u: (of(u + 1e-5) - of(u - 1e-5)) / 2e-5
    grid = np.linspace(*ml.REACH, 2001)
    sign = np.sign([slope(u) for u in grid])
    found = [
        brentq(slope, grid[k], grid[k + 1], xtol=1e-12)
        for k in np.flatnonzero(sign[1:] != sign[:-1])
    ]
    return np.array(found), np.array([of(u) for u in found])


@pytest.mark.parametrize("letters", [ml.SNIC, ml.HOMOCLINIC, ml.HOPF | dict(g_Ca=5.5)])
def test_folds_are_the_extrema_of_the_steady_curve(letters):
    u, I = extrema(letters)
    found = jm.fold_points(ml.device(letters), u_range=ml.REACH)
    n = int(found.found)
    assert n == len(u)
    np.testing.assert_allclose(found.u[:n], u, atol=1e-4)
    np.testing.assert_allclose(found.I[:n], I, rtol=1e-10)
    assert np.all(np.isnan(found.u[n:])) and not np.any(found.stable_node[n:])


def test_rest_vanishes_at_the_fold_and_nowhere_before_it():
    """Integration from rest just below the fold stays, just above it leaves."""
    found = jm.fold_points(ml.device(ml.SNIC), u_range=ml.REACH)
    assert float(found.I[0]) == pytest.approx(39.963, abs=1e-3) and bool(found.stable_node[0])
    assert not bool(found.stable_node[1])  # there a saddle meets an unstable node
    top = {}
    for shift in (-1e-2, 1e-2):
        I, u = float(found.I[0]) + shift, float(found.u[0]) - 1.0
        w = (1 + np.tanh((u - ml.SNIC["V3"]) / ml.SNIC["V4"])) / 2
        run = solve_ivp(
            lambda t, y, I=I: ml.rates(ml.SNIC, I, y), (0, 6000), [u, w], "LSODA", rtol=1e-9,
            atol=1e-10,
        )  # fmt: skip
        top[shift] = run.y[0].max()
    assert top[-1e-2] < float(found.u[0]) + 1 and top[1e-2] > 0


@pytest.mark.slow
def test_derivatives_are_those_of_the_fold():
    def numbers(g_Ca):
        found = jm.fold_points(ml.device(ml.SNIC | dict(g_Ca=g_Ca)), u_range=ml.REACH)
        return jnp.stack([getattr(found, n)[0] for n in names])

    names = ("u", "I", "bend", "capacitance", "frequency2_slope")
    h = 1e-4
    slope = jax.jit(jax.jacfwd(numbers))(4.0)
    np.testing.assert_allclose(slope, (numbers(4 + h) - numbers(4 - h)) / (2 * h), rtol=1e-6)
    np.testing.assert_allclose(slope, jax.jacrev(numbers)(4.0), rtol=1e-12)
    both = jax.vmap(numbers)(jnp.array([4.0, 4.0 + h]))
    np.testing.assert_allclose(both[1] - both[0], h * slope, rtol=1e-3)


def test_capacitance_and_bend_say_how_the_eigenvalue_passes_zero():
    device = ml.device(ml.SNIC)
    found = jm.fold_points(device, u_range=ml.REACH)
    for k in range(2):
        u, C = float(found.u[k]), float(found.capacitance[k])
        for shift in (1e-3, -1e-3):
            values = np.asarray(jm.linearize(device, u=u + shift).eigenvalues())
            least = values[np.argmin(abs(values))]
            assert least == pytest.approx(-float(found.bend[k]) * shift / C, rel=1e-2)


@pytest.mark.slow
def test_cycles_beyond_a_snic_have_the_slope_that_the_fold_foretells():
    device = ml.device(ml.SNIC)
    found = jm.fold_points(device, u_range=ml.REACH)
    for shift, near in ((1e-3, 2e-2), (1e-5, 2e-3)):
        I = float(found.I[0]) + shift
        cycle = jm.limit_cycle(
            jm.Circuit(device, jm.CurrentDrive(jm.Constant(I))), u_range=ml.REACH
        )
        foretold = float(found.frequency2_slope[0]) * shift
        assert float(cycle.period) ** -2 == pytest.approx(foretold, rel=near)


def test_voltage_drive_has_the_folds_of_the_load_line():
    R_s = 2.0
    letters = ml.SNIC
    device = jm.Device(ml.C, ml.device(letters).branches, R_s=R_s)
    u, V = extrema(letters, R_s)
    found = jm.fold_points(device, drive="voltage", u_range=ml.REACH)
    assert int(found.found) == len(u)
    np.testing.assert_allclose(found.V[: len(u)], V, rtol=1e-10)
    none = jm.fold_points(ml.device(letters), drive="voltage", u_range=ml.REACH)
    assert int(none.found) == 0 and np.all(np.isnan(none.u))


def test_a_cubic_in_closed_form_and_devices_without_folds():
    b = 2.0
    device = jm.Device(1.0, {"f": FitzHughNagumo(0.7, b, 0.08)})
    found = jm.fold_points(device, u_range=(-3.0, 3.0))
    u = np.sqrt(1 - 1 / b) * np.array([-1, 1])
    np.testing.assert_allclose(found.u[:2], u, rtol=1e-15)
    np.testing.assert_allclose(found.I[:2], u**3 / 3 - u + (u + 0.7) / b, rtol=1e-14)
    np.testing.assert_allclose(found.bend[:2], 2 * u, rtol=1e-14)
    np.testing.assert_allclose(found.capacitance[:2], 1 - 1 / (0.08 * b**2), rtol=1e-14)
    # The paper's devices have one equilibrium at each current.
    assert int(jm.fold_points(jm.si_device()).found) == 0
    assert int(jm.fold_points(jm.paper_device(1.0, 1.0)).found) == 0


def test_without_a_window_or_a_range_they_are_found_all_the_same():
    here, there = (jm.fold_points(ml.device(ml.SNIC), u_range=r) for r in (None, ml.REACH))
    assert int(here.found) == int(there.found) == 2
    np.testing.assert_allclose(here.I[:2], there.I[:2], rtol=1e-13)
    np.testing.assert_array_equal(here.stable_node, there.stable_node)


@pytest.mark.slow
def test_an_s_shaped_device_has_those_of_its_load_line():
    """The threshold switch, written out over its temperature: V = R_s i + u turns back."""
    R_s = 1e3
    device = jm.Device(3e-12, {"switch": jm.ThermalSwitch(**p)}, R_s=R_s)

    def at(T):
        power, kT = (T - 300.0) / p["R_th"], 8.617333262e-5 * T
        size = lambda u: u / p["R_0"] * np.exp(-(p["E_a"] - p["b"] * np.sqrt(u)) / kT)
        u = brentq(lambda u: u * size(u) - power, 1e-3, 1e2, xtol=1e-14, rtol=1e-14)
        return u, size(u)

    applied = lambda T: R_s * at(T)[1] + at(T)[0]
    rise = lambda T: applied(T + 1e-3) - applied(T - 1e-3)
    grid = np.linspace(301.0, 990.0, 100)
    sign = np.sign([rise(T) for T in grid])
    turns = np.flatnonzero(sign[1:] != sign[:-1])
    T = [brentq(rise, grid[k], grid[k + 1], xtol=1e-9) for k in turns]
    found = jm.fold_points(device, drive="voltage")
    n, m = int(found.found), len(T)
    assert n == 2 * m == 4
    for k, temperature in enumerate(T, m):
        row = [found.u[k], found.I[k], found.V[k], 300.0 + found.place[k] ** 2]
        want = [*at(temperature), applied(temperature), temperature]
        np.testing.assert_allclose(row, want, rtol=1e-5)
        assert float(found.V[k]) == pytest.approx(applied(temperature), rel=1e-10)
    # The eigenvalue that vanishes goes as they say.
    for k in range(n):
        for shift in (1e-5, -1e-5):
            u, x = device.equilibrium(found.place[k] * (1 + shift))
            point = jm.OperatingPoint(u, x, device.current(u, x), u, jnp.asarray(1))
            values = jm.linearize(device, point).eigenvalues("voltage")
            least = values[np.argmin(abs(values))]
            by_u = float(found.bend[k]) * (float(u) - float(found.u[k]))
            assert least == pytest.approx(-by_u / (float(found.capacitance[k]) * R_s), rel=1e-2)
            others = np.delete(values, np.argmin(abs(values))).real
            assert bool(found.stable_node[k]) == bool(np.all(others < 0))


def test_wrong_calls_say_what_to_do(as_users_call):
    with pytest.raises(ValueError, match="low < high"):
        jm.fold_points(ml.device(ml.SNIC), u_range=(1.0, 0.0))
    with pytest.raises(ValueError, match="light"):
        jm.fold_points(jm.si_device(), drive="light")  # pyright: ignore[reportArgumentType]
