"""Curves of folds over a parameter, and ends of curves of Hopf points, written out."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq, fsolve

import jaxmem as jm
from benchmarks.problems.published import FitzHughNagumo, MorrisLecar

DEVICE = jm.Device(20.0, {"ml": MorrisLecar(4.0, 12.0, 17.4, 0.0667)})
PHI = lambda d: d.branches["ml"].phi
G_CA = lambda d: d.branches["ml"].g_Ca
WINDOW = (-75.0, 60.0)


class Written(NamedTuple):
    """Morris-Lecar at rest at u, written out: I, derivatives, di/du at fixed w, its rate."""

    I: float
    slope: float
    bend: float
    fast: float
    rate: float


def morris_lecar(u, g_Ca=4.0, V3=12.0, V4=17.4):
    t, s = np.tanh((u + 1.2) / 18), np.tanh((u - V3) / V4)
    m, dm, ddm = (1 + t) / 2, (1 - t**2) / 36, -t * (1 - t**2) / 324
    w, dw, ddw = (1 + s) / 2, (1 - s**2) / (2 * V4), -s * (1 - s**2) / V4**2
    fast = 2 + g_Ca * (dm * (u - 120) + m) + 8 * w
    return Written(
        2 * (u + 60) + g_Ca * m * (u - 120) + 8 * w * (u + 84),
        fast + 8 * dw * (u + 84),
        g_Ca * (ddm * (u - 120) + 2 * dm) + 8 * (ddw * (u + 84) + 2 * dw),
        fast,
        np.cosh((u - V3) / (2 * V4)),
    )


def bogdanov_takens(u):
    """u, phi, I at which trace and determinant vanish."""
    u = brentq(lambda u: morris_lecar(u).slope, u - 2, u + 2, xtol=1e-14)
    at = morris_lecar(u)
    return u, -at.fast / 20 / at.rate, at.I


@pytest.mark.slow
def test_hopf_curve_ends_at_the_bogdanov_takens_point_and_says_so():
    u, phi, I = bogdanov_takens(-4.0)
    assert phi == pytest.approx(0.390962, abs=5e-7) and I == pytest.approx(-9.949, abs=5e-4)  # AUTO
    curve = jm.hopf_curve(DEVICE, PHI, u_range=WINDOW)
    shown = np.flatnonzero(np.isfinite(curve.u))
    last = shown[-1]
    assert bool(curve.whole) and int(curve.bogdanov_takens.found) == 1
    for got, k in ((curve.bogdanov_takens, 0), (curve, last)):
        assert float(got.parameter[k]) == pytest.approx(phi, rel=1e-10)
        assert float(got.u[k]) == pytest.approx(u, abs=1e-8)
        assert float(got.drive[k]) == pytest.approx(I, rel=1e-10)
        assert float(got.omega[k]) == 0.0
    assert np.isnan(curve.l1[last]) and np.all(np.isfinite(curve.l1[shown[:-1]]))
    assert np.all(np.diff(np.asarray(curve.omega)[shown[-5:]]) < 0)
    first, end = curve.end_names
    assert first == "the parameter reached the end of its range" and "Bogdanov-Takens" in end
    assert float(curve.parameter[shown[0]]) < 0.0667 / 100
    assert curve.over == ("branches.ml.phi", "1/ms", "rate of K") and curve.kind == "current"


@pytest.mark.slow
def test_the_curve_that_ends_at_the_other_one_is_begun_beside_it():
    """At the device's phi that curve has no point: `fold_curve` says where it begins."""
    u, phi, I = bogdanov_takens(-29.0)
    assert phi == pytest.approx(0.01181, abs=5e-6)
    beside = eqx.tree_at(PHI, DEVICE, jnp.asarray(0.95 * phi))
    start = int(np.nanargmin(np.abs(jm.hopf_points(beside, u_range=WINDOW).u - u)))
    curve = jm.hopf_curve(beside, PHI, start=start, u_range=WINDOW)
    assert bool(curve.whole) and int(curve.bogdanov_takens.found) == 1
    assert float(curve.bogdanov_takens.parameter[0]) == pytest.approx(phi, rel=1e-9)
    assert float(curve.bogdanov_takens.drive[0]) == pytest.approx(I, rel=1e-9)


