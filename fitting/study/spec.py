"""A whole fit as a TOML file: what is fitted, to which files, how. Rerunnable."""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import tomlkit

KINDS = {
    "spectra": {"file", "bias", "u", "I", "V", "sigma", "min_freq", "max_freq"},
    "trace": {"file", "imposed", "drive", "start", "units", "rate", "freq", "compliance", "sigma"},
    "curve": {"file", "units", "sigma"},
    "spikes": {"I", "frequency", "amplitude", "threshold", "sigma"},
    "prior": {"parameter", "mean", "sd", "factor"},
}
MODELS = ("rc", "2d", "3d")
SIGMA = {"relative", "floor", "estimated"}


class SpecError(ValueError):
    """A file that does not specify a fit. Its message names the file, the key, and what to do."""


@dataclass(frozen=True)
class Entry:
    """One file, a prior, or what was measured of spikes; kinds and their options are `KINDS`."""

    kind: str
    file: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Spec:
    """Everything that decides a fit.

    - `device`: `"rc"`, `"2d"`, `"3d"`, or the path of a device's TOML file; `add`, `without`: see
      `element_model`. `together`: one device for all files (always, with traces or curves).
    - `solver`: `"lm"` or `"descent"`, the latter with `optimiser`, `schedule`, `rate`; `steps`;
      `starts`, `seed`.
    - `compare`, `profile`, `bootstrap`, `posterior`: what is asked beyond the fit, see `Questions`.
    - `fixed`: parameters by name that keep a value; `ranges`: name to where starts are drawn.
    - `entries`: what is fitted.
    """

    device: str = "2d"
    add: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    together: bool = False
    solver: str = "lm"
    optimiser: str = "adam"
    schedule: str = "cosine_decay_schedule"
    rate: float = 0.3
    steps: int | None = None
    starts: int = 24
    seed: int = 0
    compare: bool = False
    profile: tuple[str, ...] = ()
    bootstrap: int = 0
    posterior: bool = False
    fixed: Mapping[str, float] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()

    def __post_init__(self):
        if self.device not in MODELS and Path(self.device).suffix.lower() != ".toml":
            raise SpecError(
                f"no device {self.device!r}; there are {', '.join(MODELS)}, and devices in files, "
                "DEVICE.toml"
            )
        if self.starts < 1:
            raise SpecError(f"starts must be at least 1, got {self.starts}")

    @property
    def files(self) -> list[Path]:
        """Every data file, once, in order."""
        return list(dict.fromkeys(e.file for e in self.entries if e.file is not None))

    @property
    def joint(self) -> bool:
        """Whether more than spectra are fitted."""
        return any(e.kind != "spectra" for e in self.entries)


