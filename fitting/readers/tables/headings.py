"""What the columns of a table are, from their names.

A name is a core and perhaps a unit: `-Im(Z)/Ohm`, `Zreal (kΩ)`, `freq_Hz`, `<Ewe>/V`, `<Ewe/V>`.
What is not understood is left alone; a unit that does not fit the core (`Re (S)`) makes the column
unknown, so that an admittance is never taken for an impedance.
"""

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from fitting.readers.tables.units import Unit, unit
from fitting.readers.tables.vocabulary import NEEDS_AREA, NEEDS_UNIT, SPECTRUM, Vocabulary

# `R` and `x` of a battery file are no impedance, and neither is a resistance by itself.
_VAGUE = ("resistance", "reactance")


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
    # The power of the electrode's area that the unit asks for, see `Unit`.
    area: int = 0
    # Whether the name has a unit.
    measured_in: str = ""

    @property
    def explicit(self) -> bool:
        """Whether the name says what it is, and is not a letter or a word of many meanings."""
        return len(self.core) > 1 and self.core not in _VAGUE


_MINUS = re.compile(r"[\s(\[\"]*(?:[-−–]|minus|neg(?:ative)?)[\s_.(*]*", re.IGNORECASE)
_BRACKETS = re.compile(r"(.*?)[\s_/]*[\[(]([^\[\]()]*)[\])]\s*")
_GLUED = re.compile(r"(.*?[^\W\d_])((?:[kMmG])?(?:Hz|Ohms?|Ω))")
# `<Ewe/V>`: the unit stands within the brackets.
_INSIDE = re.compile(r"(.*[<(\[|])([^<>()\[\]|/]+)/([^<>()\[\]|]+)([>)\]|])\s*")
# Words around a name: `Data: Z'`, `|Z|(Ohm)-data`, `SMU-1 Voltage`, `Ch1 Time`.
_AROUND = re.compile(r"^\s*(?:data|meas(?:ured)?)\s*:\s*|\s*-\s*data\s*$", re.IGNORECASE)
_CHANNEL = re.compile(r"^(?:smu|ch|channel)[a-d]?\d*(?=\D)|(?<=\D)(?:smu|ch|channel)[a-d]?\d*$")
# Full-width signs of Chinese headers, and primes that are written with other signs.
_SAME = str.maketrans("（）［］／：，＜＞｜－　″”“′’´`", "()[]/:,<>|- \"\"\"''''")


def columns(names: list[str], vocabulary: Vocabulary = SPECTRUM) -> list[Column]:
    """The columns that are understood, in the order of the table.

    The vocabulary is that of spectra; traces have their own.
    """
    found = [_column(index, name, vocabulary) for index, name in enumerate(names)]
    return [column for column in found if column is not None]


def _column(index: int, name: str, vocabulary: Vocabulary) -> Column | None:
    name = name.strip()
    # Quotes are a cell's, but the double prime of `Z"` is not.
    while len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1].strip()
    # A long cell is prose; the patterns below need not look at it.
    if not name or len(name) > 60:
        return None
    for core, found in _splits(_AROUND.sub("", name.translate(_SAME))):
        negative, canonical = _canonical(core)
        for bare in dict.fromkeys((canonical, _CHANNEL.sub("", canonical))):
            if role := _role(bare, negative, found, vocabulary):
                return _made(role, index, name, found, negative, bare)
    return None


def _role(core: str, negative: bool, found: Unit | None, vocabulary: Vocabulary) -> str | None:
    """The role of a core with a unit, if it has one."""
    for role, (cores, dimensions) in vocabulary.items():
        if core not in cores or (negative and role not in ("im", "phase")):
            continue
        if found is None and (role, core) in NEEDS_UNIT:
            continue
        if found is not None and found.dimension not in dimensions:
            continue
        if (role, core) in NEEDS_AREA and not (found and found.area):
            continue
        return role
    return None


def _made(
    role: str, index: int, name: str, found: Unit | None, negative: bool, core: str
) -> Column:
    factor, offset, remark, area, dimension = 1.0, 0.0, "", 0, None
    if found is not None:
        dimension, factor, offset, remark, area = found
    if role == "omega" or dimension == "rad/s":
        role, factor = "omega", factor / (2 * math.pi)
    if negative:
        factor = -factor
    kept = dimension if role == "phase" else None
    return Column(
        role, index, name, factor, offset, negative, kept, remark, core, area, dimension or ""
    )


def _splits(name: str) -> Iterator[tuple[str, Unit | None]]:
    """The ways to read a name as core and unit, the likeliest first; without a unit at last."""
    if (match := _INSIDE.fullmatch(name)) and (found := unit(match[3])):
        yield match[1] + match[2] + match[4], found
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
    core = core.translate(_SAME).replace("''", '"')
    # Im(-Z) is as good a minus as -Im(Z).
    if inner := re.fullmatch(r"\s*(im\w*)\s*\(\s*[-−–]\s*(z)\s*\)\s*", core, re.IGNORECASE):
        negative, core = not negative, inner[1] + inner[2]
    # A lower-case u is the voltage over the memristor; U is a voltage as others write it.
    if core.strip() == "U":
        core = "V"
    # Accents are taken off: `Fréquence`, `Imaginärteil`.
    letters = unicodedata.normalize("NFD", core.lower())
    return negative, re.sub(r"[^a-z0-9ωθφσ'\"|#\u4e00-\u9fff]", "", letters)


def roles(found: list[Column]) -> dict[str, list[Column]]:
    """The columns by role, an explicit name before a letter.

    `R` and `X` are an impedance only as a pair that is written alike, where nothing else is.
    """
    by_role: dict[str, list[Column]] = {}
    for column in found:
        by_role.setdefault(column.role, []).append(column)
    # Angular frequencies serve where there are no others; their factor makes them Hz.
    angular = by_role.pop("omega", None)
    if angular and "freq" not in by_role:
        by_role["freq"] = angular
    for role, some in by_role.items():
        named = any(c.explicit for c in some)
        # `Z` beside `|Z|` is kept, to be compared with it.
        kept = [c for c in some if c.explicit or c.core == "z"] if named else some
        by_role[role] = sorted(kept, key=lambda c: not c.explicit)
    lone = _lone_letters(by_role)
    bare = {role: [c for c in some if c not in lone] for role, some in by_role.items()}
    return {role: some for role, some in bare.items() if some}


def _lone_letters(by_role: dict[str, list[Column]]) -> list[Column]:
    """`R` and `X` that are no pair of an impedance: by themselves they have other meanings."""
    pair = [c for role in ("re", "im") for c in by_role.get(role, [])]
    letters = [c for c in pair if c.core in ("r", "x", *_VAGUE)]
    alike = len({(c.measured_in, c.name[0].isupper()) for c in letters}) == 1
    if len(pair) == len(letters) == 2 and alike and not {"mod", "phase"} <= set(by_role):
        return []
    return letters


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
