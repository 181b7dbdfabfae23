"""Options that commands share, and those of `jaxmem fit`, which are made from its settings."""

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer

from fitting.study.spec import options
from jaxmem.output.results_folder import check_folder
from jaxmem.settings import Biases, Setting, Units

Out = Annotated[Path, typer.Option(help="Folder for the results.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the results of an earlier run.")]
DEVICE = "DEVICE.toml|FIT-FOLDER|fit.json"
AllowImport = Annotated[
    bool,
    typer.Option(
        "--allow-import",
        help="Import the modules of the branch classes that a device file names: this runs them.",
    ),
]


def check_cheaply(out: Path, force: bool, *files: Path) -> None:
    """What costs nothing to find out, before anything slow is imported."""
    check_folder(out, force=force)
    for file in files:
        if not file.exists():
            raise ValueError(f"{file}: there is no such file; check the path")


FILES = typer.Argument(
    metavar="FILE...",
    help="Impedance spectra, loops, steps, pulses; or one specification, FIT.toml. What holds for "
    "one file only follows a colon: eis.csv:bias=0.7, loop.csv:freq=10,start=periodic; of a file "
    "that holds several, only some: series.npz:index=0,24,47.",
)


def variable_of(declared: Setting) -> str:
    """The name of the variable that has an option's value."""
    return declared.option.replace("-", "_")


def fit_signature() -> inspect.Signature:
    """The parameters of `jaxmem fit`: an option for each setting that declares one."""
    curve = typer.Option(help="A steady current-voltage curve; may be repeated.")
    again = typer.Option("--resume", help="Go on with a search that was interrupted.")
    made: dict[str, tuple[Any, Any]] = {
        "ctx": (typer.Context, inspect.Parameter.empty),
        "files": (Annotated[list[Path] | None, FILES], None),
    }
    for s in options().values():
        unit, many = f" [{s.unit}]" if s.unit else "", "; may be repeated" if s.repeated else ""
        metavar = "|".join(s.choices) or None
        option = typer.Option(f"--{s.option}", help=f"{s.help}{unit}{many}.", metavar=metavar)
        if s.type is bool:
            made[variable_of(s)] = (Annotated[bool, option], s.default)
            continue
        kind = list[str] if s.repeated else str if s.type in (Units, Biases) else s.type
        made[variable_of(s)] = (Annotated[kind | None, option], s.default or None)
    made["curve"] = (Annotated[list[Path] | None, curve], None)
    made |= {"out": (Out, Path("fit")), "force": (Force, False)}
    made["resume"] = (Annotated[bool, again], False)
    made["allow_import"] = (AllowImport, False)
    word = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [inspect.Parameter(n, word, default=d, annotation=a) for n, (a, d) in made.items()]
    )
