"""Equilibria of branches that say nothing of where they are steep, in any units."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

import jaxmem as jm
from benchmarks.problems import published
from jaxmem.responses.search import merged
from jaxmem.responses.steady.roots import find_if_rising


class MorrisLecar(jm.AbstractBranch):
    """Morris and Lecar 1981, `volt` and `ampere` the units: no field in V says where to look."""

    states: ClassVar = ("w",)
    units: ClassVar = ("1",)
    volt: jax.Array = jm.quantity("1", "unit of voltage")
    ampere: jax.Array = jm.quantity("1", "unit of current")
    phi: jax.Array = jm.quantity("1/s", "rate", default=0.0667)

    def current(self, u, x):
        v = u / self.volt
        m = 0.5 * (1 + jnp.tanh((v + 1.2) / 18))
        return self.ampere * (4 * m * (v - 120) + 8 * x[0] * (v + 84) + 2 * (v + 60))

    def rates(self, u, x):
        return self.phi * jnp.cosh((u / self.volt - 12) / 34.8) * (self.rest(u) - x)

    def rest(self, u):
        return 0.5 * (1 + jnp.tanh((u / self.volt - 12) / 17.4))[None]


def steady(v):
    m, w = 0.5 * (1 + np.tanh((v + 1.2) / 18)), 0.5 * (1 + np.tanh((v - 12) / 17.4))
    return 4 * m * (v - 120) + 8 * w * (v + 84) + 2 * (v + 60)


def device(volt=1.0, ampere=1.0):
    return jm.Device(20.0 * ampere / volt, {"ml": MorrisLecar(volt, ampere)})


@pytest.mark.parametrize(
    "volt, ampere", [(1.0, 1.0), (1e-3, 1e-6), (1.0, 1e-6), (1e-3, 1.0), (7e-5, 30.0), (37.0, 1.0)]
)
def test_all_three_are_found_in_any_units(volt, ampere):
    v = np.linspace(-100, 100, 100_001)
    gap = steady(v) - 30
    at = np.flatnonzero(np.diff(np.sign(gap)))
    want = [brentq(lambda v: steady(v) - 30, v[k], v[k + 1], xtol=1e-13) for k in at]
    np.testing.assert_allclose(want, [-41.845, -19.563, 3.8715], atol=1e-3)
    found = jm.operating_points(device(volt, ampere), I=30 * ampere)
    assert int(found.count) == 3
    np.testing.assert_allclose(found.u[:3] / volt, want, rtol=1e-11)
    np.testing.assert_allclose(found.x[:3, 0], 0.5 * (1 + np.tanh((np.array(want) - 12) / 17.4)))
    with pytest.raises(ValueError, match="3 equilibria"):
        jm.operating_point(device(volt, ampere), I=30 * ampere)


def test_a_range_says_where_to_look():
    near = jm.operating_point(device(), I=30.0, u_range=(-10.0, 50.0))
    assert float(near.u) == pytest.approx(3.8715, abs=1e-3) and int(near.count) == 1
    assert int(jm.operating_points(device(), I=30.0, u_range=(-30.0, 50.0)).count) == 2
    assert int(jm.operating_points(jm.si_device(), I=5e-5, u_range=(-1.0, 0.1)).count) == 0
    with pytest.raises(ValueError, match="low < high"):
        jm.operating_points(device(), I=30.0, u_range=(1.0, np.nan))


def test_branches_beside_one_with_a_window_are_looked_at_too():
    found = jm.operating_points(jm.si_device(extra={"ml": MorrisLecar(1e-2, 1.0)}), I=30.0)
    assert int(found.count) == 3


def wang_buzsaki(v):
    """Its steady current, at one voltage."""
    part = lambda a, b: a / (a + b)
    bend = lambda z: z / np.expm1(z)
    m = part(bend(-(v + 35) / 10), 4 * np.exp(-(v + 60) / 18))
    h = part(0.07 * np.exp(-(v + 58) / 20), 1 / (1 + np.exp(-(v + 28) / 10)))
    n = part(0.1 * bend(-(v + 34) / 10), 0.125 * np.exp(-(v + 44) / 80))
    return 0.1 * (v + 65) + 35 * m**3 * h * (v - 55) + 9 * n**4 * (v + 90)


@pytest.mark.slow
@pytest.mark.parametrize("I", [0.1, 0.15, 0.16])
def test_voltages_without_finite_slopes_do_not_hide_a_pair_elsewhere(I):
    """Far below 0 V its exponentials overflow: the values stay finite there, the slopes do not."""
    membrane = jm.Device(1.0, {"membrane": published.WangBuzsaki()})
    with np.errstate(over="ignore"):
        slope = jax.vmap(jax.grad(membrane.steady_current))(jnp.array([-1e4, -60.0]))
    assert np.isfinite(slope).tolist() == [False, True]
    grid = np.linspace(-120, 55, 1_997)
    gap = [wang_buzsaki(v) - I for v in grid]
    at = np.flatnonzero(np.diff(np.sign(gap)))
    want = [brentq(lambda v: wang_buzsaki(v) - I, *grid[k : k + 2], xtol=1e-13) for k in at]
    assert len(want) == 3
    found = jm.operating_points(membrane, I=I)
    assert int(found.count) == 3
    np.testing.assert_allclose(found.u[:3], want, rtol=1e-9)


class Step(jm.AbstractBranch):
    """A conductance less a step of the current, far from 0."""

    centre: jax.Array = jm.quantity("1", "where", positive=False)
    width: jax.Array = jm.quantity("1", "how wide")

    def current(self, u, x):
        return 0.05 * u - jax.nn.sigmoid((u - self.centre) / self.width)


@settings(max_examples=40)
@given(
    st.floats(-5, 3), st.floats(-2.5, -1), st.sampled_from([-1.0, 1.0]), st.floats(-0.3, 0.3)
)  # fmt: skip
def test_a_step_far_from_zero_is_not_overlooked(decade, narrow, sign, off):
    """It falls by 1 within a share of its own voltage: three equilibria at its middle's current."""
    scale = 10.0**decade
    centre, width = sign * scale, scale * 10**narrow
    branch = Step(centre, width)
    # In units in which the leak at the step carries 0.05.
    leak = jm.Leak(scale / 0.05 / (1 - 0.05 * scale)) if 0.05 * scale < 1 else None
    if leak is None:
        return
    d = jm.Device(1.0, {"step": branch, "leak": leak})
    slope = 0.05 + 1 / float(leak.R_b)
    I = slope * centre - 0.5 + 0.1 * off
    want = slope * 4 * width < 1  # falling in the middle
    found = jm.operating_points(d, I=I)
    assert int(found.count) == (3 if want else 1)


