"""How a computation that takes long says how far it has come."""

import sys
from typing import Protocol, TextIO, runtime_checkable


@runtime_checkable
class Reporter(Protocol):
    """What hears of the progress of a computation. An exception that it raises stops the work."""

    def say(self, line: str) -> None:
        """Take one line of text."""

    def step(self, stage: str, done: int, total: int) -> None:
        """Hear that of a stage `done` parts of `total` are finished."""


class Silent:
    """A reporter that says nothing."""

    def say(self, line: str) -> None:
        """Ignore the line."""

    def step(self, stage: str, done: int, total: int) -> None:
        """Ignore the step."""


class Printing:
    """A reporter that writes each line, and each step as `stage: done of total`.

    **Arguments:**

    - `stream`: where to write; by default standard error.
    """

    def __init__(self, stream: TextIO | None = None):
        self.stream = stream

    def say(self, line: str) -> None:
        """Write the line."""
        print(line, file=self.stream or sys.stderr, flush=True)

    def step(self, stage: str, done: int, total: int) -> None:
        """Write the step as a line."""
        self.say(f"{stage}: {done} of {total}")
