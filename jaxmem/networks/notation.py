"""Circuits from text: as impedance.py writes them, and as circuit description codes."""

import difflib
import re
from typing import Any, NamedTuple

from jaxmem.fields import quantities
from jaxmem.networks.braces import Given, read_braces
from jaxmem.networks.elements import NOTATIONS, AbstractElement, PhaseElement
from jaxmem.networks.network import Layout, Network

# What an element has before a fit gives it a value.
UNSET = 1.0
# Deeper nesting is no circuit that somebody measured.
DEEPEST = 20
# What pyimpspec calls the parameters of an element, where we do not.
_CALLED: dict[type[AbstractElement], dict[str, str]] = {PhaseElement: {"Y": "Q"}}


class WrittenCircuit(NamedTuple):
    """A circuit as its user wrote it: itself, and what is known of its parameters, by name.

    - `network`: the circuit, with the values that were given, else 1 (exponents 0.5).
    - `given`: value, whether it is fixed, and limits, of each parameter of which something is said.
    """

    network: Network
    given: dict[str, Given]


# A number, with an underscore before it or not, or a label behind one.
_SUFFIX = r"_?\d+|_[A-Za-z]\w*"
_NAME = re.compile(r"([A-Za-z]+)(?:_?(\d+)|_([A-Za-z]\w*))?")


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class _Reader:
    """One pass over the text; `elements` and `layout` grow as it goes."""

    def __init__(self, text: str, python: bool, notation: str):
        self.text, self.notation = text, notation
        self.tokens = _tokens(text, python)
        self.position, self.depth = 0, 0
        written = [t.text for t in self.tokens if t.kind == "element"]
        self.taken = {re.sub(r"_(?=\d)", "", word) for word in written if not word.isalpha()}
        self.elements: dict[str, AbstractElement] = {}
        self.given: dict[tuple[str, str], Given] = {}

    def peek(self) -> _Token:
        return self.tokens[self.position]

    def next(self) -> _Token:
        self.position += 1
        return self.tokens[self.position - 1]

    def fail(self, token: _Token, why: str) -> ValueError:
        mark = f"{self.text[: token.at]}<here>{self.text[token.at :]}"
        return ValueError(f"circuit {self.text!r}: {why}: {mark}")

    def element(self) -> str:
        token = self.next()
        letter, number, label = _NAME.fullmatch(token.text).groups("")  # pyright: ignore
        kinds = NOTATIONS[self.notation]
        if letter not in kinds:
            near = difflib.get_close_matches(letter, kinds, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise self.fail(
                token, f"no element {letter!r} in the notation of {self.notation}{meant}; "
                f"there are {', '.join(kinds)}"
            )  # fmt: skip
        said: dict[str, Given] = {}
        if (inside := self.peek()).kind == "braces":
            self.next()
            try:
                called, said = read_braces(inside.text)
            except ValueError as error:
                raise self.fail(inside, str(error)) from None
            label = label or called
        name = f"{letter}_{label}" if label else f"{letter}{number}"
        if not (number or label):
            k = 1
            while f"{letter}{k}" in self.taken:
                k += 1
            name = f"{letter}{k}"
        if name in self.elements:
            raise self.fail(
                token, f"{name} is written twice; give each element its own number or label"
            )
        self.taken.add(name)
        kind = kinds[letter]
        values = {f: 0.5 if m["unit"] == "1" else UNSET for f, m in quantities(kind).items()}
        other = _CALLED.get(kind, {})
        for called, given in said.items():
            field = other.get(called, called)
            if field not in values:
                there = ", ".join([*values, *other])
                raise self.fail(inside, f"{name} has no parameter {called!r}; it has {there}")
            if (name, field) in self.given:
                raise self.fail(inside, f"{name}.{field} is given twice")
            values[field] = given.value
            self.given[name, field] = given
        values = {f: v for f, v in values.items() if f not in kind.exponents or f in said}
        try:
            self.elements[name] = kind(**values)
        except ValueError as error:
            raise self.fail(inside, f"{name}: {error}") from None
        return name


def read_network(text: str, notation: str | None = None) -> Network:
    """A circuit from text, `"L-R-p(CPE,R)-p(R,C)"` or the circuit description code `"LR(QR)(RC)"`.

    With a hyphen, a comma or `p(` it is read as impedance.py does: `-` puts in series, `p(a,b)`
    parallel. Else it is a circuit description code: what follows one another lies in series, `(
    )` holds what is parallel, and `[ ]` within it what is in series. Elements without a number
    get one; a label makes a name, `R_ct`. Values may stand in braces, see `written_circuit`. All
    others are 1 and exponents 0.5 (of diffusion as theory has them): a fit reads where to start
    off the data.

    **Arguments:**

    - `text`: the circuit.
    - `notation`: whose definitions of the elements hold, `"impedance.py"` or `"CDC"`; default by
      how the text is written.

    **Raises:** `ValueError` that points at what cannot be read.
    """
    return written_circuit(text, notation).network


def written_circuit(text: str, notation: str | None = None) -> WrittenCircuit:
    """A circuit from text, with what is said of its parameters in braces.

        written_circuit("R{R=50F}(C{C=1e-6/1e-9/1e-3}R{R=1e3:ct})").given["R_ct"].value

    Braces are pyimpspec's and belong to a circuit description code: a value, an F behind it where
    it is fixed, limits behind slashes, and a label behind a colon.

    **Arguments:**

    - `text`, `notation`: as in `read_network`.

    **Raises:** `ValueError` that points at what cannot be read.
    """
    # pyimpspec writes the version of its code before it.
    text = re.sub(r"^!V=\d+!", "", "".join(text.split()))
    if not text:
        raise ValueError('an empty circuit; write for example "R-p(C,R)" or "R(CR)"')
    bare = re.sub(r"\{[^{}]*\}", "", text)
    alone = text.rstrip("_0123456789") in NOTATIONS["impedance.py"]
    python = notation == "impedance.py" or any(sign in bare for sign in ("-", ",", "p("))
    python = python or (alone and notation is None)
    if python and bare != text:
        raise ValueError(
            f"circuit {text!r}: values in braces belong to a circuit description code, as in "
            "R{R=50}(C{C=1e-6}R{R=1e3}); in the notation of impedance.py give --fix R0=50 and "
            "--range R1=1e2:1e4"
        )
    if notation is not None and notation not in NOTATIONS:
        raise ValueError(f"no notation {notation!r}; there are {', '.join(NOTATIONS)}")
    reader = _Reader(text, python, notation or ("impedance.py" if python else "CDC"))
    layout = _series(reader, "-") if python else _code(reader, "series")
    if (token := reader.peek()).kind != "end":
        raise reader.fail(token, f"{token.text!r} closes or joins nothing")
    network = Network(reader.elements, layout, reader.notation)
    names = {where: name for name, where in network.parameters().items()}
    return WrittenCircuit(network, {names[where]: g for where, g in reader.given.items()})


def _tokens(text: str, python: bool) -> list[_Token]:
    # In a code a capital begins an element; in impedance.py separators end it.
    letters = r"(?!p\()[A-Za-z]+" if python else r"[A-Z][a-z]*"
    pattern = re.compile(
        rf"(?P<element>{letters}(?:{_SUFFIX})?)|(?P<parallel>p\()|(?P<braces>{{[^{{}}]*}})"
        r"|(?P<sign>[-,()\[\]])"
    )
    found, at = [], 0
    while at < len(text):
        match = pattern.match(text, at)
        if match is None:
            mark = f"{text[:at]}<here>{text[at:]}"
            why = "is not closed" if text[at] == "{" else "has no meaning in a circuit"
            raise ValueError(f"circuit {text!r}: {text[at]!r} {why}: {mark}")
        found.append(_Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    return [*found, _Token("end", "", len(text))]


def _series(reader: _Reader, sign: str) -> Layout:
    parts = [_one(reader)]
    while reader.peek().text == sign:
        reader.next()
        parts.append(_one(reader))
    return _joined("series", parts)


def _one(reader: _Reader) -> Layout:
    token = reader.peek()
    if token.kind == "element":
        return reader.element()
    if token.kind != "parallel":
        raise reader.fail(token, "an element or p( is wanted")
    reader.next()
    _deeper(reader, token)
    parts = [_series(reader, "-")]
    while reader.peek().text == ",":
        reader.next()
        parts.append(_series(reader, "-"))
    if reader.peek().text != ")":
        raise reader.fail(reader.peek(), "p( is not closed")
    reader.next()
    reader.depth -= 1
    return _joined("parallel", parts)


def _code(reader: _Reader, how: str) -> Layout:
    """The inside of a bracket of a circuit description code, or all of it."""
    parts: list[Layout] = []
    while True:
        token = reader.peek()
        if token.kind == "element":
            parts.append(reader.element())
        elif token.text in ("(", "["):
            reader.next()
            _deeper(reader, token)
            if token.text == "(" and how == "parallel":
                raise reader.fail(
                    token, "( ) right inside of ( ) is in series for Boukamp, whose code this is, "
                    "and parallel for pyimpspec; write [ ] for what is in series, or leave it out"
                )  # fmt: skip
            inner = "series" if token.text == "[" else "parallel"
            parts.append(_code(reader, inner))
            closing = {"(": ")", "[": "]"}[token.text]
            if reader.peek().text != closing:
                raise reader.fail(reader.peek(), f"{token.text} is not closed by {closing}")
            reader.next()
            reader.depth -= 1
        else:
            break
    if not parts:
        raise reader.fail(reader.peek(), "an element is wanted")
    return _joined(how, parts)


def _deeper(reader: _Reader, token: _Token) -> None:
    reader.depth += 1
    if reader.depth > DEEPEST:
        raise reader.fail(token, f"more than {DEEPEST} brackets in one another")


def _joined(how: str, parts: list[Any]) -> Layout:
    """One part stays itself, and series within a series become one."""
    if len(parts) == 1:
        return parts[0]
    flat: list[Any] = []
    for part in parts:
        flat += part[1:] if not isinstance(part, str) and part[0] == how else [part]
    return (how, *flat)
