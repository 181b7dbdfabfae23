"""What a user types, in the form of a specification."""

import re
from pathlib import Path
from typing import Any

from fitting.study.spec import KINDS, near
from jaxmem.settings import Setting, SpecError

# What may be said of a file by itself: text and numbers of spectra and traces.
PER_FILE: dict[str, Setting] = {
    s.name: s
    for kind in ("spectra", "trace")
    for s in KINDS[kind].settings.values()
    if s.type in (float, str) and s.name != "file"
} | {"sigma": Setting("sigma", float, "Standard deviation of the noise", above=0)}
OWN = re.compile(r"(.+?):((?:\w+=[^,:=]+,?)+)")


def file_and_own(text: str | Path) -> tuple[Path, dict[str, Any]]:
    """`eis.csv:bias=0.7,max_freq=1e6` as the file, and what is said of it by itself.

    **Raises:** `SpecError` for a key that no kind of file has, or a value of another type.
    """
    path = Path(text)
    parts = OWN.fullmatch(str(text))
    if parts is None or path.exists():
        return path, {}
    file, said = Path(parts[1]), {}
    for pair in filter(None, parts[2].split(",")):
        key, _, value = pair.partition("=")
        key = key.replace("-", "_")
        if key not in PER_FILE:
            raise SpecError(f"{file}: no key {key!r}{near(key, PER_FILE)}")
        try:
            typed = float(value) if PER_FILE[key].type is float else value
        except ValueError:
            typed = value
        said[key] = PER_FILE[key].checked(typed)
    return file, said


def with_own(kind: str, all_files: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """What is said of all files, with what is said of one in its place.

    **Arguments:**

    - `kind`: `"spectra"` or `"trace"`. `all_files`, `own`: settings of all files, and of the one.
    """
    alike = KINDS[kind].one_of
    replaced = alike if set(own) & set(alike) else ()
    return {k: v for k, v in all_files.items() if k not in replaced} | own


def listed(values: list[str] | None) -> tuple[str, ...]:
    """`--add cpe --add slow` and `--add cpe,slow` are the same."""
    return tuple(part.strip() for value in values or [] for part in value.split(",") if part)


def value_of(declared: Setting, value: Any) -> Any:
    """The value of an option.

    **Raises:** `ValueError` for what is no pair of a name and a number.
    """
    if not declared.repeated:
        return value
    if declared.type == tuple[str, ...]:
        return listed(value)
    return (_ranges if declared.option == "range" else _numbers)(value)


def _numbers(pairs: list[str] | None) -> dict[str, float]:
    """`--fix R_s=47e3 --fix C_m=1e-8` as a dictionary."""
    found = {}
    for pair in listed(pairs):
        name, _, value = pair.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise ValueError(f"--fix wants NAME=NUMBER, got {pair!r}") from None
    return found


def _ranges(pairs: list[str] | None) -> dict[str, tuple[float, float]]:
    """`--range R_s=10:1e3` as a dictionary."""
    found = {}
    for pair in listed(pairs):
        name, _, ends = pair.partition("=")
        try:
            low, high = map(float, ends.split(":"))
        except ValueError:
            raise ValueError(f"--range wants NAME=LOW:HIGH, got {pair!r}") from None
        found[name.strip()] = (low, high)
    return found
