"""What JAX and Equinox read when they are imported: the same for each command, and for what it
starts, so that results agree to the last bit."""

import os
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

# What a first run waits for is the compiler: with these it takes about half of the time, and
# programs are nearly as fast (docs/decisions/0047).
LOOPS, PASSES = "--xla_cpu_use_fusion_emitters=false", "--xla_backend_optimization_level=1"


def set_environment() -> None:
    """Double precision, errors as NaN with a code, a quiet compiler, programs kept on disk."""
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    # Error checks that raise are callbacks, and programs with callbacks are not kept on disk.
    os.environ.setdefault("EQX_ON_ERROR", "nan")
    # XLA's compiler writes to the terminal by itself: that the search for a limit cycle compiles
    # for minutes on a busy machine, and asks to report it. Failures raise in Python.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["XLA_FLAGS"] = _flags(os.environ.get("XLA_FLAGS", ""))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jaxmem"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")


def _flags(given: str) -> str:
    """The user's flags of XLA, and those for a quick compiler that they leave open."""
    if given and not given.startswith("-"):
        # The name of a file with flags.
        return given
    # XLA ends a process that names a flag which its version has not.
    wanted = [LOOPS] if version("jaxlib").startswith("0.10.") else []
    # The second one is that of programs for a GPU, too, which must be fast.
    wanted += [] if find_spec("jax_plugins") else [PASSES]
    return " ".join([given, *(f for f in wanted if f.partition("=")[0] not in given)]).strip()
