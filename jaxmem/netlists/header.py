"""What a reader of a netlist must know before its first line."""

import textwrap
from importlib.metadata import PackageNotFoundError, version

from jaxmem.netlists.equations import Equations, Node
from jaxmem.netlists.text import Words, shortest, written

READING = Words({"logistic": "logistic"}, "exp", lambda c, a, b: f"({c} ? {a} : {b})", shortest)


def header_of(made: Equations, simulator: str, notes: tuple[str, ...] = ()) -> list[str]:
    """Lines that say what the netlist is of, its nodes and what was left out."""
    device = made.device
    lines = [
        f"{type(device).__name__} by jaxmem {_version()}, for {simulator}. "
        "Units: V, A, s, F, ohm, or the paper's throughout.",
        "Bisquert and Guerrero, J. Phys. Chem. Lett. 2022, 13, 3789, eqs 1, 10, and its branches.",
    ]
    if simulator == "ltspice":
        lines.append("NOT TESTED: written from LTspice's syntax, and run in ngspice's form only.")
    lines.append("Nodes: p, n the terminals; V over C_m and the branches is u. The states:")
    lines += [reading_of(node, lambda s: f"V({s})") for node in made.nodes]
    if float(device.L_s) > 0:
        lines.append(
            f"L_s = {float(device.L_s):.6g} H of the leads is left out, as transients of jaxmem "
            "leave it out; the test bench puts it in series for small signals."
        )
    lines = [*lines, *(" ".join(note.split()) for note in (*made.notes, *notes))]
    wrap = lambda line: textwrap.wrap(line, 94, subsequent_indent="  ", break_on_hyphens=False)
    return [piece for line in lines for piece in wrap(line)]


def reading_of(node: Node, voltage) -> str:
    """How a node's voltage is read as the physical state."""
    symbols = {node.name: voltage(node.name)}
    unit = f" [{node.state_unit}]" if node.state_unit != "1" else ""
    value = written(node.state, READING, symbols, {})
    return f"{node.label}{unit} = {value}"


def _version() -> str:
    try:
        return version("jaxmem")
    except PackageNotFoundError:
        return "(not installed)"
