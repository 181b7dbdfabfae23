"""A place to drop files on, and what of a file's name is kept."""

import re
from collections.abc import Awaitable, Callable
from pathlib import PurePosixPath

from nicegui import events, ui

from jaxmem.apps.app.frame import tell
from jaxmem.apps.app.gate import LARGEST_UPLOAD

# Of one file; the gate allows the envelope, too.
LARGEST_FILE = LARGEST_UPLOAD - 64 * 1024
MOST_FILES = 200


def drop_zone(
    label: str, take: Callable[[str, bytes], Awaitable[None]], *, multiple: bool = True
) -> ui.upload:
    """A place for files, each given to `take` by its name and what is in it.

    **Arguments:** `label`: what is to be dropped. `multiple`: whether several at once.
    """

    async def taken(event: events.UploadEventArguments) -> None:
        if event.file.size() > LARGEST_FILE:
            tell(f"{plain_name(event.file.name)}: a file may have {LARGEST_FILE // 2**20} MB")
            return
        await take(plain_name(event.file.name), await event.file.read())
        zone.reset()

    def refused() -> None:
        tell(f"A file may have {LARGEST_FILE // 2**20} MB, and {MOST_FILES} may be dropped at once")

    zone = ui.upload(
        label=label, multiple=multiple, auto_upload=True, on_upload=taken, on_rejected=refused,
        max_file_size=LARGEST_FILE, max_files=MOST_FILES if multiple else None,
    )  # fmt: skip
    zone.props(f'flat bordered aria-label="{label}"').classes("w-full")
    return zone


def plain_name(name: str) -> str:
    """The last part of a file's name, of letters that every system takes: never a path."""
    last = PurePosixPath(name.replace("\\", "/")).name
    kept = re.sub(r"[^\w.+=@() -]", "_", last).strip(" .")
    return kept[:120] or "file"
