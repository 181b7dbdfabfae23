"""The commands that show a designed device at the drive where its goals are meant."""

import math
import shlex
from pathlib import Path

from fitting.designs.search.meant_drives import MeantDrive
from jaxmem.devices import AbstractDevice

# So many periods of the cycle are shown, or so many of the longest time constant without one.
PERIODS = 10


def next_commands(
    device: AbstractDevice, file: Path, driven: MeantDrive | None, *, allow_import: bool = False
) -> list[str]:
    """`jaxmem simulate` and `jaxmem export` of a device's file; none where there is no drive."""
    if driven is None or not driven.known:
        return []
    period = driven.period
    if not math.isfinite(period):
        taus = [float(getattr(device, n)) for n in ("tau_d", "tau_k") if hasattr(device, n)]
        period = max(taus, default=1.0)
    drive = f'--drive "{driven.letter} = Step({driven.level:.6g})" --until {PERIODS * period:.2g}'
    more = " --allow-import" if allow_import else ""
    path = shlex.quote(f"{file}")
    return [f"jaxmem {word} {path} {drive}{more}" for word in ("simulate", "export")]
