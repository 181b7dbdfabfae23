"""Circuits with their values as TOML, `circuit.toml`."""

import math
import tomllib
from pathlib import Path
from typing import Any

from jaxmem.encoding import text_of
from jaxmem.networks.braces import Given
from jaxmem.networks.network import Network, with_values
from jaxmem.networks.notation import WrittenCircuit, written_circuit
from jaxmem.toml_kinds import belongs_elsewhere

KEYS = ("circuit", "notation", "values", "fixed", "bounds")


def network_to_toml(network: Network) -> str:
    """A circuit and its values as TOML: `circuit`, `notation`, `[values]` in SI units."""
    lines = [f'circuit = "{network.text}"', f'notation = "{network.notation}"', "", "[values]"]
    for name, (element, field) in network.parameters().items():
        key = f'"{name}"' if "." in name else name
        lines.append(f"{key} = {float(getattr(network.elements[element], field))!r}")
    return "\n".join(lines) + "\n"


def network_from_toml(text: str) -> Network:
    """A circuit from TOML, as `network_to_toml` writes it; values left out are 1 (exponents 0.5).

    **Raises:** `ValueError` for text that is no TOML, says no circuit, or names what it has not.
    """
    return circuit_from_toml(text).network


def circuit_from_toml(text: str) -> WrittenCircuit:
    """A circuit from TOML: `circuit`, `notation`, `[values]`, and, where something is known of
    them, `fixed`, names of those that stay as they are, and `[bounds]` with NAME = [LOW, HIGH].

    **Raises:** `ValueError` for text that is no TOML, says no circuit, or names what it has not.
    """
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"no TOML: {error}") from None
    if other := belongs_elsewhere(said, "circuit"):
        raise ValueError(other)
    if not isinstance(said.get("circuit"), str):
        raise ValueError('no circuit; a line circuit = "R-p(C,R)" says it')
    if unknown := sorted(set(said) - set(KEYS)):
        raise ValueError(f"a circuit has no key {unknown[0]!r}; it has {', '.join(KEYS)}")
    values, notation = said.get("values", {}), said.get("notation")
    if not isinstance(values, dict) or not isinstance(notation, str | None):
        raise ValueError('write notation = "CDC", and [values] with NAME = NUMBER below it')
    wrong = [k for k, v in values.items() if not _number(v)]
    if wrong:
        raise ValueError(f"values: {wrong[0]} wants a number, got {values[wrong[0]]!r}")
    circuit = written_circuit(said["circuit"], notation)
    network = with_values(circuit.network, values)
    given = {k: g._replace(value=float(values.get(k, g.value))) for k, g in circuit.given.items()}
    given |= {
        name: Given(float(value), False, -math.inf, math.inf)
        for name, value in values.items() if name not in given
    }  # fmt: skip
    given = _constrained(given, network, said.get("fixed", []), said.get("bounds", {}))
    return WrittenCircuit(network, given)


def _constrained(given: dict[str, Given], network: Network, fixed: Any, bounds: Any) -> Any:
    """What is given of the parameters, with `fixed` and `bounds` of a file."""
    if not isinstance(fixed, list) or not isinstance(bounds, dict):
        raise ValueError('write fixed = ["R1"], and [bounds] with NAME = [LOW, HIGH] below it')
    known = network.parameters()
    for name in [*fixed, *bounds]:
        if name not in known:
            raise ValueError(f"the circuit has no {name}; there are {', '.join(known)}")
        if name not in given:
            raise ValueError(f"{name} has {'a bound' if name in bounds else 'to stay'} and no "
                             "value; give one in [values]")  # fmt: skip
    for name, ends in bounds.items():
        if not (isinstance(ends, list) and len(ends) == 2 and all(map(_number, ends))):
            raise ValueError(f"bounds: {name} wants [LOW, HIGH], got {ends!r}")
        if not (ends[0] <= given[name].value <= ends[1] and ends[0] < ends[1]):
            raise ValueError(
                f"bounds: {name} = {given[name].value:g} does not lie between {ends[0]:g} and "
                f"{ends[1]:g}"
            )
        given[name] = given[name]._replace(low=float(ends[0]), high=float(ends[1]))
    return given | {name: given[name]._replace(fixed=True) for name in fixed}


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def circuit_of(text: str) -> WrittenCircuit:
    """The circuit that a user names: its text, or a `circuit.toml`.

    **Raises:** `ValueError` as `written_circuit` and `circuit_from_toml` do; `OSError` for a file
    that cannot be read.
    """
    if text.lower().endswith(".toml"):
        return circuit_from_toml(text_of(Path(text)))
    return written_circuit(text)
