"""The page Design: today's device, goals, knobs, and the device that has them."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from nicegui import ui

import jaxmem as jm
from jaxmem.apps.app.designs.beside_today import compared
from jaxmem.apps.app.designs.goals_form import (
    KNOB_NUMBERS,
    NUMBERS,
    ONSET,
    AskedGoal,
    AskedKnob,
    goals_toml,
    quantities_offered,
)
from jaxmem.apps.app.explore.exploration import Exploration, number_of, parameters_of
from jaxmem.apps.app.explore.offered_devices import (
    OFFERED,
    OWN,
    base_device,
    dropped_device,
    own_name,
)
from jaxmem.apps.app.fits.fit_page import report_frame
from jaxmem.apps.app.fits.taken_home import archive_of
from jaxmem.apps.app.frame import page_frame, tell, whole_width
from jaxmem.apps.app.job import Job
from jaxmem.apps.app.job_panel import JobPanel, escaped
from jaxmem.apps.app.uploads import drop_zone
from jaxmem.apps.app.worker import COMMANDS
from jaxmem.apps.app.workshop import Workshop
from jaxmem.output.numbers import engineering


class DesignPage:
    """One visit's design, as a tab shows it.

    **Arguments:** `workshop`: of the visit, which keeps everything through reloads.
    """

    def __init__(self, workshop: Workshop):
        self.workshop, self.state = workshop, workshop.state
        first = {"base": "si", "drive": "current", "place": "0.5",
                 "goals": [AskedGoal(target="50")], "knobs": []}  # fmt: skip
        for name, value in first.items():
            self.state.setdefault(name, value)
        self.client = ui.context.client
        with page_frame("/design") as ground:
            self.ground = ground
            with ui.element("div").classes("side"):
                self._build_device()
                self._build_goals()
                self._build_result()

    async def begin(self) -> None:
        """When the browser is there."""
        await self.ground.ask_browser()

    def _build_device(self) -> None:
        with ui.element("section").classes("card side").props('aria-label="Device of today"'):
            whole_width("1. The device as it is today")
            names = {name: title for name, (title, _) in OFFERED.items()}
            own = {self.state["base"]: "your own"} if self.state["base"].startswith(OWN) else {}
            with ui.element("div").classes("fields"):
                self.device = ui.select(
                    names | own, value=self.state["base"], label="device", on_change=self._begun
                ).props("dense outlined data-device")  # fmt: skip
                ui.select(
                    {"current": "a constant current", "voltage": "a constant voltage through R_s"},
                    value=self.state["drive"], label="driven by",
                    on_change=lambda e: self.state.update(drive=e.value),
                ).props("dense outlined")  # fmt: skip
                ui.input(
                    "cycles meant at this share of the window", value=self.state["place"],
                    on_change=lambda e: self.state.update(place=e.value),
                ).props("dense outlined")  # fmt: skip
            drop_zone("Or drop device.toml, or fit.json", self._dropped, multiple=False)
            self.values = ui.label().classes("weak")
            self._show_values()

    def _build_goals(self) -> None:
        with ui.element("section").classes("card side").props('aria-label="Goals and knobs"'):
            whole_width("2. What it should do")
            self.goals = ui.element("div").classes("side")
            ui.button("another goal", on_click=lambda: self._add("goals", AskedGoal())).props(
                "no-caps outline dense"
            )
            whole_width("3. What may change")
            ui.label("Without a knob every parameter may, within a factor of 5.").classes("weak")
            self.knobs = ui.element("div").classes("side")
            ui.button("another knob", on_click=lambda: self._add("knobs", AskedKnob())).props(
                "no-caps outline dense data-add-knob"
            )
            self._rows()

    def _build_result(self) -> None:
        with ui.element("section").classes("card side").props('aria-label="Result"'):
            whole_width("4. The device that has it")
            self.panel = JobPanel(
                self.workshop, "design", "find it", self._prepare, self._show_result
            )
            self.result = ui.element("div").classes("side")

    def _add(self, kind: str, row: Any) -> None:
        self.state[kind].append(row)
        self._rows()

    def _rows(self) -> None:
        self.goals.clear()
        with self.goals:
            for goal in self.state["goals"]:
                self._goal(goal)
        self.knobs.clear()
        with self.knobs:
            for knob in self.state["knobs"]:
                self._knob(knob)

    def _goal(self, goal: AskedGoal) -> None:
        with ui.element("div").classes("fields").props("data-goal"):
            ui.select(
                list(quantities_offered()), value=goal.quantity, label="quantity",
                on_change=lambda e: self._quantity(goal, str(e.value)),
            ).props("dense outlined")  # fmt: skip
            if goal.quantity == ONSET:
                ui.label("soft: the amplitude grows from zero")
            else:
                self._texts(goal, NUMBERS)
            self._remove("goals", goal)

    def _quantity(self, goal: AskedGoal, quantity: str) -> None:
        goal.quantity = quantity
        self._rows()

    def _knob(self, knob: AskedKnob) -> None:
        with ui.element("div").classes("fields").props("data-knob"):
            names = [n for n, p in parameters_of(self.state["base"]).items() if p.value > 0]
            shown = knob.parameter if knob.parameter in names else None
            ui.select(
                names, value=shown, label="parameter",
                on_change=lambda e: setattr(knob, "parameter", str(e.value or "")),
            ).props("dense outlined")  # fmt: skip
            self._texts(knob, KNOB_NUMBERS)
            self._remove("knobs", knob)

    def _texts(self, row: Any, names: tuple[str, ...]) -> None:
        for name in names:
            keep: Callable = lambda e, n=name: setattr(row, n, str(e.value or ""))
            ui.input(name.replace("_", " "), value=getattr(row, name), on_change=keep).props(
                f'dense outlined data-text="{name}"'
            )

    def _remove(self, kind: str, row: Any) -> None:
        def remove() -> None:
            # By identity: two rows may say the same.
            self.state[kind][:] = [r for r in self.state[kind] if r is not row]
            self._rows()

        ui.button("remove", on_click=remove).props("no-caps flat dense")

    def _begun(self) -> None:
        if self.device.value:
            self.state["base"] = str(self.device.value)
            self._show_values()
            self._rows()

    async def _dropped(self, name: str, data: bytes) -> None:
        try:
            base = own_name(dropped_device(name, data))
        except ValueError as error:
            tell(str(error))
            return
        names: Any = {n: title for n, (title, _) in OFFERED.items()} | {base: f"{name}, dropped"}
        self.device.set_options(names, value=base)

    def _show_values(self) -> None:
        self.values.text = ", ".join(
            f"{p.name} = {engineering(p.value, p.unit)}"
            for p in parameters_of(self.state["base"]).values()
        )

    def _prepare(self) -> None:
        place = number_of(str(self.state["place"]), "the share of the window")
        text = goals_toml(self.state["drive"], place, self.state["goals"], self.state["knobs"])
        folder = self.workshop.folder
        jm.write_device(folder / "device.toml", base_device(self.state["base"]))
        (folder / "goals.toml").write_text(text, encoding="utf-8")
        self.result.clear()

    def _show_result(self, job: Job) -> None:
        del job
        found = compared(self.workshop.folder)
        self.result.clear()
        with self.result:
            _table(("goal", "wanted", "got"), found.goals)
            if found.parameters:
                titles = ("parameter", "today", "designed", "factor")
                _table(titles, found.parameters)
            with ui.element("div").classes("strip"):
                if found.parameters:
                    ui.button("both in Explore", on_click=self._explore).props(
                        "no-caps outline data-explore"
                    )
                ui.button("download the folder", on_click=self._download).props(
                    "no-caps outline data-download"
                )
            ui.label("The same again, in the unpacked folder:").classes("weak")
            ui.html(f"<pre class='code'>{COMMANDS['design']}</pre>", sanitize=False)
            report_frame(self.workshop, "design", "Report of the design")

    async def _download(self) -> None:
        ui.download(await asyncio.to_thread(archive_of, self.workshop.folder), "jaxmem-design.zip")

    def _explore(self) -> None:
        folder = self.workshop.folder
        new = own_name(jm.read_device(folder / "design" / "device.toml"))
        today = own_name(jm.read_device(folder / "device.toml"))
        query = Exploration(new, pinned=today).query()
        self.client.run_javascript(f"window.open({json.dumps('/?' + query)}, '_blank')")


def _table(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    head = "".join(f"<th scope='col'>{title}</th>" for title in titles)
    body = "".join(
        "<tr>" + "".join(f"<td>{escaped(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    ui.html(f"<table class='plain'><tr>{head}</tr>{body}</table>", sanitize=False)
