"""Traces and curves as terms: their signals against scipy, settled states, what is refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import jaxmem as jm
from fitting import SteadyCurve, Trace, absolute, estimated, proportional
from fitting.readers.traces import which_is_imposed
from fitting.terms.trace_batch import TraceBatch

DEVICE = jm.Memristor2D(
    R_b=1e4, C_m=2e-8, i_c0=2e-4, V_T=0.7, V_m=0.06, tau_d=3e-3, R_s=400.0
)  # fmt: skip


def scipy_signal(device, wave, voltage, t, start=None):
    """The terminal current, or the applied voltage, by scipy on the equations written by hand."""
    p = {n: float(getattr(device, n)) for n in ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "R_s")}
    f = lambda u: 0.5 * (1 + np.tanh((u - p["V_T"]) / p["V_m"] / 2))

    def current(s, u):
        return (wave(s) - u) / p["R_s"] if voltage else wave(s)

    def field(s, y):
        u, i = y
        du = (current(s, u) - u / p["R_b"] - i) / p["C_m"]
        return [du, (p["i_c0"] * f(u) - i) / p["tau_d"]]

    y0 = [0.0, p["i_c0"] * f(0.0)] if start is None else start
    run = solve_ivp(
        field, (t[0], t[-1]), y0, "LSODA", t, rtol=1e-10, atol=1e-14, max_step=(t[-1] - t[0]) / 400
    )
    I = current(t, run.y[0])
    return (I if voltage else p["R_s"] * wave(t) + run.y[0]), run.y[:, -1]


def triangle(top, period):
    return lambda t: top * (1 - np.abs(2 * (t / period % 1) - 1))


def test_a_loop_a_step_and_a_pulse_are_scipys():
    T = 0.04
    t = np.linspace(0, T, 64)
    loop = jm.VoltageDrive(jm.Triangle([0.0, 1.1], rate=2.2 / T))
    pulse = jm.CurrentDrive(jm.Pulse(1.5e-4, T / 2))
    step = jm.CurrentDrive(jm.Step(1.2e-4))
    waves = [
        (loop, triangle(1.1, T), True), (pulse, lambda s: 1.5e-4 * (s < T / 2), False),
        (step, lambda s: 1.2e-4 + 0 * s, False),
    ]  # fmt: skip
    traces = [Trace(t, drive, np.ones(64), sigma=1.0, rtol=1e-8) for drive, _, _ in waves]
    # All three are one program.
    assert len({TraceBatch.key(trace) for trace in traces}) == 1
    got = np.asarray(jax.jit(lambda d: TraceBatch.of(traces).signal(d))(DEVICE))
    for (_, wave, voltage), mine in zip(waves, got, strict=True):
        want, _ = scipy_signal(DEVICE, wave, voltage, t)
        # At the pulse's edges the two take sides; in between they agree.
        inside = np.abs(t - T / 2) > T / 100
        np.testing.assert_allclose(mine[inside], want[inside], atol=2e-5 * np.ptp(want))
    one = traces[0].signal(DEVICE)
    np.testing.assert_allclose(one, got[0], rtol=1e-9)


@pytest.mark.slow
def test_a_settled_loop_is_what_many_periods_lead_to_and_its_slopes_are_differences():
    T = 0.01
    wave = triangle(1.1, T)
    drive = jm.VoltageDrive(jm.Triangle([0.0, 1.1], rate=2.2 / T))
    t = np.linspace(0, T, 64)
    trace = Trace(t, drive, np.ones(64), sigma=1e-6, start="periodic", rtol=1e-8)
    start = None
    for _ in range(12):
        want, start = scipy_signal(DEVICE, wave, True, t, start)
    batch = TraceBatch.of([trace])
    slower = lambda lag: eqx.tree_at(lambda d: d.tau_d, DEVICE, lag)
    signal = lambda lag: batch.signal(slower(lag))[0]
    # One program has the signal and its slope.
    both = jax.jit(lambda lag: jax.jvp(signal, (lag,), (jnp.ones(()),)))
    at = DEVICE.tau_d
    got, slope = both(at)
    np.testing.assert_allclose(got, want, atol=2e-5 * np.ptp(want))
    h = 1e-3 * at
    np.testing.assert_allclose(
        slope, (both(at + h)[0] - both(at - h)[0]) / (2 * h), atol=2e-4 * np.abs(slope).max()
    )
    # From rest it is another loop.
    assert np.abs(want - scipy_signal(DEVICE, wave, True, t)[0]).max() > 0.01 * np.ptp(want)


def test_residuals_are_weighted_differences_and_masked_samples_count_nothing():
    t = np.linspace(0, 0.04, 64)
    drive = jm.VoltageDrive(jm.Triangle([0.0, 1.1], rate=55.0))
    clean = Trace(t, drive, np.ones(64), sigma=1.0).signal(DEVICE)
    data = clean + 1e-6
    used = np.ones(64, bool)
    used[10:20] = False
    for sigma, size in (
        (2e-6, 2e-6), (absolute(2e-6), 2e-6),
        (proportional(0.1) + absolute(1e-6), np.hypot(0.1 * data, 1e-6)),
        (None, 0.01 * np.sqrt(np.mean(data[used] ** 2))),
    ):  # fmt: skip
        trace = Trace(t, drive, data, sigma=sigma, used=used)
        want = np.where(used, (clean - data) / size, 0.0)
        np.testing.assert_allclose(trace.residual(DEVICE), want, rtol=1e-6, atol=1e-9)
        assert trace.points == 54 and trace.scale_known == (sigma is not None)
    assert not Trace(t, drive, data, sigma=estimated(absolute(1e-6))).scale_known


@pytest.mark.quick
def test_a_steady_curve_is_the_closed_form():
    V = np.linspace(-0.2, 1.3, 20)
    p = {n: float(getattr(DEVICE, n)) for n in ("R_b", "i_c0", "V_T", "V_m", "R_s")}
    I = V / p["R_b"] + p["i_c0"] / (1 + np.exp(-(V - p["V_T"]) / p["V_m"]))
    for term in (
        SteadyCurve(I + 1e-6, u=V, sigma=1e-6),
        SteadyCurve(I + 1e-6, V=V + p["R_s"] * I, sigma=1e-6),
    ):
        np.testing.assert_allclose(term.residual(DEVICE), -1.0, rtol=1e-6)
    term = SteadyCurve(V + p["R_s"] * I + 1e-3, I=I, sigma=1e-3)
    np.testing.assert_allclose(term.residual(DEVICE), -1.0, rtol=1e-6)
    near = SteadyCurve(I + 1e-9, u=V, sigma=1e-6)
    far = near.batch([near]).pieces(DEVICE, True, 1.0)[0]
    np.testing.assert_allclose(far, near.residual(DEVICE), rtol=1e-3)


@pytest.mark.quick
@pytest.mark.parametrize(
    "change, text",
    [
        (dict(t=[0.0, 2.0, 1.0]), "sample 2 is earlier"),
        (dict(observed=[1.0, np.nan, 1.0]), "sample 1 is not finite"),
        (dict(observed=[1.0]), "vectors of one length"),
        (dict(sigma=0.0), "sigma must be positive"),
        (dict(observed=[0.0, 1.0, 2.0], sigma=proportional(0.1)), "needs a floor"),
        (dict(observe="V"), "observe I or u"),
        (dict(drive=3.0), "VoltageDrive.wave. or"),
        (dict(start="somewhere"), "'rest', 'periodic'"),
        (dict(used=[False] * 3), "not never"),
        (dict(period=-1.0), "period must be positive"),
    ],
)
def test_what_a_trace_cannot_be_is_refused(change, text, as_users_call):
    whole = dict(t=[0.0, 1.0, 2.0], drive=jm.VoltageDrive(1.0), observed=[1.0, 1.0, 1.0])
    whole |= change
    t, drive, observed = whole.pop("t"), whole.pop("drive"), whole.pop("observed")
    with pytest.raises(ValueError, match=text):
        Trace(t, drive, observed, **whole)
    with pytest.raises(ValueError, match="bias once"):
        SteadyCurve([1.0], u=[1.0], V=[1.0])


def test_what_was_imposed_is_told_from_what_answered():
    from fitting import Recording

    t = np.linspace(0, 1, 200)
    rng = np.random.default_rng(0)
    V = 1.2 * (1 - np.abs(2 * t - 1))
    I = np.exp(4 * V) * (1 + 0.01 * rng.normal(size=200)) * 1e-6
    assert which_is_imposed(Recording(t, V, I)) == "voltage"
    I = 1e-4 * (t > 0.2)
    V = 1.0 - np.exp(-5 * np.maximum(t - 0.2, 0)) + 0.01 * rng.normal(size=200)
    assert which_is_imposed(Recording(t, V, I)) == "current"


def test_a_corner_between_two_samples_is_found_again():
    """A triangle of which the turn was not sampled is the triangle; a sine is left as it is."""
    from fitting import Recording, trace_of

    wave = jm.Triangle([0.0, 1.1, -0.4], rate=75.0)
    t = np.linspace(0, float(wave.period), 64)
    applied = np.asarray(wave(t))
    trace = trace_of(Recording(t, applied, np.ones(64)), imposed="voltage")
    fine = np.linspace(0, float(wave.period), 999)
    np.testing.assert_allclose(trace.drive.wave(fine), wave(fine), atol=1e-9)
    sine = np.sin(np.linspace(0, 6, 64))
    trace = trace_of(Recording(t, sine, np.ones(64)), imposed="voltage")
    assert trace.drive.wave.t.shape == (64,)
    pulse = 1e-4 * ((t > t[10]) & (t < t[40]))
    trace = trace_of(Recording(t, np.ones(64), pulse), imposed="current")
    corners = np.asarray(trace.drive.wave.t)
    # Both edges at once, at the first sample after each.
    assert corners.shape == (66,) and (np.diff(corners) == 0).sum() == 2


def test_waves_that_are_no_polylines_stay_what_they_are():
    t = np.linspace(0, 1, 201)
    for wave in (jm.Sine(0.2, 10.0, 0.5), jm.Sine(0.2, 20.0, 0.5) + jm.Constant(0.1)):
        trace = Trace(t, jm.VoltageDrive(wave), np.ones(201))
        np.testing.assert_allclose(trace.wave(t), wave(t), rtol=1e-12)
        assert type(trace.wave) is type(wave)
    for wave in (jm.Constant(0.3), jm.Step(0.5, 0.1, -1.0), jm.PulseTrain(0.5, 0.1, 0.3, count=3)):
        trace = Trace(t, jm.VoltageDrive(wave), np.ones(201))
        np.testing.assert_allclose(trace.wave(t), wave(t), rtol=1e-12)
        assert type(trace.wave) is jm.Sampled


@pytest.mark.slow
def test_a_short_settled_trace_in_a_batch_is_what_it_is_alone():
    drive = jm.VoltageDrive(jm.PulseTrain(0.9, 0.002, 0.004, count=8))
    times = [np.linspace(0, 0.05, 300), np.linspace(0, 0.02, 40)]
    traces = [
        Trace(t, drive, np.ones(len(t)), start="periodic", period=0.06, rtol=1e-7) for t in times
    ]
    alone = traces[1].signal(DEVICE)
    both = np.asarray(jax.jit(lambda d: TraceBatch.of(traces).signal(d))(DEVICE))
    np.testing.assert_allclose(both[1, :40], alone, atol=1e-6 * np.ptp(alone))


def test_a_periodic_drive_must_repeat_and_a_given_state_is_that_of_the_first_sample():
    drive = jm.VoltageDrive(jm.Triangle([0.0, 1.1], rate=55.0))
    with pytest.raises(ValueError, match="does not repeat after"):
        Trace(np.linspace(0.01, 0.05, 50), drive, np.ones(50), start="periodic", period=0.04)
    step = jm.CurrentDrive(jm.Step(1e-4))
    start = (0.2, DEVICE.rest(jnp.asarray(0.2)))
    trace = Trace(np.linspace(1.0, 1.01, 50), step, np.ones(50), start=start)
    assert trace.signal(DEVICE)[0] == pytest.approx(0.2 + 400.0 * 1e-4, rel=1e-6)


def test_samples_on_a_jump_are_not_fitted_and_plateaus_are_imposed():
    from fitting import Recording, trace_of

    rng = np.random.default_rng(0)
    t = np.linspace(0, 1, 100)
    I = 1e-5 * (1 + np.exp(-3 * t)) * (1 + 1e-4 * rng.normal(size=100))
    for V in (0.5 + 1e-3 * rng.normal(size=100), 0.5 * (t > 0.2) + 1e-4 * rng.normal(size=100)):
        trace = trace_of(Recording(t, V, I))
        assert trace.observe == "I"
        assert (~trace.used).sum() == 1 and not trace.used[np.argmax(V > 0.4)]


def test_a_failed_integration_is_nan_and_not_silent(monkeypatch):
    t = np.linspace(0, 0.04, 64)
    drive = jm.VoltageDrive(jm.Triangle([0.0, 1.1], rate=55.0))
    monkeypatch.setattr(TraceBatch, "MOST_STEPS", 3)
    assert np.isnan(Trace(t, drive, np.ones(64), sigma=1.0).residual(DEVICE)).any()
