"""Coarse, then fine: what is cheap at all points, what is dear where it says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from jaxmem.sweeps import Axis, sweep

AXES = Axis.log(lambda d: d.C_m, 1e-9, 1e-5, 6), Axis.log(lambda d: d.i_c0, 1e-4, 1e-2, 5)
fine = lambda d: {"tau": d.tau_m, "both": jnp.stack([d.C_m, d.i_c0]), "n": jnp.int32(7)}
chosen = lambda d: d.C_m > 1e-7


@pytest.mark.quick
@pytest.mark.parametrize("batch, lanes", [(None, None), (4, 2), (7, 1), (30, 4)])
def test_it_is_computed_where_it_is_asked_for(batch, lanes):
    seen = []

    def counted(d):
        jax.debug.callback(lambda _: seen.append(1), d.C_m)
        return fine(d)

    found = sweep(counted, jm.si_device(), *AXES, where=chosen, batch=batch, lanes=lanes)
    jax.effects_barrier()
    everywhere = sweep(fine, jm.si_device(), *AXES)
    there = found.C_m.values > 1e-7
    assert there.sum() == 3 and found.tau.dtype == float
    np.testing.assert_array_equal(found.tau[there], everywhere.tau[there])
    np.testing.assert_array_equal(found.both[there], everywhere.both[there])
    assert np.isnan(found.tau[~there]).all() and np.isnan(found.both[~there]).all()
    assert (found.n[there] == 7).all() and (found.n[~there] == 0).all()
    # Half of the points are chosen; a group may be filled up.
    assert 15 <= len(seen) <= (24 if lanes in (1, 2) else 32)


def test_what_decides_may_be_kept():
    least = lambda d: (chosen(d), {"size": d.C_m / 1e-7})
    found = sweep(fine, jm.si_device(), *AXES, where=least)
    assert list(found) == ["size", "both", "n", "tau"]
    np.testing.assert_allclose(found["size"][:, 0], found.C_m / 1e-7)
    none = sweep(fine, jm.si_device(), *AXES, where=lambda d: d.C_m > 1.0)
    assert np.isnan(none.tau).all()


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (lambda d: d.C_m, "got float64 of shape"),
        (lambda d: jnp.stack([d.C_m > 1, d.C_m > 2]), r"of shape \(2,\)"),
        (lambda d: (d.C_m > 1, {"tau": d.C_m}), "both return tau"),
        (lambda d: (d.C_m > 1, {"C_m": d.C_m}), "both an axis and a result"),
        (lambda d: True, "where returns one bool"),
    ],
)
def test_a_where_that_does_not_say_it_is_refused(where, words):
    with pytest.raises(ValueError, match=words):
        sweep(fine, jm.si_device(), *AXES, where=where)
