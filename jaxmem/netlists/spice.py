"""A device as a subcircuit for ngspice or LTspice."""

import textwrap
from itertools import groupby
from typing import Literal

from jaxmem.devices.device import AbstractDevice
from jaxmem.netlists.equations import BranchEquations, Equations, U, equations_of
from jaxmem.netlists.formulas import Formula, computed, shared
from jaxmem.netlists.header import header_of, reading_of
from jaxmem.netlists.text import LARGEST, Words, shortest, written

Dialect = Literal["ngspice", "ltspice"]
# ngspice keeps so many digits of a number within an expression; of a parameter it keeps all.
DIGITS = 10
# In derivatives ngspice adds 1e-32 to the square of a divisor, which costs one of 1e-13 its digits.
SMALL = 1e-10
# Functions that are written as our own, with what each is.
OWN = {
    "jm_exp(x)": f"exp(min(x, {LARGEST:g}))",
    "jm_logistic(x)": "1/(1 + exp(min(-(x), 100)))",
}
CHOICE = {
    "ngspice": {"jm_if(c, a, b)": "c ? a : b", "jm_and(a, b)": "a && b", "jm_or(a, b)": "a || b",
                "jm_not(a)": "!(a)"},
    "ltspice": {"jm_if(c, a, b)": "if(c, a, b)", "jm_and(a, b)": "a & b", "jm_or(a, b)": "a | b",
                "jm_not(a)": "!(a)"},
}  # fmt: skip
NAMES = {
    "logistic": "jm_logistic", "sign": "sgn", "and": "jm_and", "or": "jm_or", "not": "jm_not",
}  # fmt: skip


def spice_netlist(
    device: AbstractDevice,
    *,
    name: str = "memristor",
    dialect: Dialect = "ngspice",
    notes: tuple[str, ...] = (),
) -> str:
    """A device as a SPICE subcircuit `name p n`: each state a node with its own capacitor.

        C_m du/dt = I - sum of i(u, x),   V = R_s I + u          (1, 10)
        C dz/dt = C r(u, z)               for each state, z in the branch's chart

    The right sides are B-sources, translated from the branches' own programs; the device's numbers
    are parameters, SI units. L_s is left out, as `solve` leaves it out. Node voltages are of order
    one (an occupation is a logit), and the header says what each is.

    **Arguments:**

    - `device`: one device, of known numbers. A constant-phase element becomes a ladder.
    - `name`: of the subcircuit.
    - `dialect`: `"ngspice"`, or `"ltspice"`, which is not tested.
    - `notes`: further lines for the header.

    **Returns:** the text of a file to `.include`.

    **Raises:** `ValueError` for a branch that cannot be said in a simulator's words.
    """
    return subcircuit(equations_of(device), name, dialect, notes)


def subcircuit(made: Equations, name: str, dialect: Dialect, notes: tuple[str, ...] = ()) -> str:
    """The text of a subcircuit of equations that are made already (see `spice_netlist`)."""
    if dialect not in CHOICE:
        raise ValueError(f'dialect is "ngspice" or "ltspice", got {dialect!r}')
    body = _Body(made)
    for branch in made.branches:
        body.add_branch(branch)
    lines = [f"* {line}" for line in header_of(made, dialect, notes)]
    lines += [
        *_wrapped(f".subckt {name} p n {body.values()}"),
        *body.parameters(),
        *body.functions(dialect),
    ]
    return "\n".join([*lines, *body.lines, f".ends {name}", ""])


