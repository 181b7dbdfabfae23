"""Lenses, free parameters and starts."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitting import Free, MultiStart, Space
from jaxmem.devices import (
    ConstantPhase,
    Device,
    Leak,
    Memristor3D,
    Polarisation,
    SlowConductance,
    si_device,
)
from jaxmem.lens import describe, get, path, put

pytestmark = pytest.mark.quick


def circuit():
    branches = {
        "leak": Leak(1e4),
        "slow": SlowConductance(-1e-5, 1e-3),
        "cpe": ConstantPhase(1e-8, 0.9),
    }
    return Device(0.0, branches, 10.0)


def test_path_names_what_the_lens_selects():
    device = si_device(extra={"surface": Polarisation(1e3, 1e-6)})
    assert path(lambda d: d.tau_d, device) == "tau_d"
    assert path(lambda d: d.extra["surface"].R_1, device) == "extra.surface.R_1"
    assert path(lambda d: d.branches["slow"].g, circuit()) == "branches.slow.g"
    assert path(lambda m: m[1].R_b, (device, device)) == "1.R_b"
    assert path(lambda d: (d.tau_d, d.tau_k), device) == "tau_d=tau_k"


def test_describe_finds_the_fields_declaration():
    meta = describe(
        lambda d: d.extra["surface"].C_1, si_device(extra={"surface": Polarisation(1.0, 1.0)})
    )
    assert meta["unit"] == "F" and meta["positive"]
    assert not describe(lambda d: d.branches["slow"].g, circuit())["positive"]
    # A memristor's own branches are made of its fields: the lens finds the field behind.
    assert path(lambda d: d.branches["leak"].R_b, si_device()) == "R_b"


def test_get_and_put():
    device = si_device()
    assert get(lambda d: d.tau_k, device) == 5e-3
    tied = put(lambda d: (d.tau_d, d.tau_k), device, jnp.asarray(1.0))
    assert tied.tau_d == 1.0 and tied.tau_k == 1.0 and tied.R_b == device.R_b
    assert isinstance(tied, Memristor3D)


@pytest.mark.parametrize(
    "lens, text",
    [
        (lambda d: d.tau_x, "tau_x"),
        (lambda d: d.branches["leak"], "not a parameter"),
        (lambda d: 3.0, "not a parameter"),
        (lambda d: (), "nothing"),
    ],
)
def test_a_lens_that_does_not_fit_is_refused(lens, text):
    with pytest.raises(ValueError, match=text):
        path(lens, si_device())


@given(st.floats(-30, 30), st.floats(-5, 5), st.floats(0.4, 1.0))
def test_unpack_then_pack_returns_the_vector(log_tau, V_T, n):
    device = si_device(extra={"cpe": ConstantPhase(1e-8, 0.9)})
    space = Space(
        Free(lambda d: d.tau_d), Free(lambda d: d.V_T), Free(lambda d: d.extra["cpe"].n, log=False)
    )
    z = np.array([log_tau, V_T, n])
    there = space.unpack(z, device)
    np.testing.assert_allclose(space.pack(there), z, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(float(there.tau_d), np.exp(log_tau))
    assert there.tau_k == device.tau_k


def test_logarithm_by_declaration_and_the_sign_is_kept():
    space = Space(
        Free(lambda d: d.branches["slow"].g, log=True), Free(lambda d: d.branches["slow"].tau)
    )
    device = circuit()
    z = space.pack(device)
    np.testing.assert_allclose(z, np.log([1e-5, 1e-3]))
    assert float(space.unpack(z + np.log(2), device).branches["slow"].g) == pytest.approx(-2e-5)
    low, high = Space(lambda d: d.branches["cpe"].n).bounds(device)
    np.testing.assert_allclose([low, high], np.log([[0.4], [1.0]]))


def test_unpack_works_under_jit_vmap_and_grad():
    device, space = si_device(), Space(lambda d: d.R_b, lambda d: d.C_m)
    z = jnp.asarray(space.pack(device))
    tau = lambda z: space.unpack(z, device).tau_m
    many = jax.jit(jax.vmap(tau))(z[None, :] + jnp.arange(3.0)[:, None])
    np.testing.assert_allclose(many, 1e-3 * np.exp(2 * np.arange(3.0)))
    np.testing.assert_allclose(jax.grad(tau)(z), [1e-3, 1e-3])


def test_a_tuple_of_devices_shares_and_separates():
    pair = (si_device(), si_device())
    space = Space(Free(lambda m: m[0].R_b), Free(lambda m: tuple(d.tau_d for d in m), name="tau_d"))
    assert space.names(pair) == ("0.R_b", "tau_d")
    moved = space.unpack(space.pack(pair) + np.log(3), pair)
    assert float(moved[0].R_b) == pytest.approx(3e4) and float(moved[1].R_b) == 1e4
    assert float(moved[0].tau_d) == float(moved[1].tau_d) == pytest.approx(6e-3)


@pytest.mark.parametrize(
    "space, text",
    [
        (Space(), "nothing is free"),
        (Space(lambda d: d.R_b, lambda d: d.R_b), "one parameter"),
        (Space(Free(lambda d: d.R_s)), "no logarithm"),
        (Space(Free(lambda d: d.R_b, low=1e5)), "outside its bounds"),
        (Space(Free(lambda d: d.R_b, name="a"), Free(lambda d: d.C_m, name="a")), "one name"),
    ],
)
def test_spaces_that_make_no_sense_are_refused(space, text):
    with pytest.raises(ValueError, match=text):
        space.resolve(si_device())


def test_starts_are_seeded_and_stay_in_the_box():
    device, space = si_device(), Space(lambda d: d.R_b, lambda d: d.V_T)
    c = space.resolve(device)
    starts = MultiStart(50, {"R_b": (1e3, 1e6), "V_T": (-1.0, 2.0)})
    rows = starts.draw(c, device, 3)
    assert rows.shape == (51, 2)
    np.testing.assert_array_equal(rows, starts.draw(c, device, 3))
    assert not np.array_equal(rows, starts.draw(c, device, 4))
    np.testing.assert_allclose(rows[0], [np.log(1e4), 0.8])
    drawn = rows[1:]
    assert (drawn >= [np.log(1e3), -1]).all() and (drawn <= [np.log(1e6), 2]).all()
    # Spread over the box, not huddled.
    assert (np.ptp(drawn, axis=0) > 0.8 * np.array([np.log(1e3), 3])).all()
    with pytest.raises(ValueError, match="R_x"):
        MultiStart(3, {"R_x": (1, 2)}).draw(c, device, 0)
    with pytest.raises(ValueError, match="extra start"):
        MultiStart(3, extra=([1.0],)).draw(c, device, 0)


def test_a_space_is_no_part_of_the_model():
    assert jax.tree.leaves(eqx.filter(Space(lambda d: d.R_b), eqx.is_array)) == []
