"""The command `jaxmem design`. What is slow to import is imported when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from fitting.study.kept import what_is_kept
from jaxmem.apps.answering import reply
from jaxmem.apps.shared_options import AllowImport, Force, Out, check_cheaply
from jaxmem.apps.terminal import FAILED, bars, guard, say
from jaxmem.plots.drawing_process import begin_drawing


def design_command(
    file: Annotated[Path, typer.Argument(metavar="GOALS.toml")],
    out: Out = Path("design"),
    force: Force = False,
    allow_import: AllowImport = False,
) -> None:
    """Find the nearest device that has what is asked: device.toml, design.json, a page.

    A complete GOALS.toml; device.toml lies beside it (`jaxmem device si > device.toml`):

    \b
    device = "device.toml"     # as it is today, or the folder of a fit
    drive = "current"          # or "voltage", through R_s
    at = {window = 0.5}        # where cycles are meant; {threshold = 1.2}, {I = 1e-4}
    designs = 1                # how many distinct ones
    front = ["frequency", "amplitude"]  # two goals with one limit each: their Pareto front

    \b
    [[goal]]
    quantity = "frequency"     # amplitude, energy, threshold, window, latency, crossover
    at_least = 60.0            # or target, at_most, or both limits; in SI units
    tolerance = 0.01           # a fraction of it

    \b
    [[goal]]
    quantity = "energy"        # of one period of the cycle
    at_most = 2e-6

    \b
    [[goal]]
    quantity = "amplitude"
    at_least = 0.4

    \b
    [[goal]]
    quantity = "onset"
    target = "soft"

    \b
    [[goal]]
    quantity = "impedance"     # resistance, phase: freq, and one of u, I, V
    target = 1e4               # current: u or V. loop_area: rate, V. pulse_response: width, delay
    tolerance = 0.1
    freq = 10.0
    u = 0.3

    \b
    [[knob]]                   # without any, all numbers of the device
    parameter = "C_m"          # ["C_m", "tau_d"] changes both by one factor; "I" is the drive
    low = 1e-8                 # by default within a factor of 5 to both sides
    high = 1e-6
    cost = 0.1                 # of a change, per ln^2 of its factor; by default 1
    series = "E12"             # a value that can be bought; E6, E24

    \b
    [[knob]]
    parameter = "tau_d"

    \b
    [[knob]]
    parameter = "i_c0"

    \b
    [scatter]                  # of made devices: standard deviations of ln p; {C_m = 0.1, ...}
    relative = 0.1             # absolute = {V_T = 0.02}, correlation = [["R_b", "i_c0", -0.8]]

    \b
    [yield]                    # made devices that spike and have all goals, each driven as at says
    tolerance = {frequency = 0.15, amplitude = 0.2}  # by default each goal's own
    devices = 10000
    maximise = false           # true: move the knobs to the largest yield
    """
    with guard(out, what_is_kept):
        check_cheaply(out, force, file)
        begin_drawing()
        from jaxmem.apps.designing.report import write_design
        from jaxmem.output.provenance import command_line

        with bars() as shown:
            made = write_design(
                file, out, force=force, allow_import=allow_import, command=command_line(),
                progress=shown,
            )  # fmt: skip
        for line in (*made.statements, *made.notes):
            say(line)
        reply(made.page)
        if not made.design.met:
            raise typer.Exit(FAILED)