@pytest.mark.slow
def test_folds_over_a_parameter_that_does_not_move_them():
    """Both Bogdanov-Takens points over phi, which leaves equilibria where they are."""
    folds = jm.fold_points(DEVICE, u_range=WINDOW)
    for start, near in ((0, -29.0), (1, -4.0)):
        u, phi, I = bogdanov_takens(near)
        curve = jm.fold_curve(DEVICE, PHI, u_range=WINDOW, start=start)
        shown = np.isfinite(curve.u)
        assert bool(curve.whole) and shown.sum() == int(curve.count) > 10
        np.testing.assert_allclose(np.asarray(curve.u)[shown], u, atol=1e-9)
        np.testing.assert_allclose(np.asarray(curve.drive)[shown], I, rtol=1e-12)
        np.testing.assert_allclose(
            np.asarray(curve.bend)[shown], float(folds.bend[start]), rtol=1e-8
        )
        point = curve.bogdanov_takens
        assert int(point.found) == 1 and int(curve.cusps.found) == int(curve.zero_hopf.found) == 0
        assert float(point.parameter[0]) == pytest.approx(phi, rel=1e-10)
        assert float(point.drive[0]) == pytest.approx(I, rel=1e-12)
    assert phi == pytest.approx(0.390962, abs=5e-7)


@pytest.mark.slow
def test_a_cusp_and_a_bogdanov_takens_point_written_out():
    curve = jm.fold_curve(DEVICE, G_CA, factor=10.0, u_range=WINDOW)
    assert int(curve.cusps.found) == int(curve.bogdanov_takens.found) == 1 and bool(curve.whole)

    trace = lambda at: at.fast + 20 * 0.0667 * at.rate
    for point, second in ((curve.cusps, lambda at: at.bend), (curve.bogdanov_takens, trace)):
        near = (float(point.u[0]), float(point.parameter[0]))
        both = lambda z, second=second: [
            (at := morris_lecar(z[0], g_Ca=z[1])).slope, second(at)
        ]  # fmt: skip
        u, g = fsolve(both, near, xtol=1e-14)
        assert near == pytest.approx((u, g), rel=1e-8)
        assert float(point.drive[0]) == pytest.approx(morris_lecar(u, g_Ca=g).I, rel=1e-9)
    # Beyond the cusp there is no fold; within it each point is one of `fold_points`.
    g = float(curve.cusps.parameter[0])
    for factor, count in ((0.999, 0), (1.01, 2)):
        there = eqx.tree_at(G_CA, DEVICE, jnp.asarray(factor * g))
        assert int(jm.fold_points(there, u_range=WINDOW).found) == count
    for k in np.flatnonzero(np.isfinite(curve.u))[::15]:
        found = jm.fold_points(eqx.tree_at(G_CA, DEVICE, curve.parameter[k]), u_range=WINDOW)
        at = int(np.nanargmin(np.abs(np.asarray(found.u - curve.u[k]))))
        for name, want in (("u", found.u), ("drive", found.I), ("capacitance", found.capacitance)):
            assert float(getattr(curve, name)[k]) == pytest.approx(float(want[at]), rel=1e-6)


@pytest.mark.slow
def test_closed_forms_of_fitzhugh_nagumo():
    """Folds at u^2 = 1 - 1/b with I in closed form; a cusp at b = 1, C = 1 - 1/(eps b^2)."""
    device = jm.Device(1.0, {"f": FitzHughNagumo(0.7, 1.5, 0.3)})
    curve = jm.fold_curve(device, lambda d: d.branches["f"].b, factor=5.0, u_range=(-3.0, 3.0))
    shown = np.isfinite(curve.u)
    b, u = np.asarray(curve.parameter)[shown], np.asarray(curve.u)[shown]
    np.testing.assert_allclose(u**2, 1 - 1 / b, atol=1e-9)
    np.testing.assert_allclose(
        np.asarray(curve.drive)[shown], u**3 / 3 - u + (u + 0.7) / b, rtol=1e-9
    )
    np.testing.assert_allclose(
        np.asarray(curve.capacitance)[shown], 1 - 1 / (0.3 * b**2), rtol=1e-9, atol=1e-9
    )
    assert float(curve.cusps.parameter[0]) == pytest.approx(1.0, abs=1e-12)
    assert float(curve.cusps.drive[0]) == pytest.approx(0.7, abs=1e-9)
    # Symmetric: it passes the cusp, so that there is a point on each side.
    found = np.asarray(curve.bogdanov_takens.parameter)[: int(curve.bogdanov_takens.found)]
    np.testing.assert_allclose(found, 2 * [np.sqrt(1 / 0.3)], rtol=1e-10)
    # The curve of Hopf points, u^2 = 1 - eps b, ends at both of them.
    curve = jm.hopf_curve(device, lambda d: d.branches["f"].b, factor=50.0, u_range=(-3.0, 3.0))
    assert int(curve.bogdanov_takens.found) == 1 and bool(curve.whole)
    assert float(curve.bogdanov_takens.parameter[0]) == pytest.approx(1 / np.sqrt(0.3), rel=1e-9)
