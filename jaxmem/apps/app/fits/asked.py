"""What the page asks for, as the specification that the command line would read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fitting.study.spec import MODELS, SETTINGS, Spec
from fitting.study.spec_file import spec_to_toml
from jaxmem.apps.app.fits.dropped_file import Dropped
from jaxmem.apps.arguments import value_of
from jaxmem.settings import Setting, SpecError

# The settings that the form shows first; the others stand behind them.
FIRST = ("device", "circuit", "add", "without", "together", "fixed", "ranges", "compare")
LATER = ("area", "starts", "seed", "thin", "alone", "profile", "bootstrap", "posterior", "xlsx",
         "solver", "optimiser", "schedule", "rate", "steps")  # fmt: skip


def spec_of(files: Sequence[Dropped], said: Mapping[str, Any]) -> Spec:
    """The specification of a page.

    **Arguments:**

    - `files`: what was dropped; those that cannot be used are left out.
    - `said`: texts, truths and lists by the names of the settings; what is empty is not said.

    **Raises:** `SpecError` for what makes no sense, and for a path: the page names none.
    """
    values: dict[str, Any] = {}
    for name, value in said.items():
        if value is None or value == "" or value == [] or value is False:
            continue
        values[name] = _value(SETTINGS[name], value)
    device = values.get("device", "2d")
    if device not in MODELS:
        raise SpecError(f"device is one of {', '.join(MODELS)}, or a file that was dropped")
    if str(values.get("circuit", "")).lower().endswith(".toml"):
        raise SpecError("circuit: write the circuit itself, L-R-p(CPE,R)-p(R,C) or LR(QR)(RC)")
    devices = [f for f in files if f.kind == "device" and not f.problem]
    if devices and "circuit" not in values:
        values["device"] = str(devices[-1].path)
    if "circuit" in values:
        values.pop("device", None)
    usable = [f for f in files if f.kind in ("spectra", "trace", "curve") and not f.problem]
    if not usable:
        raise SpecError("there is nothing to fit yet: drop spectra, loops, steps or pulses")
    return Spec.of(values, [f.entry() for f in usable])


def _value(declared: Setting, value: Any) -> Any:
    if declared.type is bool or isinstance(value, list):
        return value
    if not isinstance(value, str):
        return int(value) if declared.type is int else value
    text = value.strip()
    if declared.type in (int, float):
        try:
            return declared.type(text)
        except ValueError:
            raise SpecError(f"{declared.name} is {declared.words}, got {text!r}") from None
    return value_of(declared, [text]) if declared.repeated else text


def write_asked(spec: Spec, folder: Path) -> str:
    """Write `fit.toml` into a folder, and give what stands in it."""
    text = spec_to_toml(spec, folder)
    (folder / "fit.toml").write_text(text, encoding="utf-8")
    return text
