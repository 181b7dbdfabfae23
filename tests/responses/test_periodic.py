"""The settled periodic state against Fourier series of the 2D device, typed here."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm

FREQ, AMPLITUDE, OFFSET = 0.2, 0.4, 0.9


def settled_current(t, R_b=1.0, C_m=0.01, i_c0=10.0, V_T=1.0, V_m=0.05, tau_d=1.0):
    """I(t) at R_s = 0: eq. 2 is linear in i_c, so each harmonic of f_ss(V(t)) is filtered."""
    n, w = 4096, 2 * np.pi * FREQ
    V = OFFSET + AMPLITUDE * np.sin(w * np.arange(n) / n / FREQ)
    harmonic = np.fft.rfft(i_c0 / (1 + np.exp(-(V - V_T) / V_m))) / n
    k = np.arange(harmonic.size)
    phase = np.exp(1j * k * w * t[:, None])
    parts = harmonic / (1 + 1j * k * w * tau_d) * phase
    i_c = parts[:, 0].real + 2 * parts[:, 1:].real.sum(axis=1)
    V = OFFSET + AMPLITUDE * np.sin(w * t)
    return C_m * AMPLITUDE * w * np.cos(w * t) + V / R_b + i_c


def response(V_m, **options):
    device = jm.Memristor2D(1.0, 0.01, 10.0, 1.0, V_m, 1.0)
    wave = jm.Sine(AMPLITUDE, FREQ, offset=OFFSET)
    return jm.periodic_state(
        jm.Circuit(device, jm.VoltageDrive(wave)),
        1 / FREQ,
        samples=41,
        **{"throw": False, **options},
    )


@pytest.mark.slow
def test_the_loop_its_multiplier_and_transformations():
    loop = response(0.05)
    expected = settled_current(np.asarray(loop.transient.t))
    assert bool(loop.successful) and bool(loop.transient.successful)
    assert int(loop.transient.steps) > 40
    assert float(loop.residual) < 1e-7
    # What does not close is told by a code and holds no number.
    open_end = response(0.05, max_iterations=0)
    assert not bool(open_end.successful) and np.isnan(open_end.transient.I).all()
    assert float(open_end.residual) > 1e-3
    with pytest.raises(RuntimeError, match="does not close"):
        response(0.05, max_iterations=0, throw=True)
    np.testing.assert_allclose(loop.transient.I, expected, atol=1e-6 * np.ptp(expected))
    # The only memory is i_c, which forgets as exp(-t/tau_d).
    assert np.max(np.abs(loop.multipliers)) == pytest.approx(np.exp(-1 / FREQ), rel=1e-4)

    def currents(V_m):
        return response(V_m).transient.I

    # One program has values and slopes of a batch.
    slopes = lambda V_m: jax.jvp(currents, (V_m,), (jnp.ones(()),))
    both, (slope, _) = jax.jit(jax.vmap(slopes))(jnp.array([0.05, 0.06]))
    other = settled_current(np.asarray(loop.transient.t), V_m=0.06)
    np.testing.assert_allclose(both, [expected, other], atol=1e-6 * np.ptp(expected))
    t, h = np.asarray(loop.transient.t), 1e-6
    difference = settled_current(t, V_m=0.05 + h) - settled_current(t, V_m=0.05 - h)
    difference = difference / (2 * h)
    np.testing.assert_allclose(slope, difference, atol=1e-4 * np.ptp(difference))


def test_bad_periods_and_no_periodic_state_are_told():
    circuit = jm.Circuit(jm.paper_device(), jm.VoltageDrive(jm.Sine(0.4, 0.2)))
    with pytest.raises(ValueError, match="period must be positive"):
        jm.periodic_state(circuit, -1.0)


@pytest.mark.slow
def test_a_settled_state_says_whether_it_closed_and_in_how_many_steps():
    device = jm.Memristor2D(1.0, 0.01, 10.0, 1.0, 0.05, 1.0)
    circuit = jm.Circuit(device, jm.VoltageDrive(jm.Sine(AMPLITUDE, FREQ, offset=OFFSET)))
    t = jnp.linspace(0.0, 4.0, 9)
    settled = jm.periodic_state(circuit, 1 / FREQ, t=t).transient
    assert settled.successful and int(settled.steps) > 10
    np.testing.assert_allclose(settled.I, settled_current(np.asarray(t)), rtol=1e-5)
    short = jm.periodic_state(circuit, 1 / FREQ, t=t, max_iterations=0, throw=False).transient
    assert short.result == jm.RESULTS.not_periodic and not short.successful
    assert np.isnan(short.u).all()
