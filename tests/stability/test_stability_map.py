"""Least margins against NumPy's eigenvalues, the closed form and a scan by `hopf_margin`."""

from itertools import product
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from strategies import letters

import jaxmem as jm
from jaxmem.responses.linear import circuit_matrix
from jaxmem.stability.equilibria.map import (
    REACH,
    in_small_branches,
    least_margin,
    least_margin_3d,
    polynomial_of,
    rate_of,
)
from jaxmem.stability.equilibria.polynomial import UNROLLED, _rolled_margin, routh_margin
from jaxmem.sweeps import Axis, sweep

POINTS = 100
X = np.linspace(-REACH, REACH, POINTS)
EXTRA = {"surface": jm.Polarisation(2e4, 3e-7), "slow": jm.TwoLagConductance(2e-5, 4e-3, 1e-3)}


def matrices(R_b, C_m, i_c0, V_T, V_m, tau_d, tau_k, R_s=np.inf):
    """The Jacobian of eq. 18 at the voltages of the scan, with 1/R_s beside 1/R_b."""
    del V_T
    f = 1 / (1 + np.exp(-X))
    J = np.zeros((POINTS, 3, 3))
    J[:, 0, 0], J[:, 0, 1] = -(1 / R_b + 1 / R_s) / C_m, -1 / C_m
    J[:, 1, 1], J[:, 1, 2] = -1 / tau_d, i_c0 / tau_d
    J[:, 2, 0], J[:, 2, 2] = 1 / (1 + np.exp(X)) / tau_k / V_m, -1 / (f * tau_k)
    return J


def verdict(J, scale=None):
    """Whether an eigenvalue of some matrix lies to the right of the axis; None if too near.

    Near is a billionth of the largest eigenvalue, or a thousandth of `scale`.
    """
    values = np.linalg.eigvals(J)
    near = 1e-9 * np.abs(values).max(axis=1) if scale is None else 1e-3 * scale
    share = np.max(values.real.max(axis=1) / near)
    return None if abs(share) < 1 else share > 0


@pytest.mark.parametrize("function", [least_margin, least_margin_3d])
@given(case=letters(gain=(5.0, 1e5), decades=3.0))
def test_the_sign_is_that_of_eigenvalues(function, case):
    unstable = verdict(matrices(**case))
    found = function(jm.Memristor3D(**case), points=POINTS)
    if unstable is not None:
        assert (float(found.margin) < 0) == unstable
    x = (float(found.u) - case["V_T"]) / case["V_m"]
    assert np.abs(X - x).min() < 1e-9


@given(letters(gain=(5.0, 1e5), decades=4.0))
def test_two_codes_give_one_number(case):
    for drive in ("current", "voltage"):
        d = jm.Memristor3D(**case, R_s=3 * case["R_b"])
        one, two = least_margin(d, drive), least_margin_3d(d, drive)
        assert float(one.margin) == pytest.approx(float(two.margin), abs=1e-12)


def test_a_map_is_that_of_eigenvalues():
    taus, gains = np.geomspace(1e-5, 1e-1, 24), np.geomspace(1e-5, 1e-1, 20)
    d = jm.si_device(R_s=3e4)
    axes = Axis(lambda d: d.tau_d, taus), Axis(lambda d: d.i_c0, gains)
    base = dict(R_b=1e4, C_m=1e-7, V_T=0.8, V_m=0.04, tau_k=5e-3)
    for drive, R_s in (("current", np.inf), ("voltage", 3e4)):
        unstable = [
            [verdict(matrices(**base, tau_d=t, i_c0=i, R_s=R_s)) for i in gains] for t in taus
        ]
        want = np.array(unstable, dtype=bool)
        assert 0.1 < want.mean() < 0.9
        for function in (least_margin, least_margin_3d):
            found = sweep(lambda d, f=function, w=drive: f(d, w, POINTS), d, *axes)
            np.testing.assert_array_equal(found.margin < 0, want)


def test_the_closed_form_is_the_criterion():
    """Unstable if and only if g > (T1 + T2 + T3)(1/T1 + 1/T2 + 1/T3) - 1 somewhere."""
    rng = np.random.default_rng(3)
    f = 1 / (1 + np.exp(-X))
    seen = set()
    for _ in range(60):
        T1, T2, tau_k = 10 ** rng.uniform(-1, 1, 3)
        G = 10 ** rng.uniform(1, 4)
        T = np.stack([np.full_like(f, T1), np.full_like(f, T2), f * tau_k])
        excess = G * f * (1 - f) + 1 - T.sum(0) * (1 / T).sum(0)
        d = jm.paper_device(tau_m=T1, tau_d=T2, tau_k=tau_k, i_c0=G * 0.05)
        margin = float(least_margin_3d(d, points=POINTS).margin)
        assert (margin < 0) == bool(excess.max() > 0)
        seen.add(margin < 0)
    assert seen == {True, False}


