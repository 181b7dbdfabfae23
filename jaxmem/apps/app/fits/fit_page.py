"""The page Fit: files, model, the fit in the background, and its results."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from nicegui import ui

from fitting.study.spec_file import spec_to_toml
from jaxmem.apps.app.explore.exploration import Exploration
from jaxmem.apps.app.explore.offered_devices import own_name
from jaxmem.apps.app.figure_grid import FigureGrid
from jaxmem.apps.app.fits.asked import spec_of, write_asked
from jaxmem.apps.app.fits.circuit_drawing import circuit_svg
from jaxmem.apps.app.fits.dropped_file import Dropped, read_dropped
from jaxmem.apps.app.fits.file_table import FileTable
from jaxmem.apps.app.fits.looked_at import LookedAt, look_at
from jaxmem.apps.app.fits.masking import toggled, touched
from jaxmem.apps.app.fits.settings_form import SettingsForm
from jaxmem.apps.app.fits.taken_home import archive_of, cannot_spike, parameter_rows
from jaxmem.apps.app.frame import page_frame, tell, whole_width
from jaxmem.apps.app.job import Job
from jaxmem.apps.app.job_panel import JobPanel, escaped
from jaxmem.apps.app.latest import Latest
from jaxmem.apps.app.uploads import MOST_FILES, drop_zone
from jaxmem.apps.app.worker import COMMANDS
from jaxmem.apps.app.workshop import Workshop
from jaxmem.devices import device_of_fit

FIGURES = {
    "nyquist": "Spectra in the complex plane, with points to leave out",
    "modulus": "Modulus of the spectra", "consistency": "Residuals of the Kramers-Kronig test",
    "traces": "Recordings against time",
}  # fmt: skip
# Of a box or a click only the places of points are sent, and no figure.
PLACES = (
    "(e) => emit((e && e.points || []).map((p) => "
    "({curveNumber: p.curveNumber, pointNumber: p.pointNumber})))"
)


class FitPage:
    """One visit's fit, as a tab shows it.

    **Arguments:** `workshop`: of the visit, which keeps everything through reloads.
    """

    def __init__(self, workshop: Workshop):
        self.workshop, state = workshop, workshop.state
        self.files: list[Dropped] = state.setdefault("files", [])
        self.said: dict[str, Any] = state.setdefault("said", {})
        self.seen: LookedAt | None = None
        self.look = Latest(look_at, self._show_data, self._no_data, always=False)
        self.draw_circuit = Latest(circuit_svg, self._circuit_drawn, self._no_circuit, always=False)
        self.client = ui.context.client
        with page_frame("/fit") as ground:
            self.ground = ground
            with ui.element("div").classes("side"):
                self._build_files()
                self._build_model()
                self._build_results()

    async def begin(self) -> None:
        """Draw what the visit has, when the browser is there."""
        await self.ground.ask_browser()
        self._ask()

    def close(self) -> None:
        """The tab is gone."""
        self.look.close()
        self.draw_circuit.close()

    def _build_files(self) -> None:
        with ui.element("section").classes("card side").props('aria-label="Files"'):
            whole_width("1. What was measured")
            drop_zone(
                "Drop spectra, loops, steps, pulses, steady curves; and perhaps device.toml to "
                "start from", self._taken,
            )  # fmt: skip
            self.table = FileTable(self.files, self._changed)
            self.consistency = ui.html("", sanitize=False).props('data-consistency role="status"')
            self.figures = FigureGrid(self.ground, FIGURES)
            self.figures.hide(*FIGURES)
            for event in ("plotly_click", "plotly_selected"):
                self.figures.drawings["nyquist"].on(event, self._touched, js_handler=PLACES)
            self.figures.selects.add("nyquist")

    def _build_model(self) -> None:
        with ui.element("section").classes("card side").props('aria-label="Model"'):
            whole_width("2. Which model")
            ui.label(
                "rc: R_b parallel to C_m. 2d: and a current that follows the voltage after tau_d, "
                "the chemical inductor. 3d: and an activation after tau_k; it may spike. Each "
                "behind R_s and L_s. Or a circuit of your own, as LR(QR)(RC)."
            ).classes("weak")
            SettingsForm(self.said, self._changed)
            self.circuit = ui.html("", sanitize=False).props('aria-label="the circuit"')
            with ui.expansion("the specification, fit.toml").classes("w-full").props("dense"):
                self.spec_text = ui.html("", sanitize=False).props("data-spec")

    def _build_results(self) -> None:
        with ui.element("section").classes("card side").props('aria-label="Results"'):
            whole_width("3. The fit")
            self.panel = JobPanel(self.workshop, "fit", "fit", self._prepare, self._show_results)
            self.results = ui.element("div").classes("side")

    async def _taken(self, name: str, data: bytes) -> None:
        if len(self.files) >= MOST_FILES:
            tell(f"A visit may have {MOST_FILES} files.")
            return
        folder = self.workshop.folder / "data"
        folder.mkdir(exist_ok=True)
        path = folder / name
        await asyncio.to_thread(path.write_bytes, data)
        found = await asyncio.to_thread(read_dropped, path)
        # A file of a name that is there takes its place.
        at = next((k for k, f in enumerate(self.files) if f.path == path), None)
        if at is None:
            self.files.append(found)
        else:
            self.files[at] = found
        self.table.build()
        self._changed()

    def _changed(self) -> None:
        self._ask()

    def _ask(self) -> None:
        self.draw_circuit.ask(str(self.said.get("circuit", "")))
        try:
            spec = spec_of(self.files, self.said)
        except ValueError as error:
            self.spec_text.content = f"<p class='weak'>{escaped(str(error))}</p>"
            if any(not f.problem for f in self.files):
                self.consistency.content = f"<p class='bad'>{escaped(str(error))}</p>"
            return
        self.spec_text.content = f"<pre class='code'>{escaped(self._text(spec))}</pre>"
        self.look.ask(spec)

    def _text(self, spec) -> str:
        return spec_to_toml(spec, self.workshop.folder)

    def _circuit_drawn(self, svg: str) -> None:
        self.circuit.content = svg

    def _no_circuit(self, sentence: str) -> None:
        self.circuit.content = f"<p class='bad'>{escaped(sentence)}</p>"

    def _show_data(self, seen: LookedAt) -> None:
        self.seen = seen
        self.figures.show(seen.panels)
        self.figures.hide(*[n for n in FIGURES if n not in seen.panels])
        items = "".join(f"<li>{escaped(line)}</li>" for line in (*seen.consistency, *seen.notes))
        title = "<h3>Kramers-Kronig, and what was assumed</h3>" if items else ""
        self.consistency.content = f"{title}<ul>{items}</ul>"

    def _no_data(self, sentence: str) -> None:
        self.consistency.content = f"<p class='bad' role='alert'>{escaped(sentence)}</p>"

    def _touched(self, event) -> None:
        if self.seen is None or not isinstance(event.args, list):
            return
        found = touched(self.seen.points, event.args)
        for k, file in enumerate(self.files):
            numbers = found.get(str(file.path))
            if numbers:
                self.files[k] = replace(file, drop=toggled(file.drop, numbers))
        if found:
            self.table.build()
            self._changed()

    def _prepare(self) -> None:
        write_asked(spec_of(self.files, self.said), self.workshop.folder)
        self.workshop.state.pop("job spike", None)
        self.results.clear()

    def _show_results(self, job: Job) -> None:
        del job
        folder = self.workshop.folder
        self.results.clear()
        with self.results:
            with ui.element("div").classes("strip"):
                ui.button("download the folder", on_click=self._download).props(
                    "no-caps outline data-download"
                )
                if (folder / "fit" / "fit.json").is_file():
                    ui.button("open the device in Explore", on_click=self._explore).props(
                        "no-caps outline data-explore"
                    )
            ui.label("The same again, to the last bit, in the unpacked folder:").classes("weak")
            ui.html(f"<pre class='code' data-command>{COMMANDS['fit']}</pre>", sanitize=False)
            self._parameters()
            report_frame(self.workshop, "fit", "Report of the fit")
            whole_width("4. Will it spike?")
            if why := cannot_spike(folder):
                ui.label(why).props("data-no-spike")
            else:
                JobPanel(self.workshop, "spike", "ask", lambda: None, self._show_spike)
                self.spiking = ui.element("div")

    def _parameters(self) -> None:
        rows = parameter_rows(self.workshop.folder)
        if not rows:
            return
        titles = ("parameter", "value", "68 % interval", "what is said of it")
        head = "".join(f"<th scope='col'>{title}</th>" for title in titles)
        body = "".join(
            f"<tr><th scope='row'>{escaped(r['name'])}</th><td class='number'>{r['value']}</td>"
            f"<td class='number'>{r['interval']}</td><td>{escaped(r['remark'])}</td></tr>"
            for r in rows
        )
        ui.html(
            f"<table class='plain' data-parameters><tr>{head}</tr>{body}</table>", sanitize=False
        ).classes("scroll")

    def _show_spike(self, job: Job) -> None:
        del job
        with self.spiking:
            report_frame(self.workshop, "spike", "Report on spikes")

    async def _download(self) -> None:
        ui.download(await asyncio.to_thread(archive_of, self.workshop.folder), "jaxmem-fit.zip")

    async def _explore(self) -> None:
        text = (self.workshop.folder / "fit" / "fit.json").read_text(encoding="utf-8")
        device, _ = await asyncio.to_thread(device_of_fit, text, "fit.json")
        query = Exploration(own_name(device)).query()
        self.client.run_javascript(f"window.open({json.dumps('/?' + query)}, '_blank')")


def report_frame(workshop: Workshop, kind: str, title: str) -> None:
    """A report of a visit within its page; it runs no scripts."""
    address = f"/report/{workshop.name}/{kind}"
    ui.link(f"{title}, in a tab of its own", address, new_tab=True)
    ui.html(
        f'<iframe class="report" sandbox="allow-same-origin" title="{title}" src="{address}" '
        f'data-report="{kind}"></iframe>', sanitize=False,
    )  # fmt: skip
