"""Circuits with the same impedance: partial fractions of Z and of Y, and devices."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import polynomial as poly

from jaxmem.devices import (
    ConstantPhase,
    Device,
    Leak,
    Polarisation,
    SlowConductance,
)
from jaxmem.networks.elements import (
    Capacitor,
    ChemicalInductor,
    Inductor,
    PhaseElement,
    Relaxation,
    Resistor,
    SlowAdmittance,
)
from jaxmem.networks.network import Layout, Network, with_values
from jaxmem.networks.notation import read_network

# Two impedances are equal that differ by less than this share, at any frequency.
EQUAL = 1e-7
# A part of an impedance is none that is smaller than this share of it.
NOTHING = 1e-9


class EqualCircuit(NamedTuple):
    """Another circuit with the same impedance: what it is called, and itself with its values."""

    name: str
    network: Network


def equal_circuits(network: Network) -> list[EqualCircuit]:
    """The Voigt chain and the parallel branches with the impedance of a circuit, if there are.

    For circuits of resistors, capacitors, inductors and what consists of them Z(s) is a rational
    function. Its partial fractions are a chain of p(R,C) and p(R,L) (Foster's first form), those
    of 1/Z(s) are branches R-C and R-L side by side (his second form). Forms that would need a
    negative resistance, or complex poles, are left out; so is the circuit itself.
    """
    rational = _rational(network, network.layout)
    if rational is None:
        return []
    found = []
    forms = (("Voigt chain", _voigt), ("parallel branches", _branches))
    for name, form in ((name, form(*rational)) for name, form in forms):
        if form is None:
            continue
        other = with_values(read_network(form[0]), form[1])
        if _same(network, other) and other.shape != network.shape:
            found.append(EqualCircuit(name, other))
    return found


def as_device(network: Network) -> Device | None:
    """The device that a circuit is, or None: one parallel block behind at most an R and an L.

    In the block, C (or a constant-phase element) is the layer, R the leak, R-L, `Ld` and `Y` are
    slow conductances, R-C is a polarisation.
    """
    layout = network.layout
    parts = layout[1:] if not isinstance(layout, str) and layout[0] == "series" else (layout,)
    alone = [network.elements[p] for p in parts if isinstance(p, str)]
    blocks = [p for p in parts if not isinstance(p, str)]
    kinds = [type(e) for e in alone]
    if len(blocks) != 1 or blocks[0][0] != "parallel" or not set(kinds) <= {Resistor, Inductor}:
        return None
    if len(set(kinds)) < len(kinds):
        return None
    C_m, branches = 0.0, {}
    for part in blocks[0][1:]:
        branch = _branch(network, part)
        if branch is None or (isinstance(branch, float) and C_m):
            return None
        if isinstance(branch, float):
            C_m = branch
        else:
            kind = {Leak: "leak", ConstantPhase: "cpe", Polarisation: "polarisation"}
            word = kind.get(type(branch), "slow")
            number = sum(name.partition("_")[0] == word for name in branches)
            branches[word if not number else f"{word}_{number + 1}"] = branch
    if not C_m and "cpe" not in branches:
        return None
    R_s = next((e.R for e in alone if isinstance(e, Resistor)), 0.0)
    L_s = next((e.L for e in alone if isinstance(e, Inductor)), 0.0)
    return Device(C_m, branches, R_s, L_s)


def _branch(network: Network, part: Layout) -> Any:
    """A branch of a device, the number of farads of its layer, or None."""
    names = [part] if isinstance(part, str) else list(part[1:])
    if not all(isinstance(name, str) for name in names):
        return None
    if len(names) > 1 and part[0] != "series":
        return None
    match sorted((network.elements[name] for name in names), key=lambda e: type(e).__name__):
        case [Capacitor() as c]:
            return float(c.C)
        case [PhaseElement() as q]:
            return ConstantPhase(q.Q, q.n)
        case [Resistor() as r]:
            return Leak(r.R)
        case [ChemicalInductor() as e]:
            return SlowConductance(1 / e.R_a, e.tau_d)
        case [SlowAdmittance() as e]:
            return SlowConductance(e.g, e.tau)
        case [Inductor() as coil, Resistor() as r]:
            return SlowConductance(1 / r.R, coil.L / r.R)
        case [Capacitor() as c, Resistor() as r]:
            return Polarisation(r.R, c.C)
    return None


def _rational(network: Network, layout: Layout) -> tuple[np.ndarray, np.ndarray] | None:
    """Numerator and denominator of Z(s), by rising powers; None where Z is no such function."""
    if isinstance(layout, str):
        e = network.elements[layout]
        match e:
            case Resistor():
                return np.array([float(e.R)]), np.array([1.0])
            case Capacitor():
                return np.array([1.0]), np.array([0.0, float(e.C)])
            case Inductor():
                return np.array([0.0, float(e.L)]), np.array([1.0])
            case Relaxation():
                return np.array([float(e.R)]), np.array([1.0, float(e.tau)])
            case ChemicalInductor():
                return float(e.R_a) * np.array([1.0, float(e.tau_d)]), np.array([1.0])
            case SlowAdmittance():
                return np.array([1.0, float(e.tau)]) / float(e.g), np.array([1.0])
        return None
    parts = [_rational(network, part) for part in layout[1:]]
    if any(part is None for part in parts):
        return None
    turned = [p if layout[0] == "series" else p[::-1] for p in parts if p is not None]
    top, bottom = turned[0]
    for a, b in turned[1:]:
        top = poly.polyadd(poly.polymul(top, b), poly.polymul(a, bottom))
        bottom = poly.polymul(bottom, b)
    return (top, bottom) if layout[0] == "series" else (bottom, top)


class _Parts(NamedTuple):
    """F(s) = s slope + constant + sum of residues/(s - poles), the poles real and not positive."""

    slope: float
    constant: float
    poles: np.ndarray
    residues: np.ndarray


def _partial_fractions(top: np.ndarray, bottom: np.ndarray) -> _Parts | None:
    """Partial fractions with simple real poles, None where they are not so."""
    top, bottom = np.trim_zeros(top, "b"), np.trim_zeros(bottom, "b")
    if len(top) > len(bottom) + 1:
        return None
    whole, _ = poly.polydiv(top, bottom)  # pyright: ignore[reportGeneralTypeIssues]
    whole = np.pad(whole, (0, max(0, 2 - len(whole))))
    # Time in units of the middle pole, so that a root is not lost beside larger ones.
    low = int(np.flatnonzero(bottom)[0])
    degree = len(bottom) - 1 - low
    unit = abs(bottom[low] / bottom[-1]) ** (1 / degree) if degree else 1.0
    poles = poly.polyroots(bottom * unit ** np.arange(len(bottom))) * unit
    if np.abs(poles.imag).max(initial=0.0) > NOTHING * np.abs(poles).max(initial=0.0):
        return None
    poles = np.sort(poles.real)
    poles[np.abs(poles) < NOTHING * np.abs(poles).max(initial=0.0)] = 0.0
    if np.any(poles > 0) or np.any(np.diff(poles) < 1e-6 * np.abs(poles[:-1])):
        return None
    # The eigenvalues that poles are found by are as exact as the largest of them; Newton's method
    # makes each as exact as it is itself. At a pole the numerator is that of the rest.
    slope = poly.polyder(bottom)
    for _ in range(3):
        poles = poles - poly.polyval(poles, bottom) / poly.polyval(poles, slope)
    residues = poly.polyval(poles, top) / poly.polyval(poles, slope)
    return _Parts(float(whole[1]), float(whole[0]), poles, residues)


def _voigt(top: np.ndarray, bottom: np.ndarray) -> tuple[str, dict[str, float]] | None:
    """Foster's first form: series L, R, C, then p(R,C) and p(R,L)."""
    if (parts := _partial_fractions(top, bottom)) is None:
        return None
    blocks: list[tuple[str, dict[str, float]]] = []
    constant = parts.constant
    for p, k in zip(parts.poles, parts.residues, strict=True):
        if p == 0:
            blocks.append(("C{}", {"C": 1 / k}))
        elif k > 0:
            blocks.append(("p(R{},C{})", {"R": -k / p, "C": 1 / k}))
        else:
            # R s/(s - p) = R + R p/(s - p): the resistance is taken from the constant.
            blocks.append(("p(R{},L{})", {"R": k / p, "L": -k / p**2}))
            constant -= k / p
    return _assembled("-", parts.slope, constant, blocks, "L{}", "R{}", top, bottom)


def _branches(top: np.ndarray, bottom: np.ndarray) -> tuple[str, dict[str, float]] | None:
    """Foster's second form: C, R, and branches R-C and R-L side by side."""
    if (parts := _partial_fractions(bottom, top)) is None:
        return None
    blocks: list[tuple[str, dict[str, float]]] = []
    constant = parts.constant
    for p, k in zip(parts.poles, parts.residues, strict=True):
        if p == 0:
            blocks.append(("L{}", {"L": 1 / k}))
        elif k > 0:
            blocks.append(("R{}-L{}", {"R": -p / k, "L": 1 / k}))
        else:
            blocks.append(("R{}-C{}", {"R": p / k, "C": -k / p**2}))
            constant -= k / p
    if constant > 0:
        constant = 1 / constant
    return _assembled(",", parts.slope, constant, blocks, "C{}", "R{}", top, bottom)


def _assembled(sign, slope, constant, blocks, first, second, top, bottom):
    """Text and values of a form; None where an element of it would be negative."""
    size = abs(poly.polyval(1.0, top) / poly.polyval(1.0, bottom))
    parts: list[tuple[str, dict[str, float]]] = []
    if abs(slope) > 0:
        parts.append((first, {first[0]: slope}))
    if abs(constant) > NOTHING * size or not blocks:
        parts.append((second, {"R": constant}))
    parts += blocks
    count: dict[str, int] = {}
    words, values = [], {}
    for pattern, numbers in parts:
        names = []
        for letter, value in numbers.items():
            if not value > 0:
                return None
            count[letter] = count.get(letter, 0) + 1
            names.append(count[letter])
            values[f"{letter}{count[letter]}"] = float(value)
        words.append(pattern.format(*names))
    if len(words) == 1 or sign == "-":
        return sign.join(words), values
    return f"p({','.join(words)})", values


def _same(one: Network, other: Network) -> bool:
    """Whether two impedances agree, from far below the slowest to far above the fastest time."""
    omega = np.geomspace(1e-6, 1e9, 200)
    a, b = (np.asarray(n.impedance(1j * omega)) for n in (one, other))
    return bool(np.all(np.abs(a - b) < EQUAL * np.abs(a)))


def conversions(network: Network) -> Sequence[str]:
    """Sentences: the circuits with the same impedance, and the device that it is."""
    lines = []
    for name, other in equal_circuits(network):
        values = ", ".join(
            f"{key} = {float(getattr(other.elements[e], f)):.6g}"
            for key, (e, f) in other.parameters().items()
        )
        lines.append(f"As {name}, {other.text}, it has the same impedance with {values}.")
    return lines
