"""A design as JSON."""

import math
from typing import Any

from fitting.designs.outcome import Design


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
