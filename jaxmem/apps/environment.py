"""What JAX and Equinox read when they are imported: the same for each command, and for what it
starts, so that results agree to the last bit."""

import os
from pathlib import Path


def set_environment() -> None:
    """Double precision, errors as NaN with a code, a quiet compiler, programs kept on disk."""
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    # Error checks that raise are callbacks, and programs with callbacks are not kept on disk.
    os.environ.setdefault("EQX_ON_ERROR", "nan")
    # XLA's compiler writes to the terminal by itself: that the search for a limit cycle compiles
    # for minutes on a busy machine, and asks to report it. Failures raise in Python.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jaxmem"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
