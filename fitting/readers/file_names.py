"""The bias that the name of a file or of its folder tells: `cell_0559mV.csv`, `-0.5V/run.mpt`."""

import re
from pathlib import Path
from typing import NamedTuple

UNITS = {"mV": 1e-3, "V": 1.0}
# A number and its unit that no letter, digit or dot touches; a sign may stand before it.
VOLTS = re.compile(r"([-+\u2212]?)(?<![A-Za-z\d.,])(\d+(?:\.\d+)?)\s?(mV|V)(?![A-Za-z\d])")
# Words that make a voltage another than a bias, or turn its sign.
OTHER = re.compile(
    r"neg|minus|(?<![a-z])m(?=[\s_]?\d)|(?<![a-z])ac(?![a-z])|amp|rms|(?<![a-z])pp(?![a-z])|peak|\u2013|\u2014",
    re.IGNORECASE,
)


class NamedBias(NamedTuple):
    """A bias [V], None where a name does not settle it, and a sentence on it for the user."""

    value: float | None
    note: str


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
        return NamedBias(value, f"{path.name}: the bias, {value:g} V, is from its {what}")
    return NamedBias(None, "")


def _value(match: re.Match[str]) -> float:
    sign = -1.0 if match[1] in ("-", "\u2212") else 1.0
    return round(sign * float(match[2]) * UNITS[match[3]], 12)
