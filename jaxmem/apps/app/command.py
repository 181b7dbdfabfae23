"""The command `jaxmem app`."""

from importlib.util import find_spec
from typing import Annotated

import typer

from jaxmem.apps.terminal import guard

NEEDED = 'the app needs NiceGUI; install it by: pip install "jaxmem[app]"'


def app_command(
    port: Annotated[
        int, typer.Option(help="Of the page; 0: any that is free.", min=0, max=65535)
    ] = 0,
    show: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Explore, fit and design in the browser: a page that this machine alone can open.

    Its address, which holds a key, is printed. It is served until Ctrl-C.
    """
    with guard():
        if find_spec("nicegui") is None:
            raise ValueError(NEEDED)
        from jaxmem.apps.app.server import serve

        serve(port, show)
