"""From bytes to lines and from cells to numbers."""

import re

from fitting.readers.source import Source

# Some instruments end a line with CR CR LF, old Macintoshes with CR alone. `str.splitlines`
# would also break at form feeds and the like, and the line numbers would be wrong.
_LINE_END = re.compile(r"\r*\n|\r")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eEdD][+-]?\d+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)
# Instruments write numbers near 1e38 for an overload: 9.9E+37, 9.91e37.
OVERLOAD = 9e36
SHEET_ERRORS = (
    *("#REF!", "#VALUE!", "#DIV/0!", "#N/A", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"),
    *("#BEZUG!", "#WERT!", "#NV", "#ZAHL!", "#VALEUR!", "#NOMBRE!", "#VALOR!"),
)
# Numbers that surely have signs between thousands: 1,234,567 and 1,234.5 and 1.234,5 and 1'234.
GROUPED = re.compile(
    r"[+-]?\d{1,3}(?:(?:,\d{3}){2,}|(?:\.\d{3}){2,}|(?:['’ \xa0\u202f]\d{3})+"
    r"|(?:,\d{3})+(?=\.)|(?:\.\d{3})+(?=,))(?:[.,]\d*)?"
)
_DIGITS = re.compile(r"[+-]?\d*(?:[.,](\d*))?(?:[eEdD]([+-]?\d+))?", re.ASCII)
_CHINESE = re.compile("频率|实部|虚部|阻抗|相位|相角|电压|电流|电位|电势|时间")
# Control characters that no text has; tab, line ends, form feed and the DOS end mark may occur.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x19\x1b-\x1f\x7f-\x9f]")


def decode(source: Source, data: bytes) -> str:
    """The text of a file in UTF-8, UTF-16 (marked or not), GB 18030, Windows-1252 or Latin-1."""
    if not data.strip():
        raise source.error("the file is empty; export the measurement again")
    text = _decode(data)
    # A mark of the byte order stands at the beginning, in sessions of PSTrace also at the end.
    if "\ufeff" in text.strip("\ufeff\0\x1a \r\n"):
        raise source.error("a second file begins in the middle of this one; split them")
    if len(_CONTROL.findall(text)) > 0.01 * len(text):
        raise source.error("this is a binary file and no table; export it as text (CSV) first")
    return text


def _decode(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    half = max(1, len(data) // 2)
    # In UTF-16 every other byte of plain text is zero.
    if data[1::2].count(0) > 0.4 * half:
        return data.decode("utf-16-le", errors="replace")
    if data[0::2].count(0) > 0.4 * half:
        return data.decode("utf-16-be", errors="replace")
    # A byte that was lost does not make Windows-1252 of UTF-8.
    replaced = data.decode("utf-8-sig", errors="replace")
    bad = replaced.count("\ufffd")
    if 0 < bad < sum(character > "\x7f" for character in replaced) - bad:
        return replaced
    for encoding in ("utf-8-sig", "gb18030", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        # Nearly all bytes are some Chinese: it must have words of a header.
        if encoding != "gb18030" or _CHINESE.search(text):
            return text
    return data.decode("latin-1")


def lines_of(text: str) -> list[str]:
    """The lines of a text, whatever ends them."""
    return _LINE_END.split(text)


def number(cell: str, decimal: str = ".") -> float | None:
    """The number in a cell, NaN and infinities included, or None if it is no number.

    With a decimal comma a point is no number: it may be one or group thousands.
    """
    cell = cell.strip().replace("\u2212", "-")
    if decimal == ",":
        if "." in cell:
            return None
        if _DECIMAL_COMMA.fullmatch(cell):
            cell = cell.replace(",", ".")
    if _NUMBER.fullmatch(cell):
        return float(cell.replace("d", "e").replace("D", "e"))
    return float(cell) if _NOT_FINITE.fullmatch(cell) else None


def has_decimal_comma(cell: str) -> bool:
    """Whether a cell is a number written with a decimal comma."""
    return bool(_DECIMAL_COMMA.fullmatch(cell.strip().replace("\u2212", "-")))


def groups_thousands(cells: list[str]) -> bool:
    """Whether the commas of a column stand between thousands: 12,345 beside 999, and no 1,5."""
    with_comma = [cell.strip() for cell in cells if "," in cell]
    bare = [cell.strip() for cell in cells if cell.strip() and "," not in cell]
    return (
        bool(with_comma and bare)
        and all(re.fullmatch(r"[+-]?[1-9]\d{0,2}(,\d{3})+", cell) for cell in with_comma)
        and all(re.fullmatch(r"[+-]?\d{1,3}", cell) for cell in bare)
    )


def half_of_last_digit(cell: str) -> float:
    """Half of the last digit of a number as it is written: 0.05 for 61.3, 0 for no number."""
    match = _DIGITS.fullmatch(cell.strip().replace("\u2212", "-"))
    if match is None or not cell.strip():
        return 0.0
    return 0.5 * 10.0 ** max(-300, min(300, int(match[2] or 0) - len(match[1] or "")))
