"""Points of a spectrum that are left out, as a user names them."""

import math
import re

from jaxmem.settings import SpecError

PREFIXES = {"m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
HERTZ = re.compile(r"([-+.\deE]+?)\s*([mkMG]?)Hz")
WANTED = '50Hz, 40Hz:60Hz, or "#3:7" for the points 3 to 7 of the file, counted from 1'


def parse_mask(text: str) -> tuple[str, float, float]:
    """What `50Hz`, `40Hz:60Hz`, `#3` or `#3:7` leaves out: kind (`"Hz"`, `"#"`), first and last.

    **Raises:** `SpecError` for another text.
    """
    first, colon, last = text.strip().partition(":")
    if first.startswith("#"):
        ends = [first[1:], last if colon else first[1:]]
        if all(end.strip().isdecimal() for end in ends) and 1 <= int(ends[0]) <= int(ends[1]):
            return "#", float(ends[0]), float(ends[1])
        raise SpecError(f"drop: {text!r} is no range of points; write {WANTED}")
    low = 0.0 if colon and first.strip() in ("0", "0Hz") else _hertz(first, text)
    high = _hertz(last if colon else first, text)
    if not low <= high:
        raise SpecError(f"drop: {text!r} ends before it begins; write {WANTED}")
    return "Hz", low, high


def _hertz(text: str, whole: str) -> float:
    match = HERTZ.fullmatch(text.strip())
    try:
        value = float(match[1]) * PREFIXES[match[2]] if match else math.nan
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise SpecError(f"drop: {whole!r} names no frequencies; write {WANTED}")
    return value
