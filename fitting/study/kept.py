"""What a run leaves on disk when it ends early. Imports nothing that is slow."""

from pathlib import Path

from jaxmem.output.results_folder import MARK


def search_files(out: Path) -> tuple[Path, Path]:
    """Beside the folder `out`: how far a search has come, and the spectra of a series so far."""
    return out.with_name(f"{out.name}.search.json"), out.with_name(f"{out.name}.search.jsonl")


def what_is_kept(out: Path, since: float) -> str:
    """What a run that ended early has left, in words.

    **Arguments:**

    - `out`: the folder that it was to write.
    - `since`: when it began [s since 1970]: what is older is of another run.
    """
    fresh = lambda path: path.is_file() and path.stat().st_mtime >= since
    said = [f"what was finished is in {out}"] if fresh(out / MARK) else []
    search, series = search_files(out)
    if fresh(search):
        said.append(f"how far the search came is in {search}; --resume goes on")
    if fresh(series):
        count = max(len(series.read_bytes().splitlines()) - 1, 0)
        said.append(f"{count} spectra are kept in {series}; --resume goes on")
    return "; ".join(said) or "nothing was written"
