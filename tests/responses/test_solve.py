"""What `solve` promises: transformations, solvers, starts, samples at jumps, errors in words."""

import os
import subprocess
import sys

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm

CIRCUIT = jm.Circuit(
    jm.paper_device(1.0, 1.0, 1.0), jm.CurrentDrive(jm.Pulse(jnp.asarray(6.4), jnp.asarray(3.0)))
)
# As many samples everywhere, so that all tests share one program.
TIMES = jnp.linspace(0.0, 6.0, 61)


@pytest.mark.slow
def test_solve_works_under_jit_and_vmap():
    """In a batch a run that fails is NaN with a code, and harms no other."""
    plain = jm.solve(CIRCUIT, TIMES)
    jitted = eqx.filter_jit(jm.solve)(CIRCUIT, TIMES)
    np.testing.assert_allclose(jitted.u, plain.u, rtol=1e-8)

    def run(tau, high):
        leaves = lambda c: (c.device.C_m, c.device.tau_d, c.device.tau_k, c.drive.wave.high)
        return jm.solve(eqx.tree_at(leaves, CIRCUIT, (tau, tau, tau, high)), TIMES, max_steps=1500)

    # The third is a hundred times faster: some hundred spikes, too many for 1,500 steps.
    tau, high = jnp.array([1.0, 1.0, 0.01]), jnp.array([6.4, 2.0, 6.4])
    batch = jax.jit(jax.vmap(run))(tau, high)
    assert batch.u.shape == (3, 61) and batch.x.shape == (3, 61, 2)
    np.testing.assert_allclose(batch.u[0], plain.u, atol=1e-6)
    np.testing.assert_array_equal(batch.successful, [True, True, False])
    assert jnp.all(jnp.isfinite(batch.u[:2])) and jnp.all(jnp.isnan(batch.u[2, 1:]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("solver", "voltage"),
    [(diffrax.Tsit5(), True), (diffrax.Kvaerno5(), False), (diffrax.Dopri8(), False)],
    ids=lambda v: type(v).__name__,
)
def test_any_solver_of_diffrax_may_be_given(solver, voltage):
    """In 2D, where explicit solvers work too; under current and under voltage drive."""
    device = jm.paper_device(1.0, 1.0, R_s=0.1)
    drive = jm.VoltageDrive(jm.Pulse(1.5, 3.0)) if voltage else CIRCUIT.drive
    own = jm.solve(jm.Circuit(device, drive), TIMES)
    other = jm.solve(jm.Circuit(device, drive), TIMES, solver=solver, rtol=1e-8, atol=1e-8)
    assert jnp.max(jnp.abs(own.u - other.u)) < 1e-5


@pytest.mark.slow
def test_a_split_solver_is_right_or_says_that_it_failed():
    """diffrax's implicit-explicit methods stall even on y' = -y if all of it is implicit."""
    device = jm.paper_device(1.0, 1.0)
    c = jm.Circuit(device, CIRCUIT.drive)
    out = jm.solve(c, TIMES, solver=diffrax.KenCarp4(), max_steps=5000, throw=False)
    if bool(out.successful):
        assert jnp.max(jnp.abs(out.u - jm.solve(c, TIMES).u)) < 1e-4
    else:
        assert jnp.isnan(out.u[-1])


def test_a_start_of_ones_own():
    point = jm.operating_point(CIRCUIT.device, u=0.5)
    drive = jm.CurrentDrive(jm.Constant(point.I))
    rest = jm.solve(jm.Circuit(CIRCUIT.device, drive), TIMES, start=point)
    np.testing.assert_allclose(rest.u, 0.5, atol=1e-9)
    whole = jm.solve(CIRCUIT, TIMES)
    state = (whole.u[20], whole.x[20])
    part = jm.solve(CIRCUIT, TIMES + TIMES[20], start=state)
    np.testing.assert_allclose(part.u[:41], whole.u[20:], atol=1e-5)
    with pytest.raises(ValueError, match="2 states"):
        jm.solve(CIRCUIT, TIMES, start=(0.5, jnp.zeros(3)))


@pytest.mark.quick
def test_samples_at_jumps_are_right_limits_and_may_repeat():
    t = jnp.array([-1.0, 0.0, 0.0, 1.0, 3.0, 3.0, 4.0])
    out = jm.solve(CIRCUIT, jnp.concatenate([t, jnp.linspace(4.0, 6.0, 54)]))
    np.testing.assert_allclose(out.I[:7], [0, 6.4, 6.4, 6.4, 0, 0, 0])
    assert float(out.u[1]) == float(out.u[2]) and float(out.u[4]) == float(out.u[5])
    assert abs(float(out.u[1])) < 1e-6
    # The last sample too, where the drive jumps at it.
    ends = jm.solve(CIRCUIT, jnp.linspace(0.0, 3.0, 61))
    np.testing.assert_allclose(ends.I, [*[6.4] * 60, 0])
    np.testing.assert_allclose(ends.u[60], out.u[4], rtol=1e-6)


@pytest.mark.slow
def test_single_precision(tmp_path):
    """At its default rtol of 1e-4 the answer is that of double precision to a thousandth."""
    code = (
        "import jax.numpy as jnp, numpy as np, jaxmem as jm\n"
        "d = jm.paper_device(1.0, 1.0, 1.0)\n"
        "c = jm.Circuit(d, jm.CurrentDrive(jm.Pulse(6.4, 3.0)))\n"
        "out = jm.solve(c, jnp.linspace(0.0, 6.0, 61))\n"
        "assert out.u.dtype == jnp.float32\n"
        f"np.save({str(tmp_path / 'u.npy')!r}, np.asarray(out.u))\n"
    )
    _python(code, JAX_ENABLE_X64="0")
    u = np.load(tmp_path / "u.npy")
    exact = np.asarray(jm.solve(CIRCUIT, TIMES).u)
    assert np.max(np.abs(u - exact)) < 1e-3 * np.ptp(exact)


def test_a_failed_run_is_an_error_or_nan_with_a_code():
    with pytest.raises(RuntimeError, match="max_steps"):
        jm.solve(CIRCUIT, TIMES, max_steps=5)
    out = jm.solve(CIRCUIT, TIMES, max_steps=5, throw=False)
    assert not bool(out.successful) and jnp.all(jnp.isnan(out.u[1:]))


def test_a_rest_that_is_not_one_is_told():
    """A branch with negative differential resistance has three equilibria at 1.2 A."""
    branch = jm.MemoryConductance(g_on=0.2, g_off=2.0, V_T=1.0, V_m=0.05, tau=1.0)
    device = jm.Device(1.0, {"memory": branch})

    def run(low):
        drive = jm.CurrentDrive(jm.Step(3.0, low=low))
        return jm.solve(jm.Circuit(device, drive), TIMES)

    with pytest.raises(ValueError, match=r"^solve: .*3 equilibria.*give start="):
        run(1.2)
    out = eqx.filter_jit(run)(jnp.asarray(1.2))
    assert not bool(out.successful) and jnp.all(jnp.isnan(out.u))
    assert bool(run(0.1).successful)


def test_failures_are_told_where_equinox_errors_are_off():
    code = (
        "import jax\njax.config.update('jax_enable_x64', True)\n"
        "import jax.numpy as jnp, jaxmem as jm\n"
        "c = jm.Circuit(jm.paper_device(1.0, 1.0, 1.0), jm.CurrentDrive(jm.Pulse(6.4, 3.0)))\n"
        "t = jnp.linspace(0.0, 6.0, 61)\n"
        "out = jm.solve(c, t, max_steps=5, throw=False)\n"
        "assert not bool(out.successful) and bool(jnp.all(jnp.isnan(out.u[1:])))\n"
        "try:\n    jm.solve(c, t, max_steps=5)\n"
        "except RuntimeError as error:\n    assert 'max_steps' in str(error)\n"
        "else:\n    raise SystemExit('no error')\n"
    )
    _python(code, EQX_ON_ERROR="nan")


def _python(code, **environment):
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("t", "words"),
    [
        ([0.0], "at least 2"),
        ([0.0, 2.0, 1.0], "ascend"),
        ([0.0, np.nan], "finite"),
        (1.0, "vector"),
    ],
)
@pytest.mark.usefixtures("as_users_call")
def test_wrong_times_are_refused(t, words):
    with pytest.raises(ValueError, match=words):
        jm.solve(CIRCUIT, t)


