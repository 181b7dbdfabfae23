"""`python -m jaxmem` and the command `jaxmem`: the way into the command line."""

import atexit
import gc
import signal


def enter() -> None:
    """Run the command line."""
    # While modules are imported Ctrl-C ends the process without a word; then the command hears it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # To import JAX and to trace programs makes hundreds of thousands of objects that stay: to look
    # through them for cycles after each 700 is a noticeable part of a short command.
    gc.set_threshold(500_000)
    # When the process ends its memory goes anyway: to look through it a last time takes a second.
    atexit.register(gc.freeze)
    from jaxmem.apps.cli import main as run

    run()


if __name__ == "__main__":
    enter()
