"""A program gives the same numbers by itself and inside everything that JAX does with functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmem import programs


@programs.program
def tilted(x, factor):
    return {"value": jnp.sin(x) * factor, "factor": factor}


def value(x):
    return tilted(x, 2)["value"]


@pytest.mark.parametrize(
    "inside",
    [
        jax.jit(value),
        jax.vmap(value),
        jax.jit(jax.vmap(value)),
        lambda x: jax.lax.map(value, x),
        lambda x: jax.jit(lambda: value(x))(),  # of known numbers, and traced all the same
        lambda x: jax.jvp(value, (x,), (x,))[0],
        lambda x: jax.lax.scan(lambda s, one: (s + value(x), value(one)), 0 * x, x)[1],
    ],
)
def test_inside_other_functions(inside):
    x = jnp.arange(3.0)
    alone = tilted(x, factor=2)
    assert alone["factor"] == 2
    np.testing.assert_allclose(inside(x), 2 * np.sin([0, 1, 2]), rtol=1e-15)
    np.testing.assert_allclose(alone["value"], 2 * np.sin([0, 1, 2]), rtol=1e-15)


def test_derivatives_and_what_is_linearised():
    x = jnp.asarray(0.3)
    for slope in (jax.grad(value)(x), jax.jacfwd(value)(x)):
        assert float(slope) == pytest.approx(2 * np.cos(0.3), rel=1e-15)
    _, along = jax.linearize(value, x)
    assert float(jax.jit(along)(x)) == pytest.approx(0.6 * np.cos(0.3), rel=1e-15)
