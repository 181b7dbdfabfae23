"""The server of the app: on loopback alone, behind the gate, until Ctrl-C."""

import secrets
import socket
import sys
import threading
import webbrowser

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from jaxmem.apps.app.gate import KEY, Gate
from jaxmem.apps.app.pages import register_pages
from jaxmem.apps.terminal import say

HOST = "127.0.0.1"


def serve(port: int = 0, show: bool = True) -> None:
    """Serve the app to this machine until Ctrl-C.

    **Arguments:**

    - `port`: where; 0: any that is free. `show`: whether the page is opened in a browser.

    **Raises:** `ValueError` for a port that is taken.
    """
    listening = _listen(port)
    token, port = secrets.token_urlsafe(24), listening.getsockname()[1]
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    workshops = register_pages(app)
    ui.run_with(
        app, title="jaxmem", dark=None, reconnect_timeout=20.0, show_welcome_message=False,
        binding_refresh_interval=None,
    )  # fmt: skip
    app.add_middleware(Gate, token=token, port=port)
    address = f"http://{HOST}:{port}/?{KEY}={token}"
    say(f"the app is open to who has this address, on this machine; Ctrl-C ends it\n{address}")
    print(address, flush=True)
    if show:
        # When the server answers, which takes a moment.
        threading.Timer(1.0, webbrowser.open, (address,)).start()
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        workshops.close()
        sys.stdout.flush()


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise ValueError(
            f"port {port} cannot be had ({error.strerror}); give another by --port, or none"
        ) from None
    return listening
