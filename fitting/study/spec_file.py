"""A specification as a TOML file: read, and written beside the results so that it can be rerun."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fitting.study.spec import KINDS, SETTINGS, Entry, Spec, SpecError, near
from jaxmem.settings import toml_table
from jaxmem.toml_kinds import belongs_elsewhere


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
    table = toml_table(path)
    if other := belongs_elsewhere(table, "fit"):
        raise SpecError(f"{path}: {other}")
    try:
        return replace(_spec(path.parent, table), source=path)
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None


def _spec(folder: Path, table: Mapping[str, Any]) -> Spec:
    entries, values = [], {}
    for key, value in table.items():
        if key in KINDS:
            rows = value if isinstance(value, list) else [value]
            entries += [_entry(folder, key, row) for row in rows]
        elif key in SETTINGS:
            values[key] = value
        else:
            raise SpecError(f"no key {key!r}{near(key, [*SETTINGS, *KINDS])}")
    spec = Spec.of(values, entries)
    if not spec.files:
        raise SpecError("nothing to fit; give [[spectra]], [[trace]] or [[curve]] with file =")
    # A path that is absolute stays as it is.
    paths = {"device": spec.device_file, "circuit": spec.circuit_file}
    return replace(spec, **{name: str(folder / path) for name, path in paths.items() if path})


def _entry(folder: Path, kind: str, row: Any) -> Entry:
    if not isinstance(row, dict):
        raise SpecError(f"write [[{kind}]] and its keys below")
    options = dict(row)
    if "file" in KINDS[kind].settings and isinstance(row.get("file"), str):
        file = KINDS[kind].settings["file"].checked(options.pop("file"))
        return Entry(kind, folder / file, options)
    return Entry(kind, None, options)


def spec_to_toml(spec: Spec, folder: str | os.PathLike) -> str:
    """The specification as it stands in `fit.toml` in a folder: paths relative to that folder."""
    import tomlkit

    out = tomlkit.document()
    out.add(tomlkit.comment("jaxmem fit fit.toml does this fit again"))
    # A default that depends on what is fitted is written as what it is.
    spec = replace(spec, starts=spec.number_of_starts, together=spec.one_device)
    for name, declared in SETTINGS.items():
        value = getattr(spec, name)
        idle = name == "thin" and not spec.joint
        if declared.only:
            idle = getattr(spec, declared.only[0]) != declared.only[1]
        # What is off or empty is not written, unless it is on by default; a seed of 0 is neither.
        if not idle and (value or declared.default or name == "seed"):
            path = {"device": spec.device_file, "circuit": spec.circuit_file}.get(name)
            value = value if path is None else _from(folder, path)
            out.add(name, _item(value))
    for kind in KINDS:
        rows = [e for e in spec.entries if e.kind == kind]
        array = tomlkit.aot()
        for e in rows:
            row = tomlkit.table()
            given = {} if e.file is None else {"file": _from(folder, e.file)}
            for key, value in (given | dict(e.options)).items():
                row.add(key, _item(value))
            array.append(row)
        if rows:
            out.add(kind, array)
    return tomlkit.dumps(out)


def _item(value: Any) -> Any:
    """A value as tomlkit takes it: tables on one line, lists for tuples."""
    import tomlkit

    if isinstance(value, Mapping):
        table = tomlkit.inline_table()
        table.update({k: list(v) if isinstance(v, tuple) else v for k, v in value.items()})
        return table
    return list(value) if isinstance(value, tuple) else value


def _from(folder: str | os.PathLike, file: str | Path) -> str:
    return Path(os.path.relpath(file, folder)).as_posix()
