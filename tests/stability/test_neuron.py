"""A device as a neuron: phase response, rheobase, f-I curve, spikes, against direct simulation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles.spiking import HARD, LETTERS, field, integrate
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline

import jaxmem as jm
from benchmarks.oracles.hopf_cubic import cubic_roots


@pytest.fixture(scope="module")
def response():
    circuit = jm.Circuit(jm.Memristor3D(**LETTERS), jm.CurrentDrive(jm.Constant(6.0)))
    return jm.phase_response(circuit), jm.limit_cycle(circuit)


@pytest.mark.slow
def test_phase_response_is_what_a_kick_does(response):
    found, cycle = response
    T, level = float(found.period), 1.0
    x = np.asarray(cycle.x)[::4]
    kick = 1e-4

    def crossing(t, y):
        return y[0] - level

    crossing.direction = 1

    def late(y):
        end = integrate(LETTERS, lambda t: 6.0, y, (0, 6.5 * T), events=crossing)
        return end.t_events[0][-1], end.t_events[0].size

    for k in (0, 17, 31, 44, 58, 71):
        f = x[k, 1]
        y = np.array([float(found.u[k]), x[k, 0], np.log(f / (1 - f))])
        push = np.array([kick, 0.0, 0.0])
        (plus, a), (minus, b) = late(y + push), late(y - push)
        assert a == b
        shift = (minus - plus) / (2 * kick)
        assert float(found.sensitivity[k, 0]) == pytest.approx(shift, rel=2e-4, abs=2e-5)
    np.testing.assert_allclose(found.advance, found.sensitivity[:, 0] / LETTERS["C_m"])


def test_a_kick_along_the_flow_is_a_shift_in_time(response):
    found, cycle = response
    x, u = np.asarray(cycle.x)[::4], np.asarray(found.u)
    f = x[:, 1]
    flow = np.stack(
        [
            6.0 - u - x[:, 0], 10 * f - x[:, 0],
            (1 - f) - np.exp(-(u - 1) / 0.05) * f,
        ],
        axis=1,
    )  # fmt: skip
    np.testing.assert_allclose(np.sum(flow * found.sensitivity, axis=1), 1, rtol=2e-5)


@pytest.mark.parametrize("drive", ["current", pytest.param("voltage", marks=pytest.mark.slow)])
def test_mean_of_the_phase_response_is_the_slope_of_the_period(drive):
    R_s = 2.0
    device = jm.Memristor3D(**LETTERS, R_s=R_s)
    make, value = (jm.CurrentDrive, 6.0) if drive == "current" else (jm.VoltageDrive, 13.0)
    circuit = lambda value: jm.Circuit(device, make(jm.Constant(value)))
    found = jm.phase_response(circuit(value))
    mean = CubicSpline(found.t, found.advance).integrate(0, float(found.period))
    h = 1e-3 * value
    T = [float(jm.limit_cycle(circuit(value + k * h)).period) for k in (-1, 1)]
    slope = (T[1] - T[0]) / (2 * h)
    per_ampere = 1.0 if drive == "current" else 1 / R_s
    assert -mean * per_ampere == pytest.approx(slope, rel=2e-4)


@pytest.mark.slow
def test_rheobase_and_fi_curve():
    device = jm.Memristor3D(**LETTERS)
    f = cubic_roots(**LETTERS)
    first = 1 + 0.05 * np.log(f[0] / (1 - f[0])) + 10 * f[0]
    rest, kept, _ = jm.rheobase(device)
    assert float(rest) == pytest.approx(first, rel=1e-10) and float(kept) == float(rest)
    curve = jm.fi_curve(device, np.array([1.5, 6.0, 12.0]))
    np.testing.assert_array_equal(curve.from_rest, [False, True, False])
    assert np.isnan(curve.frequency[0]) and np.isnan(curve.frequency[2])
    assert np.all((curve.result == jm.RESULTS.no_cycle)[np.array([0, 2])])
    # The period of this set at I = 6, from outside.
    assert float(curve.frequency[1]) == pytest.approx(1 / 2.5962433907, rel=1e-9)


@pytest.mark.slow
def test_a_hard_onset_has_two_rheobases():
    device = jm.Memristor3D(**HARD)
    rest, kept, _ = jm.rheobase(device)
    assert float(kept) < float(rest)
    between = 0.5 * float(rest + kept)
    curve = jm.fi_curve(device, np.array([between]))
    # It spikes there, but not from rest.
    assert np.isfinite(curve.frequency[0]) and not bool(curve.from_rest[0])
    assert np.isnan(jm.fi_curve(device, np.array([0.98 * float(kept)])).frequency[0])


def test_no_onset_no_rheobase():
    rest, kept, _ = jm.rheobase(jm.paper_device(1.0, 1.0))
    assert np.isnan(rest) and np.isnan(kept)


@pytest.mark.parametrize(
    ("tau_m", "tau_d", "peak", "low"),
    [(10.0, 50.0, 3.3034, -1.5070), (10.0, 20.0, 2.6671, -1.9107)],
)
def test_action_potentials_of_the_paper(tau_m, tau_d, peak, low):
    # Panels 2j, 2k: rising while the current is on, a negative spike after it.
    circuit = jm.Circuit(jm.paper_device(tau_m, tau_d), jm.CurrentDrive(jm.Pulse(6.0, 10.0)))
    run = jm.solve(circuit, jnp.linspace(0, 60, 3001))
    shape = jm.spike_shape(run.t, run.u)
    assert float(shape.peak) == pytest.approx(peak, abs=1e-3)
    assert float(shape.t_peak) == pytest.approx(10.0, abs=0.1)
    assert float(shape.after) == pytest.approx(low, abs=1e-3) and float(shape.t_after) > 10
    assert 0 < float(shape.latency) < float(shape.rise) < 10


def test_shape_of_a_known_curve():
    # exp(-x^2/2 s^2): half height at s sqrt(2 ln 2) to each side, 10 and 90 % likewise.
    s, t = 0.3, np.linspace(-1, 5, 2401)
    u = 0.2 + 1.7 * np.exp(-((t - 2.0) ** 2) / (2 * s**2)) - 0.4 * np.exp(-((t - 3.5) ** 2) / 0.02)
    shape = jm.spike_shape(t, u, 0.0)
    side = lambda share: s * np.sqrt(2 * np.log(1 / share))
    for got, want in (
        (shape.base, 0.2), (shape.peak, 1.9), (shape.t_peak, 2.0), (shape.width, 2 * side(0.5)),
        (shape.latency, 2.0 - side(0.5)), (shape.rise, side(0.1) - side(0.9)),
        (shape.after, -0.2), (shape.t_after, 3.5), (shape.end, 0.2),
    ):  # fmt: skip
        assert float(got) == pytest.approx(want, abs=2e-4)
    flat = jm.spike_shape(t, np.zeros_like(t))
    assert np.isnan(flat.peak) and np.isnan(flat.width) and float(flat.base) == 0
    # What only rises has its last value as its peak, and no width.
    ramp = jm.spike_shape(t, t)
    assert float(ramp.peak) == 5.0 and np.isnan(ramp.width)
    both = jax.vmap(lambda u: jm.spike_shape(t, u, 0.0).peak)(jnp.stack([u, 2 * u]))
    np.testing.assert_allclose(both, [1.9, 3.8], atol=1e-3)


@pytest.mark.slow
def test_refractory_time_is_that_of_a_simulation():
    # Wide enough a threshold that the gate is not stiff and an explicit method can be trusted.
    p = dict(LETTERS, V_m=0.4, C_m=0.2, tau_d=5.0)
    height, width = 6.0, 3.0
    device = jm.Memristor3D(**p)
    interval = jm.refractory_time(device, height, width, share=0.8)
    rest = jm.operating_point(device, I=0.0)
    f = float(rest.x[1])
    y, t, peaks = [float(rest.u), float(rest.x[0]), np.log(f / (1 - f))], 0.0, []
    for on, span in ((height, width), (0.0, interval - width), (height, width)):
        run = solve_ivp(
            field(p, lambda t, on=on: on), (t, t + span), y, "DOP853", rtol=1e-10, atol=1e-12,
            max_step=width / 400,
        )  # fmt: skip
        peaks.append(run.y[0].max())
        y, t = run.y[:, -1], t + span
    base = float(rest.u)
    assert (peaks[2] - base) / (peaks[0] - base) == pytest.approx(0.8, abs=5e-4)
    assert interval > width
    # A pulse that stays far below the threshold leaves nothing behind.
    quiet = jm.Memristor3D(**LETTERS | {"C_m": 0.01})
    assert jm.refractory_time(quiet, 0.3, width) == 0.0


def test_wrong_calls_say_what_to_do(as_users_call):
    device = jm.paper_device(tau_k=1.0)
    for numbers in ((-1.0, 1.0), (1.0, 0.0)):
        with pytest.raises(ValueError, match="height > 0"):
            jm.refractory_time(device, *numbers)
    for call in (jm.rheobase, lambda d, k: jm.fi_curve(d, np.ones(1), k)):
        with pytest.raises(ValueError, match="R_s > 0"):
            call(device, "voltage")
    with pytest.raises(ValueError, match="no cycle"):
        jm.phase_response(jm.Circuit(device, jm.CurrentDrive(jm.Constant(0.1))))
