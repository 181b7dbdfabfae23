"""What a command's help says to type: each command has some, and it runs as it is pasted."""

import shlex
from inspect import getdoc
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jaxmem.apps.cli import app

COMMANDS = {str(command.name): command for command in app.registered_commands}
# `app` serves until it is closed; the goals that the help of `design` shows are run by
# designs/test_command.py.
NOT_RUN = {"app", "design"}


def examples(command):
    lines = (line.strip() for line in (getdoc(COMMANDS[command].callback) or "").splitlines())
    return [line for line in lines if line.startswith("jaxmem ")]


@pytest.mark.quick
@pytest.mark.parametrize("command", sorted(set(COMMANDS) - NOT_RUN))
def test_each_command_shows_itself(command):
    shown = examples(command)
    assert any(line.split()[1] == command for line in shown)
    assert all(line.split()[1] in COMMANDS for line in shown)


@pytest.mark.slow
@pytest.mark.parametrize("command", sorted(set(COMMANDS) - NOT_RUN))
def test_examples_run_one_after_the_other(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for line in examples(command):
        words, _, into = line.partition(" > ")
        ran = CliRunner().invoke(app, shlex.split(words)[1:])
        assert ran.exit_code == 0, f"{line}\n{ran.output}"
        if into:
            Path(into).write_text(ran.stdout)


@pytest.mark.quick
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_device_is_read_as_powershell_writes_it(encoding, tmp_path):
    import jaxmem as jm

    text = CliRunner().invoke(app, ["device", "si"]).stdout
    file = tmp_path / "device.toml"
    file.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    assert jm.read_device(file) == jm.si_device()
