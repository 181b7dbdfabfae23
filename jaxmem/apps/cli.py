"""The command line: `jaxmem simulate`, `fit`, `spike`, `sweep`, `reproduce`, `device`, `example`,
`design`, `next`, `export`, `app`.

What is slow to import is imported by the command that needs it.
"""

import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from fitting.study.kept import what_is_kept
from fitting.study.spec import options
from jaxmem.apps.answering import end_with, json_first, reply, root_command
from jaxmem.apps.app.command import app_command
from jaxmem.apps.arguments import ends_of, file_and_own, listed, specification_of, value_of
from jaxmem.apps.cores import spread_over_cores
from jaxmem.apps.designing.command import design_command
from jaxmem.apps.environment import set_environment
from jaxmem.apps.next_options import next_command
from jaxmem.apps.oscillations.kept import what_a_sweep_keeps
from jaxmem.apps.preset_command import device_command, example_command
from jaxmem.apps.shared_options import (
    DEVICE,
    AllowImport,
    Force,
    Out,
    check_cheaply,
    fit_signature,
    variable_of,
)
from jaxmem.apps.stopping import stoppable
from jaxmem.apps.terminal import FAILED, INTERRUPTED, bars, guard, say
from jaxmem.plots.drawing_process import begin_drawing, drawing_apart

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
app.callback()(root_command)


@app.command("simulate")
def simulate_command(
    device: Annotated[Path, typer.Argument(metavar=DEVICE)],
    drive: Annotated[str, typer.Option(help='"I = Step(3.3e-4)", "V = Triangle([0, 1], rate=1)"')],
    out: Out = Path("simulation"),
    until: Annotated[float | None, typer.Option(help="End time [s].")] = None,
    points: Annotated[int, typer.Option(help="How many samples.")] = 2001,
    rtol: Annotated[float | None, typer.Option(help="Relative tolerance; 1e-7.")] = None,
    force: Force = False,
    allow_import: AllowImport = False,
) -> None:
    """Solve a device under a drive from rest: transient.csv and figures.

    \b
    jaxmem device si > device.toml
    jaxmem simulate device.toml --drive "I = Pulse(3.3e-4, 5e-3)"
    """
    with guard(out, what_is_kept):
        check_cheaply(out, force, device)
        begin_drawing()
        from jaxmem.apps.simulation import simulate
        from jaxmem.output.numbers import engineering
        from jaxmem.output.provenance import command_line

        with bars():
            made = simulate(
                device, drive, out, until=until, points=points, rtol=rtol, force=force,
                allow_import=allow_import, command=command_line(),
            )  # fmt: skip
        for note in made.notes:
            say(f"note: {note}")
        run = made.transient
        low, high, end = (engineering(float(x), u) for x, u in
                          ((run.u.min(), "V"), (run.u.max(), "V"), (run.t[-1], "s")))  # fmt: skip
        say(f"u from {low} to {high} over {end}, {int(run.steps)} steps")
        reply(made.folder / "transient.csv")


@app.command("spike")
def spike_command(
    file: Annotated[Path, typer.Argument(metavar=DEVICE)],
    out: Out = Path("spike"),
    over: Annotated[
        str | None, typer.Option("--map", help="Parameters of the stability map, R_b,C_m.")
    ] = None,
    u_range: Annotated[
        str | None,
        typer.Option(help="Voltages over the device to look in, LOW:HIGH [V], if not all."),
    ] = None,
    force: Force = False,
    allow_import: AllowImport = False,
) -> None:
    """Will it spike? A report: windows, cycles, maps, and what would have to change.

    \b
    jaxmem device si > device.toml
    jaxmem spike device.toml
    """
    with guard(out, what_is_kept):
        check_cheaply(out, force, file)
        begin_drawing()
        from jaxmem.apps.spike import write_report
        from jaxmem.output.provenance import command_line

        axes = listed([over]) if over else None
        if axes is not None and len(axes) != 2:
            raise ValueError(f"--map wants two parameters, R_b,C_m; got {over}")
        ends = ends_of("--u-range", u_range)
        with bars() as shown:
            report = write_report(
                file, out, axes=axes, u_range=ends, force=force, allow_import=allow_import,
                command=command_line(), progress=shown,
            )  # fmt: skip
        for line in report.lines:
            say(line)
        reply(report.page)


