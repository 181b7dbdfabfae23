"""What a sweep has computed so far, on disk: killed at any moment, it goes on where it was."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from jaxmem.sweeps.tiles import Tiles

ABOUT = "sweep"


class Variable(NamedTuple):
    """An array of results: its dimensions behind the axes, their sizes, and its type."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def absent(self) -> Any:
        """What stands where nothing was computed: not a number, where the type has that."""
        return self.dtype.type(np.nan if self.dtype.kind in "fc" else 0)


class Layout(NamedTuple):
    """How a store divides its grid; bits repeat where this is kept."""

    tile: tuple[int, ...]
    lanes: int


def layout_of(path: str | os.PathLike) -> Layout | None:
    """How the store at a path divides its grid; None where there is none."""
    import zarr

    try:
        about: Any = zarr.open_group(path, mode="r", zarr_format=3).attrs[ABOUT]
        return Layout(tuple(about["tile"]), int(about["lanes"]))
    except (FileNotFoundError, KeyError, TypeError):
        return None


class SweepStore:
    """A zarr store of a sweep: a chunk of each array for a tile, and a mark when it is whole.

    Each tile's chunks and its mark are files of their own, written by a rename, so that processes
    that take different tiles share none, and whatever a process that is killed leaves behind is
    either whole or is computed again. `xr.open_zarr(path)` reads it at any time.
    """

    def __init__(self, path: Path, tiles: Tiles, root: Any):
        self.path, self.tiles, self._root = path, tiles, root

    @classmethod
    def open(
        cls,
        path: str | os.PathLike,
        tiles: Tiles,
        coordinates: Mapping[str, xr.Variable],
        variables: Mapping[str, Variable],
        about: Mapping[str, Any],
        *,
        resume: bool,
    ) -> "SweepStore":
        """The store at a path, made if there is none.

        **Arguments:**

        - `coordinates`, `variables`: the axes and what is computed, by name.
        - `about`: what the numbers depend on besides, as JSON can hold it.
        - `resume`: whether there may be one already. It must be of the same sweep.

        **Raises:** `ValueError` if there is one and `resume` is false, or it is of another sweep.
        """
        import zarr

        path, about = Path(path), {**about, "tile": list(tiles.size), "grid": list(tiles.grid)}
        about["variables"] = list(variables)
        if path.exists() and not resume:
            raise ValueError(f"{path}: there are results already; resume, or name another")
        if not path.exists():
            path.absolute().parent.mkdir(parents=True, exist_ok=True)
            new = tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.absolute().parent)
            _make(new, tiles, coordinates, variables, about)
            try:
                os.rename(new, path)
            except OSError:  # another process was quicker: its store is as good
                shutil.rmtree(new)
                if not path.exists():
                    raise
        try:
            root = zarr.open_group(path, mode="r+", zarr_format=3)
        except (FileNotFoundError, ValueError):
            raise ValueError(f"{path}: this is no store of a sweep; name another") from None
        _compare(path, root, coordinates, variables, about)
        return cls(path, tiles, root)

    def done(self) -> np.ndarray:
        """Which tiles are whole, of shape `(tiles,)`."""
        return np.asarray(self._root["progress/done"][:]) == 1

    def put(self, tile: int, values: Mapping[str, np.ndarray]) -> None:
        """Keep the arrays of a tile, then mark it."""
        place = self.tiles.place(tile)
        size = tuple(part.stop - part.start for part in place)
        for name, value in values.items():
            self._root[name][place] = value.reshape(*size, *value.shape[1:])
        self._root["progress/done"][tile] = 1

    def dataset(self) -> xr.Dataset:
        """All results, read from disk when they are used; NaN where a tile is missing."""
        return open_sweep(self.path)


def open_sweep(path: str | os.PathLike) -> xr.Dataset:
    """The results of a sweep that were kept in a store, read from disk when they are used.

    Its `attrs` say what was swept; `tiles_done` of `tiles` are computed, the rest is NaN.
    """
    import zarr

    # Units of s are no times of a calendar, which decoding would make of them.
    data = xr.open_zarr(path, consolidated=False, chunks=None, decode_cf=False)
    data = data[data.attrs[ABOUT]["variables"]]  # a folder has an order of its own
    root: Any = zarr.open_group(path, mode="r")
    done = np.asarray(root["progress/done"][:])
    data.attrs |= {"tiles": done.size, "tiles_done": int((done == 1).sum())}
    return data


def _make(path, tiles, coordinates, variables, about) -> None:
    import zarr

    root = zarr.create_group(path, zarr_format=3, attributes={ABOUT: about})
    for name, axis in coordinates.items():
        array = root.create_array(
            name, shape=axis.shape, dtype=axis.dtype, dimension_names=axis.dims,
            attributes=axis.attrs,
        )  # fmt: skip
        array[:] = axis.values
    for name, v in variables.items():
        root.create_array(
            name, shape=(*tiles.grid, *v.shape), chunks=(*tiles.size, *v.shape), dtype=v.dtype,
            fill_value=v.absent, dimension_names=(*coordinates, *v.dims),
        )  # fmt: skip
    root.create_array(
        "progress/done", shape=(tiles.number,), chunks=(1,), dtype="uint8", fill_value=0,
        dimension_names=("tile",),
    )  # fmt: skip


def _compare(path, root, coordinates, variables, about) -> None:
    """Refuse to go on with the results of another sweep."""
    differs = [
        f"{key} {old.get(key)!r} there, {new!r} here"
        for old in [root.attrs.get(ABOUT, {})]
        for key, new in about.items()
        if old.get(key) != new
    ]
    for name, axis in coordinates.items():
        if name not in root or not np.array_equal(root[name][:], axis.values):
            differs.append(f"the values of {name}")
    for name, v in variables.items():
        if name not in root or (root[name].shape, root[name].dtype) != (
            (*(c.size for c in coordinates.values()), *v.shape), v.dtype,
        ):  # fmt: skip
            differs.append(f"what {name} is")
    if differs:
        raise ValueError(
            f"{path}: these are results of another sweep ({'; '.join(differs)}); name another store"
        )
