"""A differentiable model of the halide perovskite memristor.

A *device* is a capacitor in parallel with *branches*, behind a series resistance. A *drive*
closes it into a *circuit*, which is an ODE. Everything else is a pure function of these.

Computations are meant for double precision: put
`jax.config.update("jax_enable_x64", True)` in the first line of a program.
"""

from jaxmem.circuits import *  # noqa: F403
from jaxmem.devices import *  # noqa: F403
from jaxmem.responses import *  # noqa: F403
