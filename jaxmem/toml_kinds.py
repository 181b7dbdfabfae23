"""Which of our TOML files one is, so that each command can say where a file belongs."""

from collections.abc import Mapping
from typing import Any

# The first whose keys a table has is what it is: a specification of a fit may have a `circuit`.
KINDS_OF_FILE = {
    "fit": (
        ("spectra", "trace", "curve", "spikes", "prior", "together"),
        "the specification of a fit, which `jaxmem fit` takes",
    ),
    "sweep": (
        ("axis",),
        "the specification of a sweep, which `jaxmem sweep` takes",
    ),
    "design": (
        ("goal",),
        "the goals of a design, which `jaxmem design` takes",
    ),
    "device": (
        ("kind",),
        "a device, which `jaxmem simulate` and `jaxmem spike` take; specifications name it, "
        'device = "device.toml"',
    ),
    "circuit": (
        ("circuit",),
        "an impedance circuit, {circuit}. It has an impedance and no equation in time, so that it "
        "cannot be simulated, swept, asked for spikes or exported; fit it "
        "(`jaxmem fit FILES --circuit`), or write a device (`jaxmem device si`)",
    ),
}


def belongs_elsewhere(table: Mapping[str, Any], wanted: str) -> str:
    """What a file is that was given in the place of another, in words; empty if it may be it.

    **Arguments:**

    - `table`: what stands in the file.
    - `wanted`: what was asked for, a key of `KINDS_OF_FILE`.
    """
    for kind, (keys, words) in KINDS_OF_FILE.items():
        if any(key in table for key in keys):
            return "" if kind == wanted else f"this is {words.format(circuit=table.get('circuit'))}"
    return ""
