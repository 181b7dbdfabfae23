"""Corners of waveforms: straight lines through them are the waveform, in any units."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jaxmem as jm

# The paper's units, and a device in SI units: volts or microamperes, and microseconds.
UNITS = [(1.0, 1.0), (1e-6, 1e-6), (0.3, 2e3)]
level = st.floats(-2.0, 2.0)
length = st.floats(0.01, 5.0)
time = st.floats(-3.0, 3.0)


# What is drawn are classes and numbers: JAX makes the waveforms in the test.
def step(draw, size, unit):
    return jm.Step, size * draw(level), size * draw(level), unit * draw(time)


def pulse(draw, size, unit):
    width, start = unit * draw(length), unit * draw(time)
    return jm.Pulse, size * draw(level), width, start, size * draw(level)


def train(draw, size, unit):
    width, count = unit * draw(length), draw(st.integers(1, 5))
    period = width * draw(st.floats(1.1, 4.0))
    start = unit * draw(time)
    return jm.PulseTrain, size * draw(level), width, period, count, start, size * draw(level)


def triangle(draw, size, unit):
    # Few shapes, so that few programs are compiled.
    turns = draw(st.lists(st.sampled_from([-1.0, 0.5, 1.0, 1.5]), min_size=2, max_size=2))
    rate, cycles = size / unit * draw(length), draw(st.integers(1, 2))
    return jm.Triangle, size * np.array([0.0, *turns]), rate, cycles, unit * draw(time)


def sampled(draw, size, unit):
    t = np.sort(draw(st.lists(st.integers(-4, 4), min_size=5, max_size=5))).astype(float)
    return jm.Sampled, unit * t, size * np.array([draw(level) for _ in t])


def constant(draw, size, unit):
    return jm.Constant, size * draw(level)


@st.composite
def waves(draw):
    """One or several waveforms, each as its class and numbers; the size and time of the units."""
    size, unit = draw(st.sampled_from(UNITS))
    kinds = st.sampled_from([step, pulse, train, triangle, sampled, constant])
    parts = [draw(kinds)(draw, size, unit) for _ in range(draw(st.integers(1, 3)))]
    return parts, size, unit


def made(drawn):
    parts, size, unit = drawn
    found = tuple(kind(*numbers) for kind, *numbers in parts)
    return (found[0] if len(found) == 1 else jm.Sum(found)), size, unit


@given(waves(), st.lists(st.floats(-6.0, 40.0), min_size=20, max_size=20))
def test_the_lines_through_the_corners_are_the_waveform(drawn, at):
    wave, size, unit = made(drawn)
    t, values = wave.corners()
    assert t.shape == values.shape and np.all(np.diff(t) >= 0)
    at = unit * np.array(at)
    # Beside a jump its time is rounded in two ways, and either side may be the answer.
    clear = np.abs(at[:, None] - t).min(axis=1) > 1e-9 * unit
    line, expected = np.interp(at, t, values), np.asarray(wave(at))
    np.testing.assert_allclose(line[clear], expected[clear], atol=1e-8 * size)
    assert values[0] == pytest.approx(float(wave.before()), abs=1e-12 * size)


@given(waves())
def test_edges_are_where_the_corners_are(drawn):
    wave, _, unit = made(drawn)
    t, _ = wave.corners()
    edges = wave.finite_edges()
    assert np.isfinite(edges).all()
    if len(edges):
        t = t[np.append(True, np.diff(t) > 0)]
        np.testing.assert_allclose(np.unique(edges)[[0, -1]], t[[0, -1]], atol=1e-9 * unit)


def test_a_jump_is_two_corners_at_one_time():
    t, values = jm.Step(2.0, low=-1.0, start=1.0).corners()
    assert t.tolist() == [1, 1] and values.tolist() == [-1, 2]
    t, values = (jm.Triangle([0.0, 1.0], 1.0) + jm.Step(2.0, start=1.0)).corners()
    assert t.tolist() == [0, 1, 1, 2] and values.tolist() == [0, 1, 3, 2]


class Ramp(jm.AbstractWaveform):
    """A waveform of one's own that says nothing of its corners."""

    slope: jnp.ndarray = jm.quantity("V/s", "slope", positive=False)

    def value(self, t, at):
        return jnp.where(at > 0, self.slope * t, 0.0)

    def edges(self):
        return jnp.zeros((1,))

    def before(self):
        return jnp.zeros(())


@pytest.mark.parametrize("wave", [jm.Sine(1.0, 1.0), jm.Sine(1.0, 1.0) + jm.Step(1.0), Ramp(1.0)])
def test_what_is_no_polyline_has_none(wave):
    assert wave.corners() is None
    assert wave.finite_edges().tolist() in ([0.0], [0.0, 0.0])


def test_the_most_samples_between_two_edges():
    t = np.linspace(0.0, 2.0, 21)
    assert jm.Pulse(1.0, 0.95, start=0.45).most_samples(t) == 9
    assert jm.Constant(1.0).most_samples(t) == 21
    assert jm.PulseTrain(1.0, 0.25, 0.5, count=4).most_samples(t) == 3
