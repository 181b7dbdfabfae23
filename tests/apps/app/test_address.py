"""The state of the page Explore: what its address holds is what it was, and nothing is believed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jaxmem as jm
from jaxmem.apps.app.explore.drive_form import WAVES, drive_text, fields_of, first_drive, level_of
from jaxmem.apps.app.explore.exploration import Exploration, exploration_of, parameters_of
from jaxmem.apps.app.explore.offered_devices import OFFERED, base_device, own_name
from jaxmem.apps.app.explore.paper_presets import paper_presets
from jaxmem.apps.app.packed import LONGEST, pack, unpack
from jaxmem.apps.paper import PANELS
from jaxmem.lens import get, lenses

pytestmark = pytest.mark.quick


@given(
    C_m=st.floats(1e-12, 1e-3), V_T=st.floats(-2, 2), bias=st.none() | st.floats(-1, 2),
    until=st.none() | st.floats(1e-6, 1e3), log=st.booleans(), pinned=st.booleans(),
)  # fmt: skip
def test_an_address_holds_the_state(C_m, V_T, bias, until, log, pinned):
    state = Exploration("si", (), "V = Sine(amplitude=1, freq=2)", bias, until, log, ("R_b", "C_m"))
    state = state.with_value("C_m", C_m).with_value("V_T", V_T)
    state = state.pin() if pinned else state
    again = exploration_of(state.query())
    assert again == state
    assert float(again.device.C_m) == C_m and float(again.device.V_T) == V_T
    # All else is the device's own.
    assert float(again.device.tau_k) == float(jm.si_device().tau_k)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("device=sj", "no device 'sj'"),
        ("device=own:xyz", "cannot be read"),
        ("d.R_q=1", "no parameter R_q"),
        ("d.R_b=-1", "must be positive"),
        ("d.R_b=1e400", "finite number"),
        ("d.R_b=two", "finite number"),
        ("until=-3", "end time"),
        ("drive=I = __import__('os')", "no waveform"),
        ("over=R_b", "two parameters"),
        ("over=R_b,R_q", "no parameter R_q"),
        ("file=/etc/passwd", "says nothing of a device"),
        ("pinned=nowhere", "no device"),
    ],
)
def test_what_makes_no_sense_is_said(query, says):
    with pytest.raises(ValueError, match=says):
        exploration_of(query)


def test_a_device_of_ones_own_is_carried_and_imports_nothing():
    device = jm.paper_device(tau_m=0.3, extra={"surface": jm.Polarisation(2.0, 0.5)})
    again = base_device(own_name(device))
    assert [float(get(f, again)) for f in lenses(again).values()] == [
        float(get(f, device)) for f in lenses(device).values()
    ]
    text = jm.device_to_toml(device).replace('"Polarisation"', '"branch_of_nowhere:Trap"')
    with pytest.raises(ValueError, match="would import the module branch_of_nowhere"):
        base_device("own:" + pack(text))


def test_what_unpacks_to_too_much_is_refused():
    assert unpack(pack("R_b = 1 µ")) == "R_b = 1 µ"
    for letters in (pack("x" * (LONGEST + 1)), pack("fine")[:-2], "no letters!", ""):
        with pytest.raises(ValueError, match="cannot be read"):
            unpack(letters)


@pytest.mark.parametrize("wave", WAVES)
@pytest.mark.parametrize("kind", ["current", "voltage"])
def test_a_form_says_the_drive_that_it_was_made_of(wave, kind):
    drive = jm.parse_drive(first_drive(kind, wave, 2.5e-4, 3e-3))
    fields = fields_of(drive)
    again = jm.parse_drive(drive_text(kind, wave, {f.name: f.text for f in fields}))
    assert again.kind == kind and type(again.wave).__name__ == wave
    t = np.linspace(-0.01, 0.2, 301)
    np.testing.assert_allclose(again.wave(t), drive.wave(t), rtol=1e-9)
    assert level_of(drive) == pytest.approx(2.5e-4)
    assert {f.unit for f in fields} & {"A", "V"} == {"A" if kind == "current" else "V"}


def test_a_number_that_a_device_cannot_have_is_refused_by_name():
    with pytest.raises(ValueError, match=r"V_m .*positive, got 0 V"):
        Exploration().with_value("V_m", 0.0)
    assert Exploration().with_value("R_s", 0.0).values == ()


def test_each_panel_of_the_paper_is_a_preset():
    lettered = {name for name in PANELS if name[0].isdigit()}
    presets = paper_presets()
    assert {name.split()[0] for name in presets} == lettered
    for name, (words, state) in presets.items():
        assert words and exploration_of(state.query()) == state, name
    assert float(presets["2k"][1].device.tau_m) == 10.0
    assert float(presets["5b"][1].device.tau_k) == 1.0


def test_what_is_offered_are_devices_of_many_kinds():
    assert {type(base_device(name)).__name__ for name in OFFERED} == {
        "Memristor3D", "Memristor2D", "Device"
    }  # fmt: skip
    assert "R_b" in parameters_of("si") and "branches.switch.E_a" in parameters_of("thermal")
