"""What a file of goals says of made devices: their scatter, their specification."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fitting.designs.goals.goal import DesignGoal
from fitting.designs.goals_file import GoalsFile
from fitting.designs.outcome import Design
from fitting.yields.centring import CentredDesign, maximise_yield
from fitting.yields.counting import Yield, yield_of
from fitting.yields.scatter import Scatter, Spread
from jaxmem.devices import AbstractDevice
from jaxmem.settings import Setting, checked_table

FEWEST, MOST = 100, 1_000_000
SCATTER_KEYS = {
    s.name: s
    for s in (
        Setting("relative", Mapping[str, float], "Standard deviations of ln p by name"),
        Setting("absolute", Mapping[str, float], "Standard deviations by name, in SI units"),
    )
}
YIELD_KEYS = {
    s.name: s
    for s in (
        Setting("tolerance", Mapping[str, float], "Of made devices, by goal, a fraction"),
        Setting("devices", int, "How many are drawn", 10_000, low=FEWEST, high=MOST),
        Setting("maximise", bool, "Whether the knobs are moved to the largest yield", False),
    )
}


@dataclass(frozen=True)
class MadeDevices:
    """What a file says below [scatter] and [yield].

    [scatter]                          # of made devices
    relative = 0.1                     # of ln p, of every parameter; or {R_b = 0.05, C_m = 0.1}
    absolute = {V_T = 0.02}            # in the unit of each
    correlation = [["R_b", "i_c0", -0.8]]

    [yield]
    tolerance = {frequency = 0.15, amplitude = 0.2}   # by default each goal's own
    devices = 10000
    maximise = false                   # true: move the knobs to the largest yield
    """

    asked: GoalsFile
    scatter: Scatter
    specification: tuple[DesignGoal, ...]
    devices: int
    maximise: bool

    def count(self, found: Design) -> Yield:
        """The yield of a design."""
        return yield_of(
            found.device, self.specification, self.scatter, drive=self.asked.drive, at=found.at,
            devices=self.devices, seed=self.asked.seed + 1,
        )  # fmt: skip

    def centred(self, found: Design) -> CentredDesign:
        """The design with the largest yield, from one that spikes."""
        return maximise_yield(
            found.device, self.specification, self.asked.knobs, self.scatter,
            today=self.asked.device, drive=self.asked.drive, at=found.at, devices=self.devices,
            seed=self.asked.seed,
        )  # fmt: skip


def made_devices(where: str, asked: GoalsFile) -> MadeDevices | None:
    """The scatter and specification of a file of goals; None where it has no [scatter].

    **Raises:** `ValueError` that names the file, the entry, and what may stand there.
    """
    if asked.scatter is None:
        if asked.counted is not None:
            raise ValueError(f"{where}: [yield] wants a [scatter]; give relative = 0.1, or widths")
        return None
    said = checked_table(f"{where}: [yield]", asked.counted or {}, YIELD_KEYS)
    tolerances = said.get("tolerance", {})
    known = {goal.called: goal for goal in asked.goals}
    for name, value in tolerances.items():
        if name not in known:
            raise ValueError(
                f"{where}: [yield] tolerance: there is no goal {name!r}; there are "
                f"{', '.join(known)}"
            )
        if not 0 < value < 1:
            raise ValueError(
                f"{where}: [yield] tolerance: {name} is a fraction between 0 and 1, got {value:g}"
            )
    specification = tuple(
        replace(goal, tolerance=tolerances.get(name, goal.tolerance))
        for name, goal in known.items()
    )
    scatter = _scatter(f"{where}: [scatter]", asked.scatter, asked.device)
    return MadeDevices(asked, scatter, specification, said["devices"], said["maximise"])


def _scatter(where: str, entry: Any, device: AbstractDevice) -> Scatter:
    table = dict(entry) if isinstance(entry, dict) else entry
    pairs, single = [], None
    if isinstance(table, dict):
        pairs = table.pop("correlation", [])
        number = table.get("relative")
        if isinstance(number, int | float) and not isinstance(number, bool):
            single = float(table.pop("relative"))
    said = checked_table(where, table, SCATTER_KEYS)
    correlation = {}
    right = isinstance(pairs, list) and all(
        isinstance(p, list) and len(p) == 3 and all(isinstance(n, str) for n in p[:2])
        and isinstance(p[2], int | float) and not isinstance(p[2], bool)
        for p in pairs
    )  # fmt: skip
    if not right:
        raise ValueError(f'{where}: correlation is a list of pairs, [["R_b", "i_c0", -0.8], ...]')
    for first, second, rho in pairs:
        correlation[first, second] = float(rho)
    relative = said.get("relative", {}) if single is None else single
    try:
        scatter = Scatter(relative, said.get("absolute", {}), correlation)
        Spread(scatter, device)
    except ValueError as error:
        raise ValueError(f"{where}: {str(error).removeprefix('scatter: ')}") from None
    return scatter
