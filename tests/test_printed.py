"""What modules print: numbers where they are known, shapes where not."""

import equinox as eqx
import jax
import jax.numpy as jnp

import jaxmem as jm
from jaxmem.printed import Printed
from jaxmem.results import RESULTS


class Kinds(Printed):
    """One field of each kind."""

    scalar: jax.Array
    few: jax.Array
    many: jax.Array
    table: jax.Array
    whole: jax.Array
    result: RESULTS
    word: str = eqx.field(static=True)


def kinds(value):
    return Kinds(
        jnp.asarray(value), jnp.arange(3) * 0.1, jnp.zeros(9), jnp.zeros((2, 2)), jnp.asarray(7),
        RESULTS.no_start, "text",
    )  # fmt: skip


def test_known_numbers_are_printed_and_the_rest_as_shapes():
    said = repr(kinds(1 / 3))
    for part in (
        "scalar=0.333333", "few=[0, 0.1, 0.2]", "many=f64[9]", "table=f64[2,2]", "whole=7",
        "result=RESULTS.no_start", "word='text'",
    ):  # fmt: skip
        assert part in said, part


def test_a_device_within_a_circuit_has_its_values():
    device = jm.si_device()
    said = repr(jm.Circuit(device, jm.CurrentDrive(jm.Step(3.3e-4))))
    for name in ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k"):
        assert f"{name}={float(getattr(device, name)):.6g}" in said


def test_within_jit_and_vmap_it_has_shapes():
    said = []
    jax.vmap(lambda v: said.append(repr(kinds(v))) or v)(jnp.ones(2))
    jax.jit(lambda v: said.append(repr(kinds(v))) or v)(1.0)
    for text in said:
        assert "scalar=f64[]" in text or "scalar=weak_f64[]" in text
        assert "whole=" in text
