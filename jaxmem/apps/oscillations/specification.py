"""What a file says of a sweep: the device, the axes, and what is mapped."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxmem.apps.oscillations.mapped import (
    OF_CYCLES,
    QUANTITIES,
    Functions,
    functions_of,
    is_ring,
)
from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import LETTER
from jaxmem.devices import AbstractDevice, read_sourced
from jaxmem.lens import lenses, parameter
from jaxmem.settings import Setting, checked_table, cycle_at, toml_table
from jaxmem.stability.equilibria.map import check_drive
from jaxmem.sweeps import Axis
from jaxmem.toml_kinds import belongs_elsewhere

# A sweep of more points takes days, and an axis of more is none that anybody looks at.
MOST_POINTS, MOST_OF_AXIS = 1_000_000_000, 1_000_000
KEYS = {
    s.name: s
    for s in (
        Setting("device", str, "The device: its file, or the folder of its fit", required=True),
        Setting("drive", str, "What is imposed", "current", choices=("current", "voltage")),
        Setting("quantity", str, "What is mapped", "window", choices=QUANTITIES),
        Setting("u_range", list[float], "Voltages over the device to look in, [low, high]"),
    )
}
AXIS_KEYS = {
    s.name: s
    for s in (
        Setting("parameter", str, "Its name in the device", required=True),
        Setting("low", float, "The least value"),
        Setting("high", float, "The largest value"),
        Setting("points", int, "How many values", 100, low=2, high=MOST_OF_AXIS),
        Setting("spacing", str, "How they lie", "log", choices=("log", "linear")),
        Setting("values", list[float], "The values, in place of the other three"),
    )
}


@dataclass(frozen=True)
class SweepFile:
    """What a TOML file asks for.

        device = "device.toml"   # beside this file
        drive = "current"        # or "voltage", through R_s

        [[axis]]
        parameter = "C_m"
        low = 1e-9
        high = 1e-6
        points = 200             # or values = [...] in the place of these three
        spacing = "log"          # or "linear"

    Over one or two axes there is a figure, over more the arrays only. `quantity` is one of

        margin       how near a device is to oscillating; the rest costs more
        window       and where, in the drive: both ends, their frequencies and criticality (default)
        onset        and of the first Hopf point alone
        frequency    and that of the stable cycle; amplitude, energy: its amplitude of u, its energy

    a cycle's at = {window = 0.5}, the middle of the window (default), {threshold = 1.2}, that times
    the drive at the first Hopf point, or a drive, {I = 1e-4} or {V = 2.0}. `u_range` = [low, high],
    voltages over the device [V], is where equilibria are looked for, if not everywhere.
    """

    device: AbstractDevice
    device_file: Path
    drive: DriveKind
    axes: tuple[Axis, ...]
    quantity: str
    at: tuple[str, float]
    u_range: tuple[float, float] | None

    @property
    def points(self) -> int:
        """How many devices there are."""
        return math.prod(len(axis.values) for axis in self.axes)

    @property
    def functions(self) -> Functions:
        """What is computed of each device."""
        return functions_of(
            self.quantity, self.drive, is_ring(self.device) and self.u_range is None, self.at,
            self.u_range,
        )  # fmt: skip


def read_sweep(
    path: str | Path, *, quantity: str | None = None, allow_import: bool = False
) -> SweepFile:
    """The sweep that a TOML file describes (see `SweepFile`).

    **Arguments:**

    - `path`: the file.
    - `quantity`: in the place of the file's.
    - `allow_import`: whether its device may name classes that are imported (see `read_device`).

    **Raises:** `ValueError` that names the file, the entry, and what may stand there.
    """
    path = Path(path)
    table = toml_table(path)
    if other := belongs_elsewhere(table, "sweep"):
        raise ValueError(f"{path}: {other}")
    axes = table.pop("axis", None)
    at = table.pop("at", None)
    table |= {} if quantity is None else {"quantity": quantity}
    said = checked_table(f"{path}", table, KEYS)
    found = read_sourced(path.parent / said["device"], allow_import=allow_import)
    device, source = found.device, found.files[0]
    if not isinstance(axes, list) or not axes:
        raise ValueError(f"{path}: there is no [[axis]]; give one or two")
    made = tuple(_axis(f"{path}: [[axis]] {k}", a, device) for k, a in enumerate(axes, 1))
    if said["drive"] == "voltage" and "R_s" not in [parameter(a.lens, device).name for a in made]:
        check_drive(f"{path}", device, "voltage")
    where = _at(f"{path}", at, said["quantity"], said["drive"])
    ends = said.get("u_range")
    if ends is not None:
        if len(ends) != 2 or not ends[0] < ends[1]:
            raise ValueError(f"{path}: u_range wants [low, high] in V with low < high, got {ends}")
        ends = (ends[0], ends[1])
    asked = SweepFile(device, source, said["drive"], made, said["quantity"], where, ends)
    if asked.points > MOST_POINTS:
        raise ValueError(f"{path}: {asked.points:,} points, and {MOST_POINTS:,} are the most")
    return asked


def _at(where: str, said: Any, quantity: str, drive: DriveKind) -> tuple[str, float]:
    """Where cycles are taken."""
    if said is not None and quantity not in OF_CYCLES:
        raise ValueError(f"{where}: at says where a cycle is taken, and {quantity} is of none")
    return cycle_at(where, said, LETTER[drive])


def _axis(where: str, entry: Any, device: AbstractDevice) -> Axis:
    said = checked_table(where, entry, AXIS_KEYS)
    known, name = lenses(device), said["parameter"]
    if name not in known:
        raise ValueError(
            f"{where}: the device has no parameter {name!r}; it has {', '.join(known)}"
        )
    ends = [key for key in ("low", "high") if key in said]
    if "values" in said:
        if ends or "points" in entry:
            raise ValueError(f"{where}: give values, or low, high and points; not both")
        return Axis(known[name], said["values"])
    if len(ends) < 2:
        raise ValueError(f"{where}: {name} needs low and high, or values")
    make = Axis.log if said["spacing"] == "log" else Axis.linear
    try:
        return make(known[name], said["low"], said["high"], said["points"])
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
