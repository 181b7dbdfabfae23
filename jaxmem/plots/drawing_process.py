"""Figures drawn by a second process, while the first one computes.

A figure is data, so that it can be drawn anywhere. matplotlib takes as long to be imported and to
draw a page's figures as a spectrum takes to be fitted: a command starts a second process for it
before it imports JAX. What that process cannot do is drawn here.
"""

import contextlib
import io
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # A command imports this module before it knows whether anything will be drawn.
    from jaxmem.plots.figure import Figure

Files = dict[str, bytes]


class Plain(pickle.Pickler):
    """Arrays of JAX, which the second process does not import, become those of NumPy."""

    def reducer_override(self, obj: Any) -> Any:
        jax = sys.modules.get("jax")
        if jax is None or not isinstance(obj, jax.Array):
            return NotImplemented
        import numpy as np

        return np.asarray, (np.asarray(obj),)


def pickled(what: Any) -> bytes:
    """What the second process is told, without anything of JAX in it."""
    file = io.BytesIO()
    Plain(file).dump(what)
    return file.getvalue()


class DrawingProcess:
    """A second process that draws; it starts when it is told to, and ends with the first one."""

    def __init__(self):
        self._process: subprocess.Popen | None = None
        # One thread: questions and answers take turns, and neither fills a pipe that none reads.
        self._thread = ThreadPoolExecutor(1)
        self._asked: dict[bytes, Future] = {}

    def start(self) -> None:
        """Start it, if it has not been started."""
        if self._process is None:
            # It finds this package where this process does.
            where = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
            task = "from jaxmem.plots.drawing_process import draw_what_comes as run; run()"
            call = [sys.executable, "-P", "-c", task]
            pipe, none = subprocess.PIPE, subprocess.DEVNULL
            # Where the system has no room for another process, this one draws.
            with contextlib.suppress(OSError):
                self._process = subprocess.Popen(
                    call, stdin=pipe, stdout=pipe, stderr=none, env=where
                )

    def ask(self, figure: "Figure", formats: Sequence[str]) -> bytes | None:
        """Have a figure drawn: the question, under which its answer is kept until it is taken."""
        if self._process is None:
            return None
        try:
            question = pickled((figure, tuple(formats)))
        except Exception:
            # What cannot be told is drawn here.
            return None
        if question not in self._asked:
            self._asked[question] = self._thread.submit(self._answer, self._process, question)
        return question

    def take(self, question: bytes) -> Files | None:
        """Wait for an answer."""
        return self._asked.pop(question).result()

    @property
    def started(self) -> bool:
        """Whether there is a second process."""
        return self._process is not None

    @staticmethod
    def _answer(process: subprocess.Popen, question: bytes) -> Files | None:
        """The answer of the process; None if it could not draw, or has ended."""
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(question)
            process.stdin.flush()
            return pickle.load(process.stdout)
        except Exception:
            # It was killed, or what came is no answer; of which class that is depends on the bytes.
            return None

    def close(self) -> None:
        """End it, whatever it is at."""
        if self._process is not None:
            self._process.kill()
            self._thread.shutdown(cancel_futures=True)
            # What it was not told any more cannot be written.
            with contextlib.suppress(OSError), self._process:
                pass


# The one of this process, if a command has one.
_current: list[DrawingProcess] = []


@contextlib.contextmanager
def drawing_apart() -> Iterator[None]:
    """Until the block ends, a second process draws, once `begin_drawing` has started it."""
    process = DrawingProcess()
    _current.append(process)
    try:
        yield
    finally:
        _current.remove(process)
        process.close()


def begin_drawing() -> None:
    """Start the second process, where there may be one: there will be something to draw."""
    for process in _current:
        process.start()


def draws_apart() -> bool:
    """Whether a second process draws, so that it is worth while to draw ahead."""
    return any(process.started for process in _current)


def draw_ahead(figure: "Figure", formats: Sequence[str] = ("png", "svg")) -> None:
    """Begin to draw a figure that will be saved in these formats, where a second process draws."""
    for process in _current:
        process.ask(figure, formats)


def drawn_apart(figure: "Figure", formats: Sequence[str]) -> Files | None:
    """What a second process drew, as `drawn_files`; None if there is none, or if it could not."""
    for process in _current:
        if question := process.ask(figure, formats):
            return process.take(question)
    return None


def draw_what_comes() -> None:
    """The second process: draw what comes by standard input until it ends."""
    # Ctrl-C is sent to both; the first process decides what becomes of the work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    # What a library prints must not come between the answers.
    sys.stdout = sys.stderr
    from jaxmem.plots.drawing import drawn_files

    with contextlib.suppress(EOFError):
        while True:
            figure, formats = pickle.load(asked)
            try:
                files = drawn_files(figure, formats)
            except Exception:
                # The first process tries it itself, and says what is wrong.
                files = None
            pickle.dump(files, answers)
            answers.flush()
