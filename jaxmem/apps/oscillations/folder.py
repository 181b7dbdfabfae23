"""A map of oscillations in a folder; the work so far beside it, so that it can be resumed."""

import json
import math
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from jaxmem import plots
from jaxmem.apps.oscillations.boundary import Boundary, boundary_of
from jaxmem.apps.oscillations.kept import store_beside
from jaxmem.apps.oscillations.mapped import OF_CYCLES, units_of
from jaxmem.apps.oscillations.specification import SweepFile, read_sweep
from jaxmem.circuits.drive import UNIT
from jaxmem.devices import write_device
from jaxmem.output.numbers import engineering
from jaxmem.output.provenance import provenance_of
from jaxmem.output.reporter import Reporter
from jaxmem.output.results_folder import check_folder, new_folder
from jaxmem.plots.stability import oscillation_figure
from jaxmem.results import RESULTS
from jaxmem.sweeps import sweep

# Fewer points are computed again sooner than a store of them is opened.
KEPT_FROM = 20_000
# More points than these make no table, no arrays in one file, and a figure of every n-th only.
TABLE, ARRAYS, DRAWN = 200_000, 10_000_000, 250_000


class Swept(NamedTuple):
    """What was written, its points, the share of them that oscillate, and remarks in words."""

    folder: Path
    points: int
    share: float
    notes: list[str]


def fill(
    file: str | Path,
    out: str | Path,
    shard: tuple[int, int] = (1, 1),
    *,
    quantity: str | None = None,
    allow_import: bool = False,
    progress: Reporter | None = None,
) -> tuple[int, int]:
    """Compute a part of a sweep into the store beside its folder; how many tiles of all are done.

    **Raises:** `ValueError` for a file that says no sweep, or a store of another one.
    """
    asked = read_sweep(file, quantity=quantity, allow_import=allow_import)
    data = _swept(asked, store_beside(Path(out)), shard, progress)
    return data.attrs["tiles_done"], data.attrs["tiles"]


def _swept(asked: SweepFile, store: Path | None, shard, progress) -> xr.Dataset:
    of = asked.functions
    return sweep(
        of.fn, asked.device, *asked.axes, where=of.where, lanes=of.lanes, batch=of.batch,
        progress=progress, store=store, resume=store is not None, shard=shard,
    )  # fmt: skip


def write_sweep(
    file: str | Path,
    out: str | Path,
    *,
    force: bool = False,
    resume: bool = False,
    quantity: str | None = None,
    allow_import: bool = False,
    command: str = "",
    progress: Reporter | None = None,
) -> Swept:
    """Write sweep.nc (all arrays), sweep.csv (a row a point), the figure, sweep.json.

    Of two axes also the border of what oscillates, finer than the grid: boundary.csv. Of more than
    20,000 points, and of cycles, the work so far is kept beside the folder, `out.zarr`.

    **Arguments:**

    - `resume`: go on with what is kept; without it and with something there, nothing is done.
    - `quantity`: what is mapped, in the place of what the file says.

    **Raises:** `ValueError` for a file, a device or axes that cannot be swept, and for a store that
    is there but not to be resumed, or of another sweep.
    """
    out = Path(out)
    check_folder(out, force=force or resume)
    asked = read_sweep(file, quantity=quantity, allow_import=allow_import)
    store = store_beside(out)
    if store.exists() and not resume:
        raise ValueError(
            f"{store}: a sweep was interrupted and is kept there; --resume goes on with it, or "
            "remove it"
        )
    kept = store.exists() or asked.points > KEPT_FROM or asked.quantity in OF_CYCLES
    data = _swept(asked, store if kept else None, (1, 1), progress)
    lines = _boundary(asked, data)
    for name, (unit, meaning) in units_of(asked.drive).items():
        if name in data:
            data[name].attrs |= {"units": unit, "long_name": meaning}
    share = float((data.margin < 0).mean())
    record = {
        "drive": asked.drive,
        "quantity": asked.quantity,
        "axes": {name: int(data.sizes[name]) for name in data.margin.dims},
        "share_that_oscillates": share,
        "layout": data.attrs.get("sweep"),
        "provenance": provenance_of(command, [file, asked.device_file]),
    }
    if asked.quantity in OF_CYCLES:
        record |= {"at": dict([asked.at]), "without_a_cycle": _failures(data)}
    notes = []
    with new_folder(out, force=force or resume) as results:
        if asked.points <= ARRAYS:
            bare = data.drop_attrs(deep=False)
            bare.to_netcdf(results.path / "sweep.nc", engine="scipy")
        else:
            notes.append(f"the arrays of so many points stay in {store}; xarray.open_zarr reads it")
        if asked.points <= TABLE:
            table = data.to_dataframe().reset_index()
            table.to_csv(results.path / "sweep.csv", index=False)
        else:
            notes.append(f"no sweep.csv: more than {TABLE:,} points are no table")
        if lines is not None:
            _write_boundary(results.path / "boundary.csv", asked, data, lines)
        write_device(results.path / "device.toml", asked.device)
        (results.path / "sweep.json").write_text(json.dumps(record, indent=1) + "\n")
        results.publish()
        problem = ""
        if len(asked.axes) <= 2:
            _, problem = plots.save_if_possible(lambda: _figure(asked, data), results.path, "map")
    if kept and asked.points <= ARRAYS:
        shutil.rmtree(store, ignore_errors=True)
    notes += [*([problem] if problem else []), *results.notes]
    return Swept(results.place, asked.points, share, notes)


def _boundary(asked: SweepFile, data: xr.Dataset) -> Boundary | None:
    if len(asked.axes) != 2 or min(data.margin.shape) < 2:
        return None
    margin = asked.functions.margin
    return boundary_of(data.margin, margin, asked.device, (asked.axes[0], asked.axes[1]))


def _write_boundary(path: Path, asked: SweepFile, data: xr.Dataset, lines: Boundary) -> None:
    first, second = data.margin.dims
    rows = [f"line,{first},{second}\n"]
    rows += [f"{k},{x!r},{y!r}\n" for k, x, y in zip(*map(np.ndarray.tolist, lines), strict=True)]
    path.write_text("".join(rows), encoding="utf-8")


def _failures(data: xr.Dataset) -> dict[str, int]:
    """Of the devices that oscillate, how many have no cycle there, by the reason."""
    codes, counts = np.unique(data.result.values[data.margin.values < 0], return_counts=True)
    sentence = lambda code: RESULTS._index_to_message[int(code)]
    return {sentence(k): int(n) for k, n in zip(codes, counts, strict=True) if sentence(k)}


def _figure(asked: SweepFile, data: xr.Dataset) -> plots.Figure:
    step = max(1, math.ceil(math.sqrt(asked.points / DRAWN)))
    if len(asked.axes) == 2 and step > 1:
        data = data.isel({name: slice(None, None, step) for name in data.margin.dims})
    name, number = asked.at
    words = {
        "window": f"at {number:g} of the window", "threshold": f"at {number:g} times the onset"
    }  # fmt: skip
    own = f"at {name} = {engineering(number, UNIT[asked.drive])}"
    return oscillation_figure(data, asked.drive, words.get(name, own))
