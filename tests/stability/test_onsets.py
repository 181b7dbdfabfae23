"""How spiking begins: Morris-Lecar in its three sets, against integration from both sides."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import morris_lecar as ml
from scipy.integrate import solve_ivp

import jaxmem as jm


def swing(letters, I, start, t=4000.0):
    """Of u in the last quarter of an integration."""
    run = solve_ivp(
        lambda t, y: ml.rates(letters, I, y), (0, t), start, "LSODA", rtol=1e-9, atol=1e-10,
        t_eval=np.linspace(0.75 * t, t, 4000),
    )  # fmt: skip
    return float(np.ptp(run.y[0]))


@pytest.mark.slow
def test_morris_lecar_in_its_three_sets():
    rest, kept, onset = jm.rheobase(ml.device(ml.SNIC), u_range=ml.REACH)
    assert bool(onset == jm.ONSETS.snic)
    assert float(rest) == float(kept) == pytest.approx(39.963153, abs=1e-6)
    for I, spikes in ((float(rest) - 0.01, False), (float(rest) + 0.01, True)):
        assert (swing(ml.SNIC, I, [-40.0, 0.0], 20_000.0) > 20) == spikes

    rest, kept, onset = jm.rheobase(ml.device(ml.HOMOCLINIC), u_range=ml.REACH)
    assert bool(onset == jm.ONSETS.homoclinic)
    assert float(rest) == pytest.approx(39.963153, abs=1e-6)
    # Where the saddle's manifolds meet, as SciPy integrates them; AUTO has 35.0067342.
    assert float(kept) == pytest.approx(35.0067341976, rel=1e-9)
    near = jm.CurrentDrive(jm.Constant(kept + 4e-3))
    cycle = jm.limit_cycle(jm.Circuit(ml.device(ml.HOMOCLINIC), near), u_range=ml.REACH)
    k = int(np.argmax(cycle.u))
    start = [float(cycle.u[k]), float(cycle.x[k, 0])]
    for I, spikes in ((float(kept) - 1e-3, False), (float(kept) + 4e-3, True)):
        assert (swing(ml.HOMOCLINIC, I, start) > 20) == spikes

    rest, kept, onset = jm.rheobase(ml.device(ml.HOPF), u_range=ml.REACH)
    assert bool(onset == jm.ONSETS.hard_hopf) and "hard" in jm.ONSETS[onset]
    assert float(kept) < float(rest)


class HindmarshRose(jm.AbstractBranch):
    """Hindmarsh & Rose 1984 without their slow current: i = u^3 - 3 u^2 - y, y' = 1 - 5 u^2 - y."""

    states = ("y",)
    units = ("A",)

    def current(self, u, x):
        return u**3 - 3 * u**2 - x[0]

    def rates(self, u, x):
        return 1 - 5 * u**2 - x

    def rest(self, u):
        return (1 - 5 * u**2)[None]


@pytest.mark.slow
def test_cycles_that_begin_at_a_hopf_point_beside_rest():
    """Rest vanishes at a fold, and the cycle that is then met began far below, in closed form."""
    device = jm.Device(1.0, {"membrane": HindmarshRose()})
    rest, kept, onset = jm.rheobase(device, u_range=(-2.5, 2.5))
    assert bool(onset == jm.ONSETS.saddle_node)
    assert float(rest) == pytest.approx(5 / 27, rel=1e-9)
    u = 1 - np.sqrt(2 / 3)  # the trace 6 u - 3 u^2 - 1 vanishes
    assert float(kept) == pytest.approx(u**3 + 2 * u**2 - 1, rel=1e-9)


@pytest.mark.slow
def test_rheobase_of_a_snic_has_the_derivatives_of_the_fold():
    def rest(g_Ca):
        return jm.rheobase(ml.device(ml.SNIC | dict(g_Ca=g_Ca)), u_range=ml.REACH).rest

    h = 1e-4
    assert float(jax.grad(rest)(4.0)) == pytest.approx(
        float(rest(4 + h) - rest(4 - h)) / (2 * h), rel=1e-6
    )


@pytest.mark.slow
def test_from_rest_is_whether_an_equilibrium_is_stable():
    drives = np.array([30.0, 39.9, 40.0, 97.0, 100.0])
    curve = jm.fi_curve(ml.device(ml.SNIC), drives, u_range=ml.REACH)
    np.testing.assert_array_equal(curve.from_rest, [False, False, True, True, False])
    # Beyond the hard Hopf point at 97.77 spiking that has begun goes on.
    np.testing.assert_array_equal(np.isfinite(curve.frequency), [False, False, True, True, True])


def test_a_switch_between_two_states_does_not_spike():
    """Rest vanishes at the fold, but another stable state is there, and no cycle."""
    u = np.linspace(*ml.REACH, 400)
    slow = ml.SNIC | dict(phi=1000.0)  # so fast a recovery that there is no cycle
    device = ml.device(slow)
    assert int(jm.hopf_points(device, u_range=ml.REACH).found) == 0
    calm = [int(jm.unstable_count(device, x)) == 0 for x in u[:: len(u) - 1]]
    assert all(calm)
    rest, kept, onset = jm.rheobase(device, u_range=ml.REACH)
    assert np.isnan(rest) and np.isnan(kept) and bool(onset == jm.ONSETS.none)


@pytest.mark.slow
def test_onset_under_vmap():
    make = lambda i_c0: jm.paper_device(1.0, 1.0, 1.0, i_c0=i_c0)
    both = jax.vmap(lambda i: jm.rheobase(make(i)))(jnp.array([1.0, 10.0]))
    assert np.isnan(both.rest[0]) and np.isfinite(both.rest[1])
    np.testing.assert_array_equal(both.onset == jm.ONSETS.none, [True, False])
    np.testing.assert_array_equal(both.onset == jm.ONSETS.soft_hopf, [False, True])