@pytest.mark.parametrize(
    ("name", "drive"),
    [("bare", "current")]
    + [pytest.param(*case, marks=pytest.mark.slow)
       for case in (("all", "voltage"), ("all", "current"), ("2d", "current"), ("2d", "voltage"),
                    ("bare", "voltage"), ("surface", "current"), ("surface", "voltage"))],
)  # fmt: skip
def test_any_device_against_the_matrix(name, drive):
    """The branches' polynomials against the whole Jacobian's minors (`hopf_margin`)."""
    d = {
        "2d": jm.Memristor2D(1e4, 1e-7, 5e-4, 0.8, 0.04, 2e-3, R_s=2e4),
        "surface": jm.si_device(R_s=2e4, extra={"surface": EXTRA["surface"]}),
        "all": jm.si_device(R_s=2e4, extra=EXTRA),
        "bare": jm.Device(1e-7, {"m": jm.MemoryConductance(1e-3, 1e-5, 0.5, 0.1, 1e-3)}, 2e4),
    }[name]
    found = least_margin(d, drive, POINTS)
    (centre, width), *_ = d.windows()
    margin = jax.vmap(lambda u: jm.hopf_margin(d, u, drive))(centre + width * X)
    assert float(found.margin) == pytest.approx(float(margin.min()), abs=1e-12)
    at = jm.hopf_margin(d, found.u, drive)
    assert float(at) == pytest.approx(float(found.margin), abs=1e-12)


MANY = {
    "seven states": EXTRA | {"more": jm.Polarisation(1e3, 1e-6)},
    "ladder": {"cpe": jm.ConstantPhase(1e-8, 0.9, band=(1.0, 1e6), accuracy=0.05)},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["seven states", "ladder"])
def test_many_states_against_eigenvalues(name):
    """Where the coefficients of the whole matrix have no digits left."""
    d = jm.si_device(extra=MANY[name])
    axes = Axis.log(lambda d: d.i_c0, 1e-5, 1e-2, 8), Axis.log(lambda d: d.tau_d, 1e-4, 1e-1, 6)
    found = sweep(lambda d: least_margin(d, points=POINTS), d, *axes)
    wrong, unstable, judged = 0, 0, 0
    for i_c0, tau_d in product(found.i_c0.values, found.tau_d.values):
        e = jm.si_device(i_c0=i_c0, tau_d=tau_d, extra=MANY[name])
        J = jax.vmap(lambda u, e=e: jm.linearize(e, u=u).jacobian)(0.8 + 0.04 * jnp.asarray(X))
        want = verdict(np.asarray(J), scale=np.abs(np.diagonal(J, axis1=1, axis2=2)).min(axis=1))
        if want is not None:
            judged, unstable = judged + 1, unstable + want
            margin = float(found.margin.sel(i_c0=i_c0, tau_d=tau_d))
            wrong += (margin < 0) != want
    assert wrong == 0 and judged >= 40 and 5 < unstable < judged - 5


@pytest.mark.parametrize(
    "n", [pytest.param(n, marks=[pytest.mark.slow] * (n not in (7, 12))) for n in range(7, 13)]
)
def test_the_loop_of_the_routh_array_is_the_array(n):
    """The margin of n roots, stable or not: unrolled, as a loop, and Orlando's product."""
    rng, signs = np.random.default_rng(n), []
    for lean in (0.02, -0.02) * 8:
        pair = 10 ** rng.uniform(-1, 1) * np.exp(1j * (np.pi / 2 + lean))
        real = -(10 ** rng.uniform(-2, 2, n - 2))
        roots = np.concatenate([[pair, pair.conj()], real])
        c = list(jnp.asarray(np.poly(roots).real))
        whole, looped = float(routh_margin(c)), float(_rolled_margin(jnp.stack(c)))
        if n <= UNROLLED:
            assert looped == pytest.approx(whole, rel=1e-9)
        sums = [a + b for k, a in enumerate(roots) for b in roots[k + 1 :]]
        assert np.sign(looped) == np.sign(np.prod(-np.array(sums) / np.abs(sums)).real)
        signs.append(np.sign(looped))
    assert {-1.0, 1.0} == set(signs)


@pytest.mark.slow
@pytest.mark.parametrize("drive", ["current", "voltage"])
def test_a_whole_ladder_is_its_rungs(drive):
    """Thirteen rungs in a loop against the same circuit of separate branches."""
    cpe = jm.ConstantPhase(2e-7, 0.95, band=(0.1, 1e6), accuracy=0.01)
    d = jm.si_device(C_m=1e-9, R_s=2e4, extra={"cpe": cpe, "surface": EXTRA["surface"]})
    whole = in_small_branches(d)
    assert whole.size + 1 > UNROLLED
    rungs = {
        f"{name}.{k}": jm.Polarisation(b.R[k], b.C[k])
        for name, b in whole.branches.items() if isinstance(b, jm.CapacitiveLadder)
        for k in range(b.size)
    }  # fmt: skip
    others = {n: b for n, b in whole.branches.items() if not isinstance(b, jm.CapacitiveLadder)}
    split = jm.Device(whole.C_m, others | rungs, whole.R_s)
    for u in (0.6, 0.75, 0.9):
        u = jnp.asarray(u)
        rate = rate_of(whole, u)
        a, b = (jnp.stack(polynomial_of(e, u, drive, rate)) for e in (whole, split))
        np.testing.assert_allclose(a, b, rtol=1e-11)
    values = np.linalg.eigvals(np.asarray(circuit_matrix(whole, jnp.asarray(0.75), drive)))
    assert (float(least_margin(d, drive).margin) < 0) == bool(
        (values.real > 0).any() or int(jm.hopf_points(d, drive=drive).found)
    )


