"""How many devices XLA makes of the processor; imports nothing that is slow."""

import os
import sys

FLAG = "--xla_force_host_platform_device_count"


def spread_over_cores() -> None:
    """Ask XLA for a device on each core that this process may use, unless the user did.

    XLA reads it when JAX is imported: where that has happened nothing is asked.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if FLAG not in flags and "jax" not in sys.modules:
        usable = getattr(os, "sched_getaffinity", None)
        cores = len(usable(0)) if usable else os.cpu_count() or 1
        os.environ["XLA_FLAGS"] = f"{flags} {FLAG}={cores}".strip()
