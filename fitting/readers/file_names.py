"""What the name of a file or of its folder tells: the bias (`cell_0559mV.csv`, `-0.5V/run.mpt`),
and how to call what it holds."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

UNITS = {"mV": 1e-3, "V": 1.0}
# From so many files on one sentence says where their biases are from.
MANY = 3
# A number and its unit that no letter, digit or dot touches; a sign may stand before it.
VOLTS = re.compile(r"([-+\u2212]?)(?<![A-Za-z\d.,])(\d+(?:\.\d+)?)\s?(mV|V)(?![A-Za-z\d])")
# Words that make a voltage another than a bias, or turn its sign.
OTHER = re.compile(
    r"neg|minus|(?<![a-z])m(?=[\s_]?\d)|(?<![a-z])ac(?![a-z])|amp|rms|(?<![a-z])pp(?![a-z])|peak|\u2013|\u2014",
    re.IGNORECASE,
)


class NamedBias(NamedTuple):
    """A bias [V], None where a name does not settle it, and a sentence on it for the user.

    `said_by`: "name" or "folder", where one of them told the bias.
    """

    value: float | None
    note: str
    said_by: str = ""


def bias_in_name(path: Path) -> NamedBias:
    """The applied voltage that a file's name tells, else that of its folder.

    A hyphen right after a letter or a digit may be a minus or part of the name, and two voltages
    in one name may be anything: then nothing is taken, and this is said.

    **Arguments:**

    - `path`: of the file.
    """
    for what, text in (("name", path.stem), ("folder", path.parent.name)):
        found = [(m, _value(m)) for m in VOLTS.finditer(text)]
        if not found:
            continue
        if len({value for _, value in found}) > 1:
            both = " and ".join(m.group().strip() for m, _ in found[:2])
            return NamedBias(None, f"{path.name}: its {what} says {both}; give the bias")
        if OTHER.search(text):
            said = found[0][0].group().strip()
            return NamedBias(
                None, f"{path.name}: {said} in its {what} may be no bias or negative; give it"
            )  # fmt: skip
        match, value = found[0]
        before = text[: match.start()][-1:]
        if match[1] and before.isalnum():
            return NamedBias(
                None, f"{path.name}: {match.group().strip()} in its {what} may be minus or a "
                "hyphen; give the bias"
            )  # fmt: skip
        which = path.name if what == "name" else f"{path.parent.name}/{path.name}"
        return NamedBias(value, f"{which}: the bias, {value:g} V, is from its {what}", what)
    return NamedBias(None, "")


def notes_on(named: Sequence[NamedBias]) -> list[str]:
    """The sentences on biases from names, those on many files as one."""
    notes = [n.note for n in named if n.note and not n.said_by]
    for what in ("name", "folder"):
        told = [n for n in named if n.said_by == what]
        if len(told) < MANY:
            notes += [n.note for n in told]
            continue
        low, high = (f([n.value for n in told if n.value is not None]) for f in (min, max))
        notes.append(
            f"The biases of {len(told)} spectra, {low:g} to {high:g} V, are from the {what}s of "
            "their files"
        )
    return notes


def base_names(paths: Sequence[Path]) -> dict[Path, str]:
    """What each file is called: its name without the ending, with its folder's or the ending where
    others are called so, too.
    """
    ways = (
        lambda p: p.stem,
        lambda p: f"{p.absolute().parent.name}/{p.stem}",
        lambda p: p.name,
        lambda p: f"{p.absolute().parent.name}/{p.name}",
        str,
    )
    found: dict[Path, str] = {}
    for way in ways:
        left = [p for p in dict.fromkeys(paths) if p not in found]
        called = [way(p) for p in left]
        taken = {*found.values()}
        found |= {
            p: name
            for p, name in zip(left, called, strict=True)
            if called.count(name) == 1 and name not in taken
        }
    return found


def _value(match: re.Match[str]) -> float:
    sign = -1.0 if match[1] in ("-", "\u2212") else 1.0
    return round(sign * float(match[2]) * UNITS[match[3]], 12)
