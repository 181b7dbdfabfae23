"""What `jaxmem reproduce` does: panels to figures, tables, a verdict and a page."""

import json
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxmem import plots
from jaxmem.apps.paper import (
    claims,
    equations,
    errata,
    extensions,
    impedance,
    oscillation,
    steady,
    transients,
)
from jaxmem.apps.paper.panel import Builder, PaperPanel, true
from jaxmem.output.page import render
from jaxmem.output.provenance import provenance_of
from jaxmem.output.reporter import Reporter, Silent
from jaxmem.output.results_folder import check_folder, new_folder
from jaxmem.output.table import write_csv
from jaxmem.plots.figure import Figure

PANELS: dict[str, Builder] = {
    **steady.PANELS, **impedance.PANELS, **transients.PANELS, **oscillation.PANELS,
}  # fmt: skip
PANELS = dict(sorted(PANELS.items()))
EVERYTHING: dict[str, Builder] = (
    PANELS | equations.EQUATIONS | claims.CLAIMS | errata.ERRATA | extensions.EXTENSIONS
)
# Rows of figure 2 have one tau_m each, and tau_d falls along them.
FIGURES = {
    "figure 1": ([["1a", "1b"], ["1c", "1d"], ["1e", "1f"]], (10.0, 11.5)),
    "figure 2": (
        [["2a", "2b", "2c", "2d", "."], ["2e", "2f", "2g", "2h", "."],
         ["2i", "2j", "2k", "2l", "2m"]], (16.0, 8.6),
    ),
    "figure 3": ([["3"]], (5.6, 4.0)),
    "figure 4": ([["4a", "4b"]], (10.0, 4.2)),
    "figure 5": ([["5a", "5b", "5c"]], (15.0, 4.4)),
}  # fmt: skip
PARTS = {
    "The equations": tuple(equations.EQUATIONS),
    "What the paper claims": tuple(claims.CLAIMS),
    "Errata, by the live code": tuple(errata.ERRATA),
    "What the paper points to": tuple(extensions.EXTENSIONS),
}


class Reproduction(NamedTuple):
    """The page, the panels in the order in which they were made, and remarks in words."""

    page: Path
    panels: tuple[PaperPanel, ...]
    notes: list[str]

    @property
    def passed(self) -> bool:
        """The verdict."""
        return all(panel.passed for panel in self.panels)


def reproduce(
    out: str | Path,
    names: Sequence[str] = (),
    *,
    force: bool = False,
    command: str = "",
    progress: Reporter | None = None,
) -> Reproduction:
    """Compute panels, claims and errata; write figures, CSV, reproduce.json and index.html.

    **Arguments:**

    - `names`: which, of `EVERYTHING`; a figure's number means all of its panels ("2"). By
      default all.
    - `progress`: hears of each panel that is computed and drawn.

    **Raises:** `ValueError` for a name that there is not; `FolderError`.
    """
    check_folder(out, force=force)
    step = (progress or Silent()).step
    chosen = _chosen(names)
    panels: list[PaperPanel] = []
    for k, name in enumerate(chosen):
        step("computing", k, len(chosen))
        panels.append(_build(name))
    step("computing", len(chosen), len(chosen))
    made = {panel.name: panel for panel in panels}
    with new_folder(out, force=force) as results:
        folder, drawings = results.path, {}
        for panel in panels:
            _write_curves(folder, panel)
        origin = provenance_of(command)
        record = _record(panels)
        (folder / "reproduce.json").write_text(
            json.dumps(record | {"provenance": origin}, indent=1, allow_nan=False) + "\n"
        )
        results.publish()
        for k, panel in enumerate(panels):
            step("drawing", k, len(panels))
            if panel.drawn is not None:
                figure = Figure([[panel.drawn]], panel.size)
                drawings[panel.name] = plots.save(figure, folder, panel.name)
        shown = {panel.name: panel.drawn for panel in panels if panel.drawn is not None}
        for title, (mosaic, size) in FIGURES.items():
            if all(name in shown for row in mosaic for name in row if name != "."):
                rows = [[shown.get(name) for name in row] for row in mosaic]
                file = title.replace(" ", "_")
                drawings[title] = plots.save(Figure(rows, size), folder, file)
        step("drawing", len(panels), len(panels))
        page = render(
            "jaxmem.apps", "reproduce.html", title="The paper, figure for figure", record=record,
            sections=_sections(made, drawings), drawings=drawings, words=errata.IN_WORDS,
            provenance=json.dumps(origin, indent=1),
        )  # fmt: skip
        (folder / "index.html").write_text(page, encoding="utf-8")
    return Reproduction(results.place / "index.html", tuple(panels), results.notes)


def _build(name: str) -> PaperPanel:
    """A panel; one that cannot be computed has failed, and the others go on."""
    try:
        return EVERYTHING[name]()
    except Exception as error:
        says = f"it can be computed ({type(error).__name__}: {error})"
        return PaperPanel(name, "could not be computed", {}, (true(says, False),))


def _chosen(names: Sequence[str]) -> list[str]:
    if not names:
        return list(EVERYTHING)
    found = []
    for name in names:
        hits = [n for n in EVERYTHING if n == name or n[:-1] == name]
        if not hits:
            raise ValueError(
                f"there is no panel {name}; there are {', '.join(EVERYTHING)}, and 1, 2, 4, 5 "
                "for whole figures, q, c, e, b for equations, claims, errata and what lies beyond"
            )
        found += hits
    return list(dict.fromkeys(found))


def _write_curves(folder: Path, panel: PaperPanel) -> None:
    for name, curve in panel.curves.items():
        file = folder / f"{panel.name}{'_' + name if name else ''}.csv"
        columns = [np.asarray(column).tolist() for column in curve.values()]
        write_csv(file, list(curve), zip_longest(*columns, fillvalue=""))


def _record(panels: Sequence[PaperPanel]) -> dict[str, Any]:
    return {
        "passed": all(panel.passed for panel in panels),
        "checks": sum(len(panel.checks) for panel in panels),
        "failed": sum(not check.passed for panel in panels for check in panel.checks),
        "panels": {
            panel.name: {
                "shows": panel.shows,
                "given": dict(panel.given),
                "passed": panel.passed,
                "checks": [check.record() for check in panel.checks],
            }
            for panel in panels
        },
    }


def _sections(made: dict[str, PaperPanel], drawings: dict[str, str]) -> list[dict[str, Any]]:
    """Figures whole where they are whole, panels by themselves where they are not."""
    groups = {
        title: [n for row in mosaic for n in row if n in made]
        for title, (mosaic, _) in FIGURES.items()
    } | {title: [n for n in part if n in made] for title, part in PARTS.items()}
    return [
        {
            "title": title[0].upper() + title[1:],
            "drawn": [title] if title in drawings else [n for n in names if n in drawings],
            "names": names,
        }
        for title, names in groups.items()
        if names
    ]
