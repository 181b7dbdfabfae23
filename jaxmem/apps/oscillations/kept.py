"""What a sweep leaves on disk when it ends early. Imports nothing that is slow."""

from pathlib import Path


def store_beside(out: Path) -> Path:
    """Where the work of a sweep is kept until its folder is written."""
    return out.with_name(f"{out.name}.zarr")


def what_a_sweep_keeps(out: Path, since: float) -> str:
    """What a sweep that ended early has left, in words.

    **Arguments:**

    - `out`: the folder that it was to write.
    - `since`: when it began [s since 1970]: what is older is of another run.
    """
    store = store_beside(out)
    # The folder of marks changes with each tile.
    places = (store, store / "progress" / "done" / "c")
    if any(place.is_dir() and place.stat().st_mtime >= since for place in places):
        return f"the tiles that are done are in {store}; --resume goes on"
    return "nothing was written"
