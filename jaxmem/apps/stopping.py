"""Ctrl-C and SIGTERM: the command ends soon, keeps what is done, and says so.

Python tells the program of a signal when it is next between two instructions. A compiler, or a
compiled search, may run for a minute without one, so a thread of its own hears of the signal at
once, and ends the process where the program does not take notice.
"""

import contextlib
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jaxmem.output.results_folder import staging_prefix
from jaxmem.output.waiting_signals import saving

# How long the program may take to notice [s].
PATIENCE = 4.0
# Signals within so short a time are one: `timeout` and others send them to process and group [s].
ONE = 1.0
# After so long an exception that was dropped is raised again [s].
AGAIN = 0.05
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopper:
    """Hears of signals for one command.

    - `received`: the signal that ended it, if one did.
    - `kept`: what is on disk by now, in words; it is called from the thread, too.
    - `out`: the folder that the command writes.
    - `working`: whether there may be something to keep. Before, while modules are imported, a
      signal ends the process at once: an exception would leave modules half imported.
    """

    def __init__(self):
        self.received: int | None = None
        self.out: Path | None = None
        self.kept: Callable[[], str] = lambda: "nothing was written"
        self.working = False
        self._noticed = threading.Event()
        self._sent_again = False

    def __enter__(self) -> "Stopper":
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, self._notice)
        threading.Thread(target=self._listen, daemon=True).start()
        self._unraisable, sys.unraisablehook = sys.unraisablehook, self._lost
        return self

    def __exit__(self, *error: object) -> None:
        signal.set_wakeup_fd(-1)
        sys.unraisablehook = self._unraisable
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    def _notice(self, number: int, frame: object) -> None:
        # One exception is enough: a second one would interrupt the saving.
        if self.working and not self._noticed.is_set():
            # The thread may hear of it later than this.
            self.received = self.received or number
            self._noticed.set()
            raise KeyboardInterrupt

    def _lost(self, lost: Any) -> None:
        """The exception came while memory was tidied up, where Python drops it: send it again."""
        if lost.exc_type is not KeyboardInterrupt or self.received is None:
            self._unraisable(lost)
            return
        self._noticed.clear()
        self._sent_again = True
        threading.Timer(AGAIN, os.kill, (os.getpid(), self.received)).start()

    def _listen(self) -> None:
        """The thread: the first signal gives the program time to notice, the second none."""
        since = None
        while True:
            number = os.read(self._read, 1)[0]
            if self._sent_again:
                self._sent_again = False
                continue
            if number not in SIGNALS or (since and time.monotonic() < since + ONE):
                continue
            again, since = since is not None, since or time.monotonic()
            self.received = number
            if again or not self.working:
                self.end("ended at once")
            _write("stopping, and keeping what is done (once more: end at once)")
            threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        while not self._noticed.wait(PATIENCE):
            if not saving():
                self.end("ended while a program was compiled or ran")

    def end(self, how: str) -> None:
        """End the process, and say what is kept."""
        with contextlib.suppress(Exception):
            _write(f"{how}: {self.kept()}")
        with contextlib.suppress(Exception):
            self._remove_staging()
        self.exit()

    def exit(self, code: int | None = None) -> None:
        """Leave without waiting for threads of a compiler, which have no use any more."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(128 + (self.received or signal.SIGINT) if code is None else code)

    def _remove_staging(self) -> None:
        if self.out is not None:
            for left in self.out.absolute().parent.glob(staging_prefix(self.out) + "*"):
                shutil.rmtree(left, ignore_errors=True)


# The one of this process, if the command line runs.
_current: list[Stopper] = []


@contextlib.contextmanager
def stoppable() -> Iterator[Stopper]:
    """Take the signals of the process, until the block ends."""
    with Stopper() as stopper:
        _current.append(stopper)
        try:
            yield stopper
        finally:
            _current.clear()


def keeps(out: Path, kept: Callable[[], str]) -> None:
    """Say which folder the command writes, and how to tell what is on disk when it ends early."""
    for stopper in _current:
        stopper.out, stopper.kept = out, kept


def work_begins() -> None:
    """From now on there may be something to keep."""
    for stopper in _current:
        stopper.working = True


def stopped() -> bool:
    """Whether a signal was received."""
    return any(stopper.received is not None for stopper in _current)


def _write(line: str) -> None:
    # Not through Python's buffers, which the program may hold.
    os.write(2, f"{line}\n".encode(errors="replace"))
