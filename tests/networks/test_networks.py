"""Circuits from text, circuits that are equal, and the device that a circuit is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmem.networks import (
    as_device,
    equal_circuits,
    network_from_toml,
    network_to_toml,
    read_network,
    with_values,
)

OMEGA = np.geomspace(1e-2, 1e8, 25)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("L-R-p(CPE,R)-p(R,C)", "L1-R1-p(CPE1,R2)-p(R3,C1)"),
        ("R0-p(R1-Wo1,C1)", "R0-p(R1-Wo1,C1)"),
        ("R_0-p(R_1,C_1)", "R0-p(R1,C1)"),
        ("R2-R", "R2-R1"),
        ("p(p(R1,C1),R2)", "p(R1,C1,R2)"),
        ("LR(QR)(RC)", "L1-R1-p(Q1,R2)-p(R3,C1)"),
        ("R(Q[R(LR)])", "R1-p(Q1,R2-p(L1,R3))"),
        (" R ( C R ) ", "R1-p(C1,R2)"),
        ("[R(RC)]", "R1-p(R2,C1)"),
        ("R(C[RWo])", "R1-p(C1,R2-Wo1)"),
    ],
)
def test_both_notations_are_understood(text, understood):
    assert read_network(text).text == understood


@pytest.mark.quick
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("R-p(R,C", "not closed"),
        ("R1-R1", "written twice"),
        ("X-R", "no element 'X'"),
        ("CEP-R", "did you mean CPE"),
        ("R)", "closes or joins nothing"),
        ("R--C", "wanted"),
        ("p()", "wanted"),
        ("LR(QR", "not closed"),
        ("R(Q(RW))", "Boukamp"),
        ("R+C", "no meaning"),
        ("R" * 3 + "(" * 40, "Boukamp|wanted|brackets"),
        ("p(" * 40 + "R" + ")" * 40, "brackets in one another"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(text, why):
    with pytest.raises(ValueError, match=why):
        read_network(text)


letters = st.sampled_from(["R", "C", "L", "CPE", "W", "Wo", "Ws", "G", "Ld", "Y"])
layouts = st.recursive(
    letters,
    lambda inner: st.tuples(st.booleans(), st.lists(inner, min_size=2, max_size=3)).map(
        lambda it: "-".join(it[1]) if it[0] else f"p({','.join(it[1])})"
    ),
    max_leaves=7,
)


@pytest.mark.quick
@given(layouts)
def test_what_is_printed_is_read_as_the_same_circuit(text):
    network = read_network(text)
    again = read_network(network.text)
    assert again.layout == network.layout
    rng = np.random.default_rng(len(text))
    network = with_values(network, {n: rng.uniform(0.2, 0.9) for n in network.parameters()})
    stored = network_from_toml(network_to_toml(network))
    assert np.array_equal(network.impedance(1j * OMEGA), stored.impedance(1j * OMEGA))


positive = st.floats(-2, 2).map(lambda p: 10.0**p)


@settings(max_examples=30)
@given(st.integers(1, 3), st.data())
def test_a_voigt_chain_has_its_parallel_branches(n, data):
    """The branches' impedance is that of the chain: computed here, by NumPy, from their values."""
    R = [data.draw(positive) for _ in range(n + 1)]
    # Times well apart: two that are equal are one.
    tau = [10.0 ** (-3 * k + data.draw(st.floats(-1, 1))) for k in range(n)]
    chain = read_network("R" + "-p(R,C)" * n)
    values = {"R1": R[0]} | {f"R{k + 2}": R[k + 1] for k in range(n)}
    chain = with_values(chain, values | {f"C{k + 1}": tau[k] / R[k + 1] for k in range(n)})
    found = dict(equal_circuits(chain))
    assert list(found) == ["parallel branches"]
    other = found["parallel branches"]
    assert other.text == f"p(R1,{','.join(f'R{k + 2}-C{k + 1}' for k in range(n))})"
    s, e = 1j * OMEGA, other.elements
    Y = 1 / float(e["R1"].R)
    for k in range(n):
        Y = Y + 1 / (float(e[f"R{k + 2}"].R) + 1 / (s * float(e[f"C{k + 1}"].C)))
    Z = R[0] + sum(r / (1 + s * t) for r, t in zip(R[1:], tau, strict=True))
    assert np.abs(1 / Y - Z).max() < 1e-6 * np.abs(Z).max()
    back = dict(equal_circuits(other))["Voigt chain"]
    assert back.shape == chain.shape


