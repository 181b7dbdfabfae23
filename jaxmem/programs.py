"""Functions that are compiled as a whole, in less time where they are called by themselves."""

import os
from collections.abc import Callable, Mapping
from functools import cache, wraps
from types import MappingProxyType
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from jaxmem.fields import is_concrete

# On a CPU the newer emitters of loops and the last passes of LLVM take about half of the time that
# it takes to compile a search for a cycle, and make it some per cent faster (docs/decisions/0047).
# What the environment says of them stands.
LOOPS, PASSES = "xla_cpu_use_fusion_emitters", "xla_backend_optimization_level"
SAID = os.environ.get("XLA_FLAGS", "")
QUICK: dict[str, Any] = {k: v for k, v in {LOOPS: False, PASSES: 1}.items() if k not in SAID}
# LLVM's passes take more than half of the time to compile a search for a cycle, and make it a
# quarter faster: what runs a few hundred times in all does without.
UNOPTIMISED = QUICK | {PASSES: 0}


def program(
    function: Callable[..., Any], compiler_options: Mapping[str, Any] = MappingProxyType(QUICK)
) -> Callable[..., Any]:
    """`eqx.filter_jit` of a large function, that compiles in less time on a CPU.

    With other options of the compiler where it is called by itself. Inside another function that is
    compiled, and where it is differentiated or vectorised, those of that function hold.
    """
    plain = eqx.filter_jit(function)
    options: Any = {"compiler_options": dict(compiler_options)}
    quick = eqx.filter_jit(function, **options)

    @wraps(function)
    def call(*args: Any, **named: Any) -> Any:
        # Inside a function that is being compiled results of known numbers are traced, too.
        alone = is_concrete(args, named) and is_concrete(-_zero()) and _known()
        return (quick if alone else plain)(*args, **named)

    # What was compiled, for those who want to look: `call.programs[True]` where it was by itself.
    call.programs = {True: quick, False: plain}  # pyright: ignore[reportAttributeAccessIssue]
    return call


def seldom(function: Callable[..., Any]) -> Callable[..., Any]:
    """A `program` that runs so seldom that compiling it counts, and not how fast it is."""
    return program(function, UNOPTIMISED)


@cache
def _zero() -> Any:
    with jax.ensure_compile_time_eval():
        return jnp.zeros(())


@cache
def _known() -> bool:
    """Whether this version of XLA has the option, and computes on a CPU."""
    if jax.default_backend() != "cpu":
        return False
    try:
        jax.jit(lambda x: x + 1, compiler_options=UNOPTIMISED).lower(0.0).compile()
    except Exception:  # of which class depends on the version
        return False
    return True
