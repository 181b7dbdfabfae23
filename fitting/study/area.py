"""The electrode's area, as a user writes it."""

import re

from jaxmem.settings import SpecError

SQUARE_METRES = {"m2": 1.0, "cm2": 1e-4, "mm2": 1e-6, "um2": 1e-12}
LEAST, MOST = 1e-18, 1e2  # m^2: what exceeds these is a slip of units or of the keyboard
AREA = re.compile(r"([-+.\deE]+?)\s*(m2|cm2|mm2|um2|m\^2|cm\^2|mm\^2|um\^2)")


def parse_area(text: str) -> float:
    """An area in m^2 from `0.1cm2`, `4 mm2`.

    **Raises:** `SpecError` for a text that is no area.
    """
    match = AREA.fullmatch(text.strip())
    try:
        value = float(match[1]) * SQUARE_METRES[match[2].replace("^", "")] if match else 0.0
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise SpecError(f"area: {text!r} is no area; write 0.1cm2, 4mm2 or 1e-5m2")
    if not LEAST <= value <= MOST:
        raise SpecError(f"area: {text} is no electrode, which has from 1 nm2 to 100 m2; check it")
    return value
