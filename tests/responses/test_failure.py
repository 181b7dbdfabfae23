"""What `solve` says of a call that it cannot answer, and of a rest that a device would leave."""

import equinox as eqx
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
    with pytest.raises(RuntimeError, match="not finite at t = 0 s") as found:
        run(start=(np.nan, [0.0, 0.1]))
    assert "max_steps" not in str(found.value)


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
