"""The folder of a visit as an archive, and what the page shows of the results in it."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from jaxmem.apps.spike.report import check_can_be_asked
from jaxmem.devices import device_of_fit
from jaxmem.output.numbers import engineering

# What a visit writes and a user wants; logs and what is half written stay.
PARTS = ("data", "fit", "spike", "design")
FILES = ("fit.toml", "goals.toml", "device.toml")


def archive_of(folder: Path) -> bytes:
    """Data, specification and results as a zip: unpacked, the command that is shown runs in it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        found = [folder / name for name in FILES]
        found += [f for part in PARTS for f in sorted((folder / part).rglob("*"))]
        for file in found:
            if file.is_file():
                archive.write(file, Path("jaxmem") / file.relative_to(folder))
    return packed.getvalue()


def parameter_rows(folder: Path) -> list[dict[str, str]]:
    """The parameters of `fit.json` as a table's rows: value, interval, and what is said of each."""
    file = folder / "fit" / "fit.json"
    if not file.is_file():
        return []
    record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    rows = []
    for p in [*record["parameters"], *record.get("derived", [])]:
        number = lambda key, p=p: (
            "" if p.get(key) is None else engineering(float(p[key]), p["unit"])
        )
        interval = f"{number('low')} to {number('high')}" if number("low") else ""
        rows.append({
            "name": p["name"], "value": number("value"), "interval": interval,
            "remark": "; ".join(p.get("reasons", [])) or p.get("meaning", ""),
        })  # fmt: skip
    return rows


def cannot_spike(folder: Path) -> str:
    """Why nothing can be said of spikes from these results; empty if something can."""
    file = folder / "fit" / "fit.json"
    if not file.is_file():
        return (
            "Each spectrum was fitted by itself, which gives elements and no device: fit them "
            "together at their biases."
        )
    try:
        device, _ = device_of_fit(file.read_text(encoding="utf-8"), "this fit")
        check_can_be_asked(device, "this fit")
    except ValueError as error:
        return str(error)
    return ""
