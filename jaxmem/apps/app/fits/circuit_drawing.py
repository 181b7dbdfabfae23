"""The circuit that a user writes, drawn."""

from pathlib import Path

from jaxmem import plots
from jaxmem.networks import circuit_of
from jaxmem.plots.network_diagram import room_of


def circuit_svg(text: str) -> str:
    """A circuit as SVG, with the names of its elements; empty for an empty text.

    **Raises:** `ValueError` for what is no circuit, and for a path, which a page does not name.
    """
    text = text.strip()
    if not text:
        return ""
    if text.lower().endswith(".toml"):
        raise ValueError("write the circuit itself, L-R-p(CPE,R)-p(R,C) or LR(QR)(RC)")
    network = circuit_of(text).network
    wide, high = room_of(network.layout)
    panel = plots.Panel([plots.NetworkDiagram(network.layout, {n: n for n in network.elements})])
    size = (min(12.0, 0.6 * wide + 1.2), min(9.0, 0.6 * high + 0.9))
    return plots.save(plots.Figure([[panel]], size), Path(), "circuit", ())
