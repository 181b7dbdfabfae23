"""Driven circuits: what they lock to, against closed forms and SciPy's strobe."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles.spiking import LETTERS, integrate

import jaxmem as jm

T0 = 2.5962433907447044  # the device's own period at I = 6


def circuit(amplitude, ratio):
    """Set A under 6 A and a sine of `ratio` times its own frequency."""
    wave = jm.Sine(amplitude, ratio / T0, offset=6.0)
    return jm.Circuit(jm.Memristor3D(**LETTERS), jm.CurrentDrive(wave)), T0 / ratio


def strobe(amplitude, ratio, y, periods):
    T = T0 / ratio
    I = lambda t: 6.0 + amplitude * np.sin(2 * np.pi * t / T)
    return integrate(LETTERS, I, y, (0.0, periods * T), dense_output=True)


def start(found):
    f = float(found.x[0, 0, 1])
    return np.array([float(found.u[0, 0]), float(found.x[0, 0, 0]), np.log(f / (1 - f))])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("amplitude", "ratio", "periods", "spikes"),
    [
        (1.0, 1.0, 1, 1),
        (0.3, 2.0, 2, 1),
        (0.3, 1.5, 3, 2),
        (0.3, 3.0, 3, 1),
        (6.0, 2.0, 2, 2),
    ],
)
def test_locking_is_what_scipy_sees(amplitude, ratio, periods, spikes):
    found = jm.entrainment(*circuit(amplitude, ratio))
    assert (int(found.periods), int(found.spikes)) == (periods, spikes)
    assert bool(found.stable) and float(found.residual) < 1e-7
    y = start(found)
    run = strobe(amplitude, ratio, y, periods)
    np.testing.assert_allclose(run.y[:, -1], y, atol=2e-4)
    T = T0 / ratio
    t = (np.arange(periods)[:, None] * T + np.asarray(found.t)).ravel()
    u = np.asarray(found.u)[:periods].ravel()
    np.testing.assert_allclose(run.sol(np.minimum(t, periods * T))[0], u, atol=1e-4)
    assert np.isnan(np.asarray(found.u)[periods:]).all()
    # It does not return earlier.
    for n in range(1, periods):
        assert np.abs(run.sol(n * T) - y).max() > 0.05
    # The multipliers by differences of SciPy's map.
    h = 1e-5
    columns = [
        (strobe(amplitude, ratio, y + h * e, periods).y[:, -1]
         - strobe(amplitude, ratio, y - h * e, periods).y[:, -1]) / (2 * h)
        for e in np.eye(3)
    ]  # fmt: skip
    ours = np.sort(np.abs(np.asarray(found.multipliers)))
    theirs = np.sort(np.abs(np.linalg.eigvals(np.array(columns).T)))
    np.testing.assert_allclose(ours, theirs, atol=2e-4)


@pytest.mark.slow
def test_a_doubling_is_seen():
    # The answer of one period exists and is unstable through -1: two periods are what is seen.
    driven, T = circuit(6.0, 2.0)
    one = jm.periodic_state(driven, T)
    leading = np.asarray(one.multipliers)[np.argmax(np.abs(np.asarray(one.multipliers)))]
    assert leading.real < -1 and abs(leading.imag) < 1e-9
    two = jm.entrainment(driven, T)
    assert int(two.periods) == 2
    assert np.ptp(np.asarray(two.u)[:2, 0]) > 0.05


@pytest.mark.slow
def test_drift_is_told_and_not_returned():
    driven, T = circuit(0.3, 0.7)
    with pytest.raises(RuntimeError, match="drifts against the drive"):
        jm.entrainment(driven, T)
    found = jm.entrainment(driven, T, throw=False)
    assert int(found.periods) == 0 and np.isnan(found.u).all() and not bool(found.stable)
    assert found.result == jm.RESULTS.not_locked


@pytest.mark.slow
def test_linear_circuit_in_closed_form():
    R, C, A, freq = 2.0, 0.3, 0.7, 0.4
    device = jm.Device(C, {"leak": jm.Leak(R), "slow": jm.SlowConductance(0.5, 2.0)})
    wave = jm.Sine(A, freq, offset=0.2)
    found = jm.entrainment(jm.Circuit(device, jm.CurrentDrive(wave)), 1 / freq, rtol=1e-9)
    s = 2j * np.pi * freq
    Z = 1 / (C * s + 1 / R + 0.5 / (1 + 2 * s))
    t = np.asarray(found.t)
    u = 0.2 / (1 / R + 0.5) + (A * Z * np.exp(s * t)).imag
    assert int(found.periods) == 1
    np.testing.assert_allclose(found.u[0], u, atol=1e-7)
    J = np.array([[-1 / (R * C), -1 / C], [0.5 / 2.0, -1 / 2.0]])
    theirs = np.exp(np.linalg.eigvals(J) / freq)
    np.testing.assert_allclose(
        np.sort_complex(found.multipliers), np.sort_complex(theirs), atol=1e-7
    )


@pytest.mark.slow
def test_pulses_behind_a_resistance_and_a_batch():
    device = jm.Memristor3D(**LETTERS, R_s=2.0)
    T = 1.3 * T0

    def locked(high):
        wave = jm.PulseTrain(high, 0.4 * T, T, low=5.0, capacity=64)
        return jm.entrainment(jm.Circuit(device, jm.VoltageDrive(wave)), T, throw=False)

    heights = jnp.array([14.0, 18.0])
    batch = jax.vmap(locked)(heights)
    for k in range(2):
        one = locked(heights[k])
        assert int(one.periods) == int(batch.periods[k]) == 1 and int(one.spikes) == 1
        np.testing.assert_allclose(batch.u[k], one.u, atol=1e-6)
        # V = R_s I + u holds between the edges, and the state closes.
        np.testing.assert_allclose(one.u[0, 0], one.u[0, -1], atol=1e-5)


def test_wrong_calls_say_what_to_do(as_users_call):
    driven, T = circuit(1.0, 1.0)
    with pytest.raises(ValueError, match="positive"):
        jm.entrainment(driven, -T)
    with pytest.raises(ValueError, match="settle >= 2 most"):
        jm.entrainment(driven, T, settle=10)
