"""Figures side by side on a page, each an interactive drawing that a screen reader can name."""

from collections.abc import Mapping
from typing import Any

from nicegui import ui

from jaxmem import plots
from jaxmem.apps.app.frame import Ground
from jaxmem.apps.app.plotly_figure import as_plotly


class FigureGrid:
    """Panels by name; what is shown once keeps its place.

    **Arguments:**

    - `ground`: of the page, light or dark. `names`: of the figures, in their order.
    """

    def __init__(self, ground: Ground, names: Mapping[str, str]):
        self.ground, self.names = ground, dict(names)
        self.panels: dict[str, plots.Panel] = {}
        self.cards: dict[str, ui.element] = {}
        self.drawings: dict[str, ui.plotly] = {}
        # Those in which points can be boxed.
        self.selects: set[str] = set()
        # Counts what is shown, so that a measurement can tell one drawing from the next.
        self.serial = 0
        with ui.element("div").classes("figures"):
            for name, title in self.names.items():
                words = f'role="figure" aria-label="{title}"'
                self.cards[name] = ui.element("div").classes("figure").props(words)
                with self.cards[name]:
                    self.drawings[name] = ui.plotly(_empty(title, ground.dark)).classes("plot")
                self.drawings[name].props(f'data-figure="{name}"')
        ground.hears.append(self.draw_again)

    def show(self, panels: Mapping[str, plots.Panel]) -> None:
        """Draw panels in their places."""
        self.serial += 1
        for name, panel in panels.items():
            self.panels[name] = panel
            self.cards[name].set_visibility(True)
            self.cards[name].classes(remove="stale")
            self.drawings[name].update_figure(self._made(name, panel))

    def hide(self, *names: str) -> None:
        """Take figures away for which there is nothing to draw."""
        for name in names:
            self.panels.pop(name, None)
            self.cards[name].set_visibility(False)

    def stale(self, *names: str) -> None:
        """Mark figures that are being computed anew."""
        for name in names:
            self.cards[name].classes(add="stale")

    def draw_again(self) -> None:
        """Draw everything, on another ground."""
        for name in self.drawings:
            if name in self.panels:
                self.drawings[name].update_figure(self._made(name, self.panels[name]))
            else:
                empty = _empty(self.names[name], self.ground.dark)
                self.drawings[name].update_figure(empty)

    def _made(self, name: str, panel: plots.Panel) -> dict[str, Any]:
        made = as_plotly(panel, dark=self.ground.dark, select=name in self.selects)
        made["layout"]["meta"] = {"serial": self.serial}
        made["config"]["toImageButtonOptions"] = {"format": "svg", "filename": "jaxmem"}
        return made


def _empty(title: str, dark: bool) -> dict[str, Any]:
    return as_plotly(plots.Panel([plots.Note("computing")], title=title), dark=dark)
