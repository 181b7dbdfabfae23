"""`python -m jaxmem` and the command `jaxmem`: the way into the command line."""

import signal


def enter() -> None:
    """Run the command line."""
    # While modules are imported Ctrl-C ends the process without a word; then the command hears it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from jaxmem.apps.cli import main as run

    run()


if __name__ == "__main__":
    enter()
