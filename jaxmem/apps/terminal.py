"""What a command says: its lines, how far it has come, and errors as one sentence."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from jaxmem.apps.answering import collect
from jaxmem.apps.stopping import keeps, stopped, work_begins

screen = Console(stderr=True, highlight=False)

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130
# Where there is no terminal, a stage is heard of after so long [s], then after twice that, ...
FIRST_WORD, LAST_WORD = 5.0, 60.0


def say(line: str) -> None:
    """Write a line to standard error, not broken."""
    collect(line)
    screen.print(line, markup=False, soft_wrap=True)


class Bars:
    """Lines above, and a bar for each stage; where there is no terminal, a line now and then."""

    def __init__(self, bars: Progress):
        self.bars = bars
        self.tasks: dict[str, TaskID] = {}
        self.stage, self.done, self.total = "working", 0, 0
        self.since = time.monotonic()

    def say(self, line: str) -> None:
        """A line."""
        say(line)

    def step(self, stage: str, done: int, total: int) -> None:
        """A stage has come so far."""
        if stage != self.stage:
            self.since = time.monotonic()
        self.stage, self.done, self.total = stage, done, total
        if stage not in self.tasks:
            self.tasks[stage] = self.bars.add_task(stage, total=total)
        self.bars.update(self.tasks[stage], completed=done, total=total)

    def line(self) -> str:
        """How far the stage has come, and how long the rest takes at this rate."""
        passed = time.monotonic() - self.since
        counted = f": {self.done} of {self.total}" if self.total else ""
        text = f"{self.stage}{counted} after {passed:.0f} s"
        if 0 < self.done < self.total:
            text += f", about {passed * (self.total - self.done) / self.done:.0f} s left"
        return text

    def tell(self, over: threading.Event) -> None:
        """Say how far it has come, at ever longer intervals, until it is over."""
        pause = FIRST_WORD
        while not over.wait(pause):
            say(self.line())
            pause = min(2 * pause, LAST_WORD)


@contextmanager
def bars() -> Iterator[Bars]:
    """What hears of progress while a command works."""
    work_begins()
    with Progress(
        TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), TimeRemainingColumn(), console=screen, transient=True,
        disable=not screen.is_terminal,
    ) as shown:  # fmt: skip
        made, over = Bars(shown), threading.Event()
        if not screen.is_terminal:
            threading.Thread(target=made.tell, args=(over,), daemon=True).start()
        try:
            yield made
        finally:
            over.set()


@contextmanager
def guard(
    out: Path | None = None, kept: Callable[[Path, float], str] | None = None
) -> Iterator[None]:
    """Errors as one sentence and an exit status: 2 for bad input, 1 for what failed.

    **Arguments:**

    - `out`: the folder that the command writes.
    - `kept`: says what is on disk if it ends early, called with `out` and the time of its start.
    """
    # File systems round the times of files.
    since = time.time() - 2
    left = lambda: kept(out, since) if out is not None and kept else "nothing was written"
    if out is not None:
        keeps(out, left)
    try:
        yield
    except typer.Exit:
        raise
    except KeyboardInterrupt:
        say(f"interrupted: {left()}")
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        if stopped():
            # Libraries make other errors of Ctrl-C.
            say(f"interrupted: {left()}")
            raise typer.Exit(INTERRUPTED) from None
        if os.environ.get("JAXMEM_DEBUG"):
            raise
        known = isinstance(error, ValueError | RuntimeError | OSError | MemoryError)
        text = str(error) if known else f"unexpected {type(error).__name__}: {error}"
        if isinstance(error, MemoryError):
            text = f"there is not enough memory for this ({text or 'no more is said'})"
        say(f"jaxmem: {text}")
        if not known:
            say("This is a bug; JAXMEM_DEBUG=1 shows where it happened.")
        code = BAD_INPUT if isinstance(error, ValueError | OSError) else FAILED
        raise typer.Exit(code) from None
