"""What `solve` says of a call that it cannot answer, and of a rest that a device would leave."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import jaxmem as jm
from benchmarks.problems.published import FitzHughNagumo
from jaxmem.responses.linear import unstable_roots

DEVICE = jm.paper_device(1.0, 1.0, 1.0)
T = np.linspace(0, 5, 11)
STEEP = eqx.tree_at(lambda d: d.V_m, jm.si_device(), jnp.asarray(0.02))


def run(drive=6.0, t=T, device=DEVICE, **options):
    return jm.solve(jm.Circuit(device, jm.CurrentDrive(drive)), t, **options)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: run(device=eqx.tree_at(lambda d: d.V_T, DEVICE, jnp.nan)), r"device\.V_T is nan"),
        (lambda: run(jm.Step(np.inf)), r"not finite: drive\.wave\.high is inf"),
        (lambda: run(np.nan), r"drive\.wave\.level is nan"),
        (lambda: run(rtol=np.nan), "rtol must be positive"),
        (lambda: run(atol=-1e-7), "atol must be positive"),
        (lambda: run(t=np.array([0.0, 2.0, 1.0])), r"t\[1\] = 2 s is followed by 1 s"),
        (lambda: run(t=np.array([0.0, np.nan])), r"t\[1\] is nan"),
    ],
)
def test_the_cause_is_named_at_the_door(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_start_without_rates_is_no_matter_of_steps():
    with pytest.raises(ValueError, match="start has u = nan"):
        run(start=(np.nan, [0.0, 0.1]))


@pytest.mark.slow
def test_an_edge_that_never_comes_is_no_infinite_drive():
    assert bool(run(jm.Step(6.0, start=np.inf)).successful)


@pytest.mark.parametrize("level", [0.1, 1.0])
def test_a_voltage_step_does_not_know_when_it_comes(level):
    """V_T/V_m = 40 and R_s = 0: f relaxes faster after the edge than times near it can say."""
    since = np.linspace(0, 5e-3, 41)
    runs = [
        jm.solve(jm.Circuit(STEEP, jm.VoltageDrive(jm.Pulse(level, 1e-3, start=s))), s + since)
        for s in (0.0, 1e-3, 1.0)
    ]
    for later in runs[1:]:
        # Not at the edges: 1 + 1e-3 is another time than the end of the pulse by rounding.
        inside = np.abs(since - 1e-3) > 1e-9
        np.testing.assert_allclose(later.x[inside], runs[0].x[inside], rtol=1e-5, atol=1e-12)


def test_an_unstable_rest_is_said():
    points = jm.hopf_points(DEVICE)
    middle = float(jnp.nanmean(points.I))
    assert any("unstable" in note for note in run(middle).notes)
    assert not run(0.1).notes


@pytest.mark.parametrize("roots", [[-1, -2, -3], [1, -2, -3], [0.1 + 5j, 0.1 - 5j, -1e6], [3, 4]])
def test_roots_that_grow_are_counted(roots):
    assert unstable_roots(np.real(np.poly(roots))) == sum(np.real(roots) > 0)


@pytest.mark.slow
def test_a_first_step_as_long_as_the_run_is_shortened():
    """A sine begins at rest, where all rates are zero; over 100 periods a cubic overflows."""
    freq, cell = 0.14960508824493812, FitzHughNagumo(0.01, 0.2, 1.0)
    circuit = jm.Circuit(jm.Device(1.0, {"cell": cell}), jm.CurrentDrive(jm.Sine(0.5, freq)))
    t = np.linspace(0, 100 / freq, 401)
    run = jm.solve(circuit, t)

    def field(t, y):
        I = 0.5 * np.sin(2 * np.pi * freq * t)
        return [I - (y[0] ** 3 / 3 - y[0] + y[1]), y[0] + 0.01 - 0.2 * y[1]]

    start = [float(run.u[0]), float(run.x[0, 0])]
    want = solve_ivp(field, (0, t[-1]), start, "DOP853", t, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(run.u, want.y[0], atol=1e-5)


@pytest.mark.slow
def test_a_slow_ramp_through_a_window_of_oscillation_is_not_taken_for_rest():
    # Between its Hopf points the device oscillates at 100 Hz; the ramp is there for 35 s, and a
    # stiff method goes along the unstable equilibrium in steps that see nothing of it.
    device, t = jm.si_device(), jnp.linspace(0, 100.0, 301)
    ramp = jm.Triangle([0.0, 6e-4], rate=1.2e-5)
    with pytest.raises(RuntimeError, match="follows an unstable equilibrium"):
        jm.solve(jm.Circuit(device, jm.CurrentDrive(ramp)), t)
    found = jm.solve(jm.Circuit(device, jm.CurrentDrive(ramp)), t, throw=False)
    assert found.result == jm.RESULTS.unstable_followed
    # Below the window it is at rest, and so it is where u is imposed.
    below = jm.Triangle([0.0, 1.1e-4], rate=2.2e-6)
    assert jm.solve(jm.Circuit(device, jm.CurrentDrive(below)), t).successful
    imposed = jm.Triangle([0.0, 1.0], rate=0.02)
    assert jm.solve(jm.Circuit(device, jm.VoltageDrive(imposed)), t).successful


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda c, t: jm.solve(c, t * 1j), "times t must be real"),
        (lambda c, t: jm.solve(c, "abc"), "times t must be real"),
        (lambda c, t: jm.solve(c, t, rtol="a"), "rtol must be one real number"),
        (lambda c, t: jm.solve(c, t, rtol=jnp.ones(3)), "rtol must be one real number"),
        (lambda c, t: jm.solve(c, t, atol=1j), "atol must be one real number"),
        (lambda c, t: jm.solve(c, t, max_steps=0), "max_steps must be a whole number"),
        (lambda c, t: jm.solve(c, t, solver="x"), "wants a solver of diffrax"),
        (lambda c, t: jm.solve(c, t, start=0.0), "start wants an operating point"),
        (lambda c, t: jm.solve(c, t, start=(jnp.ones(2), jnp.ones(2))), "start wants"),
        (lambda c, t: jm.solve(c, t, start=(0.0, jnp.array([0.0, 2.0]))), "conduction.f = 2"),
        (lambda c, t: jm.Step(1j), "high .* must be a real number"),
        (lambda c, t: jm.Step("a"), "high .* must be a real number"),
        (lambda c, t: jm.si_device(tau_d=None), "tau_d .* must be a real number"),
        (
            lambda c, t: jm.solve(jm.Circuit(c.device, jm.CurrentDrive(jm.Step(jnp.ones(3)))), t),
            "got a batch",
        ),
    ],
)
def test_what_is_no_call_is_refused_by_its_cause(call, says):
    circuit = jm.Circuit(jm.si_device(), jm.CurrentDrive(jm.Step(3.3e-4)))
    with pytest.raises(ValueError, match=says):
        call(circuit, jnp.linspace(0, 0.01, 20))


@pytest.mark.parametrize("name", ["rtol", "t"])
def test_a_call_that_is_none_has_a_code_where_it_is_traced(name):
    circuit = jm.Circuit(jm.si_device(), jm.CurrentDrive(jm.Step(3.3e-4)))
    t = jnp.linspace(0, 0.01, 20)

    @jax.jit
    def run(rtol, t):
        return jm.solve(circuit, t, rtol=rtol)

    wrong = {"rtol": [-1e-6, jnp.nan], "t": [t[::-1], t.at[3].set(jnp.nan)]}[name]
    for value in wrong:
        found = run(**({"rtol": 1e-7, "t": t} | {name: value}))
        assert found.result == jm.RESULTS.call_not_allowed
        assert jnp.all(jnp.isnan(found.u))
