"""What `jaxmem sweep` does: a device and axes of parameters to the map of its oscillations."""

import json
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, Int

from jaxmem import plots
from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import LETTER, UNIT
from jaxmem.devices import AbstractDevice, read_device, write_device
from jaxmem.lens import lenses
from jaxmem.output.provenance import provenance_of
from jaxmem.output.reporter import Reporter
from jaxmem.output.results_folder import check_folder, new_folder
from jaxmem.plots.stability import hopf_map_figure
from jaxmem.settings import Setting, SpecError
from jaxmem.stability import hopf_points, least_margin
from jaxmem.sweeps import Axis, sweep
from jaxmem.toml_kinds import belongs_elsewhere

# A sweep of more points is a table of gigabytes.
MOST_POINTS = 10_000_000
KEYS = {
    s.name: s
    for s in (
        Setting("device", str, "The file of the device, beside this one", required=True),
        Setting("drive", str, "What is imposed", "current", choices=("current", "voltage")),
    )
}
AXIS_KEYS = {
    s.name: s
    for s in (
        Setting("parameter", str, "Its name in the device", required=True),
        Setting("low", float, "The least value"),
        Setting("high", float, "The largest value"),
        Setting("points", int, "How many values", 100, low=2, high=MOST_POINTS),
        Setting("spacing", str, "How they lie", "log", choices=("log", "linear")),
        Setting("values", list[float], "The values, in place of the other three"),
    )
}


class Oscillation(NamedTuple):
    """What a map holds of each device; NaN where it has no Hopf point.

    - `margin`, `margin_u`: see `least_margin`; negative where it oscillates at some bias.
    - `found`: how many Hopf points. Of the first and the last of them in u: the `drive` [A] or
      [V], the `frequency` [Hz], and `l1` [1/V^2], positive where the onset is hard.
    """

    margin: Float[Array, ""]
    margin_u: Float[Array, ""]
    found: Int[Array, ""]
    drive_low: Float[Array, ""]
    drive_high: Float[Array, ""]
    frequency_low: Float[Array, ""]
    frequency_high: Float[Array, ""]
    l1_low: Float[Array, ""]
    l1_high: Float[Array, ""]


@lru_cache(maxsize=4)
def oscillation_of(kind: DriveKind) -> Callable[[AbstractDevice], Oscillation]:
    """The function of a device that is swept; cached, because a new one would compile anew."""

    def of(device: AbstractDevice) -> Oscillation:
        least = least_margin(device, kind)
        hopf = hopf_points(device, drive=kind)
        at = hopf.imposed(kind)
        last = jnp.clip(hopf.found, 1, at.size) - 1
        ends = lambda a: (a[0], a[last])
        frequency = hopf.omega / (2 * jnp.pi)
        return Oscillation(
            least.margin, least.u, hopf.found, *ends(at), *ends(frequency), *ends(hopf.l1)
        )

    return of


@dataclass(frozen=True)
class SweepFile:
    """What a TOML file asks for.

        device = "device.toml"   # beside this file
        drive = "current"        # or "voltage", through R_s

        [[axis]]
        parameter = "C_m"
        low = 1e-9
        high = 1e-6
        points = 200             # or values = [...] in the place of these three
        spacing = "log"          # or "linear"

    Over one or two axes there is a figure, over more the arrays only.
    """

    device: AbstractDevice
    device_file: Path
    drive: DriveKind
    axes: tuple[Axis, ...]


class Swept(NamedTuple):
    """What was written, its points, the share of them that oscillate, and remarks in words."""

    folder: Path
    points: int
    share: float
    data: xr.Dataset
    notes: list[str]


