"""What `jaxmem simulate` does: a device and a drive to a table and a figure."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxmem import plots
from jaxmem.circuits import Circuit, Sine, parse_drive
from jaxmem.circuits.drive import LETTER
from jaxmem.devices import read_sourced, write_device
from jaxmem.output.provenance import provenance_of
from jaxmem.output.results_folder import check_folder, new_folder
from jaxmem.output.table import write_csv
from jaxmem.plots.devices import transient_figure
from jaxmem.responses import Transient, linearize, operating_points, solve

# More samples than these are a table of a hundred megabytes.
MOST_POINTS = 1_000_000


class Simulated(NamedTuple):
    """What was written: the folder, the transient, and remarks on it in words."""

    folder: Path
    transient: Transient
    notes: list[str]


def simulate(
    device_file: str | Path,
    drive: str,
    out: str | Path,
    *,
    until: float | None = None,
    points: int = 2001,
    rtol: float | None = None,
    force: bool = False,
    allow_import: bool = False,
    command: str = "",
) -> Simulated:
    """Solve a circuit from rest and write `transient.csv`, figures, `device.toml`, a JSON.

    **Arguments:**

    - `device_file`: a TOML file, the folder of a fit, or its `fit.json` (see `read_sourced`).
    - `drive`: a text, see `parse_drive`.
    - `out`: the folder to write; `force` replaces earlier results there.
    - `until`: end time [s]; by default past the drive's last edge by ten of the device's slowest
      time constants there (or ten periods of a sine). `points`: how many samples.
    - `rtol`: see `solve`.
    - `allow_import`: whether the device may name classes that are imported (see `read_device`).

    **Raises:** `ValueError` for what cannot be read; `RuntimeError` if the solve fails.
    """
    check_folder(out, force=force)
    if not 2 <= points <= MOST_POINTS:
        raise ValueError(f"points must be 2 to {MOST_POINTS:,}, got {points}")
    if rtol is not None and not 1e-14 <= rtol <= 0.1:
        raise ValueError(f"rtol must be 1e-14 to 0.1, got {rtol:g}")
    found = read_sourced(device_file, allow_import=allow_import)
    circuit = Circuit(found.device, parse_drive(drive))
    end = duration(circuit) if until is None else float(until)
    first = float(min([0.0, *circuit.drive.wave.finite_edges()[:1]]))
    if not (np.isfinite(end) and end > first):
        raise ValueError(f"the end time must lie after {first:g} s and be finite, got {end:g}")
    run = solve(circuit, jnp.linspace(first, end, points), rtol=rtol)
    notes = list(run.notes)
    with new_folder(out, force=force) as results:
        write_transient(results.path / "transient.csv", run)
        write_device(results.path / "device.toml", circuit.device)
        record = {
            "drive": drive,
            "t_end_s": end,
            "steps": int(run.steps),
            "extrema": {
                name: {"min": float(np.min(a)), "max": float(np.max(a)), "unit": unit}
                for name, a, unit in (("u", run.u, "V"), ("I", run.I, "A"), ("V", run.V, "V"))
            },
            "notes": notes,
            "provenance": provenance_of(command, found.files[:1]),
        }
        (results.path / "simulation.json").write_text(json.dumps(record, indent=1) + "\n")
        results.publish()
        figure = lambda: transient_figure(run, drive)
        _, problem = plots.save_if_possible(figure, results.path, "transient")
    more = [problem] if problem else []
    return Simulated(results.place, run, [*notes, *more, *results.notes])


def duration(circuit: Circuit) -> float:
    """A time by which the circuit has answered its drive [s]: see `simulate`."""
    wave = circuit.drive.wave
    edges = wave.finite_edges()
    last = float(edges[-1]) if len(edges) else 0.0
    tail = 10 * _slowest(circuit, float(wave(jnp.asarray(last + 1e-9 * max(abs(last), 1e-9)))))
    for part in getattr(wave, "parts", (wave,)):
        if isinstance(part, Sine):
            tail = max(tail, 10 * float(part.period))
    return last + tail


def _slowest(circuit: Circuit, level: float) -> float:
    """The longest time constant or period [s] at the drive's last value."""
    device = circuit.in_time().device
    bias: dict[str, Any] = {LETTER[circuit.drive.kind]: level}
    found = operating_points(device, **bias)
    every: Any = np.asarray(_rates_at(device, found))
    slowest = 0.0
    for rates in every[: min(int(found.count), found.u.size)]:
        slowest = max([slowest, *1 / np.abs(rates.real[rates.real != 0])])
        # A growing oscillation needs its periods, not its time of growth at the equilibrium.
        turning = np.abs(rates.imag[rates.imag != 0])
        if turning.size and np.any(rates.real > 0):
            slowest = max(slowest, float((2 * np.pi / turning).max()))
    return float(slowest) or 1.0


@eqx.filter_jit
def _rates_at(device, found):
    """The eigenvalues at each equilibrium; NaN where there is none."""

    def rates(k):
        return linearize(device, found.point(k)).eigenvalues()

    return jax.vmap(rates)(jnp.arange(found.u.shape[0]))


def write_transient(path: Path, run: Transient) -> None:
    """A CSV with a column for each signal, name and unit in its header, all digits."""
    states = zip(run.state_names, run.state_units, strict=True)
    names = ["t_s", "V_V", "I_A", "u_V", *(f"{name}_{unit}" for name, unit in states)]
    table = np.column_stack([run.t, run.V, run.I, run.u, run.x])
    write_csv(path, names, table.tolist())
