"""Numbers for people, with one prefix."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxmem.output.numbers import PREFIXES, engineering, without_prefix

pytestmark = pytest.mark.quick
POWER = {letter: power for power, letter in PREFIXES.items()}


@pytest.mark.parametrize(
    "value, unit, written",
    [
        (12500.0, "ohm", "12.5 kΩ"),
        (1e-8, "S s^n", "1e-08 S·sⁿ"),
        (999.96, "ohm", "1 kΩ"),
        (0.0, "V", "0 V"),
        (55.0, "mV", "55 mV"),
        (0.005, "mV", "5 µV"),
        (1500.0, "mV", "1.5 V"),
        (-60.0, "mV", "-60 mV"),
        (0.0, "mV", "0 mV"),
        (120.0, "mS/cm2", "120 mS/cm2"),
        (3.0, "kohm", "3 kΩ"),
        (2e-3, "uA", "2 nA"),
        (5e4, "1/s", "5e+04 1/s"),
        (2.0, "min", "2 min"),
        (2.0, "m", "2 m"),
        (np.nan, "mV", "nan mV"),
    ],
)
def test_a_number_has_one_prefix(value, unit, written):
    assert engineering(value, unit) == written


@given(st.floats(1e-9, 1e9), st.sampled_from(["mV", "kHz", "pF", "uA", "V", "ohm", "ms", "GHz"]))
def test_what_is_written_is_the_value(value, unit):
    number, symbol = engineering(value, unit, 12).split()
    own, base = without_prefix(unit)
    exponent = POWER[symbol.removesuffix(base)]
    assert float(number) * 10.0 ** (exponent - own) == pytest.approx(value, rel=1e-10)
