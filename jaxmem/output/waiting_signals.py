"""Numbers that took long are on disk before a signal ends the program."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_under_way: list["Held"] = []


def saving() -> bool:
    """Whether numbers are being written for which a signal waits."""
    return bool(_under_way)


class Held:
    """Signals that wait until `release`."""

    def __init__(self):
        self._received: list[tuple[int, FrameType | None]] = []
        # Only the main thread may say what a signal does, and only it is interrupted by one.
        own = threading.current_thread() is threading.main_thread()
        self._before = {number: signal.getsignal(number) for number in SIGNALS if own}
        if own:
            _under_way.append(self)
        for number, before in self._before.items():
            if callable(before):
                signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._received.append((number, frame))

    def release(self) -> None:
        """From now on signals do what they did before; the first that came meanwhile does now."""
        if not self._before:
            return
        # A handler may raise, so each is put back before any is called, and what comes in between
        # is noted still.
        for number, handler in reversed(self._before.items()):
            if callable(handler):
                signal.signal(number, handler)
        before, self._before = self._before, {}
        _under_way.remove(self)
        for number, frame in self._received[:1]:
            handler = before[signal.Signals(number)]
            if callable(handler):
                handler(number, frame)

    def forget(self) -> None:
        """Drop what was received: something else is to be told."""
        self._received.clear()


@contextmanager
def held_signals() -> Iterator[Held]:
    """Ctrl-C and SIGTERM wait until `release`, at the latest until the block ends.

    What ends the process without a word of Python's (SIGTERM by itself, outside of the commands)
    ends it still.
    """
    held = Held()
    try:
        yield held
    except BaseException:
        # What went wrong is the news, and ends the program as well.
        held.forget()
        raise
    finally:
        held.release()
