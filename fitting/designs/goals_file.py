"""What a file says of a design: the device, the goals, the knobs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fitting.designs.goals.goal import DesignGoal
from fitting.designs.goals.knob import SERIES, Knob, Knobs
from fitting.designs.goals.named_quantities import KEYS as KEYS_OF
from fitting.designs.goals.named_quantities import QUANTITIES
from fitting.designs.nearest_device import design
from fitting.designs.outcome import Design
from fitting.designs.search.task import Task
from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import LETTER
from jaxmem.devices import AbstractDevice, read_sourced
from jaxmem.lens import Lens, lenses
from jaxmem.output.reporter import Reporter
from jaxmem.settings import Setting, checked_table, cycle_at, toml_table
from jaxmem.stability.why.change import scalable
from jaxmem.toml_kinds import belongs_elsewhere

MOST_DESIGNS = 20
KEYS = {
    s.name: s
    for s in (
        Setting(
            "device",
            str,
            "The device as it is today: its file, or the folder of its fit",
            required=True,
        ),
        Setting("drive", str, "What is imposed", "current", choices=("current", "voltage")),
        Setting("designs", int, "How many distinct ones", 1, low=1, high=MOST_DESIGNS),
        Setting("front", tuple[str, ...], "Two goals whose Pareto front is drawn"),
        Setting("seed", int, "Of the draws", 0, low=0, high=2**32 - 1),
    )
}
GOAL_KEYS = {
    s.name: s
    for s in (
        Setting("quantity", str, "What is asked for", required=True, choices=tuple(QUANTITIES)),
        Setting("target", float, "The value it is to have"),
        Setting("at_least", float, "The least value"),
        Setting("at_most", float, "The largest value"),
        Setting("tolerance", float, "By which fraction it may be missed", 0.01, above=0, high=0.5),
        Setting("name", str, "Which tells two goals about one quantity apart", ""),
        *(Setting(key, float, meaning, unit=unit) for key, (unit, meaning) in KEYS_OF.items()),
    )
}
KNOB_KEYS = {
    s.name: s
    for s in (
        Setting("parameter", tuple[str, ...], "Its name; several are tied", required=True),
        Setting("low", float, "The least value", above=0),
        Setting("high", float, "The largest value", above=0),
        Setting("within", float, "A factor to both sides, in place of the two", 5.0, above=1),
        Setting("cost", float, "Of a change, per ln^2 of its factor", 1.0, above=0),
        Setting("series", str, "Of values that can be bought", "", choices=tuple(SERIES)),
    )
}


@dataclass(frozen=True)
class GoalsFile:
    """What a TOML file asks for.

        device = "device.toml"   # beside this file: the device as it is today
        drive = "current"        # or "voltage", through R_s
        at = {window = 0.5}      # where cycles are meant; {threshold = 1.2}, {I = 1e-4}
        designs = 1              # how many distinct ones
        front = ["energy", "frequency"]   # two goals with one limit each: their Pareto front

        [[goal]]
        quantity = "frequency"   # amplitude, energy, threshold, window; latency
        at_least = 100.0         # in SI units; or target, at_most, or both limits
        tolerance = 0.01         # a fraction of it

        [[goal]]
        quantity = "energy"
        at_most = 1e-6

        [[goal]]
        quantity = "onset"
        target = "soft"

        [[goal]]
        quantity = "impedance"   # resistance, phase: freq, and one of u, I, V
        target = 5e3
        tolerance = 0.2
        freq = 1e3
        u = 0.3                  # current: u or V; crossover: nothing
                                 # pulse_response: width, delay; loop_area: rate, V

        [[knob]]
        parameter = "C_m"        # ["C_m", "tau_d"] changes both by one factor; "I" is the drive
        low = 1e-8               # by default a factor of 5 to both sides, within = 5
        high = 1e-6
        cost = 0.1               # of a change, per ln^2 of its factor; by default 1
        series = "E12"           # a value that can be bought; E6, E24

        [scatter]                # of made devices, for the yield: see `fitting.yields.scatter_file`
        relative = 0.1

    Without a knob all numbers of the device that a factor makes sense of are knobs.
    """

    device: AbstractDevice
    device_file: Path
    drive: DriveKind
    at: tuple[str, float]
    goals: tuple[DesignGoal, ...]
    knobs: tuple[Knob, ...]
    designs: int
    front: tuple[str, str] | None
    seed: int
    # What stands below [scatter] and [yield], which `fitting.yields` reads.
    scatter: Any = None
    counted: Any = None

    @property
    def task(self) -> Task:
        """What is looked for, as the programs take it."""
        own = Knobs(self.knobs, self.device, self.at)
        return Task(self.goals, self.device, own, self.drive, self.at)

    def design(self, progress: Reporter | None = None) -> Design:
        """The design that is asked for; `progress` hears of how far it is."""
        return design(
            self.goals, self.device, self.knobs, drive=self.drive, at=self.at,
            designs=self.designs, front=self.front, seed=self.seed, progress=progress,
        )  # fmt: skip


def read_goals(path: str | Path, *, allow_import: bool = False) -> GoalsFile:
    """The design that a TOML file asks for (see `GoalsFile`).

    **Arguments:**

    - `path`: the file.
    - `allow_import`: whether its device may name classes that are imported (see `read_device`).

    **Raises:** `ValueError` that names the file, the entry, and what may stand there.
    """
    path = Path(path)
    table = toml_table(path)
    if other := belongs_elsewhere(table, "design"):
        raise ValueError(f"{path}: {other}")
    goals, knobs, at = (table.pop(key, None) for key in ("goal", "knob", "at"))
    scatter, counted = (table.pop(key, None) for key in ("scatter", "yield"))
    said = checked_table(f"{path}", table, KEYS)
    found = read_sourced(path.parent / said["device"], allow_import=allow_import)
    device, source = found.device, found.files[0]
    if not isinstance(goals, list) or not goals:
        raise ValueError(f"{path}: there is no [[goal]]; give at least one")
    if knobs is not None and not isinstance(knobs, list):
        raise ValueError(f"{path}: write each knob below a [[knob]] of its own")
    drive = said["drive"]
    place = cycle_at(f"{path}", at, LETTER[drive])
    for k, entry in enumerate(knobs or [], 1):
        name = entry.get("parameter") if isinstance(entry, dict) else None
        if name in ("I", "V") and name != place[0]:
            raise ValueError(
                f"{path}: [[knob]] {k}: the drive is a knob where at = {{{name} = ...}} says its "
                "value today"
            )
    return GoalsFile(
        device, source, drive, place,
        tuple(_goal(f"{path}: [[goal]] {k}", entry) for k, entry in enumerate(goals, 1)),
        tuple(_knob(f"{path}: [[knob]] {k}", entry, device) for k, entry in enumerate(knobs, 1))
        if knobs else _every_knob(device),
        said["designs"], _pair(f"{path}", said.get("front")), said["seed"], scatter, counted,
    )  # fmt: skip


def _goal(where: str, entry: Any) -> DesignGoal:
    # The one target that is a word.
    word: Any = entry.get("target") if isinstance(entry, dict) else None
    soft = isinstance(word, str) and entry.get("quantity") == "onset"
    numbers = {k: v for k, v in entry.items() if k != "target"} if soft else entry
    said = checked_table(where, numbers, GOAL_KEYS)
    place = {key: said.pop(key) for key in KEYS_OF if key in said}
    try:
        more: dict[str, Any] = said | ({"target": word} if soft else {}) | {"where": place}
        return DesignGoal(**more)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _pair(where: str, names: tuple[str, ...] | None) -> tuple[str, str] | None:
    if names is None:
        return None
    if len(names) != 2:
        raise ValueError(f"{where}: front wants the names of two goals, got {len(names)}")
    return names[0], names[1]


def _knob(where: str, entry: Any, device: AbstractDevice) -> Knob:
    said = checked_table(where, entry, KNOB_KEYS)
    known, names = lenses(device), said.pop("parameter")
    if len(names) == 1 and names[0] in ("I", "V"):
        try:
            return Knob(names[0], **said)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
    for name in names:
        if name not in known:
            raise ValueError(
                f"{where}: the device has no parameter {name!r}; it has {', '.join(known)}"
            )
    if "within" in entry and ("low" in entry or "high" in entry):
        raise ValueError(f"{where}: give within, or low and high; not both")
    try:
        return Knob(_tied(tuple(known[name] for name in names)), **said)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _tied(several: tuple[Lens, ...]) -> Lens:
    return several[0] if len(several) == 1 else lambda model: tuple(one(model) for one in several)


def _every_knob(device: AbstractDevice) -> tuple[Knob, ...]:
    return tuple(Knob(lens) for lens in scalable(device).values())
