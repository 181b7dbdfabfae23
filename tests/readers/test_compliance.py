"""A plateau at the compliance of a source is found, and nothing else is taken for one."""

import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from readers.recording_files import (
    SHAPES,
    noted,
    rows,
)

import jaxmem as jm
from fitting import read_recordings
from fitting.readers.in_time.compliance import at_compliance


@st.composite
def loops(draw):
    """Voltage and current of a smooth loop: memory, a lag, a bend, a capacitor beside it."""
    wave = SHAPES[draw(st.sampled_from(list(SHAPES)))]
    n, cycles = draw(st.integers(30, 1500)), draw(st.integers(1, 3))
    x = np.arange(n * cycles) / n + draw(st.sampled_from([0.0, 0.25, 0.6]))
    lag = wave(x + draw(st.floats(-0.2, 0.2)))
    voltage = wave(x) + draw(st.sampled_from([0.0, 0.0, 1.0]))
    memory, bend = draw(st.floats(0, 0.8)), draw(st.floats(0.1, 4))
    capacitor = draw(st.sampled_from([0.0, 0.3, 3.0])) * np.gradient(voltage) * n / 8
    current = np.sinh(bend * voltage) / np.sinh(bend) * (1 + memory * lag) + capacitor
    return voltage, current * draw(st.sampled_from([1e-9, 1e-3, 1.0]))


@given(loops(), st.sampled_from([0.01, 0.01, 0.001, 0.0]), st.integers(0, 2**32 - 1))
@settings(max_examples=150)
def test_a_smooth_loop_is_not_masked(loop, noise, seed):
    voltage, current = loop
    scatter = np.random.default_rng(seed).normal(size=len(current))
    mask, levels = at_compliance(voltage, current + noise * abs(current).max() * scatter)
    assert not mask.any() and levels == []


@given(
    st.sampled_from(list(SHAPES)),
    st.integers(40, 1500),
    st.floats(0.2, 0.8),
    st.floats(0, 0.3),
    st.sampled_from([0.0, 0.0, 3e-4]),
    st.sampled_from([1.0, -1.0]),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=150)
@example("triangle", 200, 0.5, 0.2, 0.0, 1.0, 0)
def test_a_plateau_is_found(shape, n, share, memory, noise, sign, seed):
    x = np.arange(2 * n) / n
    voltage = SHAPES[shape](x)
    # Larger when it comes back from the positive side, as after a set.
    current = voltage * (1 + memory * np.cos(2 * np.pi * (x - 0.35))) * 1e-3
    level = share * current.max()
    clipped = current >= level
    # Two turns of the loop have two plateaus of at least five samples.
    assume(clipped.sum() >= 10)
    scatter = noise * level * np.random.default_rng(seed).normal(size=len(x))
    measured = np.minimum(current, level) + np.where(clipped, scatter, 0)
    mask, (found,) = at_compliance(sign * voltage, sign * measured)
    assert found == pytest.approx(sign * level, rel=2e-3)
    assert mask[clipped].mean() > 0.97
    assert not mask[current < 0.99 * level].any()


def test_what_looks_like_a_plateau_and_is_none():
    x = np.linspace(0, 1, 400, endpoint=False)
    triangle = SHAPES["triangle"](x)
    ramp = np.minimum(2 * x, 2 - 2 * x)
    rng = np.random.default_rng(0)
    baseline = np.where(triangle > 0, triangle, 0) * 1e-3
    pulse = np.where((x > 0.2) & (x < 0.7), 1e-3, 0.0)
    charging = np.where(x < 0.7, 1 - np.exp(-np.maximum(x - 0.2, 0) / 0.1), 0)
    ringing = charging * (1 + 0.3 * np.sin(60 * x))
    cases = {
        "a flat baseline": (triangle, baseline),
        "a baseline with noise": (triangle, baseline + 1e-7 * rng.normal(size=400)),
        "a coarse leak": (triangle, np.round(2000 * np.maximum(triangle, 0.004 * triangle))),
        "a saturating device": (ramp, 0.1 * ramp + np.tanh(8 * ramp)),
        "a capacitor": (triangle, np.sign(np.gradient(triangle))),
        "a capacitor on one side": (ramp, np.sign(np.gradient(ramp))),
        "a pulse of current that charges": (charging, pulse),
        "a pulse of current that rings": (ringing, pulse),
        "a coarse sine": (np.sin(7 * x), np.round(127 * np.sin(7 * x))),
        "a pulse of voltage": (pulse, pulse * 1e-3 * np.exp(-x)),
        "nothing": (triangle, 0 * x),
    }
    for name, (voltage, current) in cases.items():
        assert not at_compliance(voltage, current)[0].any(), name


@pytest.mark.parametrize("tau_d", [1e-3, 0.1, 1.0, 10.0])
def test_the_model_s_own_loops(tau_d):
    device = jm.Memristor2D(R_b=1.0, C_m=0.01, i_c0=10.0, V_T=1.0, V_m=0.05, tau_d=tau_d, R_s=0.1)
    wave = jm.Triangle([0.0, 1.5, -1.5], 0.6, cycles=2)
    run = jm.solve(jm.Circuit(device, jm.VoltageDrive(wave)), np.linspace(0, 20, 401)[:-1])
    voltage, current = np.array(run.V), np.array(run.I)
    assert not at_compliance(voltage, current)[0].any()
    level = 0.6 * current.max()
    mask, _ = at_compliance(voltage, np.minimum(current, level))
    assert mask[current >= level].all() and not mask[current < 0.99 * level].any()


def test_a_compliance_is_masked_and_noted(put):
    x = np.arange(200) / 200
    voltage = 2 * SHAPES["triangle"](x)
    current = np.minimum(1e-3 * voltage, 1e-3)
    path = put("a.csv", "t,V,I\n" + rows(x, voltage, current))
    (r,) = read_recordings(path)
    assert np.array_equal(~r.used, current >= 0.997e-3)
    assert noted(r, "51 of 200 samples are not used: they are at a compliance found at 0.001 A")
    (r,) = read_recordings(path, compliance=math.inf)
    assert r.used.all() and r.notes == ()
    (r,) = read_recordings(path, compliance=1.5e-3)
    assert np.array_equal(~r.used, current <= -0.99 * 1.5e-3)
    assert noted(r, "the compliance of 0.0015 A that was given")
