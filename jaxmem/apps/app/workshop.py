"""Folders of the app's fits and designs: one for each visit, gone when the visit ends."""

import re
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

# So many visits are kept at once; the oldest that nobody looks at goes first.
MOST = 20
NAME = re.compile("[A-Za-z0-9_-]{16,40}")


class Workshop:
    """What one visit has: a folder, what is known of it, and what runs for it.

    - `folder`: where its files and results lie; no other visit sees it.
    - `state`: what its page keeps between reloads.
    - `on_close`: what is called when it ends, to stop what runs.
    """

    def __init__(self, name: str):
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix="jaxmem-app-"))
        self.state: dict[str, Any] = {}
        self.viewers: set[str] = set()
        self.on_close: list[Callable[[], None]] = []

    def close(self) -> None:
        """Stop what runs for it, and remove its folder."""
        for stop in self.on_close:
            stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Workshops:
    """All visits, by a name that nobody can guess."""

    def __init__(self):
        self._all: dict[str, Workshop] = {}
        self._lock = threading.Lock()

    def named(self, name: str) -> Workshop | None:
        """The visit of a name, if there is one."""
        return self._all.get(name) if NAME.fullmatch(name) else None

    def new(self) -> Workshop:
        """A new one."""
        with self._lock:
            idle = [w for w in self._all.values() if not w.viewers]
            for old in idle[: max(0, len(self._all) - MOST + 1)]:
                self._all.pop(old.name).close()
            made = Workshop(secrets.token_urlsafe(18))
            self._all[made.name] = made
            return made

    def leave(self, workshop: Workshop, viewer: str) -> None:
        """A tab was closed: when it was the last, the visit ends, and what runs for it."""
        workshop.viewers.discard(viewer)
        if not workshop.viewers and self._all.pop(workshop.name, None):
            workshop.close()

    def close(self) -> None:
        """End all."""
        with self._lock:
            every, self._all = list(self._all.values()), {}
        for workshop in every:
            workshop.close()
