"""A folder of results: written whole or not at all, and never over what is the user's."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Lists what was written, one path a line: what may be replaced by the next run.
MARK = ".jaxmem-files"


class FolderError(ValueError):
    """A folder that cannot take results. The message names it and says what to do."""


def check_folder(path: str | os.PathLike, *, force: bool = False) -> None:
    """Refuse a path at which `new_folder` could not write, before any work is done.

    **Raises:** `FolderError` if something stands at the path: with `force`, only if it was not
    written by this program.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise FolderError(f"{path}: this is a file; name a folder for the results")
    for parent in path.absolute().parents:
        if parent.exists():
            if not parent.is_dir():
                raise FolderError(f"{path}: {parent} is a file and holds no folder")
            if not os.access(parent, os.W_OK):
                raise FolderError(f"{path}: no permission to write in {parent}")
            break
    if not path.is_dir() or not any(path.iterdir()):
        return
    if not force:
        raise FolderError(f"{path}: the folder exists; name another, or replace it with --force")
    if not (path / MARK).is_file():
        raise FolderError(
            f"{path}: the folder holds files that this program did not write (it has no {MARK}); "
            "--force replaces results only: name another folder"
        )


@contextmanager
def new_folder(path: str | os.PathLike, *, force: bool = False) -> Iterator[Path]:
    """A folder to write into, that appears at `path` when the block ends, and not if it fails.

    With `force` the results of an earlier run at `path` go; other files in it stay.

    **Raises:** `FolderError`, see `check_folder`.
    """
    path = Path(path)
    check_folder(path, force=force)
    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    # Beside its destination, so that the last step is a rename on one file system.
    staging = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.absolute().parent))
    try:
        yield staging
        written = sorted(p.relative_to(staging) for p in staging.rglob("*") if p.is_file())
        (staging / MARK).write_text("".join(f"{p.as_posix()}\n" for p in written))
        check_folder(path, force=force)
        if not path.exists():
            staging.chmod(0o755)
            os.replace(staging, path)
            return
        known = _listed(path)
        theirs = [part for part in written if (path / part).exists() and part not in known]
        if theirs:
            raise FolderError(
                f"{path}: {theirs[0]} there was not written by this program and would be "
                "replaced; move it away, or name another folder"
            )
        _remove_results(path)
        for part in [*written, Path(MARK)]:
            (path / part).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staging / part, path / part)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _remove_results(path: Path) -> None:
    """Remove what an earlier run listed, and the folders that this leaves empty."""
    for part in _listed(path):
        (path / part).unlink(missing_ok=True)
        for parent in list((path / part).parents)[: len(part.parts) - 1]:
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()
    (path / MARK).unlink(missing_ok=True)


def _listed(path: Path) -> list[Path]:
    """What an earlier run wrote; a list that somebody edited must not reach outside."""
    mark = path / MARK
    lines = mark.read_text().splitlines() if mark.is_file() else []
    parts = [Path(line) for line in lines if line]
    return [part for part in parts if not part.is_absolute() and ".." not in part.parts]
