"""Hopf points of the 3D device by formula, against the search that knows none, and the cubic."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from benchmarks.oracles.hopf_cubic import cubic_roots
from jaxmem.stability.equilibria.ring import ring_least, ring_window

NAMES = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k", "R_s")


def devices(n, seed):
    """Rows of parameters, of which a third oscillate."""
    rng = np.random.default_rng(seed)
    spread = lambda low, high: np.exp(rng.uniform(np.log(low), np.log(high), n))
    return np.stack([
        spread(1e2, 1e6), spread(1e-10, 1e-5), spread(1e-6, 1e-1), rng.uniform(-1, 1, n),
        spread(5e-3, 0.2), spread(1e-5, 1), spread(1e-5, 1), spread(1, 1e5),
    ], axis=1)  # fmt: skip


def make(row):
    return jm.Memristor3D(**dict(zip(NAMES, row, strict=True)))


@pytest.mark.slow
@pytest.mark.parametrize("drive", ["current", "voltage"])
def test_it_finds_what_the_search_finds(drive):
    rows = devices(64, 11)
    ring = jax.vmap(lambda row: ring_window(make(row), drive))(rows)
    hopf = jax.vmap(lambda row: jm.hopf_points(make(row), drive=drive))(rows)
    found = np.asarray(ring.found)
    np.testing.assert_array_equal(2 * found, hopf.found)
    assert found.any() and not found.all()
    for name in ("u", "I", "V", "omega", "l1"):
        one, two = (np.asarray(getattr(a, name))[:, :2] for a in (ring, hopf))
        np.testing.assert_allclose(one[found], two[found], rtol=1e-9, err_msg=name)
        assert np.isnan(one[~found]).all()


def test_its_points_are_roots_of_the_cubic():
    rows = devices(40, 3)
    ring = jax.vmap(lambda row: ring_window(make(row)))(rows)
    least = jax.vmap(lambda row: ring_least(make(row)))(rows)
    np.testing.assert_array_equal(least.margin, ring.least.margin)
    for k, row in enumerate(rows):
        case = dict(zip(NAMES[:7], row[:7], strict=True))
        f = cubic_roots(**case)
        assert bool(ring.found[k]) == (f.size == 2) == (float(least.margin[k]) < 0)
        if f.size:
            u = case["V_T"] + case["V_m"] * np.log(f / (1 - f))
            np.testing.assert_allclose(ring.u[k], u, rtol=1e-8, atol=1e-9 * case["V_m"])


def test_a_window_narrower_than_any_grid_is_found():
    """Right at G where two roots of the cubic part, from just below to just above."""
    of = jax.jit(lambda i: ring_window(jm.paper_device(1.0, 1.0, 1.0, i_c0=i)))
    low, high = 0.5, 10.0
    assert not bool(of(low).found) and bool(of(high).found)
    for _ in range(44):
        middle = (low + high) / 2
        low, high = (low, middle) if bool(of(middle).found) else (middle, high)
    just = of(high * (1 + 1e-9))
    assert bool(just.found) and 0 < float(jnp.diff(just.u)[0]) < 1e-4
    assert bool(jnp.all(jnp.isfinite(just.l1)))
