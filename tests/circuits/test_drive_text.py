"""A drive from a line of text is the drive written in Python, or is refused in words."""

import equinox as eqx
import jax.numpy as jnp
import pytest

import jaxmem as jm

pytestmark = pytest.mark.quick

GOOD = {
    "I = Step(3.3e-4)": jm.CurrentDrive(jm.Step(3.3e-4)),
    "I=-3e-4": jm.CurrentDrive(jm.Constant(-3e-4)),
    "V = triangle([0, 1.2, -0.5], rate=0.1, cycles=2)": jm.VoltageDrive(
        jm.Triangle(jnp.array([0, 1.2, -0.5]), rate=0.1, cycles=2)
    ),
    "V = 1 + Sine(0.1, 50) + Pulse(1, 2, start=-3)": jm.VoltageDrive(
        jm.Sum((jm.Constant(1.0), jm.Sine(0.1, 50.0), jm.Pulse(1.0, 2.0, start=-3.0)))
    ),
    "I = PulseTrain(1e-3, 1e-3, 1e-2, count=5)": jm.CurrentDrive(
        jm.PulseTrain(1e-3, 1e-3, 1e-2, count=5)
    ),
    "V = Sampled([0, 1, 2], (0, 1, 0))": jm.VoltageDrive(
        jm.Sampled(jnp.arange(3.0), jnp.array([0.0, 1, 0]))
    ),
}
BAD = {
    "": "write what is imposed",
    "I": "write what is imposed",
    "Q = 3": "write what is imposed",
    "I = Stp(3)": "did you mean Step?",
    "I = Step()": "'high'",
    "I = Step(a)": "'a' is no number",
    "I = Step(1, foo=2)": "foo",
    "I = __import__('os')": "no waveform",
    "I = Pulse(1, -1)": "must be positive",
    "I = Triangle(3, 1)": "at least two vertices",
    "I = Step(high=**3)": "cannot be read",
    "I = Step(**{'high': 3})": "is not understood",
    "V = True": "is no number",
    "V = [1, 2]": "is no number",
    "I = Sine(1, 2) * 3": "is no number",
    "I = Step(1e400)": "too large",
    "I = Step(1" + "0" * 400 + ")": "too large",
    "I = " + "(" * 3000 + "1" + ")" * 3000: "cannot be read",
    "I = PulseTrain(1, 1, 2, count=1000000000)": "count must be a whole number from 1 to 20,000",
    "I = PulseTrain(1, 1, 2, count=2.5)": "count must be a whole number",
    "V = Triangle([0, 1], 1, cycles=1000000000)": "cycles must be a whole number from 1 to 20,000",
    "V = Triangle([0, 1], 1, cycles=2.5)": "cycles must be a whole number",
}


@pytest.mark.parametrize("text", GOOD)
def test_it_is_the_drive_written_in_python(text):
    assert eqx.tree_equal(jm.parse_drive(text), GOOD[text])


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_drive_is_refused(text, as_users_call):
    with pytest.raises(ValueError) as caught:
        jm.parse_drive(text)
    assert BAD[text] in str(caught.value) and "for example" in str(caught.value)
