"""A device as a simulator sees it: parameters, nodes, and the formulas between them."""

from dataclasses import fields
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.devices.branch import AbstractBranch
from jaxmem.devices.constant_phase import CapacitiveLadder
from jaxmem.devices.device import AbstractDevice, check_device
from jaxmem.devices.device import isinstance_cpe as is_constant_phase
from jaxmem.fields import is_concrete
from jaxmem.netlists.formulas import Formula, Formulas, computed
from jaxmem.netlists.node_scales import Scales, scales_of
from jaxmem.netlists.parameter_names import (
    NetlistParameter,
    free_name,
    label_of,
    named_parameters,
    plain_word,
)
from jaxmem.netlists.translation import Untranslatable, translate

# Where the formulas are compared with the program: how far from rest [spans], and how closely, of
# each value and, where it is small beside its largest, of that.
OFF, CLOSE, BESIDE_LARGEST = (-0.37, 0.61), 1e-6, 1e-9
# The voltage over C_m and the branches, in formulas.
U = "u"


class Node(NamedTuple):
    """A state z of a branch as a node at the voltage V: z = offset + unit V.

    C dV/dt = C dz/dt/unit with C = `farad`, so that voltages and currents are of order one.
    `rate` is dz/dt/unit [1/s]; `state` is the physical state by z, in `state_unit`.
    """

    name: str
    label: str
    state_unit: str
    offset: float
    unit: float
    farad: float
    rate: Formula
    state: Formula


class BranchEquations(NamedTuple):
    """Of a branch: its name, and as a simulator may write it; its class, what this says of itself,
    its current [A], its nodes."""

    name: str
    label: str
    kind: str
    says: str
    current: Formula
    nodes: list[Node]


class Equations(NamedTuple):
    """Of a device: see `equations_of`. `notes` are what a user must know of the translation."""

    device: AbstractDevice
    parameters: list[NetlistParameter]
    branches: list[BranchEquations]
    scales: Scales
    notes: list[str]

    def value(self, name: str) -> float:
        """A parameter's value."""
        return next(p.value for p in self.parameters if p.name == name)

    @property
    def nodes(self) -> list[Node]:
        """The nodes of all branches, in the order of the device's states."""
        return [node for branch in self.branches for node in branch.nodes]


def equations_of(device: AbstractDevice) -> Equations:
    """The equations of a device in time, traced from the branches' own programs.

    A branch that says by `in_netlist` what stands for it is taken by its word, and compared with
    what it is itself.

    **Raises:** `ValueError` for a branch that cannot be said in a simulator's words, or that
    contradicts itself.
    """
    check_device("netlist", device)
    if not is_concrete(device):
        raise ValueError("netlist: wants a device of known numbers, and no traced one")
    plain, notes = _in_time(device)
    names, parameters = named_parameters(plain)
    scales = scales_of(plain)
    many, branches, start = Formulas(), [], 0
    taken = {p.name.casefold() for p in parameters} | {"u", "m", "p", "n"}
    for name, branch in plain.branches.items():
        labels = [free_name(label_of(plain, name, state), taken) for state in branch.states]
        # Small letters, which is how simulators write nodes in their results.
        nodes = [free_name(f"z_{label}".lower(), taken) for label in labels]
        own = slice(start, start + branch.size)
        offset, unit, farad = (part[own] for part in (scales.offset, scales.unit, scales.time))
        start += branch.size
        said = _formulas(plain, names, name, nodes, (offset, unit), many)
        # What stands for a branch by its own word is compared with the branch.
        original = branch if is_constant_phase(device.branches[name]) else device.branches[name]
        _compare(original, name, nodes, (offset, unit), scales, parameters, own, said)
        current, rates, states = said
        branches.append(
            BranchEquations(
                name, free_name(plain_word(name), taken), type(branch).__name__,
                _first_line(branch), current,
                [Node(*row) for row in zip(nodes, labels, branch.units, offset, unit, farad, rates,
                                           states, strict=True)],
            )
        )  # fmt: skip
    formulas = [
        f for b in branches for f in (b.current, *(x for n in b.nodes for x in (n.rate, n.state)))
    ]
    used = frozenset().union(*(f.symbols for f in formulas)) | {"C_m", "R_s"}
    return Equations(plain, [p for p in parameters if p.name in used], branches, scales, notes)


