"""What the columns of a table are, from their names.

A name is a core and perhaps a unit: `-Im(Z)/Ohm`, `Zreal (kΩ)`, `freq_Hz`, `<Ewe>/V`. What is
not understood is left alone; a unit that does not fit the core (`Re (S)`) makes the column
unknown, so that an admittance is never taken for an impedance.
"""

import math
import re
from dataclasses import dataclass

from fitting.readers.tables.units import Unit, unit


@dataclass(frozen=True)
class Column:
    """One understood column: where it stands and how to make SI units of it."""

    role: str
    index: int
    name: str
    factor: float = 1.0
    offset: float = 0.0
    # The name has a minus sign, so the convention is beyond doubt (the factor includes it).
    negative: bool = False
    # The unit of a phase; None where the header does not tell.
    unit: str | None = None
    remark: str = ""
    # The name without its unit, case and decoration.
    core: str = ""


# role: (cores in the canonical form of `_canonical`, dimensions allowed)
Vocabulary = dict[str, tuple[frozenset[str], frozenset[str]]]
_ROLES: Vocabulary = {
    role: (frozenset(cores.split()), frozenset(dimensions.split()))
    for role, cores, dimensions in (
        ("freq", "freq freqs frequency frequencies frequenz f", "Hz rad/s 1/s"),
        ("omega", "omega ω w angfreq angularfrequency pulsation", "rad/s 1/s"),
        (
            "re",
            "re rez zre zreal real realz realpart realpartz realpartofz z' z'a zr r zprime",
            "ohm",
        ),
        (
            "im",
            "im imz zim zimg zimag imag imagz imaginary imaginaryz zimaginary imaginarypart "
            'imaginarypartz imaginarypartofz z" z"b zi x zdoubleprime',
            "ohm",
        ),
        (
            "mod",
            "|z| z mod abs modz zmod absz zabs mag zmag magnitude modulus impedance",
            "ohm",
        ),
        ("phase", "phase phasez zphz zphase theta θ phi φ argz phaseangle angle", "deg rad"),
        ("u", "u", "V"),
        (
            "V",
            "v ewe vdc edc e dcvoltage voltage potential vbias ubias ebias vapp bias biasvoltage "
            "dcbias dcpotential",
            "V",
        ),
        ("I", "i idc current dccurrent ibias biascurrent bias iapp", "A"),
        ("time", "time t elapsedtime times timesec", "s"),
        ("temperature", "temperature temp t", "K"),
        ("label", "label name sample device", ""),
        (
            "group",
            "spectrum cycle cyclenumber zcycle cycleno sweep run scan segment segment# loop "
            "measurement",
            "",
        ),
        ("ampl", "ampl amplitude", "V A"),
        ("sigma", "sigma sigmaz", "ohm"),
    )
}
# Without its unit `t` may be time or temperature, and a temperature may be in two scales.
_NEEDS_UNIT = {("time", "t"), ("temperature", "t"), ("temperature", "temp")}
_NEEDS_UNIT.add(("temperature", "temperature"))
# An instrument's `Reading` is what its unit says.
_NEEDS_UNIT |= {(r, c) for r in ("V", "I") for c in ("reading", "value", "source")}
_MINUS = re.compile(r"[\s(\[\"]*(?:[-−–]|minus|neg(?:ative)?)[\s_.(*]*", re.IGNORECASE)
_BRACKETS = re.compile(r"(.*?)[\s_/]*[\[(]([^\[\]()]*)[\])]\s*")
_GLUED = re.compile(r"(.*?[^\W\d_])((?:[kMmG])?(?:Hz|Ohms?|Ω))")


def columns(names: list[str], vocabulary: Vocabulary = _ROLES) -> list[Column]:
    """The columns that are understood, in the order of the table.

    The vocabulary is that of spectra; traces have their own.
    """
    found = [_column(index, name, vocabulary) for index, name in enumerate(names)]
    return [column for column in found if column is not None]


def _column(index: int, name: str, vocabulary: Vocabulary) -> Column | None:
    name = name.strip().strip('"').strip()
    # A long cell is prose; the patterns below need not look at it.
    if not name or len(name) > 60:
        return None
    for core, found in _splits(name):
        negative, canonical = _canonical(core)
        for role, (cores, dimensions) in vocabulary.items():
            if canonical not in cores or (negative and role not in ("im", "phase")):
                continue
            if found is None and (role, canonical) in _NEEDS_UNIT:
                continue
            if found is not None and found.dimension not in dimensions:
                continue
            return _made(role, index, name, found, negative, canonical)
    return None


def _made(
    role: str, index: int, name: str, found: Unit | None, negative: bool, core: str
) -> Column:
    factor, offset, remark, dimension = 1.0, 0.0, "", None
    if found is not None:
        dimension, factor, offset, remark = found
    if role == "omega" or dimension == "rad/s":
        role, factor = "omega", factor / (2 * math.pi)
    if negative:
        factor = -factor
    kept = dimension if role == "phase" else None
    return Column(role, index, name, factor, offset, negative, kept, remark, core)


def _splits(name: str):
    """The ways to read a name as core and unit, the likeliest first; without a unit at last."""
    if (match := _BRACKETS.fullmatch(name)) and (found := unit(match[2])):
        yield match[1], found
    for separator in "/_ ,.":
        pieces = name.split(separator)
        for at in range(1, len(pieces)):
            if found := unit(separator.join(pieces[at:])):
                yield separator.join(pieces[:at]), found
    if (match := _GLUED.fullmatch(name)) and (found := unit(match[2])):
        yield match[1], found
    yield name, None


def _canonical(core: str) -> tuple[bool, str]:
    """Whether the core has a minus sign, and what is left of it without case and decoration."""
    negative = False
    if match := _MINUS.match(core):
        negative, core = True, core[match.end() :]
    for prime in "′’´`":
        core = core.replace(prime, "'")
    core = core.replace("″", '"').replace("”", '"').replace("''", '"')
    # Im(-Z) is as good a minus as -Im(Z).
    if inner := re.fullmatch(r"\s*(im\w*)\s*\(\s*[-−–]\s*(z)\s*\)\s*", core, re.IGNORECASE):
        negative, core = not negative, inner[1] + inner[2]
    # A lower-case u is the voltage over the memristor; U is a voltage as others write it.
    if core.strip() == "U":
        core = "V"
    canonical = re.sub(r"[^a-z0-9ωθφ'\"|#]", "", core.lower())
    return negative, canonical


def roles(found: list[Column]) -> dict[str, list[Column]]:
    """The columns by role."""
    by_role: dict[str, list[Column]] = {}
    for column in found:
        by_role.setdefault(column.role, []).append(column)
    # Angular frequencies serve where there are no others; their factor makes them Hz.
    angular = by_role.pop("omega", None)
    if angular and "freq" not in by_role:
        by_role["freq"] = angular
    return by_role


def complete(by_role: dict[str, list[Column]]) -> bool:
    """Whether frequency and impedance are there."""
    return "freq" in by_role and ({"re", "im"} <= set(by_role) or {"mod", "phase"} <= set(by_role))


def missing(by_role: dict[str, list[Column]]) -> list[str]:
    """What lacks for a spectrum, in words."""
    lacking = [] if "freq" in by_role else ["frequency (freq_Hz)"]
    if not ({"mod", "phase"} <= set(by_role)):
        words = {"re": "Re Z (Re_Z_ohm)", "im": "Im Z (Im_Z_ohm)"}
        lacking += [word for role, word in words.items() if role not in by_role]
    return lacking
