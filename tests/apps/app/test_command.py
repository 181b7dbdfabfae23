"""The command `jaxmem app`: what it says without its extra, and what it does not import."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from jaxmem.apps.cli import app

pytestmark = pytest.mark.quick


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("jaxmem.apps.app.command.find_spec", lambda name: None)
    ran = CliRunner().invoke(app, ["app"])
    assert ran.exit_code == 2
    assert 'pip install "jaxmem[app]"' in ran.output


def test_help_and_import_leave_it_alone():
    code = (
        "import sys, jaxmem, jaxmem.apps.cli\n"
        "print([m for m in ('nicegui', 'fastapi', 'uvicorn', 'jax') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_port_that_is_taken_is_said():
    import socket

    pytest.importorskip("nicegui", reason='the app needs pip install "jaxmem[app]"')
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = CliRunner().invoke(app, ["app", "--no-show", "--port", str(taken.getsockname()[1])])
    assert ran.exit_code == 2 and "cannot be had" in ran.output
