"""The command line: `jaxmem simulate`, `fit`, `spike`, `sweep`, `reproduce`, `device`.

What is slow to import is imported by the command that needs it.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="A differentiable model of the halide perovskite memristor: simulate it, and fit it to "
    "what was measured.",
)
screen = Console(stderr=True, highlight=False)

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130

Out = Annotated[Path, typer.Option(help="Folder for the results.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the results of an earlier run.")]


class Solver(StrEnum):
    """How it is searched."""

    lm = "lm"
    descent = "descent"


class Preset(StrEnum):
    """A device to start from."""

    si = "si"
    paper_2d = "paper-2d"
    paper_3d = "paper-3d"


@app.command()
def device(
    preset: Annotated[Preset, typer.Argument(help="si spikes; paper-* are in the paper's units.")],
) -> None:
    """Print the TOML form of a device to start from: `jaxmem device si > device.toml`."""
    with _guard():
        from jaxmem.devices import device_to_toml, paper_device, si_device

        made = {
            Preset.si: si_device,
            Preset.paper_2d: paper_device,
            Preset.paper_3d: lambda: paper_device(tau_k=1.0),
        }[preset]()
        print(device_to_toml(made), end="")


@app.command()
def simulate(
    device: Annotated[Path, typer.Argument(metavar="DEVICE.toml")],
    drive: Annotated[str, typer.Option(help='"I = Step(3.3e-4)", "V = Triangle([0, 1], rate=1)"')],
    out: Out = Path("simulation"),
    until: Annotated[float | None, typer.Option(help="End time [s].")] = None,
    points: Annotated[int, typer.Option(help="How many samples.")] = 2001,
    rtol: Annotated[float | None, typer.Option(help="Relative tolerance; 1e-7.")] = None,
    force: Force = False,
) -> None:
    """Solve a device under a drive from rest: transient.csv and figures."""
    with _guard():
        from jaxmem.apps.simulation import simulate as run_simulation
        from jaxmem.output.numbers import engineering
        from jaxmem.output.provenance import command_line

        run, notes = run_simulation(
            device, drive, out, until=until, points=points, rtol=rtol, force=force,
            command=command_line(),
        )  # fmt: skip
        for note in notes:
            _say(f"note: {note}")
        low, high, end = (engineering(float(x), u) for x, u in
                          ((run.u.min(), "V"), (run.u.max(), "V"), (run.t[-1], "s")))  # fmt: skip
        _say(f"u from {low} to {high} over {end}, {int(run.steps)} steps")
        print(out / "transient.csv")


@app.command()
def spike(
    file: Annotated[Path, typer.Argument(metavar="DEVICE.toml|fit.json")],
    out: Out = Path("spike"),
    over: Annotated[
        str | None, typer.Option("--map", help="Parameters of the stability map, R_b,C_m.")
    ] = None,
    force: Force = False,
) -> None:
    """Will it spike? A report: windows, cycles, maps, and what would have to change."""
    with _guard():
        from jaxmem.apps.spike import write_report
        from jaxmem.output.provenance import command_line

        axes = _listed([over]) if over else None
        if axes is not None and len(axes) != 2:
            raise ValueError(f"--map wants two parameters, R_b,C_m; got {over}")
        with _progress() as progress:
            report = write_report(
                file, out, axes=axes, force=force, command=command_line(), progress=progress
            )
        for line in report.lines:
            _say(line)
        print(report.page)


@app.command()
def sweep(
    file: Annotated[Path, typer.Argument(metavar="SPEC.toml")],
    out: Out = Path("sweep"),
    force: Force = False,
) -> None:
    """Map where a device oscillates over one or two parameters: sweep.nc, sweep.csv, a figure.

    SPEC.toml has device = "device.toml", drive = "current" or "voltage", and for each axis
    [[axis]] with parameter, low, high, points, spacing = "log" or "linear".
    """
    with _guard():
        from jaxmem.apps.oscillation_map import write_sweep
        from jaxmem.output.provenance import command_line

        with _progress() as progress:
            swept = write_sweep(file, out, force=force, command=command_line(), progress=progress)
        _say(f"{swept.points} devices, {100 * swept.share:.3g} % oscillate at some bias")
        print(out / "sweep.nc")


@app.command()
def reproduce(
    panel: Annotated[
        list[str] | None,
        typer.Option(help="2k, or 2 for all of figure 2; may be repeated. All by default."),
    ] = None,
    out: Out = Path("paper"),
    force: Force = False,
) -> None:
    """The paper of Bisquert and Guerrero (2022), figure for figure, with its claims and errata.

    Each feature that the text describes is a number beside the expected one; the exit status is 1
    if one of them fails.
    """
    with _guard():
        from jaxmem.apps.paper import reproduce as make
        from jaxmem.output.provenance import command_line

        with _progress() as progress:
            made = make(out, _listed(panel), force=force, command=command_line(), progress=progress)
        checks = [(p, check) for p in made.panels for check in p.checks]
        failed = [(p, check) for p, check in checks if not check.passed]
        for where, check in failed:
            _say(f"{where.name}: {check.says}: {check.value}, expected {check.expected}")
        _say(f"{len(checks) - len(failed)} of {len(checks)} checks pass")
        print(made.page)
        if failed:
            raise typer.Exit(FAILED)


@app.command()
def fit(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE...",
            help="Impedance spectra, loops, steps, pulses; or one specification, FIT.toml.",
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(help="rc, 2d, 3d, or DEVICE.toml: that device, from its values.")
    ] = "2d",
    add: Annotated[
        list[str] | None, typer.Option(help="cpe, polarisation or slow; may be repeated.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="lead or series: leave out L_s or R_s.")
    ] = None,
    bias: Annotated[float | None, typer.Option(help="Applied voltage of all spectra [V].")] = None,
    together: Annotated[
        bool,
        typer.Option(
            "--together", help="One device for all spectra, at their biases: i_c0, V_T, V_m, ..."
        ),
    ] = False,
    curve: Annotated[
        list[Path] | None, typer.Option(help="A steady current-voltage curve; may be repeated.")
    ] = None,
    fix: Annotated[
        list[str] | None, typer.Option(help="A parameter that is known: R_s=47e3; may be repeated.")
    ] = None,
    units: Annotated[str | None, typer.Option(help="Of traces: t=ms,I=uA.")] = None,
    scan_rate: Annotated[
        float | None, typer.Option(help="Of loops without a time column [V/s].")
    ] = None,
    loop_freq: Annotated[
        float | None, typer.Option(help="Of loops without a time column: one period a file [Hz].")
    ] = None,
    start: Annotated[
        str, typer.Option(help="Where traces start: rest, or periodic for a loop that goes round.")
    ] = "rest",
    imposed: Annotated[
        str | None,
        typer.Option(help="Imposed in traces: current or voltage; else found out."),
    ] = None,
    compliance: Annotated[
        float | None, typer.Option(help="Current compliance of traces [A]; else found out.")
    ] = None,
    min_freq: Annotated[float, typer.Option(help="Leave out points below [Hz].")] = 0.0,
    max_freq: Annotated[float, typer.Option(help="Leave out points above [Hz].")] = float("inf"),
    solver: Annotated[
        Solver, typer.Option(help="Least squares, or an optax optimiser.")
    ] = Solver.lm,
    optimiser: Annotated[str, typer.Option(help="For descent: any of optax.")] = "adam",
    schedule: Annotated[
        str, typer.Option(help="For descent: a schedule of optax, or constant.")
    ] = "cosine_decay_schedule",
    rate: Annotated[float, typer.Option(help="For descent: the first learning rate.")] = 0.3,
    steps: Annotated[int | None, typer.Option(help="Most steps from one start.")] = None,
    starts: Annotated[
        int | None, typer.Option(help="How many starts are drawn; 24, with traces 64.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the starts.")] = 0,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also fit other models, and rank all by BIC.")
    ] = False,
    profile: Annotated[
        list[str] | None,
        typer.Option(help="Profile likelihood of a parameter, or all; may be repeated."),
    ] = None,
    bootstrap: Annotated[int, typer.Option(help="Refits of data drawn around the fit.")] = 0,
    posterior: Annotated[
        bool, typer.Option("--posterior", help="Draws by NUTS; needs jaxmem[bayes].")
    ] = False,
    out: Out = Path("fit"),
    force: Force = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a search that was interrupted.")
    ] = False,
) -> None:
    """Fit impedance spectra, loops, steps and pulses from many starts: a report, fit.json, CSV.

    Each file says itself what it is. With loops, steps, pulses or curves one device is fitted to
    all files. `jaxmem fit FIT.toml` does what a specification says; each result holds one.
    """
    with _guard():
        from fitting.study.load import entry_of
        from fitting.study.run import run
        from fitting.study.spec import Entry, Spec, read_spec
        from jaxmem.output.provenance import command_line

        files = files or []
        if any(f.suffix.lower() == ".toml" for f in files):
            if len(files) > 1 or curve:
                raise ValueError("give one specification (.toml) and nothing else, or data files")
            said = [device != "2d", add, without, together, fix, units, scan_rate, loop_freq,
                    start != "rest", imposed, compliance, bias is not None, min_freq > 0,
                    max_freq < float("inf"), solver is not Solver.lm, steps, starts,
                    seed, compare, profile, bootstrap, posterior]  # fmt: skip
            if any(said):
                raise ValueError(
                    f"{files[0]} is the whole specification: write options there; beside it only "
                    "--out, --force and --resume"
                )
            spec = read_spec(files[0])
        else:
            if not files and not curve:
                raise ValueError("nothing to fit; give files of spectra or traces, or FIT.toml")
            if not 0 <= min_freq < max_freq:
                raise ValueError(f"no frequencies from {min_freq:g} to {max_freq:g} Hz")
            limits = {"min_freq": min_freq, "max_freq": max_freq, "bias": bias}
            of_spectra = {k: v for k, v in limits.items() if v not in (None, 0.0, float("inf"))}
            of_traces = dict(
                units=units, rate=scan_rate, freq=loop_freq, imposed=imposed, compliance=compliance,
                start=None if start == "rest" else start,
            )  # fmt: skip
            of_traces = {k: v for k, v in of_traces.items() if v is not None}
            entries = [entry_of(f, of_spectra, of_traces) for f in files]
            extra = {"units": units} if units else {}
            entries += [Entry("curve", f, extra) for f in curve or []]
            many = any(e.kind != "spectra" for e in entries)
            spec = Spec(
                device=device, add=_listed(add), without=_listed(without),
                together=together or many, solver=solver.value, optimiser=optimiser,
                schedule=schedule, rate=rate, steps=steps,
                starts=(64 if many else 24) if starts is None else starts,
                seed=seed, compare=compare, profile=_listed(profile), bootstrap=bootstrap,
                posterior=posterior, fixed=_values(fix), entries=tuple(entries),
            )  # fmt: skip
        with _progress() as progress:
            outcome = run(
                spec, out, force=force, resume=resume, command=command_line(), say=_say,
                tell=progress,
            )  # fmt: skip
        for line in outcome.lines:
            _say(line)
        print(outcome.report)
        if not outcome.ok:
            raise typer.Exit(INTERRUPTED if outcome.interrupted else FAILED)


def _values(pairs: list[str] | None) -> dict[str, float]:
    """`--fix R_s=47e3 --fix C_m=1e-8` as a dictionary."""
    found = {}
    for pair in _listed(pairs):
        name, _, value = pair.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise ValueError(f"--fix wants NAME=NUMBER, got {pair!r}") from None
    return found


def _say(line: str) -> None:
    screen.print(line, markup=False, soft_wrap=True)


def _listed(values: list[str] | None) -> tuple[str, ...]:
    """`--add cpe --add slow` and `--add cpe,slow` are the same."""
    return tuple(part.strip() for value in values or [] for part in value.split(",") if part)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar for each stage, where there is a terminal."""
    with Progress(
        TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(),
        TimeRemainingColumn(), console=screen, transient=True, disable=not screen.is_terminal,
    ) as bars:  # fmt: skip
        tasks: dict[str, TaskID] = {}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield tell


@contextmanager
def _guard() -> Iterator[None]:
    """Errors as one sentence and an exit status: 2 for bad input, 1 for what failed."""
    try:
        yield
    except typer.Exit:
        raise
    except KeyboardInterrupt:
        _say("interrupted; nothing was written")
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        if os.environ.get("JAXMEM_DEBUG"):
            raise
        known = isinstance(error, ValueError | RuntimeError | OSError)
        text = str(error) if known else f"unexpected {type(error).__name__}: {error}"
        _say(f"jaxmem: {text}")
        if not known:
            _say("This is a bug; JAXMEM_DEBUG=1 shows where it happened.")
        code = BAD_INPUT if isinstance(error, ValueError | OSError) else FAILED
        raise typer.Exit(code) from None


def main() -> None:
    """The entry point of the console script."""
    # Read by JAX and Equinox when they are imported, which is later.
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    # Error checks that raise are callbacks, and programs with callbacks are not kept on disk.
    os.environ.setdefault("EQX_ON_ERROR", "nan")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jaxmem"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    app()
