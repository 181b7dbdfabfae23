"""A differentiable model of the halide perovskite memristor."""

from jaxmem.devices import *  # noqa: F403
