"""Where a measurement comes from, and how a reader speaks about it."""

from dataclasses import dataclass, field
from pathlib import Path


class ReadError(ValueError):
    """A file that cannot be read as impedance spectra, or as what else was asked for.

    Its message is one sentence: the file, the line (counted from 1) where there is one, what
    was found there, and what to do.
    """


@dataclass
class Source:
    """The file that is being read; remarks on what was assumed wait in `notes`."""

    path: Path
    notes: list[str] = field(default_factory=list)
    # A text has lines; a binary record has points.
    row_word: str = "line"

    def read_bytes(self) -> bytes:
        """The content of the file; `ReadError` if it cannot be opened."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            raise self.error("there is no such file; check the path") from None
        except IsADirectoryError:
            raise self.error("this is a folder; name a file in it") from None
        except (OSError, ValueError) as e:
            raise self.error(f"the file cannot be opened ({e}); check its permissions") from None

    def error(self, message: str, line: int | None = None) -> ReadError:
        """The error to raise about this file."""
        return ReadError(f"{self._at(line)}: {message}")

    def note(self, message: str, line: int | None = None) -> None:
        """Remember an assumption; `read_spectra` warns of each once it has finished."""
        note = f"{self._at(line)}: {message}"
        if note not in self.notes:
            self.notes.append(note)

    def _at(self, line: int | None) -> str:
        return str(self.path) if line is None else f"{self.path}, {self.row_word} {line}"


def shown(cell: str) -> str:
    """A cell as a message quotes it: on one line and not too long."""
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")
