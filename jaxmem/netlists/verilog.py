"""A device as a Verilog-A module."""

import textwrap

from jaxmem.devices.device import AbstractDevice
from jaxmem.netlists.equations import BranchEquations, Equations, U, equations_of
from jaxmem.netlists.formulas import shared
from jaxmem.netlists.header import header_of
from jaxmem.netlists.text import Words, is_unbounded, shortest, written

# `limexp` is exp, followed by its tangent where it would overflow.
WORDS = Words(
    {"logistic": "logistic", "sign": "sgn", "and": "both", "or": "either", "not": "!"},
    "limexp",
    lambda c, a, b: f"({c} ? {a} : {b})",
    lambda value: _real(value),
)
DEVICE = (
    "// series resistance, and the capacitance of the layer",
    "V(p, m) <+ R_s*I(p, m);",
    "u = V(m, n);",
    "I(m, n) <+ C_m*ddt(u);",
)
OWN = {
    "logistic": ("x", "1.0/(1.0 + exp(min(-x, 100.0)))"),
    "sgn": ("x", "(x > 0.0 ? 1.0 : (x < 0.0 ? -1.0 : 0.0))"),
}


def verilog_a(
    device: AbstractDevice, *, name: str = "memristor", notes: tuple[str, ...] = ()
) -> str:
    """A device as a Verilog-A module `name(p, n)`: each state a node with `ddt`.

        C_m du/dt = I - sum of i(u, x),   V = R_s I + u          (1, 10)
        C dz/dt = C r(u, z)               for each state, z in the branch's chart

    The right sides are translated from the branches' own programs; the device's numbers are
    parameters with unit and meaning, the physical states output variables. L_s is left out, as
    `solve` leaves it out. An exponential that nothing bounds is `limexp`.

    **Arguments:**

    - `device`: one device, of known numbers. A constant-phase element becomes a ladder.
    - `name`: of the module.
    - `notes`: further lines for the header.

    **Returns:** the text of a file for OpenVAF, VACASK and others.

    **Raises:** `ValueError` for a branch that cannot be said in a simulator's words.
    """
    return module_text(equations_of(device), name, notes)


def module_text(made: Equations, name: str, notes: tuple[str, ...] = ()) -> str:
    """The text of a module of equations that are made already (see `verilog_a`)."""
    variables: list[str] = []
    body = list(DEVICE)
    for branch in made.branches:
        lines, own = _lines_of_branch(branch)
        body, variables = body + lines, variables + own
    text = "\n".join(body)
    head = [f"// {line}" for line in header_of(made, "Verilog-A", notes)]
    nodes = ", ".join(["m", *(node.name for node in made.nodes)])
    lines = [
        *head, '`include "constants.vams"', '`include "disciplines.vams"', "",
        f"module {name}(p, n);", "  inout p, n;", "  electrical p, n;",
        *_wrapped(f"electrical {nodes};", "  "), "",
        *(_declared(parameter) for parameter in made.parameters), "",
        *(f"  real {variable};" for variable in ("u", *variables)),
        *(_output(node) for node in made.nodes), "",
        *(line for function in _functions(text) for line in function),
        "  analog begin", *(f"    {line}" for line in body), "  end", "endmodule", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _lines_of_branch(branch: BranchEquations) -> tuple[list[str], list[str]]:
    """The statements of a branch, and the variables that they set."""
    lines, variables, known = ["", *_comment(f"{branch.name}: {branch.says}")], [], {}
    symbols = {node.name: f"V({node.name})" for node in branch.nodes} | {U: "u"}
    formulas = [branch.current, *(node.rate for node in branch.nodes)]
    # `limexp` may not stand in a choice, so each has a variable of its own.
    for k, one in enumerate(shared(formulas, is_unbounded), 1):
        variable = f"{branch.label}__{k}"
        lines += _wrapped(f"{variable} = {written(one, WORDS, symbols, known)};")
        variables.append(variable)
        known[id(one)] = variable
    text = lambda formula: known.get(id(formula)) or written(formula, WORDS, symbols, known)
    lines += _wrapped(f"I(m, n) <+ {text(branch.current)};")
    for node in branch.nodes:
        time = _real(float(node.farad))
        lines += _wrapped(
            f"I({node.name}) <+ {time}*ddt(V({node.name})) - {time}*({text(node.rate)});"
        )
    for node in branch.nodes:
        lines += _wrapped(f"{node.label} = {written(node.state, WORDS, symbols, {})};")
    return lines, variables


def _declared(parameter) -> str:
    # Of an instance, as in SPICE: also where the device is called.
    about = _attributes(parameter.meaning, parameter.unit, ', type="instance"')
    domain = " from (0:inf)" if parameter.positive else ""
    zero = " from [0:inf)" if parameter.name == "R_s" else domain
    return f"  {about}parameter real {parameter.name} = {_real(parameter.value)}{zero};"


def _output(node) -> str:
    return f"  {_attributes(f'state {node.label}', node.state_unit)}real {node.label};"


def _attributes(meaning: str, unit: str, more: str = "") -> str:
    return f'(* desc="{meaning}", units="{unit}"{more} *) '


def _functions(text: str) -> list[list[str]]:
    return [
        [f"  analog function real {name};", f"    input {x};", f"    real {x};",
         f"    {name} = {body};", "  endfunction", ""]
        for name, (x, body) in OWN.items() if f"{name}(" in text
    ]  # fmt: skip


def _real(value: float) -> str:
    text = shortest(value)
    return text if any(c in text for c in ".e") else f"{text}.0"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 92, initial_indent="// ", subsequent_indent="//   ")


def _wrapped(line: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        line, 96, initial_indent=indent, subsequent_indent=indent + "    ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