class _Body:
    """What stands within the subcircuit."""

    def __init__(self, made: Equations):
        self.made = made
        self.constants: dict[float, str] = {}
        behind = made.value("R_s") > 0
        self.inner = "m" if behind else "p"
        self.voltage = f"V({self.inner},n)"
        self.lines = ["* capacitance of the layer" + (", series resistance" if behind else "")]
        self.lines += ["Rs p m {R_s}"] if behind else []
        self.lines += [f"Cm {self.inner} n {{C_m}}"]
        self.words = Words(
            NAMES, "jm_exp", lambda c, a, b: f"jm_if({c}, {a}, {b})", self._number, self._is_small
        )  # fmt: skip

    def _number(self, value: float) -> str:
        text = shortest(value)
        if len(text.split("e")[0].lstrip("-0.").replace(".", "")) <= DIGITS:
            return text
        return self.constants.setdefault(value, f"const_{len(self.constants) + 1}")

    def _is_small(self, divisor: Formula) -> bool:
        """Whether a divisor of parameters alone is so small that ngspice loses digits of it."""
        values = {p.name: p.value for p in self.made.parameters}
        known = divisor.symbols <= values.keys()
        return known and abs(computed(divisor, values)) < SMALL

    def add_branch(self, branch: BranchEquations) -> None:
        """The sources of a branch, and its functions before them."""
        formulas = [branch.current, *(node.rate for node in branch.nodes)]
        states = [U, *(node.name for node in branch.nodes)]
        self.lines += ["*", *_comment(f"{branch.name}: {branch.says}")]
        called, inside = {}, {}
        for k, one in enumerate(shared(formulas), 1):
            own = f"{branch.label}__{k}"
            arguments = [s for s in states if s in one.symbols]
            body = written(one, self.words, {}, {i: t for i, t in inside.items() if i != id(one)})
            if arguments:
                self.lines += _wrapped(f".func {own}({', '.join(arguments)}) {{{body}}}")
                inside[id(one)] = f"{own}({', '.join(arguments)})"
                called[id(one)] = f"{own}({', '.join(map(self._symbol, arguments))})"
            else:
                self.lines += _wrapped(f".param {own} = {{{body}}}")
                inside[id(one)] = called[id(one)] = own
        symbols = {s: self._symbol(s) for s in states}
        text = lambda f: _expression(f, self.words, symbols, called)
        label = branch.label
        self.lines += _wrapped(f"B{label} {self.inner} n I = {text(branch.current)}")
        for node in branch.nodes:
            self.lines += _comment(reading_of(node, lambda s: f"V({s})"))
            time = shortest(float(node.farad))
            self.lines += [f"C{node.name} {node.name} 0 {time}"]
            rate = text(node.rate)
            self.lines += _wrapped(f"B{node.name} 0 {node.name} I = {time}*({rate})")

    def _symbol(self, symbol: str) -> str:
        return self.voltage if symbol == U else f"V({symbol})"

    def parameters(self) -> list[str]:
        """The device's numbers, each with unit and meaning."""
        lines = ["* parameters: change them where the subcircuit is called, X1 p n name C_m=2e-8"]
        shown = [p for p in self.made.parameters if p.name != "R_s" or self.inner == "m"]
        # A ladder has many of one meaning, which stand one after the other.
        for (unit, meaning), alike in groupby(shown, lambda p: (p.unit, p.meaning)):
            names = [p.name for p in alike]
            named = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
            about = "; ".join(t for t in (unit and f"[{unit}]", meaning) if t)
            lines.append(f"* {named} {about}".rstrip())
        return lines

    def functions(self, dialect: Dialect) -> list[str]:
        """The functions that the lines use."""
        text = "\n".join(self.lines)
        own = OWN | CHOICE[dialect]
        used = [f".func {head} {{{body}}}" for head, body in own.items()
                if f"{head.split('(')[0]}(" in text]  # fmt: skip
        return used + [f".param {name} = {shortest(v)}" for v, name in self.constants.items()]

    def values(self) -> str:
        """The parameters of the subcircuit, as its first line has them."""
        return " ".join(f"{p.name}={shortest(p.value)}" for p in self.made.parameters
                        if p.name != "R_s" or self.inner == "m")  # fmt: skip


def _expression(formula: Formula, words, symbols, called) -> str:
    return called.get(id(formula)) or written(formula, words, symbols, called)


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 98, initial_indent="* ", subsequent_indent="*   ")


def _wrapped(line: str) -> list[str]:
    """A line of SPICE, continued where it is long; broken at blanks only."""
    return textwrap.wrap(
        line, 100, subsequent_indent="+ ", break_long_words=False, break_on_hyphens=False
    )
