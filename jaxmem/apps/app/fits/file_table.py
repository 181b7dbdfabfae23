"""The table of dropped files: what was read and doubted, and what the user says of each."""

from collections.abc import Callable
from dataclasses import replace

from nicegui import ui

from fitting.study.kinds import KINDS
from jaxmem.apps.app.fits.dropped import CORRECTED, Dropped, as_curve, read_dropped

OF = {"": "not read", "spectra": "spectra", "trace": "recording", "curve": "steady curve",
      "device": "device"}  # fmt: skip


class FileTable:
    """A row for each file.

    **Arguments:** `files`: where they are kept. `changed`: is called when something was said.
    """

    def __init__(self, files: list[Dropped], changed: Callable[[], None]):
        self.files, self.changed = files, changed
        self.home = ui.element("div").classes("scroll")
        self.build()

    def build(self) -> None:
        """Make the rows anew."""
        self.home.clear()
        if not self.files:
            return
        with self.home, ui.element("table").classes("plain").props("data-files"):
            with ui.element("tr"):
                for title in ("file", "what was read, and doubted", "to correct", ""):
                    with ui.element("th").props('scope="col"'):
                        ui.label(title)
            for k, file in enumerate(self.files):
                with ui.element("tr").props(f'data-file="{file.path.name}"'):
                    self._row(k, file)

    def _row(self, k: int, file: Dropped) -> None:
        with ui.element("td"):
            ui.label(file.path.name).classes("name")
            ui.label(OF[file.kind]).classes("weak")
        with ui.element("td"):
            if file.problem:
                ui.label(file.problem).classes("bad").props('role="alert" data-problem')
            ui.label(file.what)
            for doubt in file.doubts:
                ui.label(doubt).classes("weak")
        with ui.element("td").classes("fields narrow"):
            for name in CORRECTED.get(file.kind, ()):
                self._setting(k, file, name)
            if file.kind == "spectra":
                masks = ui.input("leave out: 50Hz, 1kHz:2kHz, #3:7", value=", ".join(file.drop))
                masks.props("dense outlined data-drop")
                masks.on("change", lambda _, m=masks: self._dropped(k, str(m.value or "")))
            if file.kind in ("trace", "curve"):
                ui.checkbox(
                    "a steady curve", value=file.kind == "curve",
                    on_change=lambda e: self._put(k, as_curve(self.files[k], bool(e.value)), True),
                )  # fmt: skip
        with ui.element("td"):
            ui.button("remove", on_click=lambda: self._remove(k)).props(
                f'no-caps flat dense aria-label="remove {file.path.name}"'
            )

    def _setting(self, k: int, file: Dropped, name: str) -> None:
        declared = KINDS[file.kind].settings[name]
        unit = f" [{declared.unit}]" if declared.unit else ""
        value, label = file.said.get(name, ""), f"{name.replace('_', ' ')}{unit}"
        if declared.choices:
            ui.select(
                ["", *declared.choices], value=value, label=label,
                on_change=lambda e: self._say(k, name, str(e.value or "")),
            ).props("dense outlined")  # fmt: skip
            return
        made = ui.input(label, value=value).props(f'dense outlined data-said="{name}"')
        made.on("change", lambda _: self._say(k, name, str(made.value or "")))
        with made:
            ui.tooltip(declared.help)

    def _say(self, k: int, name: str, text: str) -> None:
        file = self.files[k]
        said = {key: value for key, value in file.said.items() if key != name}
        if text.strip():
            said[name] = text
        # What a recording is depends on its units and rate; what a spectrum is does not.
        file = replace(file, said=said)
        self._put(k, read_dropped(file.path, file) if file.kind == "trace" else file, False)

    def _dropped(self, k: int, text: str) -> None:
        masks = tuple(part.strip() for part in text.split(",") if part.strip())
        self._put(k, replace(self.files[k], drop=masks), False)

    def _put(self, k: int, file: Dropped, anew: bool) -> None:
        reads_anew = anew or file.what != self.files[k].what or bool(file.problem)
        self.files[k] = file
        if reads_anew:
            self.build()
        self.changed()

    def _remove(self, k: int) -> None:
        file = self.files.pop(k)
        file.path.unlink(missing_ok=True)
        self.build()
        self.changed()
