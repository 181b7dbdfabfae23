"""What a command answers on standard output: the file to open, or one JSON object with --json."""

import json
from contextvars import ContextVar
from typing import Annotated, Any

import typer

# What is said and answered, collected for the JSON object; None where it is printed as it comes.
_collected: ContextVar[dict[str, Any] | None] = ContextVar("collected", default=None)


def reply(value: object, name: str = "wrote", end: str = "\n") -> None:
    """Print a command's answer, a path or a text; with --json keep it under its name."""
    collected = _collected.get()
    if collected is None:
        print(value, end=end)
    else:
        collected[name] = str(value)


def collect(line: str) -> None:
    """Keep a line that goes to standard error for the JSON object, too."""
    collected = _collected.get()
    if collected is not None:
        collected["lines"].append(line)


def end_with(status: int) -> None:
    """Print the JSON object of a command that has ended, if it was asked for."""
    collected = _collected.get()
    if collected is not None:
        print(json.dumps({"status": status, **collected}))


def json_first(arguments: list[str]) -> list[str]:
    """The arguments with --json before the command, wherever it was written."""
    if "--json" not in arguments:
        return arguments
    return ["--json", *(word for word in arguments if word != "--json")]


def _say_version(asked: bool) -> bool:
    if asked:
        from importlib.metadata import version

        reply(version("jaxmem"), "version")
        raise typer.Exit
    return asked


def _ask_for_json(asked: bool) -> bool:
    if asked:
        _collected.set({"wrote": None, "lines": []})
    return asked


def root_command(
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", is_eager=True, callback=_ask_for_json,
            help="Answer with one JSON object: status, wrote (the file to open), lines.",
        ),
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_say_version, help="Say the version."),
    ] = False,
) -> None:  # fmt: skip
    """A differentiable model of the halide perovskite memristor, and what fits it to measurements.

    To begin with:

    \b
    jaxmem fit cell.csv                  fit a measured spectrum, loop, step or pulse
    jaxmem device si > device.toml       a device to start from
    jaxmem spike device.toml             will it spike, and what would have to change?
    jaxmem app                           all of it in the browser
    """
