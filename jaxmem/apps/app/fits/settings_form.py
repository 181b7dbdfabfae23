"""The settings of a fit as a form, made from their one declaration."""

from collections.abc import Callable
from typing import Any

from nicegui import ui

from fitting.study.spec import MODELS, SETTINGS
from jaxmem.apps.app.fits.asked import FIRST, LATER
from jaxmem.settings import Setting

TITLES = {"fixed": "fix: R_s=47e3, C_m=1e-8", "ranges": "ranges of starts: R_s=10:1e3"}


class SettingsForm:
    """Fields for the settings; `said` holds what is not empty, by name.

    **Arguments:** `said`: where it is kept. `changed`: is called when one was changed.
    """

    def __init__(self, said: dict[str, Any], changed: Callable[[], None]):
        self.said, self.changed = said, changed
        with ui.element("div").classes("fields"):
            for name in FIRST:
                self._field(SETTINGS[name])
        with ui.expansion("more settings").classes("w-full").props("dense"), \
                ui.element("div").classes("fields"):  # fmt: skip
            for name in LATER:
                self._field(SETTINGS[name])

    def _field(self, declared: Setting) -> None:
        name, value = declared.name, self.said.get(declared.name)
        unit = f" [{declared.unit}]" if declared.unit else ""
        take = lambda e: self._take(name, e.value)
        if declared.type is bool:
            made: Any = ui.checkbox(name, value=bool(value), on_change=take)
        elif name == "device":
            made = ui.select(list(MODELS), value=value or declared.default, label="model",
                             on_change=take).props("dense outlined")  # fmt: skip
        elif declared.choices:
            many = declared.repeated
            made = ui.select(
                list(declared.choices), value=value or ([] if many else None), label=name,
                multiple=many, clearable=not many, on_change=take,
            ).props("dense outlined use-chips" if many else "dense outlined")  # fmt: skip
        else:
            title = TITLES.get(name, name) + unit
            made = ui.input(title, value="" if value is None else str(value)).props(
                "dense outlined"
            )
            made.on("change", lambda _, m=made: self._take(name, m.value))
        made.props(f'data-setting="{name}"')
        with made:
            ui.tooltip(declared.help)

    def _take(self, name: str, value: Any) -> None:
        if value in (None, "", [], False):
            self.said.pop(name, None)
        else:
            self.said[name] = value
        self.changed()
