"""Units as headers write them, and the factors that make them SI."""

import re
from typing import NamedTuple


class Unit(NamedTuple):
    """What a unit measures, the factor (and offset) to SI, and what to warn of.

    `area` is the power of the electrode's area [m^2] that makes it absolute: -1 for ohm cm2, 1 for
    mA/cm2, 0 for a unit without an area.
    """

    dimension: str
    factor: float
    offset: float = 0.0
    remark: str = ""
    area: int = 0


_PREFIX = {
    "": 1.0,
    "f": 1e-15,
    "p": 1e-12,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "K": 1e3,
    "M": 1e6,
    "G": 1e9,
}
# The prefix is read as written (m is milli, M is mega), the unit behind it in any case.
_HERTZ = re.compile(r"([mkKMG]?)[Hh][Zz]")
_OHM = re.compile(r"([munkKMG]?)(?:[Oo][Hh][Mm][Ss]?|Ω)(?:[.*·×⋅_ ]*(?P<area>[cmu]?m)(?:\^?2|²))?")
_VOLT = re.compile(r"([munk]?)(?:V|[Vv]olts?)(?: (?:vs\.?|versus) .*)?")
_AMPERE = re.compile(
    r"([munpf]?)(?:A|[Aa]mps?|[Aa]mperes?)"
    r"(?:[.*·×⋅_ ]*(?:/ ?(?P<area>[cmu]?m)(?:\^?2|²)|(?P<power>[cmu]?m)(?:\^?\(?[-−]2\)?|⁻²))"
    r"|_(?:per_)?(?P<word>[cmu]?m)2)?"
)
_POWER = re.compile(r"1[eE]([-+]?\d{1,2}) ?(\D.*)")
_APART = re.compile(r"^([munpfkKMG]) (?=[Oo]hm|Ω|[AV]\b|Hz)")
# Square metres of a square of a length.
_SQUARE = {"m": 1.0, "cm": 1e-4, "mm": 1e-6, "um": 1e-12}
_PLAIN = {
    "%": Unit("%", 0.01),
    "rad/s": Unit("rad/s", 1.0),
    "rad_s": Unit("rad/s", 1.0),
    "rad s": Unit("rad/s", 1.0),
    "rads": Unit("rad/s", 1.0),
    "1/s": Unit("1/s", 1.0),
    "s": Unit("s", 1.0),
    "sec": Unit("s", 1.0),
    "secs": Unit("s", 1.0),
    "second": Unit("s", 1.0),
    "seconds": Unit("s", 1.0),
    "ms": Unit("s", 1e-3),
    "msec": Unit("s", 1e-3),
    "us": Unit("s", 1e-6),
    "usec": Unit("s", 1e-6),
    "ns": Unit("s", 1e-9),
    "sek": Unit("s", 1.0),
    "秒": Unit("s", 1.0),
    "min": Unit("s", 60.0),
    "minutes": Unit("s", 60.0),
    "h": Unit("s", 3600.0),
    "hr": Unit("s", 3600.0),
    "hour": Unit("s", 3600.0),
    "hours": Unit("s", 3600.0),
    "day": Unit("s", 86400.0),
    "days": Unit("s", 86400.0),
    "deg": Unit("deg", 1.0),
    "degree": Unit("deg", 1.0),
    "degrees": Unit("deg", 1.0),
    "°": Unit("deg", 1.0),
    "grad": Unit("deg", 1.0),
    "grados": Unit("deg", 1.0),
    "度": Unit("deg", 1.0),
    "rad": Unit("rad", 1.0),
    "radian": Unit("rad", 1.0),
    "radians": Unit("rad", 1.0),
    "k": Unit("K", 1.0),
    "kelvin": Unit("K", 1.0),
    "c": Unit("K", 1.0, 273.15),
    "°c": Unit("K", 1.0, 273.15),
    "degc": Unit("K", 1.0, 273.15),
    "deg c": Unit("K", 1.0, 273.15),
    "celsius": Unit("K", 1.0, 273.15),
}


def unit(text: str) -> Unit | None:
    """The unit that a piece of header names, or None."""
    # Greek mu and micro sign, ohm sign and capital omega look the same and are not.
    text = " ".join(text.replace("µ", "u").replace("μ", "u").replace("\u2126", "Ω").split())
    # CH Instruments writes `1e-6A`, people `k ohm`.
    if power := _POWER.fullmatch(text):
        found = unit(power[2])
        return found and found._replace(factor=found.factor * 10.0 ** int(power[1]))
    text = _APART.sub(r"\1", text)
    for dimension, pattern in (("Hz", _HERTZ), ("ohm", _OHM), ("V", _VOLT), ("A", _AMPERE)):
        if match := pattern.fullmatch(text):
            prefix = match[1]
            remark = ""
            if text in ("mhz", "mohm", "mohms"):
                remark = f"{text!r} is taken as milli, as it is written"
            lengths = [v for k, v in match.groupdict().items() if v]
            if not lengths:
                return Unit(dimension, _PREFIX[prefix], remark=remark)
            power = -1 if dimension == "ohm" else 1
            factor = _PREFIX[prefix] * _SQUARE[lengths[0]] ** -power
            return Unit(dimension, factor, remark=remark, area=power)
    text = re.sub(r"[ .·*]?s(\^?-1|⁻¹)$", "/s", text)
    text = {"/s": "1/s", "Rad/s": "rad/s"}.get(text, text)
    # S is siemens and T tesla: only words may be written in capitals.
    known = _PLAIN.get(text) or (_PLAIN.get(text.lower()) if len(text) > 1 else None)
    return known or (_PLAIN[text.lower()] if text in ("K", "C") else None)