def read_spec(path: str | os.PathLike) -> Spec:
    """The fit that a TOML file specifies. Paths in it are relative to its folder.

        device = "3d"
        starts = 64
        fixed = { R_s = 47e3 }
        ranges = { V_T = [0.2, 1.5] }
        [[spectra]]
        file = "eis_0.8V.csv"
        V = 0.8
        [[trace]]
        file = "loop.csv"
        rate = 0.1
        start = "periodic"
        [[spikes]]
        I = 115e-6
        frequency = 50.0
        sigma = 0.02  # a share of each
        [[prior]]
        parameter = "C_m"
        mean = 1e-8
        factor = 2

    **Raises:** `SpecError` (a `ValueError`) that says what was got and what to do.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise SpecError(f"{path}: there is no such file; check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: this is no TOML ({error})") from None
    settings = {f.name: f for f in fields(Spec) if f.name != "entries"}
    entries = []
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key in KINDS:
            rows = value if isinstance(value, list) else [value]
            entries += [_entry(path, key, row) for row in rows]
        elif key in settings:
            values[key] = _setting(path, key, value)
        else:
            raise SpecError(f"{path}: no key {key!r}{_near(key, [*settings, *KINDS])}")
    if not any(e.file for e in entries):
        raise SpecError(
            f"{path}: nothing to fit; give [[spectra]], [[trace]] or [[curve]] with file ="
        )
    spec = Spec(**values, entries=tuple(entries))
    if spec.device not in MODELS:
        spec = replace(spec, device=str(_beside(path, spec.device)))
    return spec


def spec_to_toml(spec: Spec, folder: str | os.PathLike) -> str:
    """The specification as it stands in `fit.toml` in a folder: paths relative to that folder."""
    out = tomlkit.document()
    out.add(tomlkit.comment("jaxmem fit fit.toml does this fit again"))
    for f in fields(Spec):
        value = getattr(spec, f.name)
        if f.name == "entries" or value is None or value == () or value == {}:
            continue
        if f.name in ("compare", "bootstrap", "posterior") and not value:
            continue
        if f.name in ("optimiser", "schedule", "rate") and spec.solver == "lm":
            continue
        if f.name == "device" and value not in MODELS:
            value = _from(folder, value)
        if isinstance(value, Mapping):
            inline = tomlkit.inline_table()
            inline.update({k: list(v) if isinstance(v, tuple) else v for k, v in value.items()})
            value = inline
        out.add(f.name, list(value) if isinstance(value, tuple) else value)
    for kind in KINDS:
        rows = [e for e in spec.entries if e.kind == kind]
        if not rows:
            continue
        array = tomlkit.aot()
        for e in rows:
            row = tomlkit.table()
            if e.file is not None:
                row.add("file", _from(folder, e.file))
            for key, value in e.options.items():
                inline = value
                if isinstance(value, Mapping):
                    inline = tomlkit.inline_table()
                    inline.update(value)
                row.add(key, inline)
            array.append(row)
        out.add(kind, array)
    return tomlkit.dumps(out)


def _entry(path: Path, kind: str, row: Any) -> Entry:
    if not isinstance(row, dict):
        raise SpecError(f"{path}: write [[{kind}]] and its keys below")
    unknown = set(row) - KINDS[kind]
    if unknown:
        key = sorted(unknown)[0]
        raise SpecError(f"{path}: [[{kind}]] has no key {key!r}{_near(key, KINDS[kind])}")
    if kind not in ("prior", "spikes") and not isinstance(row.get("file"), str):
        raise SpecError(f"{path}: [[{kind}]] needs file = a path")
    if kind == "prior" and not {"parameter", "mean"} <= set(row):
        raise SpecError(f"{path}: [[prior]] needs parameter, mean, and one of sd and factor")
    sigma = row.get("sigma")
    if isinstance(sigma, dict) and (not sigma or not set(sigma) <= SIGMA):
        raise SpecError(f"{path}: sigma is a number or a table of {', '.join(sorted(SIGMA))}")
    file = _beside(path, row["file"]) if "file" in row else None
    return Entry(kind, file, {k: v for k, v in row.items() if k != "file"})


def _setting(path: Path, key: str, value: Any) -> Any:
    wanted: Any = {
        "device": str, "add": list, "without": list, "together": bool, "solver": str,
        "optimiser": str, "schedule": str, "rate": (int, float), "steps": int, "starts": int,
        "seed": int, "fixed": dict, "ranges": dict, "compare": bool, "profile": (list, str),
        "bootstrap": int, "posterior": bool,
    }[key]  # fmt: skip
    if not _is_a(value, wanted):
        raise SpecError(f"{path}: {key} = {value!r} makes no sense there")
    if key == "profile" and isinstance(value, str):
        return (value,)
    if key in ("add", "without", "profile"):
        return tuple(map(str, value))
    if key == "fixed":
        if not all(isinstance(v, int | float) for v in value.values()):
            raise SpecError(f"{path}: fixed = {{name = value}} wants numbers, got {value}")
        return {k: float(v) for k, v in value.items()}
    if key == "ranges":
        pairs = {k: v for k, v in value.items() if isinstance(v, list) and len(v) == 2}
        if len(pairs) < len(value) or not all(a < b for a, b in pairs.values()):
            raise SpecError(f"{path}: ranges = {{name = [low, high]}} with low < high, got {value}")
        return {k: (float(a), float(b)) for k, (a, b) in pairs.items()}
    return value


def _is_a(value: Any, wanted: Any) -> bool:
    # A bool is an int to Python.
    return isinstance(value, wanted) and (type(value) is not bool or wanted is bool)


def _beside(path: Path, name: str) -> Path:
    return Path(name) if Path(name).is_absolute() else path.parent / name


def _from(folder, file) -> str:
    return Path(os.path.relpath(file, folder)).as_posix()


def _near(key: str, known) -> str:
    close = difflib.get_close_matches(key, list(known), 1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(sorted(known))}"
