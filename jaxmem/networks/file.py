"""Circuits with their values as TOML, `circuit.toml`."""

import tomllib
from pathlib import Path

from jaxmem.networks.network import Network, with_values
from jaxmem.networks.notation import read_network


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
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"no TOML: {error}") from None
    if not isinstance(said.get("circuit"), str):
        raise ValueError('no circuit; a line circuit = "R-p(C,R)" says it')
    if unknown := sorted(set(said) - {"circuit", "notation", "values"}):
        raise ValueError(f"a circuit has no key {unknown[0]!r}; it has circuit, notation, values")
    values, notation = said.get("values", {}), said.get("notation")
    if not isinstance(values, dict) or not isinstance(notation, str | None):
        raise ValueError('write notation = "CDC", and [values] with NAME = NUMBER below it')
    wrong = [k for k, v in values.items() if isinstance(v, bool) or not isinstance(v, int | float)]
    if wrong:
        raise ValueError(f"values: {wrong[0]} wants a number, got {values[wrong[0]]!r}")
    return with_values(read_network(said["circuit"], notation), values)


def circuit_of(text: str) -> Network:
    """The circuit that a user names: its text, or a `circuit.toml`.

    **Raises:** `ValueError` as `read_network` and `network_from_toml` do; `OSError` for a file
    that cannot be read.
    """
    if text.lower().endswith(".toml"):
        return network_from_toml(Path(text).read_text(encoding="utf-8"))
    return read_network(text)
