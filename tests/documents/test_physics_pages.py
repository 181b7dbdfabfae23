"""What docs/physics derives, computed by hand and beside the program."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize

import jaxmem as jm

LAG = st.floats(-4, 4).map(lambda x: 10.0**x)
LAGS = st.tuples(LAG, LAG, LAG)


def bound(T):
    """(T1 + T2 + T3)(1/T1 + 1/T2 + 1/T3) - 1."""
    T = np.asarray(T)
    return T.sum() * (1 / T).sum() - 1


def ring_roots(T, g):
    """The roots of (1 + s T1)(1 + s T2)(1 + s T3) + g, times the geometric mean of the lags."""
    T = np.asarray(T) / np.exp(np.mean(np.log(T)))
    return np.roots([1.0, T[0] * T[1] + T[0] * T[2] + T[1] * T[2], T.sum(), 1 + g])


@given(LAGS, st.floats(0.01, 100))
def test_ring_is_unstable_beyond_the_bound(T, share):
    g = share * bound(T)
    if abs(share - 1) > 1e-3:
        assert (ring_roots(T, g).real.max() > 0) == (share > 1)
    assert bound(T) >= 8 * (1 - 1e-12)


def test_bound_is_8_at_equal_lags_and_the_frequency_is_that_of_c1():
    assert bound((2.0, 2.0, 2.0)) == pytest.approx(8)
    T = np.array([1.0, 2.0, 5.0])
    roots = ring_roots(T, bound(T))
    omega = np.abs(roots.imag).max() / np.prod(T) ** (1 / 3)
    assert omega**2 == pytest.approx(T.sum() / T.prod(), rel=1e-9)


@given(st.floats(0.05, 20), st.floats(1, 300))
def test_a_negative_real_part_means_that_some_capacitance_would_do(ratio, g):
    """Re Y < 0 somewhere, sqrt(1+g) > 1 + sqrt(2+r), and the bound at T1 = sqrt(T2 T3) agree."""
    T2, T3 = ratio, 1.0
    r = T2 / T3 + T3 / T2
    condition = np.sqrt(1 + g) - (1 + np.sqrt(2 + r))
    if abs(condition) < 1e-2:
        return
    x = np.geomspace(1e-6, 1e6, 200_001)
    real = 1 + g * (1 - x * T2 * T3) / ((1 + x * T2**2) * (1 + x * T3**2))
    assert (real.min() < 0) == (condition > 0)
    best = bound((np.sqrt(T2 * T3), T2, T3))
    assert (g > best) == (condition > 0)
    assert best <= min(bound((c * np.sqrt(T2 * T3), T2, T3)) for c in (0.5, 0.9, 1.1, 2.0))


def test_roots_of_the_cubic_are_the_hopf_points():
    letters = dict(R_b=1.2e4, C_m=8e-8, i_c0=4e-4, V_T=0.75, V_m=0.045, tau_d=3e-3, tau_k=8e-3)
    device = jm.Memristor3D(**letters)
    tau_m = letters["R_b"] * letters["C_m"]
    G = letters["R_b"] * letters["i_c0"] / letters["V_m"]
    S, P, tau_k = tau_m + letters["tau_d"], 1 / tau_m + 1 / letters["tau_d"], letters["tau_k"]
    f = np.roots([G, -(G - tau_k * P), S * P, S / tau_k])
    f = np.sort(f[f.real > 0].real)
    found = jm.hopf_points(device)
    assert len(f) == int(found.found) == 2
    u = letters["V_T"] - letters["V_m"] * np.log(1 / f - 1)
    assert np.asarray(found.u[:2]) == pytest.approx(u, rel=1e-9)
    # And the criticality, by hand, at both.
    for k in range(2):
        T3 = f[k] * tau_k
        G_there, l1 = criticality(tau_m, letters["tau_d"], T3, f[k])
        assert G_there == pytest.approx(G, rel=1e-8)
        assert float(found.l1[k]) == pytest.approx(l1 / letters["V_m"] ** 2, rel=1e-6)


def criticality(T1, T2, T3, f):
    """G at which the ring of these lags is at its Hopf point, and Re c1/omega with q_v = 1,
    v = (u - V_T)/V_m; in the states v, i_c/i_c0, f."""
    tau_k, E = T3 / f, (1 - f) / f
    G = bound((T1, T2, T3)) / (f * (1 - f))
    A = np.array([[-1 / T1, -G / T1, 0], [0, -1 / T2, 1 / T2], [(1 - f) / tau_k, 0, -1 / T3]])
    omega = np.sqrt((T1 + T2 + T3) / (T1 * T2 * T3))
    q = np.array(
        [1, -(1 + 1j * omega * T1) / G, -(1 + 1j * omega * T1) * (1 + 1j * omega * T2) / G]
    )
    values, vectors = np.linalg.eig(A.T)
    p = vectors[:, np.argmin(abs(values - 1j * omega))]
    p = p / (p @ q)
    conj = q.conj()
    only = lambda x: np.array([0, 0, x / tau_k])
    B = lambda a, b: only(-(1 - f) * a[0] * b[0] + E * (a[0] * b[2] + a[2] * b[0]))
    cubic = (1 - f) * q[0] * q[0] * conj[0]
    cubic -= E * (q[0] * q[0] * conj[2] + 2 * q[0] * q[2] * conj[0])
    h11 = -np.linalg.solve(A, B(q, conj))
    h20 = np.linalg.solve(2j * omega * np.eye(3) - A, B(q, q))
    c1 = 0.5 * p @ (only(cubic) + 2 * B(q, h11) + B(conj, h20))
    return G, c1.real / omega


def test_criticality_of_the_papers_device():
    f = 1 / (1 + np.exp(-(0.90002910 - 1) / 0.05))
    G, l1 = criticality(1.0, 1.0, f, f)
    assert G == pytest.approx(200, rel=1e-5)
    assert l1 / 0.05**2 == pytest.approx(-42.649, abs=1e-3)


def fold_of_criticality(z):
    """The least G with l1 = 0 for lags in the ratios exp(z), infinite where there is none."""
    f = np.concatenate([np.geomspace(1e-4, 0.5, 60), 1 - np.geomspace(0.5, 1e-4, 60)[1:]])
    a, b = np.exp(z)
    l1 = lambda f: criticality(1.0, a, b, f)[1]
    signs = np.array([l1(x) for x in f])
    at = np.flatnonzero(signs[:-1] * signs[1:] < 0)
    roots = [brentq(l1, f[k], f[k + 1], xtol=1e-15) for k in at]
    return min((criticality(1.0, a, b, x)[0] for x in roots), default=np.inf)


def test_the_onset_can_be_hard_from_G_728_on():
    found = minimize(fold_of_criticality, [0.2, -3.5], method="Nelder-Mead")
    assert found.fun == pytest.approx(728.086, abs=1e-2)
    assert np.exp(found.x) == pytest.approx([1.0, 0.0204], abs=2e-3)
    rng = np.random.default_rng(0)
    for T1, T2, T3 in np.exp(rng.uniform(-4, 4, (400, 3))):
        G, l1 = criticality(T1, T2, T3, 1 / (1 + np.exp(rng.uniform(-6, 6))))
        assert G > 728.08 or l1 < 0


def test_one_linearly_implicit_step_doubles_the_occupation_at_most():
    """The trap: from rest, u beyond the threshold, steps of any length."""
    f, tau_k, x = 1e-9, 1.0, 10.0
    F = ((1 - f) - np.exp(-x) * f) / tau_k
    for h in np.geomspace(1e-9, 1e6, 40):
        df = h * F / (1 + h / (f * tau_k))
        assert 0 < df <= f
    # In the logit w the same step is at most one e-fold, and no longer looks small.
    w, rest = np.log(f / (1 - f)), np.log(f / (1 - f))
    slope = -(1 + np.exp(-w)) * np.expm1(w - x) / tau_k
    assert slope == pytest.approx(F / (f * (1 - f)), rel=1e-9)
    h = 1e6
    assert h * slope / (1 + h / (f * tau_k)) == pytest.approx(1.0, rel=1e-6) and rest < -20


def test_the_printed_c0_is_the_second_part():
    R_b, C_m, i_c0, V_m, tau_d, tau_k, f = 1.0, 0.4, 10.0, 0.05, 2.0, 0.7, 0.3
    T, g = (R_b * C_m, tau_d, f * tau_k), R_b * i_c0 / V_m * f * (1 - f)
    printed = i_c0 * (1 - f) / (tau_d * tau_k * C_m * V_m)
    assert (1 + g) / np.prod(T) == pytest.approx(1 / np.prod(T) + printed, rel=1e-14)
