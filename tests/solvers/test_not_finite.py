"""Where a model has no value: searches go round it, and say how often they met it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from fitting import Descent, Free, Goal, MultiStart, Space, Spikes, fit
from fitting.solvers.levenberg_marquardt import LeastSquares
from fitting.solvers.optimisers import descent
from fitting.solvers.solver import RESULTS

FREE = jnp.full(2, jnp.inf)
# By hand: where the sum of squares of `residual` is least, and what it is there.
LEAST = 0.0023235605
COARSE = dict(
    R_b=41814.0, C_m=3.0029e-08, i_c0=0.0016205, V_T=0.8, V_m=0.0096674, tau_d=0.0013618,
    tau_k=0.0039871, R_s=50.0,
)  # fmt: skip


def residual(z):
    """Its minimum lies 0.05 from where the first square root ends."""
    first = jnp.sqrt(z[0] + 1.0 - 0.2 * z[1]) - 0.2
    return jnp.stack([first, 3 * (z[1] - 0.5), jnp.sqrt(z[1] + 0.6) - 1.0])


def ends_of(solver):
    search = jax.jit(lambda z: solver.search(residual, z, -FREE, FREE, jnp.ones(2)))
    starts = np.random.default_rng(0).uniform([0.0, -0.3], [3.0, 3.0], (30, 2))
    return [search(jnp.asarray(z)) for z in starts]


@pytest.mark.parametrize(
    "solver",
    [LeastSquares(), Descent(steps=200), descent("adam", rate=0.3, steps=600)],
    ids=["lm", "lbfgs", "adam"],
)
def test_a_step_into_nothing_is_taken_back(solver):
    # Before, 1 of 60 descents by Adam came out of it.
    ends = ends_of(solver)
    np.testing.assert_allclose([e.chi2 for e in ends], LEAST, rtol=1e-4)
    assert all(bool(e.result == RESULTS.successful) for e in ends)
    met = sum(int(e.failed) for e in ends)
    # A line search keeps within; Adam does not.
    assert met > 0 or not (isinstance(solver, Descent) and solver.steps == 600)
    assert all(0 <= int(e.failed) <= int(e.steps) + 1 for e in ends)


@pytest.mark.quick
def test_a_start_without_a_value_is_counted():
    end = LeastSquares().search(residual, jnp.array([-3.0, 0.0]), -FREE, FREE, jnp.ones(2))
    assert bool(end.result == RESULTS.start_not_finite)
    assert (int(end.failed), int(end.steps)) == (1, 0)


def test_a_fit_tells_how_many_evaluations_had_no_value():
    # A goal that no device with R_b below 1 kohm has an answer to; every third start is there.
    device = jm.si_device(R_s=50.0)
    wanted = Goal(lambda d: jnp.where(d.R_b < 1e3, jnp.nan, jnp.log(d.R_b)), np.log(2e4), 0.1)
    starts = MultiStart(30, {"R_b": (1e2, 1e5)}, own=False)
    found = fit(wanted, device, Space(Free(lambda d: d.R_b)), starts=starts)
    assert found["R_b"] == pytest.approx(2e4, rel=1e-6)
    tried = np.exp(np.random.default_rng(0).uniform(size=30) * np.log(1e3) + np.log(1e2))
    assert found.searches.failed >= np.sum(tried < 1e3) > 0
    assert found.searches.evaluations >= 30 + found.searches.converged


@pytest.mark.slow
def test_a_cycle_is_as_exact_as_it_was_measured():
    """Two meshes of this cycle differ by 1e-5: too much for `limit_cycle`, not for 5 % of noise."""
    device = jm.Memristor3D(**COARSE)
    I = float(device.steady_current(float(device.V_T)))
    drive = jm.CurrentDrive(jm.Constant(I))
    coarse = jm.limit_cycle(jm.Circuit(device, drive), intervals=80, throw=False)
    assert coarse.result == jm.RESULTS.mesh_too_coarse
    cycle = jm.limit_cycle(jm.Circuit(device, drive), rtol=1e-3)
    seen = dict(frequency=1 / float(cycle.period), amplitude=float(cycle.u_max - cycle.u_min))
    assert np.abs(Spikes(I, **seen).residual(device)).max() < 1e-3
    # What was measured to 1e-9 is asked of more intervals, and of a fixed number it is not told.
    exact = Spikes(I, **seen, sigma=[1e-9, 1e-9])
    fine = jm.limit_cycle(jm.Circuit(device, drive))
    off = abs(1 / float(fine.period) - seen["frequency"]) / 1e-9
    assert abs(float(exact.residual(device)[0])) == pytest.approx(off, rel=1e-2)
    assert np.isnan(eqx.filter_jit(lambda d: exact.residual(d))(device)).all()