@pytest.mark.usefixtures("as_users_call")
def test_a_circuit_is_wanted():
    with pytest.raises(ValueError, match="Circuit"):
        jm.solve(CIRCUIT.device, TIMES)  # pyright: ignore
    with pytest.raises(ValueError, match="names 0 states"):
        jm.solve(CIRCUIT, TIMES).state("g")


def test_lead_inductance_and_ladders_are_noted():
    device = jm.paper_device(1.0, 1.0, L_s=1e-9, R_s=1.0)
    out = jm.solve(jm.Circuit(device, CIRCUIT.drive), TIMES)
    assert "far below" in out.notes[0] and "NOT" not in out.notes[0]
    device = jm.paper_device(1.0, 1.0, L_s=1.0, R_s=1.0)
    assert "NOT far below" in jm.solve(jm.Circuit(device, CIRCUIT.drive), TIMES).notes[0]


def test_slow_branches_in_microamperes_are_as_right_as_others():
    """A conductance of 1e-9 S carries little current, and is held to its own size."""
    g, tau = 1e-9, 0.5
    branches = {"leak": jm.Leak(1e4), "slow": jm.SlowConductance(g, tau)}
    device = jm.Device(1e-4, branches)
    t = np.linspace(0, 5, 51)
    out = jm.solve(jm.Circuit(device, jm.VoltageDrive(jm.Sine(0.3, 0.4, offset=0.1))), t)
    w = 2 * np.pi * 0.4
    lag = 0.3 * (np.sin(w * t) - w * tau * np.cos(w * t) + w * tau * np.exp(-t / tau))
    exact = g * (0.1 + lag / (1 + (w * tau) ** 2))
    assert np.max(np.abs(np.asarray(out.state("i_s")) - exact)) < 1e-6 * np.ptp(exact)
