"""What `jaxmem export` does: a device to a folder that a circuit simulator runs."""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxmem.apps.simulation import duration, write_transient
from jaxmem.circuits import Circuit, CurrentDrive, Step, VoltageDrive, parse_drive
from jaxmem.devices import AbstractDevice, read_sourced, write_device
from jaxmem.netlists.bench import Bench, Simulator, bench_of
from jaxmem.netlists.bench_files import bench_text
from jaxmem.netlists.bias_table import element_table
from jaxmem.netlists.equations import Equations, equations_of
from jaxmem.netlists.spice import subcircuit
from jaxmem.netlists.verilog import module_text
from jaxmem.output.provenance import provenance_of
from jaxmem.output.results_folder import ResultsFolder, check_folder, new_folder
from jaxmem.output.table import write_csv
from jaxmem.responses import Transient, solve

# Samples of the library's own answer, and steps of a simulator in the time from spike to spike.
SAMPLES, STEPS_OF_SPIKE = 4001, 10_000
# Of a format: for each simulator the netlist, the test bench, and how it is run.
FILES: dict[str, dict[Simulator, tuple[str, str, str]]] = {
    "spice": {
        "ngspice": ("{name}.lib", "bench.cir", "ngspice -b bench.cir"),
        "ltspice": ("{name}_ltspice.lib", "bench_ltspice.cir", "open bench_ltspice.cir in LTspice"),
    },
    "verilog-a": {"vacask": ("{name}.va", "bench.sim", "vacask bench.sim")},
}
# What neither a module nor its terminals may be called.
WORDS_OF_VERILOG = {
    "analog", "begin", "branch", "else", "end", "endmodule", "for", "function", "ground", "if",
    "inout", "input", "integer", "m", "module", "n", "output", "p", "parameter", "real", "string",
    "u", "while",
}  # fmt: skip
MAIN = {"spice": "bench.cir", "verilog-a": "bench.sim", "csv": "elements.csv"}


class Exported(NamedTuple):
    """What was written: the folder, the file to begin with, and what is said of it in lines."""

    folder: Path
    main: Path
    lines: list[str]


def export_device(
    source: str | Path,
    out: str | Path,
    format: str = "spice",
    *,
    drive: str | None = None,
    until: float | None = None,
    name: str = "memristor",
    force: bool = False,
    allow_import: bool = False,
    command: str = "",
) -> Exported:
    """Write netlist, test bench, our own answer to it, the device and a README into a folder.

    **Arguments:**

    - `source`: a device's TOML file, or the folder of a fit or its `fit.json`; the verdict of a
      fit goes into the headers.
    - `out`: the folder to write; `force` replaces earlier results there.
    - `format`: `"spice"`, `"verilog-a"`, or `"csv"` for elements against bias.
    - `drive`: of the test bench (see `parse_drive`); by default a step of the current to where the
      device is steep. `until`: its end [s], by default as in `jaxmem simulate`.
    - `name`: of the subcircuit or module, and of its file.
    - `allow_import`: whether the device may name classes that are imported (see `read_device`).

    **Raises:** `ValueError` for what cannot be read or said in a simulator's words; `RuntimeError`
    if our own solution fails.
    """
    check_folder(out, force=force)
    if not (name.isascii() and name.isidentifier() and name.casefold() not in WORDS_OF_VERILOG):
        raise ValueError(
            f"--name wants letters, digits and underscores, and no word of Verilog-A; got {name!r}"
        )
    found = read_sourced(source, allow_import=allow_import)
    device, file = found.device, found.files[0]
    notes = [] if found.fit is None else fit_notes(found.fit)
    provenance = provenance_of(command, [file])
    digest = provenance["data"][0]["sha256"]
    origin_note = f"From {file.name}, sha256 {digest[:16]}; command and versions: export.json."
    if format == "csv":
        if drive is not None or until is not None:
            raise ValueError("--drive and --until are of a test bench, and csv has none")
        write: Callable[[ResultsFolder], list[str]] = lambda results: _elements(results, device)
    else:
        circuit = Circuit(device, parse_drive(drive) if drive else _default_drive(device))
        made = equations_of(device)
        end = duration(circuit) if until is None else float(until)
        if not (np.isfinite(end) and end > 0):
            raise ValueError(f"the end time must be positive and finite, got {end:g}")
        first = float(min([0.0, *circuit.drive.wave.finite_edges()[:1]]))
        run = solve(circuit, jnp.linspace(first, end, SAMPLES))
        benches: dict[Simulator, Bench] = {
            tool: bench_of(made, circuit, end, tool, _largest_step(run), name,
                           netlist.format(name=name))
            for tool, (netlist, _, _) in FILES[format].items()
        }  # fmt: skip
        write = lambda results: _netlists(
            results, made, benches, format, run, [origin_note, *notes]
        )
    with new_folder(out, force=force) as results:
        lines = write(results)
        write_device(results.path / "device.toml", device)
        origin = {"format": format, "notes": notes, "provenance": provenance}
        (results.path / "export.json").write_text(json.dumps(origin, indent=1) + "\n")
        readme = "\n".join(textwrap.fill(line, 98) for line in [*lines, *notes])
        (results.path / "README.txt").write_text(readme + "\n", encoding="utf-8")
        results.publish()
    return Exported(results.place, results.place / MAIN[format], [*lines, *notes, *results.notes])


