"""A dropped file: what was read in it, what was doubted, and what the user corrects."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jaxmem as jm
from fitting.readers.detect import Content, sniff
from fitting.study.kinds import KINDS
from fitting.study.spec import Entry
from jaxmem.output.numbers import engineering
from jaxmem.toml_kinds import belongs_elsewhere

# What the table has a column for, by kind of file; the rest of a kind's settings a form below it.
CORRECTED = {"spectra": ("bias", "weight", "min_freq", "max_freq"),
             "trace": ("units", "start", "imposed", "rate", "freq"),
             "curve": ("units",)}  # fmt: skip


@dataclass(frozen=True)
class Dropped:
    """A file of a visit.

    - `path`: where it lies. `kind`: a kind of `KINDS`, `"device"`, or empty if it is none.
    - `what`: what is in it, in words. `doubts`: what had to be assumed, in words.
    - `problem`: why it cannot be used, in a sentence.
    - `said`: what the user said of it, as texts by the names of the kind's settings.
    - `drop`: points that are left out, as the specification writes them (`#3`, `40Hz:60Hz`).
    """

    path: Path
    kind: str = ""
    what: str = ""
    doubts: tuple[str, ...] = ()
    problem: str = ""
    said: dict[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    content: Content | None = field(default=None, compare=False, repr=False)

    def options(self) -> dict[str, Any]:
        """What was said, in the types of the settings.

        **Raises:** `ValueError` for what makes no sense there.
        """
        found: dict[str, Any] = {}
        for name, text in self.said.items():
            if not text.strip():
                continue
            declared = KINDS[self.kind].settings[name]
            found[name] = declared.checked(_typed(declared.type, text, name))
        if self.drop and self.kind == "spectra":
            found["drop"] = list(self.drop)
        return found

    def entry(self) -> Entry:
        """The entry of a specification."""
        return Entry(self.kind, self.path, self.options())


def _typed(kind: Any, text: str, name: str) -> Any:
    text = text.strip()
    if kind is str or "=" in text:
        return text
    parts = text.replace(";", " ").replace(", ", " ").split()
    if len(parts) == 1:
        parts = parts[0].split(",")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        if kind is float or name == "bias":
            raise ValueError(
                f"{name}: a number, or one for each spectrum as 0.5, 0.6, 0.7; got {text!r}"
            ) from None
        return text
    return numbers[0] if len(numbers) == 1 else numbers


def read_dropped(path: Path, before: Dropped | None = None) -> Dropped:
    """What a file holds.

    **Arguments:**

    - `path`: the file. `before`: it, as it was read before, with what was said of it since.
    """
    said, drop = (before.said, before.drop) if before else ({}, ())
    if path.suffix.lower() == ".toml":
        return _toml(path)
    try:
        of_trace = {k: v for k, v in said.items() if k in KINDS["trace"].settings}
        trace = Dropped(path, "trace", said=of_trace).options()
        content = sniff(path, trace)
    except (ValueError, OSError) as error:
        return Dropped(path, problem=shorn(str(error), path), said=said)
    kind = before.kind if before and before.kind == "curve" else content.kind
    words = _spectra_in_words if content.kind == "spectra" else _recordings_in_words
    doubts = list(content.notes)
    for r in content.found if content.kind == "trace" else ():
        doubts += [f"{r.label}: {note}" if r.label else note for note in r.notes]
    known = {k: v for k, v in said.items() if k in KINDS[kind].settings}
    shown = tuple(dict.fromkeys(shorn(d, path) for d in doubts))
    return Dropped(path, kind, words(content.found), shown, "", known, drop, content)


def _toml(path: Path) -> Dropped:
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    try:
        jm.device_from_toml(text, source=path.name)
    except ValueError as error:
        return Dropped(path, problem=_other_toml(text) or str(error))
    return Dropped(path, "device", "a device to start from")


def _other_toml(text: str) -> str:
    import tomllib

    try:
        table = tomllib.loads(text)
    except ValueError:
        return ""
    if any(kind in table for kind in KINDS):
        return (
            "This is a specification of a fit, which names files on disk; drop the data files "
            "themselves and choose its settings here."
        )
    return belongs_elsewhere(table, "device") or ""


def as_curve(dropped: Dropped, is_curve: bool) -> Dropped:
    """A recording taken as a steady curve, or as what it was."""
    return replace(dropped, kind="curve" if is_curve else "trace", said={})


def shorn(text: str, path: Path) -> str:
    """A message without the folder in which the file happens to lie."""
    return text.replace(f"{path.parent}/", "").replace(f"{path.parent}\\", "")


def _spectra_in_words(found: list[Any]) -> str:
    n = [len(s.freq) for s in found]
    low, high = min(float(s.freq.min()) for s in found), max(float(s.freq.max()) for s in found)
    count = "a spectrum" if len(found) == 1 else f"{len(found)} spectra"
    points = f"{n[0]} points" if len(set(n)) == 1 else f"{min(n)} to {max(n)} points"
    biases = [b for s in found if (b := s.bias)[0] is not None]
    text = f"{count} of {points}, {engineering(low, 'Hz', 3)} to {engineering(high, 'Hz', 3)}"
    if biases:
        text += ", at " + ", ".join(f"{k} = {v:g}" for k, v in biases[:8])
        text += ", ..." if len(biases) > 8 else ""
    return text


def _recordings_in_words(found: list[Any]) -> str:
    count = "a recording" if len(found) == 1 else f"{len(found)} recordings"
    low, high = min(float(r.V.min()) for r in found), max(float(r.V.max()) for r in found)
    long = max(float(r.t[-1] - r.t[0]) for r in found)
    return (
        f"{count} of {sum(len(r.t) for r in found)} samples over {engineering(long, 's', 3)}, "
        f"V from {engineering(low, 'V', 3)} to {engineering(high, 'V', 3)}"
    )
