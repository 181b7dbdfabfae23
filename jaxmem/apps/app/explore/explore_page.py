"""The page Explore: its state, its forms, and what is drawn of it at once or when it rests."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace

from nicegui import ui

from jaxmem.apps.app.explore.copies import copies_of, zip_of
from jaxmem.apps.app.explore.drive_form import first_drive
from jaxmem.apps.app.explore.drive_rows import DriveRows, suitable_level, time_of
from jaxmem.apps.app.explore.exploration import Exploration, exploration_of, number_of
from jaxmem.apps.app.explore.offered_devices import OFFERED, OWN, dropped_device, own_name
from jaxmem.apps.app.explore.panels_as_states import paper_presets
from jaxmem.apps.app.explore.parameter_form import ParameterRows
from jaxmem.apps.app.explore.seen import bias_of, seen_at_rest, seen_cycle, seen_in_time
from jaxmem.apps.app.explore.verdict import verdict_on
from jaxmem.apps.app.figure_grid import FigureGrid
from jaxmem.apps.app.frame import Ground, page_frame, tell, whole_width
from jaxmem.apps.app.job_panel import escaped
from jaxmem.apps.app.latest import QUICK, SLOW, Latest
from jaxmem.apps.app.uploads import drop_zone
from jaxmem.plots.small_signals import places_at_rest

FIGURES = {
    "iv": "Current against voltage at rest", "nyquist": "Impedance in the complex plane",
    "modulus": "Modulus of the impedance", "phase": "Phase of the impedance",
    "voltage": "Voltage against time", "current": "Current against time",
    "occupation": "Occupation against time", "plane": "Phase plane",
    "gain": "Loop gain and its bound", "bifurcation": "Bifurcation diagram",
    "frequency": "Frequency of the cycles", "energy": "Energy of the cycles",
    "map": "Map of stability",
}  # fmt: skip
SLOWLY = ("bifurcation", "frequency", "energy", "map")
# A slider rests when it has not moved for so long [s].
REST = 0.5


class ExplorePage:
    """One tab with its own state.

    **Arguments:** `query`: what stands in its address.
    """

    def __init__(self, query: Mapping[str, str]):
        problem = ""
        try:
            self.state = exploration_of(query)
        except ValueError as error:
            self.state, problem = Exploration(), str(error)
        with page_frame("/") as ground:
            self._build(ground)
        if problem:
            tell(f"The address is not understood: {problem}. This is the device of the beginning.")
        fail = self._failed
        self.at_rest = Latest(seen_at_rest, self._show_rest, fail("rest"))
        self.in_time = Latest(seen_in_time, self._show_time, fail("time"))
        self.cycle = Latest(seen_cycle, self._show_cycle, fail("cycle"), pool=QUICK)
        self.verdict = Latest(verdict_on, self._show_verdict, fail("verdict"), pool=SLOW,
                              pause=REST, always=False)  # fmt: skip
        self.client = ui.context.client
        self.client.on_delete(self.close)

    async def begin(self) -> None:
        """Draw, when the browser is there."""
        await self.ground.ask_browser()
        self.draw()

    def close(self) -> None:
        """The tab is gone: nothing more is begun for it."""
        for work in (self.at_rest, self.in_time, self.cycle, self.verdict):
            work.close()

    def change(self, state: Exploration) -> None:
        """Take a state, and draw it."""
        self.state = state
        self.draw()

    def draw(self) -> None:
        """Ask for everything that is seen."""
        self.at_rest.ask(self.state)
        self.in_time.ask(self.state)
        self.verdict.ask(self.state)
        self.figures.stale(*[n for n in SLOWLY if n in self.figures.panels])
        self.waiting.set_visibility(True)

    def _build(self, ground: Ground) -> None:
        self.ground = ground
        with ui.element("div").classes("halves"):
            with ui.element("div").classes("side"):
                self._build_device()
                self._build_drive()
                self._build_copies()
            with ui.element("div").classes("side"):
                with ui.element("section").classes("card").props('aria-label="Verdict"'):
                    whole_width("Will it spike?")
                    self.words = ui.html("", sanitize=False).classes("verdict").props(
                        'aria-live="polite" data-verdict'
                    )  # fmt: skip
                    self.waiting = ui.label("computing").classes("weak").props("data-waiting")
                    self.now = ui.label("").classes("weak").props('data-now aria-live="polite"')
                    self.cycle_now = ui.label("").classes("weak").props("data-cycle")
                self.figures = FigureGrid(ground, FIGURES)
                self.figures.hide(*SLOWLY, "occupation")
                with ui.element("section").classes("card").props('aria-label="Elements"'):
                    whole_width("Elements at the bias")
                    self.elements = ui.html("", sanitize=False).classes("scroll")

    def _build_device(self) -> None:
        with ui.element("section").classes("card side").props('aria-label="Device"'):
            whole_width("Device")
            names = {name: title for name, (title, _) in OFFERED.items()}
            own = {} if not self.state.base.startswith(OWN) else {self.state.base: "your own"}
            self.device = ui.select(
                names | own, value=self.state.base, label="begin with", on_change=self._begun
            ).props('dense outlined data-device')  # fmt: skip
            presets = {name: f"{name}: {words}" for name, (words, _) in paper_presets().items()}
            self.preset = ui.select(
                presets, label="a panel of the paper", on_change=self._preset
            ).props("dense outlined data-preset")  # fmt: skip
            drop_zone("Or drop device.toml, or fit.json", self._dropped, multiple=False)
            self.rows = ParameterRows(lambda: self.state, self.change)
            with ui.element("div").classes("strip"):
                button = lambda text, what, tag: ui.button(text, on_click=what).props(
                    f"no-caps outline dense {tag}"
                ).classes("wide")  # fmt: skip
                button("reset", self._reset, "data-reset")
                button("pin, to compare", self._pin, "data-pin")
                button("unpin", lambda: self.change(replace(self.state, pinned="")), "data-unpin")

    def _build_drive(self) -> None:
        with ui.element("section").classes("card side").props('aria-label="Drive"'):
            whole_width("Drive")
            self.drive = DriveRows(lambda: self.state, self.change)
            self.until = ui.input("until (empty: when it has answered)").props(
                'dense outlined suffix="s" clearable data-until'
            )
            self.until.on("change", self._asked_until)
            self.until.on("clear", self._asked_until)
            whole_width("Small signals", 3)
            low, high = self._reach()
            with ui.element("div").classes("param"):
                ui.label("bias u").classes("name")
                self.bias = ui.slider(
                    min=low, max=high, step=(high - low) / 400,
                    value=bias_of(self.state, self.state.device), on_change=self._biased,
                ).props('aria-label="bias: voltage over the memristor in V" data-bias')  # fmt: skip
                self.bias_number = ui.input(value=f"{self.bias.value:.6g}").props(
                    'dense outlined suffix="V" aria-label="bias in V" data-bias-number'
                )
                self.bias_number.on("change", self._bias_typed)
            self.log = ui.checkbox(
                "|I| over a logarithmic axis", value=self.state.log,
                on_change=lambda e: self.change(replace(self.state, log=bool(e.value))),
            )  # fmt: skip

    def _build_copies(self) -> None:
        with ui.element("section").classes("card side").props('aria-label="Take with you"'):
            whole_width("Take with you")
            ui.label("The address holds this view. A figure's camera saves it as SVG.").classes(
                "weak"
            )
            with ui.element("div").classes("strip"):
                for name in ("device.toml", "Python", "link"):
                    ui.button(f"copy {name}", on_click=lambda _, n=name: self._copy(n)).props(
                        f'no-caps outline dense data-copy="{name}"'
                    )
                ui.button("all as zip (CSV, SVG)", on_click=self._download).props(
                    "no-caps outline dense data-zip"
                )

    def _reach(self) -> tuple[float, float]:
        places = places_at_rest(self.state.device)
        return float(places[0]), float(places[-1])

    def _follow(self, state: Exploration) -> None:
        """Take a state that did not come from the rows, and show it in them."""
        self.state = state
        self.rows.follow()
        self.drive.follow()
        low, high = self._reach()
        self._quietly(state, low, high)
        self.until.value = "" if state.until is None else f"{state.until:g}"
        self.change(state)

    def _quietly(self, state: Exploration, low: float, high: float) -> None:
        bias = bias_of(state, state.device)
        self._setting = True
        self.bias.props(f"min={low} max={high} step={(high - low) / 400}")
        self.bias.value = min(max(bias, low), high)
        self.bias_number.value = f"{bias:.6g}"
        self.log.value = state.log
        self._setting = False

    _setting = False

    def _begun(self) -> None:
        if self.device.value is None or self._setting:
            return
        base = str(self.device.value)
        self._set_preset(None)
        self._follow(Exploration(base, drive=self._first_drive(base), pinned=self.state.pinned))

    def _first_drive(self, base: str) -> str:
        if base == "si":
            return Exploration.drive
        state = Exploration(base)
        kind = "voltage" if float(state.device.R_s) > 0 else "current"
        return first_drive(kind, "Step", suitable_level(state, kind), time_of(state))

    def _preset(self) -> None:
        if self.preset.value is None or self._setting:
            return
        state = paper_presets()[str(self.preset.value)][1]
        self._set_device(state.base)
        self._follow(replace(state, pinned=self.state.pinned))

    def _set_device(self, base: str) -> None:
        self._setting = True
        if base.startswith(OWN):
            self.device.options = {k: v for k, v in self._options().items()} | {base: "your own"}
            self.device.update()
        self.device.value = base
        self._setting = False

    def _options(self) -> dict[str, str]:
        return {name: title for name, (title, _) in OFFERED.items()}

    def _set_preset(self, name: str | None) -> None:
        self._setting = True
        self.preset.value = name
        self._setting = False

    async def _dropped(self, name: str, data: bytes) -> None:
        try:
            base = own_name(dropped_device(name, data))
        except ValueError as error:
            tell(str(error))
            return
        self._set_preset(None)
        self._set_device(base)
        self._follow(Exploration(base, drive=self._first_drive(base), pinned=self.state.pinned))

    def _reset(self) -> None:
        self._follow(replace(self.state, values=(), bias=None, until=None))

    def _pin(self) -> None:
        self.change(self.state.pin())

    def _biased(self) -> None:
        if self._setting or self.bias.value is None:
            return
        value = float(f"{self.bias.value:.5g}")
        self.bias_number.value = f"{value:.6g}"
        self.state = replace(self.state, bias=value)
        self.at_rest.ask(self.state)
        self._put_address()

    def _bias_typed(self) -> None:
        try:
            state = replace(self.state, bias=number_of(str(self.bias_number.value), "the bias"))
        except ValueError as error:
            tell(str(error))
            return
        self._quietly(state, *self._reach())
        self.state = state
        self.at_rest.ask(state)
        self._put_address()

    def _asked_until(self) -> None:
        text = str(self.until.value or "").strip()
        try:
            until = number_of(text, "the end time") if text else None
            self.change(replace(self.state, until=until))
        except ValueError as error:
            tell(str(error))

    def _show_rest(self, seen) -> None:
        self.figures.show(seen.panels)
        self.now.text = " ".join(seen.lines)
        rows = "".join(
            f"<tr><th scope='row'>{a}</th><td class='number'>{b}</td><td>{c}</td></tr>"
            for a, b, c in seen.rows
        )
        self.elements.content = f"<table class='plain'>{rows}</table>"

    def _show_time(self, found) -> None:
        seen, run = found
        self.figures.show(seen.panels)
        if "occupation" not in seen.panels:
            self.figures.hide("occupation")
        self.cycle.ask((self.state, run))

    def _show_cycle(self, seen) -> None:
        self.cycle_now.text = " ".join(seen.lines)
        self.figures.show(seen.panels)
        if "plane" not in seen.panels:
            self.figures.hide("plane")

    def _show_verdict(self, found) -> None:
        self.figures.show(found.panels)
        self.figures.hide(*[n for n in SLOWLY if n not in found.panels])
        self._say(found.lines)
        self._put_address()

    def _say(self, lines: list[str]) -> None:
        self.waiting.set_visibility(False)
        items = "".join(f"<li>{escaped(line)}</li>" for line in lines)
        self.words.content = f"<ul>{items}</ul>"

    def _failed(self, what: str):
        def failed(sentence: str) -> None:
            if what == "verdict":
                self._say([sentence])
                self.figures.hide(*SLOWLY)
                self._put_address()
            else:
                self.now.text = sentence

        return failed

    def _put_address(self) -> None:
        address = f"/?{self.state.query()}"
        self.client.run_javascript(f"history.replaceState(null, '', {json.dumps(address)})")

    def _copy(self, name: str) -> None:
        text = copies_of(self.state)[name] if name != "link" else ""
        if name == "link":
            ui.run_javascript(
                f"navigator.clipboard.writeText(location.origin + {json.dumps('/?')} + "
                f"{json.dumps(self.state.query())})"
            )
        else:
            ui.clipboard.write(text)
        tell(f"{name} is in the clipboard", "positive")

    async def _download(self) -> None:
        data = await asyncio.to_thread(zip_of, self.state, dict(self.figures.panels))
        ui.download(data, "jaxmem-explore.zip")
