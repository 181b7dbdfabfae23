"""The form of a drive on the page: current or voltage, which waveform, its numbers."""

from collections.abc import Callable
from dataclasses import replace

from nicegui import ui

import jaxmem as jm
from jaxmem.apps.app.explore.drive_form import (
    WAVES,
    drive_text,
    fields_of,
    first_drive,
    level_of,
)
from jaxmem.apps.app.explore.exploration import Exploration
from jaxmem.apps.app.frame import tell
from jaxmem.circuits.drive import UNIT
from jaxmem.lens import get, lenses


class DriveRows:
    """The rows of a drive.

    **Arguments:**

    - `state`: gives the state of the page. `change`: is called with the next one.
    """

    def __init__(self, state: Callable[[], Exploration], change: Callable[[Exploration], None]):
        self.state, self.change = state, change
        self._setting = True
        drive = state().circuit_drive
        with ui.element("div").classes("strip"):
            self.kind = ui.select(
                {"current": "current", "voltage": "voltage"}, value=drive.kind, label="imposed",
                on_change=self._other,
            ).props("dense outlined").classes("wide")  # fmt: skip
            self.wave = ui.select(
                list(WAVES), value=type(drive.wave).__name__, label="waveform",
                on_change=self._other,
            ).props("dense outlined").classes("wide")  # fmt: skip
        self.home = ui.element("div").classes("side")
        self.fields: dict[str, ui.input] = {}
        self._setting = False
        self.build()

    def build(self) -> None:
        """Make a row for each number of the waveform."""
        self.home.clear()
        self.fields = {}
        with self.home:
            for f in fields_of(self.state().circuit_drive):
                field = ui.input(f"{f.name}: {f.meaning}", value=f.text).props(
                    f'dense outlined suffix="{f.unit}" data-drive="{f.name}"'
                )
                field.on("change", self._typed)
                self.fields[f.name] = field

    def follow(self) -> None:
        """Show the drive of a state that something else has set."""
        drive = self.state().circuit_drive
        self._setting = True
        self.kind.value, self.wave.value = drive.kind, type(drive.wave).__name__
        self._setting = False
        self.build()

    def _other(self) -> None:
        """Another kind or waveform, beginning at a level that suits the device."""
        if self._setting:
            return
        before, kind = self.state().circuit_drive, str(self.kind.value)
        level = level_of(before) if before.kind == kind else suitable_level(self.state(), kind)
        text = first_drive(kind, str(self.wave.value), level or 1.0, time_of(self.state()))
        self.change(replace(self.state(), drive=text, until=None))
        self.build()

    def _typed(self) -> None:
        said = {name: str(field.value) for name, field in self.fields.items()}
        try:
            text = drive_text(str(self.kind.value), str(self.wave.value), said)
            jm.parse_drive(text)
        except ValueError as error:
            tell(str(error))
            return
        self.change(replace(self.state(), drive=text))


def suitable_level(state: Exploration, kind: str) -> float:
    """A level at which the device is past its steepest place."""
    device = state.device
    if device.curve is not None or not device.windows():
        return 1.0
    centre, _ = min(device.windows(), key=lambda w: float(w[1]))
    u = float(centre)
    I = float(device.steady_current(u))
    level = I if UNIT[kind] == "A" else float(device.R_s) * I + u
    return float(f"{level:.3g}")


def time_of(state: Exploration) -> float:
    """A time over which the device moves [s]: the longest that it has, R_b C_m among them."""
    device, found = state.device, []
    for name, lens in lenses(device).items():
        short = name.split(".")[-1]
        if short.startswith("tau"):
            found.append(float(get(lens, device)))
        if short == "R_b":
            found.append(float(get(lens, device)) * float(device.C_m))
    return float(f"{max(found, default=1e-3):.3g}")