def test_a_circuit_with_nothing_rational_has_no_other_form():
    assert equal_circuits(read_network("R-p(CPE,R)")) == []
    # Two inductive poles that are complex: no chain of real elements.
    ringing = with_values(read_network("p(C,L,R)"), {"C1": 1.0, "L1": 1.0, "R1": 10.0})
    assert equal_circuits(ringing) == []


def test_a_circuit_that_is_a_device_is_recognised():
    network = read_network("L-R-p(C,R,R-L,R-C,Y)")
    values = dict(L1=1e-7, R1=50.0, C1=1e-8, R2=1e4, R3=2e3, L2=30.0, R4=5e3, C2=1e-6)
    network = with_values(network, values | {"Y1.g": -1e-5, "Y1.tau": 0.3})
    device = as_device(network)
    assert set(device.branches) == {"leak", "slow", "polarisation", "slow_2"}
    s = 1j * OMEGA
    Y = 1e-8 * s + 1e-4 + 1 / (2e3 + 30 * s) + 1 / (5e3 + 1 / (1e-6 * s)) - 1e-5 / (1 + 0.3 * s)
    wanted = 50 + 1e-7 * s + 1 / Y
    assert np.asarray(device.impedance(s, 0.0)) == pytest.approx(wanted, rel=1e-9)
    assert np.asarray(network.impedance(s)) == pytest.approx(wanted, rel=1e-9)
    assert as_device(read_network("L-R-p(CPE,R,Ld)")).branches.keys() == {"cpe", "leak", "slow"}


@pytest.mark.parametrize("text", ["R-p(R,C)-p(R,C)", "R-p(R,C)-W", "p(R,R-L)", "R-p(C,R-W)", "R"])
def test_what_is_no_device_is_none(text):
    assert as_device(read_network(text)) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("circuit = 3", "no circuit"),
        ('circuit = "R"\nvalue = 1', "no key 'value'"),
        ('circuit = "R"\n[values]\nR2 = 1', "no R2"),
        ('circuit = "R"\n[values]\nR1 = true', "wants a number"),
        ('circuit = "R"\n[values]\nR1 = -1.0', "positive"),
        ("circuit", "no TOML"),
    ],
)
def test_a_wrong_file_of_a_circuit_is_said(text, why):
    with pytest.raises(ValueError, match=why):
        network_from_toml(text)


@pytest.mark.quick
@pytest.mark.parametrize("apart", [1e-2, 1e-4, 1e-5])
def test_poles_that_lie_decades_apart_keep_their_digits(apart):
    tau, R = [10.0, 10.0 * apart, 10.0 * apart**2], [1.0, 1.0, 100.0]
    values = {"R1": 1.0} | {f"R{k + 2}": R[k] for k in range(3)}
    chain = with_values(
        read_network("R-p(R,C)-p(R,C)-p(R,C)"),
        values | {f"C{k + 1}": tau[k] / R[k] for k in range(3)},
    )
    branches = dict(equal_circuits(chain))["parallel branches"]
    back = dict(equal_circuits(branches))["Voigt chain"].elements
    found = sorted(float(back[f"R{k + 2}"].R * back[f"C{k + 1}"].C) for k in range(3))
    np.testing.assert_allclose(found, sorted(tau), rtol=1e-6)
