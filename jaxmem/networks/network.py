"""An impedance circuit: elements in series and in parallel, which answer in frequency alone."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from jaxmem.fields import quantities
from jaxmem.networks.elements import AbstractElement
from jaxmem.printed import Printed

# "series" or "parallel" and what lies so, or the name of an element.
Layout = tuple[Any, ...] | str


class Network(Printed):
    """An impedance circuit of elements by name, laid out in series and in parallel.

    It says what it is in frequency and nothing else: no states, no bias, no time. A device of
    branches (`Device`) does; `as_device` says which one a network is, where it is one.

    - `elements`: by name, `{"R1": Resistor(50.0), ...}`.
    - `layout`: `("series", "R1", ("parallel", "C1", "R2"))`.
    - `notation`: whose definitions the elements have, `"impedance.py"` or `"CDC"`.
    """

    elements: dict[str, AbstractElement]
    layout: Layout = eqx.field(static=True)
    notation: str = eqx.field(static=True, default="impedance.py")

    def impedance(self, s: Any, u: Any = None) -> Complex[Array, "..."]:
        """Z(s) [ohm] at complex frequencies [rad/s]; a bias changes nothing."""
        del u
        s = jnp.asarray(s, dtype=jnp.result_type(s, jnp.complex64))
        return self._of(self.layout, s)

    def impedance_at(
        self, omega: Float[Array, "..."], u: Any = None
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """Re Z and Im Z [ohm] at s = j omega."""
        Z = self.impedance(1j * omega, u)
        return Z.real, Z.imag

    def windows(self) -> list[Any]:
        """None: no element is steep at a voltage."""
        return []

    def _of(self, layout: Layout, s: Any) -> Any:
        if isinstance(layout, str):
            return self.elements[layout].impedance(s)
        parts = [self._of(part, s) for part in layout[1:]]
        if layout[0] == "series":
            return sum(parts[1:], parts[0])
        return 1 / sum((1 / Z for Z in parts[1:]), 1 / parts[0])

    @property
    def text(self) -> str:
        """The circuit as impedance.py writes it, whatever it was read from."""
        return _text(self.layout)

    def parameters(self) -> dict[str, tuple[str, str]]:
        """Name of each parameter to (element, field): `R1`, and `CPE1.Q` where there are more."""
        found = {}
        for name, element in self.elements.items():
            fields = list(quantities(element))
            for field in fields:
                found[name if len(fields) == 1 else f"{name}.{field}"] = (name, field)
        return found

    def definitions(self) -> dict[str, str]:
        """What each kind of element here means, letter to Z(s)."""
        return {letters_of(name): e.formula for name, e in self.elements.items()}

    def interchangeable(self) -> list[list[tuple[int, ...]]]:
        """Groups of blocks that may be exchanged without a change of Z.

        Each block is its leaves' positions in `jax.tree.leaves(network)`, in one order for all
        blocks of a group.
        """
        flat = jax.tree_util.tree_flatten_with_path(self)[0]
        where: dict[str, list[int]] = {}
        for k, (keys, _) in enumerate(flat):
            where.setdefault(keys[1].key, []).append(k)
        groups = []
        for block in _blocks(self._sorted(self.layout)):
            for _, alike in groupby(block[1:], key=self._shape):
                parts = [tuple(k for name in _names(p) for k in where[name]) for p in alike]
                if len(parts) > 1:
                    groups.append(parts)
        return groups

    def _sorted(self, layout: Layout) -> Layout:
        """The layout with the parts of each connection in an order that names do not decide."""
        if isinstance(layout, str):
            return layout
        return (layout[0], *sorted((self._sorted(part) for part in layout[1:]), key=self._shape))

    def _shape(self, layout: Layout) -> str:
        """The layout with kinds of elements in the place of names."""
        if isinstance(layout, str):
            return type(self.elements[layout]).__name__
        return f"{layout[0]}({','.join(self._shape(part) for part in layout[1:])})"

    @property
    def shape(self) -> str:
        """What kinds of elements lie how, the same for circuits that differ in names or order."""
        return self._shape(self._sorted(self.layout))


def letters_of(name: str) -> str:
    """The letters of an element's name: `R` of `R1` and of `R_ct`."""
    return name.partition("_")[0].rstrip("0123456789")


def with_values(network: Network, values: Mapping[str, float]) -> Network:
    """The network with other values, by the names of `Network.parameters`.

    **Arguments:**

    - `network`: the circuit.
    - `values`: numbers in SI units, by name.

    **Raises:** `ValueError` for a name that it has not, and a value that it cannot have.
    """
    known = network.parameters()
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"the circuit has no {name}; there are {', '.join(known)}")
        element, field = known[name]
        # Made anew, so that it is checked.
        elements = dict(network.elements)
        elements[element] = replace(elements[element], **{field: value})
        network = replace(network, elements=elements)
    return network


def _text(layout: Layout) -> str:
    if isinstance(layout, str):
        return layout
    parts = [_text(part) for part in layout[1:]]
    return "-".join(parts) if layout[0] == "series" else f"p({','.join(parts)})"


def _names(layout: Layout) -> Iterator[str]:
    if isinstance(layout, str):
        yield layout
    else:
        for part in layout[1:]:
            yield from _names(part)


def _blocks(layout: Layout) -> Iterator[tuple[Any, ...]]:
    """All series and parallel connections, the innermost first."""
    if not isinstance(layout, str):
        for part in layout[1:]:
            yield from _blocks(part)
        yield layout