@app.command("sweep")
def sweep_command(
    file: Annotated[Path, typer.Argument(metavar="SPEC.toml")],
    out: Out = Path("sweep"),
    quantity: Annotated[
        str | None,
        typer.Option(help="window, margin, onset; of the cycle frequency, amplitude, energy."),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="K/N",
            help="Compute the K-th of N parts, into the store that all of them share; then "
            "--resume writes the folder.",
        ),
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option(help="local or slurm: share the work among --jobs jobs (jaxmem[cluster])."),
    ] = None,
    jobs: Annotated[int, typer.Option(help="How many jobs.", min=1, max=10_000)] = 2,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a sweep that was interrupted.")
    ] = False,
    force: Force = False,
    allow_import: AllowImport = False,
) -> None:
    """Map where a device oscillates over one or two parameters: sweep.nc, sweep.csv, a figure.

    SPEC.toml has device = "device.toml" (or the folder of a fit), drive = "current" or "voltage",
    and for each axis [[axis]] with parameter, low, high, points, spacing = "log" or "linear". It
    may say quantity, for one of a cycle at = {window = 0.5}, {threshold = 1.2} or {I = 1e-4}, and
    u_range = [0, 1], the voltages over the device [V] to look in, if not all. All cores are used.

    \b
    jaxmem example sweep > map.toml
    jaxmem device si > device.toml
    jaxmem sweep map.toml
    """
    spread_over_cores()
    with guard(out, what_a_sweep_keeps):
        check_cheaply(out, force or resume or shard is not None, file)
        if shard is None:
            begin_drawing()
        from jaxmem.apps.oscillations import cluster, folder
        from jaxmem.output.provenance import command_line

        said: dict[str, Any] = {"quantity": quantity, "allow_import": allow_import}
        with bars() as shown:
            if shard is not None:
                done, of = folder.fill(file, out, cluster.part(shard), progress=shown, **said)
                say(f"part {shard}: {done} of {of} tiles of the sweep are done")
                say(f"when all are, `jaxmem sweep {file} --out {out} --resume` writes {out}")
                return
            if executor is not None:
                cluster.run_jobs(executor, jobs, file, out, shown, resume=resume, **said)
                resume = True
            swept = folder.write_sweep(
                file, out, force=force, resume=resume, command=command_line(), progress=shown,
                **said,
            )  # fmt: skip
        for note in swept.notes:
            say(f"note: {note}")
        say(f"{swept.points} devices, {100 * swept.share:.3g} % oscillate at some bias")
        reply(swept.folder / "sweep.nc")


