"""Damaged copies of files: bytes flipped, cut, joined, columns permuted, units changed."""

import re
from collections.abc import Callable

import numpy as np

from benchmarks.problems.exports import Export

Mutate = Callable[[Export, list[Export], np.random.Generator], bytes]


def flip(export, others, rng):
    """One to three bytes become others, most of them digits."""
    data = bytearray(export.data)
    for at in rng.integers(0, len(data), rng.integers(1, 4)):
        digit = rng.random() < 0.7
        data[at] = rng.choice(list(b"0123456789.,-eE")) if digit else rng.integers(0, 256)
    return bytes(data)


def digit(export, others, rng):
    """One digit of a number becomes another."""
    data = bytearray(export.data)
    digits = [k for k, byte in enumerate(data) if 48 <= byte <= 57]
    at = digits[rng.integers(len(digits) // 10, len(digits))]
    data[at] = rng.choice([d for d in b"0123456789" if d != data[at]])
    return bytes(data)


def cut(export, others, rng):
    """The end is lost, or a piece within."""
    at = int(rng.integers(1, len(export.data)))
    if rng.random() < 0.7:
        return export.data[:at]
    return export.data[:at] + export.data[at + int(rng.integers(1, 60)) :]


def joined(export, others, rng):
    """Another file follows, or this one again, or rows come twice."""
    other = export if rng.random() < 0.5 else others[rng.integers(len(others))]
    return export.data + other.data


def _lines(export):
    if export.name.endswith(".npz"):
        return None
    return export.data.decode(export.encoding).split("\n")


def permuted(export, others, rng):
    """Two columns change places in all rows of numbers, and not in the header."""
    lines = _lines(export)
    if lines is None:
        return flip(export, others, rng)
    separator = max("\t,; ", key=lambda s: sum(line.count(s) for line in lines[-20:]))
    rows = [k for k, line in enumerate(lines) if re.match(r"[\s+-]*(\d|DataValue)", line)]
    width = min((lines[k].count(separator) + 1 for k in rows), default=0)
    if width < 2:
        return flip(export, others, rng)
    a, b = rng.choice(width, 2, replace=False)
    for k in rows:
        cells = lines[k].split(separator)
        if len(cells) > max(a, b):
            cells[a], cells[b] = cells[b], cells[a]
            lines[k] = separator.join(cells)
    return "\n".join(lines).encode(export.encoding)


UNITS = {
    "Ohm": ("kOhm", "mOhm", "Ohm cm2"), "ohm": ("kohm", "ohm cm2"), "Ω": ("kΩ", "Ω·cm²", "MΩ"),
    "Hz": ("kHz", "rad/s", "MHz"), "deg": ("rad",), "°": ("rad",), "mA": ("A", "µA", "mA/cm2"),
    "/V": ("/mV",), "(V)": ("(mV)",), "(A)": ("(mA)", "(A/cm2)"), "(s)": ("(ms)", "(min)"),
    "/s": ("/ms",), "freq": ("omega", "frq"), "-Im": ("Im",), "Z'": ("Z''",), "-Z''": ("Z''",),
}  # fmt: skip


def units(export, others, rng):
    """One unit or sign in the header becomes another."""
    lines = _lines(export)
    if lines is None:
        return flip(export, others, rng)
    head = "\n".join(lines[:12])
    places = [(m.start(), old) for old in UNITS for m in re.finditer(re.escape(old), head)]
    if not places:
        return flip(export, others, rng)
    at, old = places[rng.integers(len(places))]
    new = UNITS[old][rng.integers(len(UNITS[old]))]
    return "\n".join([head[:at] + new + head[at + len(old) :], *lines[12:]]).encode(
        export.encoding, "replace"
    )


def separators(export, others, rng):
    """The separator or the decimal sign becomes another, in all lines or in one."""
    lines = _lines(export)
    if lines is None:
        return flip(export, others, rng)
    old = max("\t,; ", key=lambda s: sum(line.count(s) for line in lines[-20:]))
    old = "." if rng.random() < 0.4 else old
    new = "\t,; |."[rng.integers(6)]
    chosen = range(len(lines)) if rng.random() < 0.5 else [int(rng.integers(len(lines)))]
    for k in chosen:
        lines[k] = lines[k].replace(old, new)
    return "\n".join(lines).encode(export.encoding)


def cells(export, others, rng):
    """A cell becomes what instruments and spreadsheets write, or is lost, or a row is halved."""
    lines = _lines(export)
    if lines is None:
        return flip(export, others, rng)
    rows = [k for k, line in enumerate(lines) if re.match(r"[\s+-]*(\d|DataValue)", line)]
    if not rows:
        return flip(export, others, rng)
    k = rows[rng.integers(len(rows))]
    numbers = list(re.finditer(r"[-+]?\d+[.,]\d+(?:[eE][-+]?\d+)?", lines[k]))
    if not numbers:
        return flip(export, others, rng)
    m = numbers[rng.integers(len(numbers))]
    kinds = ("9.9E+37", "#REF!", "1,234.5", "", "NaN", "inf", "1'234", m[0][:3], m[0] + "0", "x")
    new = kinds[rng.integers(len(kinds))]
    lines[k] = lines[k][: m.start()] + new + ("" if rng.random() < 0.1 else lines[k][m.end() :])
    return "\n".join(lines).encode(export.encoding)


KINDS: dict[str, Mutate] = {
    f.__name__: f for f in (flip, digit, cut, joined, permuted, units, separators, cells)
}
