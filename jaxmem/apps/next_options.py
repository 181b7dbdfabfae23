"""What a user types after `jaxmem next`."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from fitting.study.kept import what_is_kept
from jaxmem.apps.answering import reply
from jaxmem.apps.arguments import ends_of, listed
from jaxmem.apps.shared_options import DEVICE, AllowImport, Force, Out, check_cheaply
from jaxmem.apps.terminal import bars, guard, say
from jaxmem.plots.drawing_process import begin_drawing

UNITS = {"": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
TIME = re.compile(r"\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)\s*(s|min|h|d|)\s*")


def next_command(
    source: Annotated[Path, typer.Argument(metavar=DEVICE)],
    budget: Annotated[str, typer.Option(help="Time for measuring: 90, 10min, 2h.")],
    out: Out = Path("next"),
    prior: Annotated[
        list[str] | None,
        typer.Option(
            help="Of a device: how well it is known, as relative standard deviations: 0.2 for all, "
            "V_m=0.3,tau_d=1 by name (others 0.5, 0 for what is known), or a TOML file of such "
            "lines; may be repeated."
        ),
    ] = None,
    wanted: Annotated[
        list[str] | None,
        typer.Option(
            "--for",
            help="What is to be known better: parameters, threshold, window, frequency, "
            "amplitude, energy; all parameters if not said; may be repeated.",
        ),
    ] = None,
    criterion: Annotated[
        str,
        typer.Option(
            metavar="D|A|c",
            help="The volume of the uncertainties (D), their mean square (A), or one alone (c).",
        ),
    ] = "D",
    measure: Annotated[
        list[str] | None,
        typer.Option(help="Only these: spectrum, loop, step, pulses; may be repeated."),
    ] = None,
    voltage: Annotated[
        str | None, typer.Option(help="Applied voltages that are allowed, LOW:HIGH [V].")
    ] = None,
    freq: Annotated[
        str | None, typer.Option(help="Frequencies of the instrument, LOW:HIGH [Hz].")
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(help="Of |Z|, and of the size of a trace; as the fit found, or 0.01."),
    ] = None,
    rivals: Annotated[
        bool, typer.Option("--rivals", help="Say, too, what tells the model from its rivals.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the draws from what is known.", min=0)] = 0,
    force: Force = False,
    allow_import: AllowImport = False,
) -> None:
    """Which measurements tell most within a time? next.html, next.csv, next.json.

    Of a device and a prior:

    \b
    jaxmem device si > device.toml
    jaxmem next device.toml --prior 0.2 --budget 2min
    jaxmem next device.toml --prior V_m=0.5 --budget 2min --for threshold --out threshold

    Of a fit:

    \b
    jaxmem example spectra > cell.csv
    jaxmem fit cell.csv --device 3d --together --out fit
    jaxmem next fit --budget 30min --voltage 0:1.1 --freq 0.1:1e5 --rivals --out more

    Then measure, `jaxmem fit` all files together, and ask again of that folder.
    """
    with guard(out, what_is_kept):
        seconds = seconds_of(budget)
        check_cheaply(out, force, source)
        begin_drawing()
        changes: dict[str, Any] = {}
        if (ends := ends_of("--voltage", voltage)) is not None:
            changes["V"] = ends
        if (ends := ends_of("--freq", freq)) is not None:
            changes["freq"] = ends
        if noise is not None:
            changes |= {"impedance": noise, "current": noise}
        from jaxmem.apps.experimenting import read_prior, write_next
        from jaxmem.output.provenance import command_line

        with bars() as shown:
            made = write_next(
                source, out, budget=seconds, prior=read_prior(prior or []),
                wanted=listed(wanted), criterion=criterion, kinds=listed(measure),
                changes=changes, rivals=rivals, seed=seed, force=force,
                allow_import=allow_import, command=command_line(), progress=shown,
            )  # fmt: skip
        for line in made.lines:
            say(line)
        reply(made.page)


def seconds_of(text: str) -> float:
    """`90`, `90s`, `10min`, `2h` in seconds.

    **Raises:** `ValueError` for anything else.
    """
    found = TIME.fullmatch(text)
    try:
        value = float(found[1]) * UNITS[found[2]] if found else 0.0
    except ValueError:
        value = 0.0
    if not value > 0:
        raise ValueError(f"--budget wants a time, 90 (seconds), 10min or 2h; got {text!r}")
    return value
