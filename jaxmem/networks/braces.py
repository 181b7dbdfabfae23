"""What stands in braces behind an element of a circuit description code: `R{R=50F/10/100:ct}`.

As pyimpspec writes it: parameters with their value, an F where it is fixed, the lower and the
upper limit behind slashes (a number, a percentage of the value, `inf`, or nothing); and behind a
colon the element's label.
"""

import math
import re
from typing import NamedTuple

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_PARAMETER = re.compile(
    rf"(?P<name>\w+)=(?P<value>{_NUMBER})(?P<fixed>[fF]?)(?P<limits>(?:/[^/]*){{0,2}})"
)
_LABEL = re.compile(r"[A-Za-z]\w*")


class Given(NamedTuple):
    """What is given of one parameter: its value, whether that is fixed, and its limits."""

    value: float
    fixed: bool
    low: float
    high: float


def read_braces(text: str) -> tuple[str, dict[str, Given]]:
    """Label (empty if there is none) and parameters of what stands in a pair of braces.

    **Raises:** `ValueError` that says what is wrong in it.
    """
    inside, colon, label = text.strip("{}").partition(":")
    label = re.sub(r"\W", "_", label)
    if colon and not _LABEL.fullmatch(label):
        raise ValueError(f"the label {label!r} must begin with a letter, as in R{{R=50:ct}}")
    found: dict[str, Given] = {}
    for part in filter(None, inside.split(",")) if colon or inside else [""]:
        match = _PARAMETER.fullmatch(part)
        if match is None:
            raise ValueError(
                f"{part!r} is no parameter; write NAME=VALUE, NAME=VALUEF for a fixed one, "
                "NAME=VALUE/LOW/HIGH with limits"
            )
        name = match["name"]
        if name in found:
            raise ValueError(f"{name} is given twice")
        found[name] = _given(name, float(match["value"]), bool(match["fixed"]), match["limits"])
    return label, found


def _given(name: str, value: float, fixed: bool, limits: str) -> Given:
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")
    said = [*limits.split("/")[1:], "", ""]
    low, high = _limit(name, said[0], value, -math.inf), _limit(name, said[1], value, math.inf)
    if not fixed and not (low <= value <= high and low < high):
        raise ValueError(f"{name} = {value:g} does not lie between its limits {low:g} and {high:g}")
    return Given(value, fixed, low, high)


def _limit(name: str, text: str, value: float, none: float) -> float:
    if text.lower() in ("", "inf", "+inf", "-inf"):
        return none
    match = re.fullmatch(rf"({_NUMBER})(%?)", text)
    if match is None:
        raise ValueError(
            f"the limit {text!r} of {name} is no number; write 10, 10% of the value, or inf"
        )
    number = float(match[1])
    return value * number / 100 if match[2] else number
