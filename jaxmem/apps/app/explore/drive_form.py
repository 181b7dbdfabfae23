"""A drive as a form: what is imposed, which waveform, and its numbers; and back as a text."""

from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np

from jaxmem.circuits import AbstractDrive, Constant, Pulse, PulseTrain, Sine, Step, Triangle
from jaxmem.circuits.drive import LETTER
from jaxmem.fields import quantities

WAVES = {w.__name__: w for w in (Constant, Step, Pulse, PulseTrain, Triangle, Sine)}
UNITS = {"A or V": ("A", "V"), "V/s or A/s": ("A/s", "V/s")}


class DriveField(NamedTuple):
    """A number of a waveform, or several: its name, meaning, unit, and text as it is now."""

    name: str
    meaning: str
    unit: str
    text: str


def fields_of(drive: AbstractDrive) -> list[DriveField]:
    """The numbers of a drive's waveform, in the order of its class."""
    declared, found = quantities(drive.wave), []
    for f in fields(drive.wave):
        value = getattr(drive.wave, f.name)
        if f.name not in declared and f.name not in ("count", "cycles"):
            continue
        meta = declared.get(f.name, {"unit": "", "meaning": f"how many {f.name}"})
        if f.name == "count":
            meta = {"unit": "", "meaning": "how many pulses"}
        unit = UNITS.get(meta["unit"], (meta["unit"],) * 2)[drive.kind == "voltage"]
        numbers = np.atleast_1d(np.asarray(value))
        text = ", ".join(f"{x:.10g}" for x in numbers.tolist())
        found.append(DriveField(f.name, meta["meaning"], unit, text))
    return found


def drive_text(kind: str, wave: str, said: dict[str, str]) -> str:
    """The text of a drive, as `parse_drive` reads it.

    **Arguments:**

    - `kind`: `"current"` or `"voltage"`; `wave`: a name of `WAVES`.
    - `said`: the text of each field; several numbers separated by commas or blanks.
    """
    vector = {f.name for f in fields(WAVES[wave]) if "k" in getattr(f.type, "dim_str", "")}
    parts = []
    for name, text in said.items():
        if name in vector:
            numbers = ", ".join(text.replace(",", " ").split())
            parts.append(f"{name}=[{numbers}]")
        else:
            parts.append(f"{name}={text.strip()}")
    return f"{LETTER[kind]} = {wave}({', '.join(parts)})"


def first_drive(kind: str, wave: str, level: float, time: float) -> str:
    """A drive of a kind to begin with.

    **Arguments:**

    - `level`: what is imposed [A] or [V]. `time`: over which the device moves [s].
    """
    said: dict[str, Any] = {
        "Constant": {"level": level},
        "Step": {"high": level},
        "Pulse": {"high": level, "width": 10 * time},
        "PulseTrain": {"high": level, "width": 2 * time, "period": 10 * time, "count": 5},
        "Triangle": {"vertices": f"0, {level:.6g}", "rate": level / (10 * time), "cycles": 2},
        "Sine": {"amplitude": level, "freq": 1 / (10 * time)},
    }[wave]
    texts = {k: v if isinstance(v, str) else f"{v:.6g}" for k, v in said.items()}
    return drive_text(kind, wave, texts)


def level_of(drive: AbstractDrive) -> float:
    """The largest value of what is imposed, by size: that of a constant drive like it."""
    wave: Any = drive.wave
    name = {"Constant": "level", "Sine": "amplitude", "Triangle": "vertices"}.get(
        type(wave).__name__, "high"
    )
    values = np.atleast_1d(np.asarray(getattr(wave, name, 0.0), dtype=float))
    if isinstance(wave, Sine):
        values = values + float(wave.offset)
    return float(values[np.argmax(np.abs(values))])
