"""A folder of results: nothing half written, and never over what is the user's."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jaxmem.output.waiting_signals import Held, held_signals

# Lists what was written, a hash and a path a line: what the next run may replace.
MARK = ".jaxmem-files"


class FolderError(ValueError):
    """A folder that cannot take results. The message names it and says what to do."""


def check_folder(path: str | os.PathLike, *, force: bool = False) -> None:
    """Refuse a path at which `new_folder` would not write, before any work is done.

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


class ResultsFolder:
    """Files on their way to a folder of results.

    - `path`: a hidden folder beside it, to write into. `publish` moves what is there to `place`.
    - `place`: where the results lie: what was asked for, or `fit-2` if that could not be replaced.
    - `notes`: what a user must be told of that, in words.
    """

    def __init__(self, path: Path, place: Path, held: Held, *, force: bool):
        self.path, self.place, self.notes = path, place, []
        self._force, self._published, self._held = force, False, held

    def publish(self) -> None:
        """Move the files written so far to their place; more may be written and published."""
        hashes = {p.relative_to(self.path): _hash(p) for p in self.path.rglob("*") if p.is_file()}
        before = {}
        if self._published:
            before = _listed(self.place)
        else:
            self._take_place()
        self._published = True
        self.notes += _set_aside(self.place, list(hashes))
        # Before the files: a run that is killed here leaves a folder that --force may replace.
        _write_mark(self.place, before | hashes)
        for part in sorted(hashes):
            (self.place / part).parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.path / part, self.place / part)
        self._held.release()

    def _take_place(self) -> None:
        """Make the folder, or clear an earlier one of its results."""
        asked = self.place
        for k in range(1, 1000):
            place = asked if k == 1 else asked.with_name(f"{asked.name}-{k}")
            why = _why_not(place, force=self._force and k == 1)
            if why:
                if k == 1:
                    self.notes.append(why)
                continue
            try:
                place.mkdir(parents=True, exist_ok=True)
            except FileExistsError:  # a file of this name, made this moment
                continue
            break
        else:
            raise FolderError(f"{asked}: there are a thousand of this name; name another folder")
        self.place = place
        if self.notes:
            self.notes[-1] += f"; the results are in {place}"
        self.notes += _set_aside(place, list(_listed(place)))
        _remove_results(place)


@contextmanager
def new_folder(path: str | os.PathLike, *, force: bool = False) -> Iterator[ResultsFolder]:
    """A folder of results, in its place when the block ends; if it fails, only what was published.

    With `force` the results of an earlier run at `path` go. Other files in it stay, and so does
    what was edited since, or stands where a result goes, under another name. If the folder appeared
    after `check_folder`, the results go to `path-2`, because they may have taken hours. The `notes`
    say so.

    Until the first `publish`, or the end of the block, Ctrl-C and SIGTERM wait, so that what was
    computed before is not lost while it is written.

    **Raises:** `FolderError` if nothing can be written there.
    """
    path = Path(path)
    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    # Beside its destination, so that each file gets there by a rename on one file system.
    staging = Path(tempfile.mkdtemp(prefix=staging_prefix(path), dir=path.absolute().parent))
    try:
        with held_signals() as held:
            results = ResultsFolder(staging, path, held, force=force)
            yield results
            results.publish()
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def staging_prefix(path: Path) -> str:
    """How the hidden folder of this process begins."""
    return f".{path.name}.{os.getpid()}."


def _why_not(place: Path, *, force: bool) -> str:
    """Why results cannot go to a place; empty if they can."""
    if not place.exists() or (place.is_dir() and not any(place.iterdir())):
        return ""
    if not place.is_dir():
        return f"{place} is a file by now"
    if not force:
        return f"{place} exists by now"
    written = (place / MARK).is_file()
    return "" if written else f"{place} holds files that this program did not write"


def _set_aside(place: Path, parts: list[Path]) -> list[str]:
    """Rename what stands at these parts and is not as it was written; says of each so."""
    said, written = [], _listed(place)
    for part in sorted(parts):
        file = place / part
        if not file.exists():
            continue
        if part in written and (not written[part] or _hash(file) == written[part]):
            continue
        known = part in written
        word = "edited" if known else "kept"
        for k in range(1, 1000):
            kept = file.with_name(f"{file.stem}.{word}{'' if k == 1 else f'-{k}'}{file.suffix}")
            if not kept.exists():
                break
        os.replace(file, kept)
        why = "edited since it was written" if known else "not written by this program"
        said.append(f"{file} was {why}, and is kept as {kept.name}")
    return said


def _remove_results(path: Path) -> None:
    """Remove what an earlier run listed, and the folders that this leaves empty."""
    for part in _listed(path):
        (path / part).unlink(missing_ok=True)
        for parent in list((path / part).parents)[: len(part.parts) - 1]:
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()


def _write_mark(path: Path, hashes: dict[Path, str]) -> None:
    lines = [f"{digest}  {part.as_posix()}\n" for part, digest in sorted(hashes.items())]
    new = path / f"{MARK}.new"
    new.write_text("".join(lines), encoding="utf-8")
    os.replace(new, path / MARK)


def _listed(path: Path) -> dict[Path, str]:
    """What an earlier run wrote, and its hash (empty in an old list).

    A list that somebody edited must not reach outside.
    """
    mark = path / MARK
    found = {}
    for line in mark.read_text(encoding="utf-8").splitlines() if mark.is_file() else []:
        hashed = re.fullmatch("([0-9a-f]{64})  (.+)", line)
        digest, name = hashed.groups() if hashed else ("", line)
        part = Path(name)
        if name and not part.is_absolute() and ".." not in part.parts:
            found[part] = digest
    return found


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
