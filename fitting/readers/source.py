"""Where a measurement comes from, and how a reader speaks about it."""

import hashlib
import math
import os
from dataclasses import dataclass, field
from pathlib import Path


class ReadError(ValueError):
    """A file that cannot be read as impedance spectra, or as what else was asked for.

    Its message is one sentence: the file, the line (counted from 1) where there is one, what
    was found there, and what to do.
    """


class NotASpectrum(ReadError):
    """A file that was to be a spectrum, and looks like a recording of voltage and current."""


class NotARecording(ReadError):
    """A file that was to be a recording in time, and holds a spectrum, or nothing like one."""


@dataclass
class Source:
    """The file that is being read, and its content; what was assumed waits in `notes`.

    `area` is that of the electrode [m^2], which makes ohm of ohm cm2 and A of mA/cm2.
    """

    path: Path
    data: bytes = b""
    area: float | None = None
    notes: list[str] = field(default_factory=list)
    # A text has lines; a binary record has points.
    row_word: str = "line"

    @classmethod
    def open(cls, path: str | os.PathLike, area: float | None = None) -> "Source":
        """A file with its content; `ReadError` if it cannot be opened."""
        if area is not None and not (area > 0 and math.isfinite(area)):
            raise ValueError(f"area must be a positive number [m^2], got {area}")
        made = cls(Path(path), area=area)
        try:
            made.data = made.path.read_bytes()
        except FileNotFoundError:
            raise made.error("there is no such file; check the path") from None
        except IsADirectoryError:
            raise made.error("this is a folder; name a file in it") from None
        except (OSError, ValueError) as e:
            raise made.error(f"the file cannot be opened ({e}); check its permissions") from None
        return made

    @property
    def sha256(self) -> str:
        """The hash of the content, in hexadecimal digits."""
        return hashlib.sha256(self.data).hexdigest()

    def error(
        self, message: str, line: int | None = None, kind: type[ReadError] = ReadError
    ) -> ReadError:
        """The error to raise about this file."""
        return kind(f"{self._at(line)}: {message}")

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
