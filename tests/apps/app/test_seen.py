"""What the page Explore shows of a state, against numbers that are worked out by hand."""

import subprocess
import sys
import zipfile
from io import BytesIO

import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from jaxmem import plots
from jaxmem.apps.app.explore.copies import copies_of, program_of, zip_of
from jaxmem.apps.app.explore.exploration import Exploration
from jaxmem.apps.app.explore.seen import (
    bias_of,
    element_rows,
    seen_at_rest,
    seen_in_time,
    solved,
    with_pinned,
)
from jaxmem.apps.app.plotly_figure import as_plotly
from jaxmem.plots.small_signals import rest_answers

# The paper's device; its letters by hand.
STATE = Exploration("paper-3d", drive="I = Step(high=3)", bias=0.95).with_value("C_m", 1.0)
R_B, I_C0, V_T, V_M = 1.0, 10.0, 1.0, 0.05


def occupation(u):
    return 1 / (1 + np.exp(-(u - V_T) / V_M))


@pytest.fixture(scope="module")
def found():
    return rest_answers(STATE.device, "current", 0.95)


def test_rest_and_its_stability_are_the_papers(found):
    np.testing.assert_allclose(found.I, found.u / R_B + I_C0 * occupation(found.u), rtol=1e-9)
    # Unstable between the two Hopf points (DESIGN: u = .9000291, 1.1566551).
    inside = (found.u > 0.9000291) & (found.u < 1.1566551)
    np.testing.assert_array_equal(found.stable, ~inside)
    assert (found.u == 0.95).any()


def test_the_spectrum_and_its_elements_are_those_of_equation_13(found):
    f = occupation(0.95)
    R_a = V_M / (I_C0 * f * (1 - f))
    s = 2j * np.pi * found.freq
    Z = 1 / (s + 1 / R_B + 1 / ((1 + s) * (R_a + f * R_a * s)))
    np.testing.assert_allclose(found.Z, Z, rtol=1e-9)
    rows = {name: value for name, value, _ in element_rows(found)}
    assert rows["R_a"] == f"{1e3 * R_a:.4g} mΩ"
    assert set(rows) >= {"R_b", "C_m", "L_d", "L_k", "R_dc", "C_lf", "u, I, V"}


def test_what_is_seen_at_rest_is_drawn_and_said():
    seen = seen_at_rest(STATE)
    assert set(seen.panels) == {"iv", "nyquist", "modulus", "phase", "gain"}
    for panel in seen.panels.values():
        assert as_plotly(panel)["data"]
    assert "rest at u = 950 mV is unstable" in seen.lines[0]
    stable = seen_at_rest(Exploration("paper-3d", bias=0.5))
    assert "is stable" in stable.lines[0]


def test_under_an_ideal_voltage_rest_is_stable_and_there_is_no_loop_gain():
    seen = seen_at_rest(Exploration("paper-2d", drive="V = Constant(level=1)", bias=1.0))
    assert "is stable" in seen.lines[0]
    (note,) = seen.panels["gain"].marks
    assert isinstance(note, plots.Note) and "R_s" in note.text


@pytest.mark.slow
def test_a_transient_below_the_threshold_ends_at_rest():
    state = Exploration("paper-3d", drive="I = Step(high=0.5)", until=60.0)
    seen, run = seen_in_time(state.pin())
    assert set(seen.panels) == {"voltage", "current", "occupation"}
    u = float(run.u[-1])
    assert u / R_B + I_C0 * occupation(u) == pytest.approx(0.5, rel=1e-4)
    assert "pinned" in [m.label for m in seen.panels["voltage"].marks]


@pytest.mark.slow
def test_the_action_potential_is_that_of_panel_2k():
    state = Exploration("paper-2d", drive="I = Pulse(high=6, width=10)", until=35.0)
    state = state.with_value("C_m", 10.0).with_value("tau_d", 20.0)
    _, run = seen_in_time(state)
    # Panel 2k: u(dt) = 2.6671, minimum -1.9107 (DESIGN).
    assert run.u[run.t < 10.0][-1] == pytest.approx(2.6671, abs=5e-3)
    assert run.u.min() == pytest.approx(-1.9107, abs=5e-3)


def test_the_bias_is_where_the_device_is_steepest_unless_it_is_said():
    assert bias_of(STATE, STATE.device) == 0.95
    state = Exploration("si")
    assert bias_of(state, state.device) == pytest.approx(0.8)


def test_the_pinned_device_is_beside_in_dots():
    one = plots.Panel([plots.Curve([0, 1], [0, 1]), plots.Curve([0], [0], "star")])
    both = with_pinned(one, one)
    assert [(m.role, m.label) for m in both.marks if isinstance(m, plots.Curve)] == [
        ("dotted", "pinned"), ("line", ""), ("star", "")
    ]  # fmt: skip


@pytest.mark.slow
def test_the_program_that_is_copied_computes_what_is_seen(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", program_of(STATE)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    run = solved(STATE)
    assert f"{float(run.u.max()):.6g}"[:6] in done.stdout
    hopf = jm.hopf_points(STATE.device)
    assert f"{float(hopf.I[0]):.5g}"[:5] in done.stdout


@pytest.mark.slow
def test_the_copied_program_is_python_and_holds_the_device():
    text = program_of(STATE.with_value("R_b", 1.25))
    compile(text, "explore.py", "exec")
    assert "R_b = 1.25" in text and 'parse_drive("I = Step(high=3)")' in text
    device = jm.device_from_toml(copies_of(STATE)["device.toml"])
    assert float(device.C_m) == 1.0


@pytest.mark.slow
def test_the_archive_holds_tables_that_are_the_numbers_seen(found):
    panels = {"iv": plots.Panel([plots.Curve(found.V, found.I)])}
    packed = zipfile.ZipFile(BytesIO(zip_of(STATE, panels)))
    names = {name.split("/")[1] for name in packed.namelist()}
    assert names == {"device.toml", "explore.py", "link.txt", "transient.csv", "rest.csv",
                     "impedance.csv", "iv.svg"}  # fmt: skip
    table = np.loadtxt(BytesIO(packed.read("jaxmem-explore/impedance.csv")), delimiter=",",
                       skiprows=1)  # fmt: skip
    np.testing.assert_allclose(table[:, 1] + 1j * table[:, 2], found.Z, rtol=1e-12)
    assert packed.read("jaxmem-explore/iv.svg").lstrip().startswith(b"<?xml")


def test_places_between_the_ends_have_no_gap(found):
    u = np.unique(found.u)
    assert u[0] <= 0.0 and np.diff(u).max() < 0.05
    assert np.isfinite(jnp.asarray(found.Z)).all()
