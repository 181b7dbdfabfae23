"""Numbers for people: with their unit, and a prefix where the unit takes one."""

import math

# Units as they are printed.
SYMBOLS = {"ohm": "Ω", "1": "", "S s^n": "S·sⁿ"}
PREFIXES = {
    -18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G",
    12: "T", 15: "P", 18: "E",
}  # fmt: skip
# What a prefix may stand before in a unit that has one already, as in mV and mS/cm2.
_BASES = ("V", "A", "S", "F", "H", "Hz", "Ω", "s", "J", "W", "C")
_LETTERS = {letter: power for power, letter in PREFIXES.items() if letter} | {"u": -6}


def takes_prefix(unit: str) -> bool:
    """Whether a number in this unit is written with a prefix: not without one, nor with powers."""
    symbol = SYMBOLS.get(unit, unit)
    return bool(symbol) and not ("·" in symbol or "^" in symbol or symbol.startswith("1/"))


def without_prefix(unit: str) -> tuple[int, str]:
    """The power of ten of a unit's own prefix, and the symbol without it: -3 and V for mV."""
    symbol = SYMBOLS.get(unit, unit).replace("ohm", "Ω")
    base = symbol.split("/")[0][1:]
    if base in _BASES and symbol[0] in _LETTERS:
        return _LETTERS[symbol[0]], symbol[1:]
    return 0, symbol


def engineering(value: float, unit: str = "", digits: int = 4) -> str:
    """A number for people: `12.5 kΩ`; what has no prefix, `1e-08 S·sⁿ`.

    A prefix that the unit has already becomes part of the number: 1e-3 mV is `1 µV`.
    """
    symbol = SYMBOLS.get(unit, unit)
    if not math.isfinite(value):
        return f"{value} {symbol}".strip()
    if not takes_prefix(unit):
        return f"{value:.{digits}g} {symbol}".strip()
    own, symbol = without_prefix(unit)
    # As it is printed: 999.96 of four digits is 1 k.
    value = float(f"{value:.{digits}g}")
    exponent = 3 * math.floor((math.log10(abs(value)) + own) / 3) if value else own
    exponent = min(max(exponent, -18), 18)
    return f"{value / 10.0 ** (exponent - own):.{digits}g} {PREFIXES[exponent]}{symbol}"
