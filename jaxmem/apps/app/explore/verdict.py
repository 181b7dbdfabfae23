"""What takes seconds: the verdict in words, the bifurcation diagram, the map of stability."""

from dataclasses import replace
from typing import Any, NamedTuple

from jaxmem import plots
from jaxmem.apps.app.explore.exploration import Exploration
from jaxmem.apps.spike.answer import Answer, spike_answer
from jaxmem.apps.spike.report import axes_of_map, check_can_be_asked, map_around
from jaxmem.apps.spike.words import sentences
from jaxmem.plots.stability import bifurcation_figure, map_panel

# Of the map, to each side.
POINTS = 61
TITLES = {
    "bifurcation": "Bifurcation diagram; dashed: unstable, rings: Hopf points",
    "frequency": "Frequency of the cycles", "energy": "Energy of a period",
    "map": "Map of stability; star: you are here, line: where it begins",
}  # fmt: skip


class Verdict(NamedTuple):
    """Sentences, the verdict first; panels by name; the answer they come from."""

    lines: list[str]
    panels: dict[str, plots.Panel]
    answer: Answer


def verdict_on(state: Exploration) -> Verdict:
    """Whether the device spikes under this kind of drive, how, and what would have to change.

    **Raises:** `ValueError` for a device of which nothing can be said.
    """
    device, kind = state.device, state.circuit_drive.kind
    check_can_be_asked(device, "this device")
    found = spike_answer(device, kind)
    panels: dict[str, plots.Panel] = {}
    if found.hopf is not None and found.branches:
        drawn = bifurcation_figure(device, kind, found.hopf, found.branches).rows[0]
        names = ("bifurcation", "frequency", "energy")
        panels = {
            name: replace(p, title=TITLES[name])
            for name, p in zip(names, drawn, strict=True)
            if p is not None
        }
    if found.hopf is not None and (axes := state.over or axes_of_map(found)) is not None:
        made: Any = map_around(device, found, axes, POINTS)
        data, here, target = made
        panels["map"] = replace(map_panel(data, here=here, target=target), title=TITLES["map"])
    return Verdict(sentences(device, found), panels, found)
