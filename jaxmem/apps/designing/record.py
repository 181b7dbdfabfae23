"""A design as JSON."""

import math
from typing import Any

from fitting.designs.outcome import Design
from fitting.designs.search.meant_drives import MeantDrive


def record_of(found: Design) -> dict[str, Any]:
    """A design as dictionaries and numbers; what is not finite is None."""
    plain = lambda x: float(x) if math.isfinite(x) else None
    front = found.front
    return {
        "met": found.met,
        "statements": found.statements(),
        "goals": {
            name: {
                "value": plain(value), "unit": found.units[name], "wanted": found.wanted[name],
                "tolerances_off": plain(found.misses[name]),
                "slopes": dict(zip(found.factors, map(plain, row), strict=True)),
            }
            for (name, value), row in zip(found.values.items(), found.slopes, strict=True)
        },
        "factors": found.factors,
        "cost": found.cost,
        "at": dict([found.at]),
        "driven": drive_record(found.driven),
        "driven_today": drive_record(found.driven_today),
        "at_limit": list(found.at_limit),
        "nearer_with_a_wider_range": {k: list(v) for k, v in found.outwards.items()},
        "impossible": found.impossible,
        "starts": found.starts,
    } | ({} if front is None else {
        "front": {
            "goals": list(front.goals), "units": list(front.units),
            "more_is_better": list(front.more), "values": front.values.tolist(),
        }
    })  # fmt: skip


def drive_record(driven: MeantDrive | None) -> dict[str, Any] | None:
    """The drive at which goals are meant, as numbers in SI units: its level by its letter, the
    window's ends, the period of the cycle there; None where no goal is meant at a drive."""
    if driven is None:
        return None
    plain = lambda x: float(x) if math.isfinite(x) else None
    return {
        driven.letter: plain(driven.level), "window": [plain(driven.low), plain(driven.high)],
        "period": plain(driven.period), "goals": list(driven.goals),
    }  # fmt: skip
