"""Every letter means what its notation's authors say: formulas written out, and their own code."""

import cmath
import math

import numpy as np
import pytest

from jaxmem.networks import read_network, with_values

coth = lambda z: 1 / cmath.tanh(z)
# By the documentation of impedance.py and of pyimpspec.
FORMULAS = {
    "impedance.py": {
        "R": lambda w, R: R,
        "C": lambda w, C: 1 / (1j * w * C),
        "L": lambda w, L: 1j * w * L,
        "CPE": lambda w, Q, n: 1 / (Q * (1j * w) ** n),
        "W": lambda w, A: A / math.sqrt(w) * (1 - 1j),
        "Wo": lambda w, Z0, t: Z0 / cmath.sqrt(1j * w * t) * coth(cmath.sqrt(1j * w * t)),
        "Ws": lambda w, Z0, t: Z0 / cmath.sqrt(1j * w * t) * cmath.tanh(cmath.sqrt(1j * w * t)),
        "G": lambda w, R, t: R / cmath.sqrt(1 + 1j * w * t),
        "K": lambda w, R, t: R / (1 + 1j * w * t),
        "Ld": lambda w, R, t: R + 1j * w * (R * t),
        "Y": lambda w, g, t: (1 + 1j * w * t) / g,
    },
    "CDC": {
        "Q": lambda w, Y, n: 1 / (Y * (1j * w) ** n),
        "W": lambda w, Y, n: 1 / (Y * (1j * w) ** n),
        "Wo": lambda w, Y, B, n: coth((B * 1j * w) ** n) / (Y * 1j * w) ** n,
        "Ws": lambda w, Y, B, n: cmath.tanh((B * 1j * w) ** n) / (Y * 1j * w) ** n,
        "G": lambda w, Y, k, n: 1 / (Y * (k + 1j * w) ** n),
        "K": lambda w, R, t: R / (1 + 1j * w * t),
    },
}
CASES = [(notation, letter) for notation, all in FORMULAS.items() for letter in all]
FREQ = np.geomspace(1e-3, 1e6, 19)


def drawn(letter, notation, seed):
    """An element with random values, and these values in the order of its parameters."""
    rng = np.random.default_rng(seed)
    network = read_network(letter, notation)
    values = {}
    for name, (element, field) in network.parameters().items():
        unit = type(network.elements[element]).__dataclass_fields__[field].metadata["unit"]
        values[name] = rng.uniform(0.3, 1.0) if unit == "1" else 10 ** rng.uniform(-4, 2)
    return with_values(network, values), list(values.values())


@pytest.mark.quick
@pytest.mark.parametrize(("notation", "letter"), CASES)
def test_an_element_is_its_formula(notation, letter):
    for seed in range(5):
        network, values = drawn(letter, notation, seed)
        omega = 2 * np.pi * FREQ
        # cmath.tanh overflows where the argument is past 700; it is 1 from 20 on.
        omega = omega[omega * max(values) < 1e4]
        wanted = [FORMULAS[notation][letter](w, *values) for w in omega]
        assert np.asarray(network.impedance(1j * omega)) == pytest.approx(
            np.array(wanted), rel=1e-9
        )


@pytest.mark.filterwarnings("ignore:Simulating circuit")
@pytest.mark.parametrize("letter", ["R", "C", "L", "CPE", "W", "Wo", "Ws", "G", "K"])
def test_impedance_py_computes_the_same(letter):
    circuits = pytest.importorskip("impedance.models.circuits")
    for seed in range(5):
        network, values = drawn(letter, "impedance.py", seed)
        theirs = circuits.CustomCircuit(f"{letter}0", initial_guess=values)
        ours = np.asarray(network.impedance(2j * np.pi * FREQ))
        fine = np.isfinite(Z := theirs.predict(FREQ, use_initial=True))
        assert ours[fine] == pytest.approx(Z[fine], rel=1e-9)


@pytest.mark.parametrize("letter", ["R", "C", "L", "Q", "W", "Wo", "Ws", "G", "K"])
def test_pyimpspec_computes_the_same(letter):
    pyimpspec = pytest.importorskip("pyimpspec")
    for seed in range(5):
        network, values = drawn(letter, "CDC", seed)
        names = [n.partition(".")[2] or n.rstrip("0123456789") for n in network.parameters()]
        names = ["Y" if letter == "Q" and n == "Q" else n for n in names]
        said = ",".join(f"{n}={v!r}" for n, v in zip(names, values, strict=True))
        circuit = pyimpspec.parse_cdc(f"{letter}{{{said}}}")
        ours = np.asarray(network.impedance(2j * np.pi * FREQ))
        fine = np.isfinite(Z := circuit.get_impedances(FREQ))
        assert ours[fine] == pytest.approx(Z[fine], rel=1e-9)


def test_diffusion_stays_finite_far_above_and_below_its_time():
    for text in ("Wo", "Ws"):
        network = with_values(
            read_network(text, "impedance.py"), {f"{text}1.Z_0": 2.0, f"{text}1.tau": 1.0}
        )
        Z = np.asarray(network.impedance(1j * np.array([1e-12, 1e14])))
        low = 2.0 / 1e-12 * -1j if text == "Wo" else 2.0
        assert Z == pytest.approx([low, 2.0 / np.sqrt(1e14 * 1j)], rel=1e-6)