@app.command("reproduce")
def reproduce_command(
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

    \b
    jaxmem reproduce --panel 2k
    """
    with guard(out, what_is_kept):
        from jaxmem.apps.paper import reproduce
        from jaxmem.output.provenance import command_line

        with bars() as shown:
            made = reproduce(
                out, listed(panel), force=force, command=command_line(), progress=shown
            )
        for note in made.notes:
            say(f"note: {note}")
        checks = [(p, check) for p in made.panels for check in p.checks]
        failed = [(p, check) for p, check in checks if not check.passed]
        for where, check in failed:
            say(f"{where.name}: {check.says}: {check.value}, expected {check.expected}")
        say(f"{len(checks) - len(failed)} of {len(checks)} checks pass")
        reply(made.page)
        if failed:
            raise typer.Exit(FAILED)


app.command("design")(design_command)


class Format(StrEnum):
    """What a device is exported as."""

    spice = "spice"
    verilog_a = "verilog-a"
    csv = "csv"


@app.command("export")
def export_command(
    source: Annotated[Path, typer.Argument(metavar=DEVICE)],
    format: Annotated[Format, typer.Option(help="csv: elements against bias.")] = Format.spice,
    drive: Annotated[
        str | None, typer.Option(help='Of the test bench, "I = Step(3.3e-4)".')
    ] = None,
    until: Annotated[float | None, typer.Option(help="End time of the test bench [s].")] = None,
    name: Annotated[str, typer.Option(help="Of what is written.")] = "memristor",
    out: Out = Path("export"),
    force: Force = False,
    allow_import: AllowImport = False,
) -> None:
    """Write a device for ngspice and LTspice, as Verilog-A, or as CSV, with a test bench.

    \b
    jaxmem device si > device.toml
    jaxmem export device.toml --drive "I = Step(3.3e-4)" --until 0.05
    """
    with guard(out, what_is_kept):
        check_cheaply(out, force, source)
        from jaxmem.apps.export import export_device
        from jaxmem.output.provenance import command_line

        made = export_device(
            source, out, format.value, drive=drive, until=until, name=name, force=force,
            allow_import=allow_import, command=command_line(),
        )  # fmt: skip
        for line in made.lines:
            say(line)
        reply(made.main)


def fit_command(
    ctx: Any,
    files: list[Path] | None,
    curve: list[Path] | None,
    out: Path,
    force: bool,
    resume: bool,
    allow_import: bool,
    **given: Any,
) -> None:
    """Fit impedance spectra, loops, steps and pulses from many starts: a report, fit.json, CSV.

    Each file says itself what it is. With loops, steps, pulses or curves one device is fitted to
    all files. `jaxmem fit FIT.toml` does what a specification says; each result holds one.

    \b
    jaxmem example spectra > cell.csv
    jaxmem fit cell.csv --device 3d --together

    Models (--device), each behind R_s and the inductance L_s of the leads, unless --without:

    \b
    rc   a resistance R_b parallel to a capacitance C_m
    2d   and a current that follows the voltage after tau_d: the chemical
         inductor (R_a, L_d); with --together the paper's i_c0, V_T, V_m
    3d   and an activation that follows the voltage after tau_k: it may spike

    What is added (--add):

    \b
    cpe           a constant-phase element (Q, n) in the place of C_m
    polarisation  a resistance and a capacitance in series, parallel to C_m
    slow          one more slow conductance g/(1 + s tau), of either sign
    photocurrent  a constant current I_ph against the conduction, as light or an
                  offset makes it: I < 0 at V = 0; for loops, steps, curves, and
                  spectra at currents --together

    One spectrum, or several each by itself, determine elements (R_a, L_d, tau_d); spectra at
    several known biases --together, loops, steps and curves determine i_c0, V_T, V_m as well.
    """
    with guard(out, what_is_kept):
        said = {
            # Checked here by the name of the option, which is what the user typed.
            name: replace(s, name=f"--{name}").checked(value_of(s, given[variable_of(s)]))
            for name, s in options().items()
            if getattr(ctx.get_parameter_source(variable_of(s)), "name", "") == "COMMANDLINE"
        }
        given_files = [file_and_own(f)[0] for f in files or []]
        check_cheaply(out, force or resume, *given_files, *(curve or []))
        begin_drawing()
        from fitting.study.run import run_study
        from jaxmem.output.provenance import command_line

        spec = specification_of(files or [], curve or [], said)
        with bars() as shown:
            outcome = run_study(
                spec, out, force=force, resume=resume, allow_import=allow_import,
                command=command_line(), progress=shown,
            )  # fmt: skip
        for line in outcome.lines:
            say(line)
        reply(outcome.report)
        if not outcome.ok:
            raise typer.Exit(INTERRUPTED if outcome.interrupted else FAILED)


# Typer makes the options from the signature, which is made from the declaration.
fit_command.__signature__ = fit_signature()  # pyright: ignore[reportFunctionMemberAccess]
fit_command.__annotations__ = {}
app.command("fit")(fit_command)
app.command("device")(device_command)
app.command("example")(example_command)
app.command("next")(next_command)
app.command("app")(app_command)


def main() -> None:
    """The entry point of the console script."""
    set_environment()
    with stoppable() as stopper, drawing_apart():
        code = 0
        try:
            app(json_first(sys.argv[1:]))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else FAILED
        except KeyboardInterrupt:
            code = INTERRUPTED
        end_with(code)
        sys.stdout.flush()
        if stopper.received is not None:
            # Threads of the compiler that still run would end the process by a fault.
            stopper.exit()
    raise SystemExit(code)
