"""Voltage drive: the current behind any series resistance, down to none; small sines and Z."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from benchmarks.oracles.trajectories import ranges, reference
from benchmarks.problems.drawn_runs import draw_case, solve_case, true_current

SEED = 4


@pytest.mark.slow
@pytest.mark.parametrize("three", [True, False], ids=["3D", "2D"])
@pytest.mark.parametrize(
    ("R_s", "waves"),
    [
        (None, ("step", "triangle")),
        (0.0, ("triangle", "sine")),
    ],
    ids=["R_s from 1e-4 R_b to R_b", "R_s = 0"],
)
def test_the_current_against_agreeing_oracles(three, R_s, waves):
    """To 1e-5 of its peak at the default tolerance."""
    rng = np.random.default_rng([SEED, three, len(waves)])
    cases = [draw_case(rng, three, "V", waves, R_s) for _ in range(12)]
    times, truth, gap = reference(cases)
    span = ranges(cases, truth)
    assert np.mean(gap < 1e-6) > 0.8
    for k, case in enumerate(cases):
        values, code, _ = solve_case(case, times[k])
        assert code == 0
        if gap[k] > 1e-6:
            continue
        I = true_current(case, times[k], truth["u"][k], truth["i_c"][k])
        # Without the end, where the drive may have its last kink.
        error = np.abs(values["I"] - I)[:-1]
        assert np.max(error) < 1e-5 * np.max(np.abs(I)), case
        assert np.max(np.abs(values["i_c"] - truth["i_c"][k])) < 1e-5 * span["i_c"][k], case


def test_a_jump_of_many_v_m_is_the_same_at_any_time():
    """The occupation begins at exp(-80), so that the first steps are 1e-35 of the run."""
    letters = dict(R_b=1.0, C_m=0.01, i_c0=6.4, V_T=1.0, V_m=1 / 80, tau_d=0.033, tau_k=0.055)
    case = letters | dict(drive="V", R_s=0.0, wave=("pulse", 0.9558, 0.0485), T=0.0787)
    times = np.geomspace(1e-6, 0.0787, 60)
    now, later = (solve_case(case | {"delay": delay}, times) for delay in (0.0, 0.137))
    assert now[1] == later[1] == 0
    np.testing.assert_allclose(later[0]["f"], now[0]["f"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(later[0]["i_c"], now[0]["i_c"], rtol=1e-4, atol=1e-5)


def test_an_edge_adds_its_jump_over_the_series_resistance():
    device = jm.paper_device(1.0, 1.0, R_s=0.1)
    drive = jm.VoltageDrive(jm.Pulse(1.5, 1.0, start=0.5, low=0.2))
    t = jnp.array([0.0, 0.5, 1.0, 1.5, 1.5, 2.0])
    out = jm.solve(jm.Circuit(device, drive), t)
    before = jm.operating_point(device, V=0.2)
    np.testing.assert_allclose(out.I[0], before.I, rtol=1e-9)
    np.testing.assert_allclose(out.I[1], before.I + 1.3 / 0.1, rtol=1e-7)
    np.testing.assert_allclose(out.u[1], before.u, atol=1e-7)
    np.testing.assert_allclose(out.V, [0.2, 1.5, 1.5, 0.2, 0.2, 0.2])


def test_without_series_resistance_the_loop_is_the_textbook_one():
    """I = C_m V' + V/R_b + i_c exactly, the charge at jumps passing unseen and said so."""
    device = jm.paper_device(0.3, 1.0, 0.5)
    wave = jm.Triangle([0.0, 2.0, -1.0], 1.0)
    t = np.linspace(0, 5.9, 200)
    out = jm.solve(jm.Circuit(device, jm.VoltageDrive(wave)), t)
    V = np.asarray(wave(jnp.asarray(t)))
    slope = np.where(t < 2, 1.0, np.where(t < 5, -1.0, 1.0))
    exact = 0.3 * slope + V + np.asarray(out.state("i_c"))
    np.testing.assert_allclose(out.I, exact, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(out.u, V, atol=1e-14)
    assert any("impulse" in note for note in out.notes)


@pytest.mark.slow
def test_the_limit_of_small_series_resistance():
    device = jm.paper_device(0.3, 1.0, 0.5)
    t = np.linspace(0.05, 5.93, 60)  # not at the kinks, where the ideal current jumps
    t[0] = 0.0
    wave = jm.Triangle([0.0, 2.0, -1.0], 1.0)

    @jax.jit
    def current(R_s):
        d = jm.paper_device(0.3, 1.0, 0.5, R_s=R_s)
        return jm.solve(jm.Circuit(d, jm.VoltageDrive(wave)), t, throw=False).I

    ideal = jm.solve(jm.Circuit(device, jm.VoltageDrive(wave)), t).I
    errors = [float(jnp.max(jnp.abs(current(R_s) - ideal)[2:])) for R_s in (1e-3, 1e-5, 1e-7)]
    assert errors[0] > 30 * errors[1] > 300 * errors[2]
    assert errors[2] < 1e-5


def closed_form(device, u, s):
    """Z of the memristor, equations 6 and 13, with R_s."""
    f = 1 / (1 + np.exp(-(u - device.V_T) / device.V_m))
    R_a = device.V_m / device.i_c0 / f / (1 - f)
    if isinstance(device, jm.Memristor3D):
        Z_c = (1 + s * device.tau_d) * (R_a + f * device.tau_k * R_a * s)
    else:
        Z_c = R_a + device.tau_d * R_a * s
    return device.R_s + 1 / (device.C_m * s + 1 / device.R_b + 1 / Z_c)


def measured_impedance(device, u, freq, amplitude, settle):
    """Z as an instrument finds it: V and I of a cycle after `settle` seconds, by Fourier sums."""
    cycles = int(np.ceil(settle * freq)) + 1
    point = jm.operating_point(device, u=u)
    n = 64
    t = np.concatenate([[0.0], (cycles - 1 + np.arange(n) / n) / freq])
    wave = jm.Sine(amplitude, freq, offset=point.V)
    out = jm.solve(jm.Circuit(device, jm.VoltageDrive(wave)), t, rtol=1e-9, atol=1e-9)
    tone = np.exp(-2j * np.pi * np.arange(n) / n)
    V = np.sum(tone * np.asarray(out.V)[1:])
    return V / np.sum(tone * np.asarray(out.I)[1:]), out


@pytest.mark.parametrize(
    "tau_k", [pytest.param(None, marks=pytest.mark.slow), 0.5], ids=["2D", "3D"]
)
@pytest.mark.parametrize("R_s", [0.0, 0.1])
def test_a_small_sine_measures_the_impedance(tau_k, R_s):
    device = jm.paper_device(0.01, 1.0, tau_k, R_s=R_s)
    for omega in (0.5, 3.0, 18.2):
        Z, _ = measured_impedance(device, 0.9, omega / 2 / np.pi, 1e-4, settle=14.0)
        exact = closed_form(device, 0.9, 1j * omega)
        assert abs(Z - exact) < 1e-3 * abs(exact)


@pytest.mark.slow
def test_a_small_sine_with_a_constant_phase_element():
    """The ladder gives Z to the accuracy asked for, and the result says that it was used."""
    cpe = jm.ConstantPhase(0.02, 0.8, band=(1e-2, 1e3), accuracy=5e-3)
    device = jm.paper_device(1.0, 1.0, C_m=0.0, R_s=0.05, extra={"surface": cpe})
    for freq in (0.1, 3.0):
        Z, out = measured_impedance(device, 0.9, freq, 1e-4, settle=14.0)
        s = 2j * np.pi * freq
        rest = closed_form(device, 0.9, s) - device.R_s
        exact = device.R_s + 1 / (1 / rest + 0.02 * s**0.8)
        assert abs(Z - exact) < (5e-3 + 1e-3) * abs(exact)
        assert any("ladder" in note for note in out.notes)