def fit_notes(fit: dict[str, Any]) -> list[str]:
    """What a netlist of a fitted device must say: the verdict, and what is not determined."""
    notes = []
    if fit.get("describes") != "yes":
        words = {"no": "does not describe", "roughly": "describes roughly only",
                 "but_for": "describes but for a stretch"}  # fmt: skip
        notes.append(
            f"Of the fit: the model {words.get(str(fit.get('describes')), 'may not describe')} the "
            f"data. {_said(fit.get('description'))}".rstrip()
        )
    for row in fit.get("parameters", []):
        if not row.get("identifiable", True):
            why = _said(row.get("reasons"), "; ")
            notes.append(
                f"Of the fit: {row['name']} is not determined{f' ({why})' if why else ''}."
            )
    return notes


def _said(words: Any, between: str = " ") -> str:
    """A sentence, or several, on one line."""
    parts = words if isinstance(words, list) else [words or ""]
    return between.join(" ".join(str(part).split()) for part in parts)


def _default_drive(device: AbstractDevice):
    """A step of the current to where the device is steep, of the voltage where it may jump."""
    inner = device.in_time()
    if inner.curve is not None:
        low, high = inner.branches[inner.curve].rest_range()
        u, x = inner.equilibrium(low + 0.75 * (high - low))
        return VoltageDrive(Step(u + device.R_s * inner.current(u, x)))
    windows = device.windows()
    u = float(windows[0][0]) if windows else 1.0
    return CurrentDrive(Step(device.steady_current(u)))


def _largest_step(run: Transient) -> float | None:
    """A share of the time from spike to spike, where there are several."""
    u, t = np.asarray(run.u), np.asarray(run.t)
    late = t >= (t[0] + t[-1]) / 2
    middle = (u[late].max() + u[late].min()) / 2
    rising = np.flatnonzero(late[:-1] & (u[:-1] < middle) & (u[1:] >= middle))
    if len(rising) < 2:
        return None
    period = (t[rising[-1]] - t[rising[0]]) / (len(rising) - 1)
    return min(float(period) / STEPS_OF_SPIKE, float(t[-1] - t[0]) / STEPS_OF_SPIKE)


def _netlists(
    results: ResultsFolder, made: Equations, benches: dict[Simulator, Bench], format: str,
    run: Transient, notes: list[str],
) -> list[str]:  # fmt: skip
    lines = []
    for tool, (_, bench_file, how) in FILES[format].items():
        bench = benches[tool]
        text = (
            module_text(made, bench.name, tuple(notes)) if tool == "vacask"
            else subcircuit(made, bench.name, tool, tuple(notes))
        )  # fmt: skip
        (results.path / bench.file).write_text(text, encoding="utf-8")
        (results.path / bench_file).write_text(bench_text(bench, tool))
        tested = " (not tested)" if tool == "ltspice" else ""
        lines.append(f"{tool}{tested}: {bench.file} and its test bench {bench_file}; run: {how}")
    write_transient(results.path / "expected.csv", run)
    lines.append("expected.csv: the transient of the test bench as jaxmem solves it")
    return lines + made.notes


def _elements(results: ResultsFolder, device: AbstractDevice) -> list[str]:
    table = element_table(device)
    rows = [[None if x != x else x for x in row] for row in table.rows.tolist()]
    write_csv(results.path / "elements.csv", table.columns, rows)
    return [f"elements.csv: {len(rows)} biases; operating point and elements of the circuit there"]