def read_sweep(path: str | Path, *, allow_import: bool = False) -> SweepFile:
    """The sweep that a TOML file describes (see `SweepFile`).

    **Arguments:**

    - `path`: the file.
    - `allow_import`: whether its device may name classes that are imported (see `read_device`).

    **Raises:** `ValueError` that names the file, the entry, and what may stand there.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file; check the path") from None
    except OSError as error:
        raise ValueError(f"{path}: the file cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: this is not TOML: {error}") from None
    if other := belongs_elsewhere(table, "sweep"):
        raise ValueError(f"{path}: {other}")
    axes = table.pop("axis", None)
    said = _checked(f"{path}", table, KEYS)
    source = path.parent / said["device"]
    device = read_device(source, allow_import=allow_import)
    if not isinstance(axes, list) or not axes:
        raise ValueError(f"{path}: there is no [[axis]]; give one or two")
    made = tuple(_axis(f"{path}: [[axis]] {k}", a, device) for k, a in enumerate(axes, 1))
    total = math.prod(len(axis.values) for axis in made)
    if total > MOST_POINTS:
        raise ValueError(f"{path}: {total:,} points, and {MOST_POINTS:,} are the most")
    return SweepFile(device, source, said["drive"], made)


def _axis(where: str, entry: Any, device: AbstractDevice) -> Axis:
    said = _checked(where, entry, AXIS_KEYS)
    known, name = lenses(device), said["parameter"]
    if name not in known:
        raise ValueError(
            f"{where}: the device has no parameter {name!r}; it has {', '.join(known)}"
        )
    ends = [key for key in ("low", "high") if key in said]
    if "values" in said:
        if ends or "points" in entry:
            raise ValueError(f"{where}: give values, or low, high and points; not both")
        return Axis(known[name], said["values"])
    if len(ends) < 2:
        raise ValueError(f"{where}: {name} needs low and high, or values")
    make = Axis.log if said["spacing"] == "log" else Axis.linear
    try:
        return make(known[name], said["low"], said["high"], said["points"])
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _checked(where: str, entry: Any, declared: Mapping[str, Setting]) -> dict[str, Any]:
    """The values of a table of the file, with the defaults of what it leaves out."""
    if not isinstance(entry, dict):
        raise ValueError(f"{where}: write its keys below, {', '.join(declared)}")
    unknown = sorted(set(entry) - set(declared))
    if unknown:
        raise ValueError(f"{where}: no key {unknown[0]!r}; there are {', '.join(declared)}")
    missing = [s.name for s in declared.values() if s.required and s.name not in entry]
    if missing:
        raise ValueError(f"{where}: {missing[0]} is missing ({declared[missing[0]].help.lower()})")
    try:
        given = {name: declared[name].checked(value) for name, value in entry.items()}
    except SpecError as error:
        raise ValueError(f"{where}: {error}") from None
    defaults = {s.name: s.default for s in declared.values() if s.default is not None}
    return defaults | given


def write_sweep(
    file: str | Path,
    out: str | Path,
    *,
    force: bool = False,
    allow_import: bool = False,
    command: str = "",
    progress: Reporter | None = None,
) -> Swept:
    """Write sweep.nc (all arrays), sweep.csv (a row a point), the figure, sweep.json.

    **Raises:** `ValueError` for a file, a device or axes that cannot be swept.
    """
    check_folder(out, force=force)
    asked = read_sweep(file, allow_import=allow_import)
    # With one point first, so that what is wrong with the device is said at once.
    oscillation_of(asked.drive)(asked.device)
    data = sweep(oscillation_of(asked.drive), asked.device, *asked.axes, progress=progress)
    _units(data, asked.drive)
    share = float((data.margin < 0).mean())
    with new_folder(out, force=force) as results:
        data.to_netcdf(results.path / "sweep.nc", engine="scipy")
        table = data.to_dataframe().reset_index()
        table.to_csv(results.path / "sweep.csv", index=False)
        write_device(results.path / "device.toml", asked.device)
        record = {
            "drive": asked.drive,
            "axes": {name: int(data.sizes[name]) for name in data.margin.dims},
            "share_that_oscillates": share,
            "provenance": provenance_of(command, [file, asked.device_file]),
        }
        (results.path / "sweep.json").write_text(json.dumps(record, indent=1) + "\n")
        results.publish()
        problem = ""
        if len(asked.axes) <= 2:
            figure = lambda: hopf_map_figure(data, asked.drive)
            _, problem = plots.save_if_possible(figure, results.path, "map")
    notes = [*([problem] if problem else []), *results.notes]
    return Swept(results.place, int(np.prod(data.margin.shape)), share, data, notes)


def _units(data: xr.Dataset, drive: DriveKind) -> None:
    unit, letter = UNIT[drive], LETTER[drive]
    for name, kind, meaning in (
        ("margin", "1", "normalised Hurwitz margin, least over the voltages"),
        ("margin_u", "V", "voltage over the memristor where it is least"),
        ("found", "1", "number of Hopf points"),
        ("drive_low", unit, f"{letter} at the first Hopf point"),
        ("drive_high", unit, f"{letter} at the last Hopf point"),
        ("frequency_low", "Hz", "frequency at the first Hopf point"),
        ("frequency_high", "Hz", "frequency at the last Hopf point"),
        ("l1_low", "V-2", "criticality at the first Hopf point; above 0 hard"),
        ("l1_high", "V-2", "criticality at the last Hopf point; above 0 hard"),
    ):
        data[name].attrs |= {"units": kind, "long_name": meaning}
