"""The pages as a user meets them, without a browser: NiceGUI's simulated user."""

import asyncio
import sys

import numpy as np
import pytest

pytest.importorskip("nicegui", reason='the app needs pip install "jaxmem[app]"')

from fastapi import FastAPI
from nicegui import ui
from nicegui.testing.user_simulation import user_simulation

from fitting import Spectrum, write_spectra_csv
from jaxmem.apps.app.explore.exploration import Exploration
from jaxmem.apps.app.pages import register_pages

# What NiceGUI itself warns of.
pytestmark = [
    pytest.mark.filterwarnings("default:::(nicegui|starlette|fastapi|httpx|asyncio|uvicorn)"),
    pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def no_work(monkeypatch):
    """Nothing is computed: tests of forms need no figures."""
    monkeypatch.setattr("jaxmem.apps.app.latest.Latest.ask", lambda self, what: None)


def visit(steps, path="/"):
    """Do steps as a user of a page."""

    async def run():
        async with user_simulation(root=lambda: None) as user:
            ui_pages = register_pages(FastAPI())
            try:
                await user.open(path)
                return await steps(user)
            finally:
                ui_pages.close()

    # NiceGUI forgets the modules of pages, and with them the whole package.
    modules = dict(sys.modules)
    try:
        return asyncio.run(run())
    finally:
        sys.modules.update(modules)


def found(user, kind, **props):
    """The one element of a kind with these properties."""
    return next(
        e for e in user.find(kind=kind).elements
        if all(str(e.props.get(k.replace("_", "-"))) == v for k, v in props.items())
    )  # fmt: skip


def test_an_address_is_what_is_shown(no_work):
    state = Exploration(drive="V = Sine(amplitude=0.5, freq=3)").with_value("C_m", 2.5e-7)

    async def steps(user):
        number = found(user, ui.input, data_number="C_m")
        assert float(number.value) == 2.5e-7
        assert found(user, ui.slider, data_parameter="C_m").value == pytest.approx(np.log10(2.5e-7))
        assert found(user, ui.input, data_drive="freq").value == "3"

    visit(steps, f"/?{state.query()}")


def test_an_address_that_is_none_is_said(no_work):
    async def steps(user):
        await user.should_see("The address is not understood: no device 'nothing'")
        await user.should_see("Will it spike?")

    visit(steps, "/?device=nothing")


def test_slider_and_number_say_the_same(no_work):
    async def steps(user):
        slider = found(user, ui.slider, data_parameter="tau_d")
        number = found(user, ui.input, data_number="tau_d")
        slider.value = -2.0
        assert number.value == "0.01"
        # Beyond the slider's end, and then what no device can have.
        number.value = "7.5"
        user.find(marker="number-tau_d").trigger("change")
        await asyncio.sleep(0.1)
        assert slider.value == pytest.approx(np.log10(2e-3) + 2)
        number.value = "-1"
        user.find(marker="number-tau_d").trigger("change")
        await user.should_see("tau_d (delay of the slow current) must be positive")
        assert number.value == "7.5"
        user.find("reset").click()
        await asyncio.sleep(0.1)
        assert number.value == "0.002"

    visit(steps)


def test_a_preset_of_the_paper_sets_device_and_drive(no_work):
    async def steps(user):
        found(user, ui.select, label="a panel of the paper").value = "2k"
        await asyncio.sleep(0.1)
        assert found(user, ui.input, data_number="C_m").value == "10"
        assert found(user, ui.input, data_drive="width").value == "10"
        assert found(user, ui.select, label="waveform").value == "Pulse"
        found(user, ui.select, label="begin with").value = "thermal"
        await asyncio.sleep(0.1)
        assert found(user, ui.input, data_number="R_s").value == "200000"
        assert found(user, ui.select, label="imposed").value == "voltage"

    visit(steps)


def test_a_dropped_spectrum_is_read_and_one_of_nonsense_says_its_sentence(tmp_path):
    freq = np.geomspace(1, 1e5, 25)
    write_spectra_csv(tmp_path / "eis.csv", [Spectrum(freq, 1 / (2j * np.pi * freq * 1e-8 + 1e-4))])
    good, bad = (tmp_path / "eis.csv").read_bytes(), b"name,colour\nring,blue\n"

    async def steps(user):
        (upload,) = user.find(kind=ui.upload).elements
        for name, data in (("../eis.csv", good), ("bad.csv", bad)):
            await upload.handle_uploads([_file(name, data)])
        await user.should_see("25 points, 1 Hz to 100 kHz", retries=50)
        await user.should_see("bad.csv", retries=50)
        problems = [e for e in user.find(kind=ui.label).elements if "data-problem" in e.props]
        assert len(problems) == 1 and problems[0].text
        names = [e.text for e in user.find(kind=ui.label).elements if e.text.endswith(".csv")]
        assert "eis.csv" in names

    visit(steps, "/fit")


def test_a_design_needs_a_goal_and_says_so(no_work):
    async def steps(user):
        await user.should_see("What it should do")
        target = found(user, ui.input, data_text="target")
        assert target.value == "50"
        target.value = ""
        user.find("find it").click()
        await user.should_see("goal frequency: give its target")

    visit(steps, "/design")


def _file(name, data):
    from nicegui.elements.upload_files import SmallFileUpload

    return SmallFileUpload(name, "text/csv", data)
