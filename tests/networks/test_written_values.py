"""Values, limits and labels that stand in a circuit's text or file."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxmem.networks import (
    Given,
    circuit_from_toml,
    network_to_toml,
    read_network,
    written_circuit,
)

pytestmark = pytest.mark.quick
OPEN = (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("text", "names", "said"),
    [
        ("R{R=50/10/100}", "R1", {"R1": (50, False, 10, 100)}),
        ("R{R=50F}", "R1", {"R1": (50, True, *OPEN)}),
        ("R{R=50f//1e2}", "R1", {"R1": (50, True, -math.inf, 100)}),
        ("R{R=50/10%/200%}", "R1", {"R1": (50, False, 5, 100)}),
        ("R{R=50/inf/inf}", "R1", {"R1": (50, False, *OPEN)}),
        ("R{:ct}", "R_ct", {}),
        (" R { R = 50 : s } ( C{C=1E-6} R{:ct} )", "R_s-p(C1,R_ct)",
         {"R_s": (50, False, *OPEN), "C1": (1e-6, False, *OPEN)}),
        ("Q{Y=1e-6,n=0.9F}", "Q1", {"Q1.Q": (1e-6, False, *OPEN), "Q1.n": (0.9, True, *OPEN)}),
        ("!V=1![R{R=1E+03/0.0E+00/inf}(C{C=1E-06F/1.0E-24/1.0E+03}R)]", "R1-p(C1,R2)",
         {"R1": (1e3, False, 0, math.inf), "C1": (1e-6, True, 1e-24, 1e3)}),
        ("W{Y=1e-3,n=5.0E-01F/0.0/1.0}", "W1",
         {"W1.Y": (1e-3, False, *OPEN), "W1.n": (0.5, True, 0, 1)}),
    ],
)  # fmt: skip
def test_what_stands_in_braces(text, names, said):
    circuit = written_circuit(text)
    assert circuit.network.text == names and circuit.network.notation == "CDC"
    assert circuit.given == {name: Given(*values) for name, values in said.items()}
    for name, (value, *_) in said.items():
        element, field = circuit.network.parameters()[name]
        assert float(getattr(circuit.network.elements[element], field)) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("R{50}", "'50' is no parameter; write NAME=VALUE"),
        ("R{}", "is no parameter"),
        ("R{R=50", "'{' is not closed"),
        ("R{X=50}", "R1 has no parameter 'X'; it has R"),
        ("Q{C=50}", "Q1 has no parameter 'C'; it has Q, n, Y"),
        ("Q{Y=1,Q=2}", "Q1.Q is given twice"),
        ("R{R=50,R=60}", "R is given twice"),
        ("R{R=-50}", "must be positive"),
        ("R{R=1e999}", "must be finite"),
        ("Q{n=1.2}", "must lie between 0 and 1, got 1.2"),
        ("R{R=50/100/200}", "R = 50 does not lie between its limits 100 and 200"),
        ("R{R=50/50/50}", "does not lie between"),
        ("R{R=50/a}", "the limit 'a' of R is no number"),
        ("R{R=50/1/2/3}", "is no parameter"),
        ("R{R=50k}", "is no parameter"),
        ("R{R=50:1}", "the label '1' must begin with a letter"),
        ("R{:ct}R{:ct}", "R_ct is written twice"),
        ("{R=50}", "an element is wanted"),
        ("R-p(C{C=1},R)", "give --fix R0=50 and --range R1=1e2:1e4"),
    ],
)
def test_what_cannot_stand_in_braces_is_said(text, why):
    with pytest.raises(ValueError) as error:
        written_circuit(text)
    assert why in str(error.value)


number = st.floats(1e-12, 1e12)


@given(number, st.booleans(), st.floats(0.01, 0.99), st.floats(1.01, 100.0))
def test_any_number_is_read_as_python_reads_it(value, fixed, below, above):
    text = f"R{{R={value!r}{'F' if fixed else ''}/{below * value!r}/{above * value!r}}}"
    assert written_circuit(text).given["R1"] == Given(value, fixed, below * value, above * value)


def test_a_label_is_a_name_in_either_notation():
    network = read_network("R_s-p(C,R_ct-W)")
    assert list(network.elements) == ["R_s", "C1", "R_ct", "W1"]
    assert read_network(network.text).layout == network.layout
    assert network.definitions()["R"] == "R"


def test_a_file_has_values_fixings_and_bounds():
    text = (
        'circuit = "R_s-p(C,R_ct)"\nnotation = "impedance.py"\nfixed = ["R_s"]\n'
        "[values]\nR_s = 50.0\nC1 = 1e-6\n[bounds]\nC1 = [1e-7, 1e-5]\n"
    )
    circuit = circuit_from_toml(text)
    assert circuit.given == {
        "R_s": Given(50.0, True, *OPEN), "C1": Given(1e-6, False, 1e-7, 1e-5)
    }  # fmt: skip
    # What a fit writes has all values, and nothing is fixed.
    again = circuit_from_toml(network_to_toml(circuit.network))
    assert {n: g.value for n, g in again.given.items()} == {"R_s": 50.0, "C1": 1e-6, "R_ct": 1.0}


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ('fixed = ["R9"]', "the circuit has no R9"),
        ('fixed = "R1"', 'write fixed = ["R1"]'),
        ('fixed = ["R2"]', "R2 has to stay and no value"),
        ("[bounds]\nC1 = [1, 2]", "C1 has a bound and no value"),
        ("[values]\nR1 = 5\n[bounds]\nR1 = [10, 20]", "R1 = 5 does not lie between 10 and 20"),
        ("[values]\nR1 = 5\n[bounds]\nR1 = 10", "R1 wants [LOW, HIGH], got 10"),
        ("[limits]\nR1 = 5", "a circuit has no key 'limits'"),
    ],
)
def test_what_a_file_cannot_say_is_said(more, why):
    with pytest.raises(ValueError) as error:
        circuit_from_toml(f'circuit = "R-p(C,R)"\n{more}\n')
    assert why in str(error.value)