def test_hopf_points_are_found_without_a_range():
    here = jm.hopf_points(device())
    si = jm.hopf_points(device(1e-3, 1e-6))
    assert int(here.found) == int(si.found) == 1
    assert float(here.I[0]) == pytest.approx(97.7737, abs=1e-4)
    np.testing.assert_allclose(si.I[0], here.I[0] * 1e-6, rtol=1e-10)


def test_a_value_that_is_not_allowed_is_counted_as_none():
    tau = jnp.array([2e-3, -2e-3, jnp.nan])
    found = jax.vmap(lambda t: jm.operating_points(jm.si_device(tau_d=t), I=5e-5))(tau)
    assert found.count.tolist() == [1, -1, -1] and np.all(np.isnan(found.u[1:]))


@pytest.mark.slow
def test_a_value_that_is_not_allowed_has_a_code():
    tau = jnp.array([2e-3, -2e-3, jnp.nan])
    make = lambda t: jm.si_device(tau_d=t)
    hopf = jax.vmap(lambda t: jm.hopf_points(make(t)))(tau)
    assert hopf.found.tolist() == [2, -1, -1] and np.all(np.isnan(hopf.I[1:]))
    t = jnp.linspace(0, 1e-3, 5)
    drive = jm.CurrentDrive(jm.Step(1e-4))
    run = jax.vmap(lambda v: jm.solve(jm.Circuit(make(v), drive), t, throw=False))(tau)
    code = run.result == jm.RESULTS.value_not_allowed
    assert code.tolist() == [False, True, True] and np.all(np.isnan(run.u[1:]))


class Bump(jm.AbstractBranch):
    """A Gaussian dip in a straight line: the current falls somewhere if it is deep."""

    place: jax.Array = jm.quantity("1", "where it is, as no voltage", positive=False)
    wide: jax.Array = jm.quantity("1", "its width")
    deep: jax.Array = jm.quantity("1", "its depth", positive=False)

    def current(self, u, x):
        return u - self.deep * jnp.exp(-(((u - self.place) / self.wide) ** 2))


def seen(branch, *fields):
    def one(*fields):
        device = jm.Device(1.0, {"own": branch(*fields)})
        return find_if_rising(device, jnp.asarray(0.3), jnp.asarray(0.0))[1]

    return np.asarray(jax.jit(jax.vmap(one))(*map(jnp.asarray, fields)))


def test_a_current_that_falls_is_not_seen_to_rise():
    """Of dips wider than a tenth of their voltage, in twelve decades, none; a straight line is."""
    rng = np.random.default_rng(11)
    place = rng.choice([-1, 1], 4000) * 10 ** rng.uniform(-5, 5, 4000)
    wide = np.abs(place) * 10 ** rng.uniform(-1, 1, 4000)
    # exp(-x^2) falls at most with (2/e)^(1/2) = 0.858 of its height over its width.
    deep = wide / 0.858 * rng.choice([-1, 1], 4000) * 10 ** rng.uniform(0.005, 2, 4000)
    assert not seen(Bump, place, wide, deep).any()
    assert seen(Bump, place, wide, 1e-6 * deep).all()


class Drop(jm.AbstractBranch):
    """A straight line that drops at a voltage."""

    place: jax.Array = jm.quantity("1", "where it is, as no voltage")
    wide: jax.Array = jm.quantity("1", "its width")
    height: jax.Array = jm.quantity("1", "by how much", positive=False)

    def current(self, u, x):
        return u - self.height * jax.nn.sigmoid((u - self.place) / self.wide)


def test_a_narrow_drop_is_not_taken_for_a_rise():
    """A hundredth of its voltage high, and so narrow that it shows by what it leaves behind."""
    rng = np.random.default_rng(12)
    place = 10 ** rng.uniform(-1, 1, 2000)
    wide = place * 10 ** rng.uniform(-5, -3, 2000)
    assert not seen(Drop, place, wide, 0.01 * place).any()
    # A rise as narrow is seen as one where it is low.
    assert seen(Drop, place, wide, -1e-5 * place).mean() > 0.99


@pytest.mark.slow
def test_ascending_vectors_are_merged():
    rng = np.random.default_rng(3)
    for _ in range(20):
        parts = [np.sort(rng.normal(size=n)) for n in rng.integers(1, 70, size=rng.integers(1, 5))]
        np.testing.assert_array_equal(merged([*map(jnp.asarray, parts)]), np.sort(np.hstack(parts)))
