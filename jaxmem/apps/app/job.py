"""A job in a process of its own, as a page sees it: how far it is, how it ended, how to end it."""

import contextlib
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

from jaxmem.apps.environment import set_environment


class Job:
    """A job of `jaxmem.apps.app.worker` in a folder.

    - `stage`, `done`, `total`: how far it is. `notes`: what it said meanwhile.
    - `lines`, `ok`: its findings in words, and whether it succeeded, when it has `ended`.
    - `problem`: why it failed, in a sentence; empty if it did not.
    """

    def __init__(self, kind: str, folder: Path):
        self.kind, self.folder = kind, folder
        self.stage, self.done, self.total = "starting", 0, 0
        self.notes: list[str] = []
        self.lines: list[str] = []
        self.ok = False
        self.problem = ""
        self.ended = threading.Event()
        self.cancelled = False
        self.since = self.began = time.monotonic()
        set_environment()
        with (folder / f"{kind}.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jaxmem.apps.app.worker", kind], cwd=folder,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        threading.Thread(target=self._listen, daemon=True).start()

    def cancel(self) -> None:
        """End it now; what it was writing does not appear."""
        self.cancelled = True
        with contextlib.suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
            self._process.kill()
        self._process.wait()
        self.ended.wait(5)

    def line(self) -> str:
        """How far it has come, and how long the rest takes at this rate."""
        now = time.monotonic()
        passed, at_stage = now - self.began, now - self.since
        counted = f": {self.done} of {self.total}" if self.total else ""
        text = f"{self.stage}{counted}, after {passed:.0f} s"
        if 0 < self.done < self.total:
            text += f"; about {at_stage * (self.total - self.done) / self.done:.0f} s left"
        return text

    @property
    def share(self) -> float | None:
        """Which part of the stage is done, from 0 to 1; None where that is not known."""
        return self.done / self.total if self.total and self.done else None

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as said:
            for line in said:
                with contextlib.suppress(ValueError):
                    self._hear(json.loads(line))
        code = self._process.wait()
        with contextlib.suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        if not self.lines and not self.problem:
            self.problem = (
                "It was cancelled." if self.cancelled
                else f"The process ended with status {code}; its log: {self._log()}"
            )  # fmt: skip
        self.ended.set()

    def _hear(self, said: dict) -> None:
        if "step" in said:
            stage, self.done, self.total = said["step"]
            if stage != self.stage:
                self.stage, self.since = stage, time.monotonic()
        elif "say" in said:
            self.notes.append(said["say"])
        elif "failed" in said:
            self.problem = said["failed"]
        elif "done" in said:
            self.lines, self.ok = said["done"]["lines"], said["done"]["ok"]

    def _log(self) -> str:
        with contextlib.suppress(OSError):
            return (self.folder / f"{self.kind}.log").read_text(errors="replace")[-500:].strip()
        return ""
