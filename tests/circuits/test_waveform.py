"""Waveforms: values at jumps, edges, what held before, sums, and refusals."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm

STEP = jm.Step(2.0, low=-1.0, start=1.0)
PULSE = jm.Pulse(2.0, 0.5, start=1.0, low=-1.0)
TRAIN = jm.PulseTrain(3.0, 0.25, 1.0, count=3, start=0.5)
TRIANGLE = jm.Triangle([0.0, 1.0, -1.0], 2.0, cycles=2, start=1.0)
SINE = jm.Sine(0.5, 2.0, offset=1.0, phase=0.3, start=1.0)
SAMPLED = jm.Sampled([0.0, 1.0, 1.0, 2.0], [0.0, 1.0, 3.0, 2.0])
ALL = [jm.Constant(4.0), STEP, PULSE, TRAIN, TRIANGLE, SINE, SAMPLED, STEP + SINE]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("wave", "t", "value"),
    [
        (STEP, [0.0, 1 - 1e-12, 1.0, 9.0], [-1, -1, 2, 2]),
        (PULSE, [0.9, 1.0, 1.4999, 1.5, 8.0], [-1, 2, 2, -1, -1]),
        (TRAIN, [0.0, 0.5, 0.7, 0.75, 1.5, 2.5, 2.75, 3.5, 50.0], [0, 3, 3, 0, 3, 3, 0, 0, 0]),
        (TRIANGLE, [0.0, 1.0, 1.25, 1.5, 2.0, 2.5], [0, 0, 0.5, 1, 0, -1]),
        (TRIANGLE, [3.0, 3.5, 5.0, 9.0], [0, 1, 0, 0]),
        (SINE, [0.0, 1.0, 1.125], [1, 1 + 0.5 * np.sin(0.3), 1 + 0.5 * np.cos(0.3)]),
        (SAMPLED, [-1.0, 0.5, 1.0, 1.5, 2.0, 3.0], [0, 0.5, 3, 2.5, 2, 2]),
        (STEP + PULSE, [0.0, 1.0, 1.5], [-2, 4, 1]),
    ],
    ids=["step", "pulse", "train", "triangle", "later", "sine", "sampled", "sum"],
)
def test_values_are_right_limits(wave, t, value):
    np.testing.assert_allclose(wave(jnp.asarray(t)), value, atol=1e-12)


def test_edges_hold_every_jump_and_kink():
    np.testing.assert_allclose(PULSE.edges(), [1, 1.5])
    edges = np.asarray(TRAIN.edges())
    np.testing.assert_allclose(edges[:6], [0.5, 0.75, 1.5, 1.75, 2.5, 2.75])
    assert edges.shape == (128,) and np.all(np.isinf(edges[6:]))
    np.testing.assert_allclose(TRIANGLE.edges(), [1, 1.5, 2.5, 3, 3.5, 4.5, 5])
    np.testing.assert_allclose((PULSE + TRIANGLE).edges()[:4], [1, 1, 1.5, 1.5])
    assert jm.Constant(1.0).edges().shape == (0,)
    assert float(TRIANGLE.period) == 2.0 and float(SINE.period) == 0.5


@pytest.mark.parametrize("wave", ALL, ids=lambda w: type(w).__name__)
def test_before_is_the_value_long_before(wave):
    assert float(wave.before()) == float(wave(jnp.asarray(-1e6)))


@pytest.mark.parametrize("wave", ALL, ids=lambda w: type(w).__name__)
def test_a_piece_is_evaluated_at_both_of_its_ends(wave):
    """Between two edges `value(t, inside)` is smooth up to and including both ends."""
    edges = np.unique(np.asarray(wave.edges()))
    edges = np.concatenate([[-1.0], edges[np.isfinite(edges)], [6.0]])
    for a, b in pairwise(edges):
        middle = jnp.asarray((a + b) / 2)
        for t, near in ((a, a + 1e-9 * (b - a)), (b, b - 1e-9 * (b - a))):
            np.testing.assert_allclose(
                wave.value(jnp.asarray(t), middle), wave(jnp.asarray(near)), atol=1e-6
            )


@pytest.mark.parametrize("wave", ALL, ids=lambda w: type(w).__name__)
def test_waves_work_under_jit_vmap_and_grad(wave):
    t = jnp.linspace(0.013, 4.9, 7)
    np.testing.assert_allclose(jax.jit(lambda w, s: w(s))(wave, t), wave(t), rtol=1e-12)
    np.testing.assert_allclose(jax.vmap(wave)(t), wave(t), rtol=1e-12)
    slope = jax.vmap(jax.grad(wave))(t)
    np.testing.assert_allclose(slope, (wave(t + 1e-6) - wave(t - 1e-6)) / 2e-6, atol=1e-5)


def test_numbers_become_constant_drives():
    assert isinstance(jm.CurrentDrive(2.0).wave, jm.Constant)
    assert float(jm.VoltageDrive(2).wave.before()) == 2.0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: jm.Pulse(1.0, -1.0), "width"),
        (lambda: jm.PulseTrain(1.0, 2.0, 1.0, count=2), "does not fit the period"),
        (lambda: jm.PulseTrain(1.0, 0.5, 1.0, count=0), "count"),
        (lambda: jm.PulseTrain(1.0, 0.5, 1.0, count=9, capacity=8), "capacity"),
        (lambda: jm.Triangle([1.0], 1.0), "two vertices"),
        (lambda: jm.Triangle([0.0, 1.0], 0.0), "rate"),
        (lambda: jm.Triangle([0.0, 1.0], 1.0, cycles=0), "cycles"),
        (lambda: jm.Sine(1.0, 0.0), "freq"),
        (lambda: jm.Sampled([0.0, 1.0], [1.0]), "one length"),
        (lambda: jm.Sampled([1.0, 0.0], [1.0, 2.0]), "ascend"),
        (lambda: jm.Circuit(1.0, jm.CurrentDrive(1.0)), "device"),
        (lambda: jm.Circuit(jm.paper_device(), 1.0), "CurrentDrive"),
    ],
)
@pytest.mark.usefixtures("as_users_call")
def test_a_wrong_wave_is_refused_in_words(make, words):
    with pytest.raises(ValueError, match=words):
        make()