def _in_time(device: AbstractDevice) -> tuple[AbstractDevice, list[str]]:
    """The device with ladders for constant-phase elements, and with what branches say for it."""
    notes, C_m, changed = [], device.C_m, {}
    for home in (f.name for f in fields(device)):
        held = getattr(device, home)
        if not isinstance(held, dict):
            continue
        changed[home] = {}
        for name, branch in held.items():
            if is_constant_phase(branch):
                C_fast, ladder = branch.in_time()
                C_m = C_m + C_fast
                low, high = branch.band
                notes.append(
                    f"{name} is a constant-phase element, Q = {float(branch.Q):.6g} S s^n, "
                    f"n = {float(branch.n):.6g}; here it is a ladder of {ladder.size} R-C pairs "
                    f"and {float(C_fast):.4g} F in C_m, right to {branch.accuracy:g} "
                    f"from {low:g} to {high:g} Hz"
                )
                branch = ladder
            elif (other := branch.in_netlist()) is not branch:
                notes.append(f"{name} is written as its class says by in_netlist")
                branch = other
            changed[home][name] = branch
    if not notes:
        return device, notes
    values: dict[str, Any] = {f.name: getattr(device, f.name) for f in fields(device) if f.init}
    made: Any = type(device)
    return made(**values | changed | {"C_m": C_m}), notes


def _formulas(device, names, name, nodes, read, many):
    """The current, the rates of the nodes, and the states of a branch."""
    size, (offset, unit) = len(nodes), read

    def program(device, u, *z):
        branch = device.branches[name]
        z = jnp.stack(z) * unit + offset if z else jnp.zeros((0,), jnp.result_type(float))
        x = branch.unchart(z)
        return branch.current(u, x), branch.chart_rates(u, z) / unit, x

    try:
        found = translate(program, device, names, [U, *nodes], many)
    except Untranslatable as missing:
        kind = type(device.branches[name]).__name__
        raise ValueError(
            f"branch {name!r} ({kind}) uses {missing} of JAX, for which circuit simulators have no "
            "word; say it otherwise, or give the class a method in_netlist(self) that returns a "
            "branch of the same states which does without"
        ) from None
    return found[0], found[1 : 1 + size], found[1 + size :]


def _compare(branch, name, nodes, read, scales, parameters, own, said):
    """What is translated and what it was translated from, at some voltages and states."""
    offset, unit = read
    rests = np.array([z for _, z in scales.rests])[:, own]
    turn = (-1.0) ** np.arange(len(nodes))
    z = np.concatenate([rests + off * scales.span[own] * turn for off in (*OFF, 0.0)])
    forward = np.array([u for u, _ in scales.rests])
    # Reversed, too: a device may be steep at positive voltages only, and is used at negative ones.
    u = np.concatenate([*[forward] * len(OFF), -forward])
    theirs = np.column_stack([np.asarray(part) for part in _said_by(branch, u, z, unit)])
    values = {p.name: p.value for p in parameters}
    current, rates, _ = said
    sizes = np.abs(np.where(np.isfinite(theirs), theirs, 0.0)).max(axis=0)
    for k, row in enumerate(theirs):
        known = values | {U: u[k]} | dict(zip(nodes, (z[k] - offset) / unit, strict=True))
        for a, size, formula in zip(row, sizes, (current, *rates), strict=True):
            b = computed(formula, known)
            near = max(CLOSE * max(abs(a), abs(b)), BESIDE_LARGEST * size)
            if np.isfinite(a) and not abs(a - b) <= near:
                raise ValueError(
                    f"branch {name!r} ({type(branch).__name__}): at u = {u[k]:g} V a circuit "
                    f"simulator would compute {b:.9g} where the branch says {a:.9g}; give the "
                    "class a method in_netlist(self) that returns it in other words"
                )


@eqx.filter_jit
def _said_by(branch, u, z, unit):
    """The current and the rates of the nodes, at each u and z."""
    one = lambda u, z: (branch.current(u, branch.unchart(z)), branch.chart_rates(u, z) / unit)
    return jax.vmap(one)(jnp.asarray(u), jnp.asarray(z))


def _first_line(branch: AbstractBranch) -> str:
    if isinstance(branch, CapacitiveLadder):
        return "Resistor-capacitor pairs in parallel."
    return (type(branch).__doc__ or "").strip().splitlines()[0] if type(branch).__doc__ else ""
