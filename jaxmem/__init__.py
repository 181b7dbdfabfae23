"""A differentiable model of the halide perovskite memristor.

A *device* is a capacitor in parallel with *branches*, behind a series resistance. A *drive*
closes it into a *circuit*, which is an ODE. Everything else is a pure function of these.

Computations are meant for double precision: put
`jax.config.update("jax_enable_x64", True)` in the first line of a program.
"""

import lazy_loader

# What is at the door stands in __init__.pyi. It is imported when it is first used, so that
# `jaxmem --help` does not wait for JAX.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
