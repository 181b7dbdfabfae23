"""Numbers for people: with their unit, and a prefix where the unit takes one."""

import math

# Units as they are printed.
SYMBOLS = {"ohm": "Ω", "1": "", "S s^n": "S·sⁿ"}
PREFIXES = {
    -18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G",
    12: "T", 15: "P", 18: "E",
}  # fmt: skip


def takes_prefix(unit: str) -> bool:
    """Whether a number in this unit is written with a prefix: not without one, nor with powers."""
    symbol = SYMBOLS.get(unit, unit)
    return bool(symbol) and "·" not in symbol and "^" not in symbol


def engineering(value: float, unit: str = "", digits: int = 4) -> str:
    """A number for people: `12.5 kΩ`; what has no prefix, `1e-08 S·sⁿ`."""
    symbol = SYMBOLS.get(unit, unit)
    if not math.isfinite(value):
        return f"{value} {symbol}".strip()
    if not takes_prefix(unit):
        return f"{value:.{digits}g} {symbol}".strip()
    exponent = 3 * math.floor(math.log10(abs(value)) / 3) if value else 0
    exponent = min(max(exponent, -18), 18)
    return f"{value / 10.0**exponent:.{digits}g} {PREFIXES[exponent]}{symbol}"
