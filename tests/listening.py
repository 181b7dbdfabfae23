"""What listens in tests: to reports of progress, for Ctrl-C, and to files that are opened."""

import io
from collections.abc import Callable


class Heard:
    """Keeps lines and steps."""

    def __init__(self):
        self.lines: list[str] = []
        self.steps: list[tuple[str, int, int]] = []

    def say(self, line):
        self.lines.append(line)

    def step(self, stage, done, total):
        self.steps.append((stage, done, total))


class CtrlC(Heard):
    """Raises KeyboardInterrupt at the first line, or step, that `when` is true of."""

    def __init__(self, when: Callable[[str], bool]):
        super().__init__()
        self.when = when

    def say(self, line):
        super().say(line)
        if self.when(line):
            raise KeyboardInterrupt

    def step(self, stage, done, total):
        super().step(stage, done, total)
        if self.when(f"{stage}: {done} of {total}"):
            raise KeyboardInterrupt


def files_opened(monkeypatch) -> list[str]:
    """A list to which the path of each file is added when it is opened."""
    opened, ordinary = [], io.open

    def listening(file, *arguments, **more):
        opened.append(str(file))
        return ordinary(file, *arguments, **more)

    monkeypatch.setattr(io, "open", listening)
    monkeypatch.setattr("builtins.open", listening)
    return opened
