"""The chapter on quantities per area of the electrode."""

from typing import Any

from fitting.estimate.result import Fit
from fitting.report.export import plain
from fitting.report.section import Section
from jaxmem.output.numbers import engineering

# Per area a resistance is ohm cm2, and a capacitance F/cm2: the unit, and the area's power.
# A Q in (Q s)^n is no power of the area that holds for every n, and is left out.
POWERS = {"ohm": 1, "H": 1, "ohm s^-1/2": 1, "F": -1, "S": -1, "A": -1, "S s^n": -1, "A/V": -1}


def scaled_rows(fit: Fit, area: float) -> list[dict[str, Any]]:
    """What of `fit.rows()` depends on the electrode's area, per cm2.

    **Arguments:**

    - `fit`: the fit, whose own values are those of the whole electrode.
    - `area`: of the electrode [m^2].
    """
    rows = []
    for row in fit.rows():
        power = POWERS.get(row["unit"])
        if power is None:
            continue
        factor = (area * 1e4) ** power
        unit = f"{row['unit']} cm2" if power > 0 else f"{row['unit']}/cm2"
        scaled = {k: None if row[k] is None else plain(row[k] * factor)
                  for k in ("value", "low", "high")}  # fmt: skip
        rows.append(row | {"unit": unit} | scaled)
    return rows


def per_area_section(fit: Fit, area: float) -> Section | None:
    """The parameters that depend on the electrode's area, per cm2; None if none does.

    **Arguments:**

    - `fit`: the fit, whose own values are those of the whole electrode.
    - `area`: of the electrode [m^2].
    """
    rows = [
        {key: row[key] for key in ("name", "unit", "value", "low", "high")}
        for row in scaled_rows(fit, area) if row["value"] is not None
    ]  # fmt: skip
    if not rows:
        return None
    shown = lambda row, key: "" if row[key] is None else f"{row[key]:.4g}"
    table = [("parameter", "value", "68 % from", "to", "unit")]
    table += [(r["name"], shown(r, "value"), shown(r, "low"), shown(r, "high"), r["unit"])
              for r in rows]  # fmt: skip
    size = engineering(area * 1e4, "", 4)
    return Section(
        "per_area", f"Per area, of an electrode of {size} cm2", (),
        {"area_m2": area, "rows": rows}, tuple(table),
    )  # fmt: skip
