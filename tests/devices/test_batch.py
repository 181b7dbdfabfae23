"""Batches of devices and circuits, made in one call, against the devices one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm

R_B = np.array([0.8, 1.0, 1.3])
FIELDS = dict(C_m=1.0, i_c0=10.0, V_T=1.0, V_m=0.05, tau_d=1.0, tau_k=1.0)
ONE_BY_ONE = [jm.Memristor3D(R_b=r, **FIELDS) for r in R_B]
BATCH = jm.Memristor3D(R_b=jnp.asarray(R_B), **FIELDS)


def test_a_vector_field_and_a_stack_are_the_same_batch():
    stacked = jm.stack(ONE_BY_ONE)
    assert jax.tree.structure(stacked) == jax.tree.structure(BATCH)
    for a, b in zip(jax.tree.leaves(stacked), jax.tree.leaves(BATCH), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_batch_is_its_devices():
    many = jax.vmap(lambda d: jm.operating_point(d, I=0.5).u)(BATCH)
    np.testing.assert_allclose(many, [jm.operating_point(d, I=0.5).u for d in ONE_BY_ONE])
    t = np.linspace(0, 2, 5)
    circuits = jm.stack([jm.Circuit(d, jm.CurrentDrive(jm.Step(1.0))) for d in ONE_BY_ONE])
    many = jax.vmap(lambda c: jm.solve(c, t).u)(circuits)
    each = [jm.solve(jm.Circuit(d, jm.CurrentDrive(jm.Step(1.0))), t).u for d in ONE_BY_ONE]
    np.testing.assert_allclose(many, each, rtol=1e-5, atol=1e-7)


def test_further_branches_follow():
    extra = {"slow": jm.Polarisation(2.0, 3.0)}
    batch = jm.Memristor2D(R_b=R_B, C_m=1.0, i_c0=10.0, V_T=1.0, V_m=0.05, tau_d=1.0, extra=extra)
    assert {np.shape(leaf) for leaf in jax.tree.leaves(batch)} == {(3,)}


@pytest.mark.parametrize(
    "call",
    [
        lambda: jm.operating_point(BATCH, I=0.5),
        lambda: jm.operating_points(BATCH, I=0.5),
        lambda: jm.steady_curve(BATCH, np.array([0.5, 1.0])),
        lambda: jm.hopf_points(BATCH),
        lambda: jm.limit_cycle(jm.Circuit(BATCH, jm.CurrentDrive(5.0))),
        lambda: jm.linearize(BATCH, u=0.5),
        lambda: jm.solve(jm.Circuit(BATCH, jm.CurrentDrive(1.0)), np.array([0.0, 1.0])),
    ],
)
def test_one_device_is_wanted(call):
    with pytest.raises(ValueError, match=r"got a batch \(R_b has the shape \(3,\).*jax\.vmap"):
        call()


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"one shape, got R_b \(3,\), C_m \(2,\)"):
        jm.Memristor3D(R_b=R_B, **(FIELDS | {"C_m": [1.0, 2.0]}))
    with pytest.raises(ValueError, match="other parts"):
        jm.stack([ONE_BY_ONE[0], jm.paper_device(1.0, 1.0)])
    with pytest.raises(ValueError, match="at least one"):
        jm.stack([])
