"""A measurement in time as plain data, and the CSV that keeps it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

_COLUMNS = "t_s,V_V,I_A,used"


@dataclass(frozen=True, eq=False)
class Recording:
    """Voltage and current against time, as measured, with no model of what was measured.

    **Arguments:**

    - `t`: times [s], shape (n,), never falling. Two equal times are the two sides of a jump.
    - `V`: applied voltage [V], shape (n,), as measured where the instrument measured it.
    - `I`: terminal current [A], shape (n,).
    - `used`: shape (n,), False where the instrument was at its compliance, so that the sample
      shows the instrument and not the device. All are used by default.
    - `label`: what the file calls it; empty where it does not.
    - `source`: the path of the file.
    - `notes`: what was assumed, left out or masked, in words.
    - `imposed`: "voltage" or "current" where the file says which was asked of the instrument.

    **Raises:** `ValueError` for arrays of different length or of more dimensions, values that
    are not finite, or a time that falls.
    """

    t: np.ndarray
    V: np.ndarray
    I: np.ndarray
    used: np.ndarray = None  # pyright: ignore[reportAssignmentType]
    label: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()
    imposed: Literal["voltage", "current"] | None = None

    def __post_init__(self):
        set_field = lambda name, value: object.__setattr__(self, name, value)
        for name in ("t", "V", "I"):
            set_field(name, np.asarray(getattr(self, name), float))
        used = np.ones(self.t.shape, bool) if self.used is None else np.asarray(self.used, bool)
        set_field("used", used)
        set_field("notes", tuple(self.notes))
        shapes = {name: getattr(self, name).shape for name in ("t", "V", "I", "used")}
        if len(set(shapes.values())) > 1 or self.t.ndim != 1 or not len(self.t):
            raise ValueError(f"t, V, I and used must be equally long rows of numbers, got {shapes}")
        for name in ("t", "V", "I"):
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} must be finite at every sample; remove the others")
        if (self.t[1:] < self.t[:-1]).any():
            at = int(np.argmax(self.t[1:] < self.t[:-1])) + 1
            raise ValueError(f"the time falls at sample {at} (counted from 0); sort the samples")


def write_recording_csv(path: str | os.PathLike, recording: Recording) -> None:
    """Write a recording to a CSV that `read_recordings` reads back exactly.

    The columns are t_s, V_V, I_A with all digits, and used (1 or 0). Label and notes are not
    written.

    **Arguments:**

    - `path`: the file to write; one that exists is replaced.
    - `recording`: what to write. `read_recordings` refuses fewer than eight samples.
    """
    columns = (recording.t, recording.V, recording.I)
    values = zip(*(column.tolist() for column in columns), recording.used.tolist(), strict=True)
    lines = [f"{t!r},{V!r},{I!r},{int(used)}" for t, V, I, used in values]
    Path(path).write_text("\n".join([_COLUMNS, *lines]) + "\n", encoding="utf-8", newline="\n")