def test_every_window_is_looked_at():
    """A second, remote onset, the only one with loop gain, decides."""
    active = jm.si_device()
    branch = lambda i_c0: jm.ActivatedConduction(i_c0, 5.0, active.V_m, active.tau_d, active.tau_k)
    found = least_margin(jm.si_device(i_c0=1e-9, extra={"far": branch(active.i_c0)}))
    assert float(found.margin) < 0 and abs(float(found.u) - 5.0) < 0.2
    assert float(least_margin(jm.si_device(i_c0=1e-9, extra={"far": branch(1e-9)})).margin) > 0


def test_units_change_nothing():
    d = jm.si_device(extra=EXTRA)
    volt, ampere, second = 1e3, 1e9, 1e6  # mV, nA, us
    scaled = jm.Memristor3D(
        R_b=d.R_b * volt / ampere, C_m=d.C_m * ampere * second / volt, i_c0=d.i_c0 * ampere,
        V_T=d.V_T * volt, V_m=d.V_m * volt, tau_d=d.tau_d * second, tau_k=d.tau_k * second,
        extra={
            "surface": jm.Polarisation(2e4 * volt / ampere, 3e-7 * ampere * second / volt),
            "slow": jm.TwoLagConductance(2e-5 * ampere / volt, 4e-3 * second, 1e-3 * second),
        },
    )  # fmt: skip
    one, two = least_margin(d), least_margin(scaled)
    assert float(one.margin) == pytest.approx(float(two.margin), abs=1e-12)
    assert float(one.u) * volt == pytest.approx(float(two.u), rel=1e-12)


@pytest.mark.parametrize("function", [least_margin, least_margin_3d])
def test_derivatives_are_those_of_finite_differences(function):
    of = lambda tau, i: function(jm.si_device(tau_d=tau, i_c0=i)).margin
    at, h = (2e-3, 5e-4), 1e-6
    slopes = jax.grad(of, argnums=(0, 1))(*at)
    for k in (0, 1):
        step = np.eye(2)[k] * at[k] * h
        up, down = (float(of(*(np.array(at) + s * step))) for s in (1, -1))
        assert float(slopes[k]) == pytest.approx((up - down) / (2 * h * at[k]), rel=1e-6)


def test_single_precision_will_do():
    surface = lambda: {"surface": jm.Polarisation(2e4, 3e-7)}
    margins = lambda: [
        least_margin(jm.si_device(extra=surface())).margin,
        least_margin_3d(jm.si_device()).margin,
    ]
    want = margins()
    jax.config.update("jax_enable_x64", False)
    try:
        got = margins()
    finally:
        jax.config.update("jax_enable_x64", True)
    assert [m.dtype for m in got] == [jnp.float32] * 2
    np.testing.assert_allclose(np.array(got), np.array(want), atol=1e-5)


class Long(jm.AbstractBranch):
    """A branch with more states than are expanded."""

    states: ClassVar = tuple("abcdefg")

    def current(self, u, x):
        return x[0]

    def rest(self, u):
        return jnp.zeros(7)


def test_wrong_calls_are_refused(as_users_call):
    d = jm.si_device()
    ohmic = jm.Device(1e-7, {"leak": jm.Leak(1e4)})
    for call, words in (
        (lambda: least_margin(ohmic), "no branch is steep"),
        (lambda: least_margin(jm.si_device(extra={"own": Long()})), "own has 7 states"),
        (lambda: least_margin(d, "voltage"), "cannot oscillate"),
        (lambda: least_margin(d, "power"), "got 'power'"),
        (lambda: least_margin(d, points=1), "at least 2, got 1"),
        (lambda: least_margin_3d(d, "voltage"), "least_margin_3d: under an ideal voltage"),
        (lambda: least_margin_3d(jm.si_device(extra=EXTRA)), "use least_margin"),
        (lambda: least_margin_3d(jm.paper_device()), "use least_margin"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


@pytest.mark.slow
def test_margin_and_map_of_a_device_with_a_curve_look_where_they_are_told(tmp_path):
    from benchmarks.problems.published_cases import HEATED

    d = jm.Device(3e-12, {"switch": jm.ThermalSwitch(**HEATED)}, R_s=2e5)
    up, down = (least_margin(d, "voltage", u_range=ends) for ends in ((0.01, 3.0), (-3.0, -0.01)))
    # What falls as the current rises lies on both sides of 0, and the switch knows no sign.
    assert float(up.u) > 0.01 and float(down.u) < -0.01
    assert float(up.margin) == pytest.approx(float(down.margin), rel=1e-3)
    assert np.isnan(least_margin(d, "voltage", u_range=(50.0, 60.0)).margin)
