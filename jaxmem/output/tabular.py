"""Branches, curves and lists of points as an xarray Dataset and as CSV, with units."""

import os
from typing import Any

import equinox as eqx
import numpy as np

from jaxmem.output.table import write_csv
from jaxmem.printed import Printed
from jaxmem.results import messages

# Unit and meaning of a column by the name of its field; {drive} is A or V.
COLUMNS = {
    "u": ("V", "voltage over the memristor"),
    "x": ("", "states of the branches"),
    "I": ("A", "current"),
    "V": ("V", "applied voltage"),
    "drive": ("{drive}", "drive"),
    "place": ("", "place on the curve of equilibria"),
    "omega": ("rad/s", "angular frequency"),
    "period": ("s", "period"),
    "l1": ("1/V^2", "Re c1/omega with q_u = 1, negative where the onset is soft"),
    "l1_kuznetsov": ("", "first Lyapunov coefficient in raw states"),
    "amplitude2_slope": ("V^2/{drive}", "derivative of the squared amplitude of u by the drive"),
    "period_slope": ("s/{drive}", "derivative of the period by the drive"),
    "bend": ("{drive}/V^2", "second derivative of the drive by u"),
    "capacitance": ("F", "low-frequency capacitance"),
    "frequency2_slope": ("1/(s^2 {drive})", "derivative of 1/T^2 by the drive"),
    "stable_node": ("1", "whether one of the two equilibria is stable"),
    "u_max": ("V", "largest voltage over the memristor"),
    "u_min": ("V", "smallest voltage over the memristor"),
    "energy": ("J", "energy per period at the terminals"),
    "multiplier": ("1", "size of the leading Floquet multiplier besides 1"),
    "multipliers": ("1", "Floquet multipliers"),
    "stable": ("1", "whether it is stable"),
    "low": ("{drive}", "lower end of the bistable window"),
    "high": ("{drive}", "upper end of the bistable window"),
}
# What the special points in a field of this name are called.
KINDS = {
    "merges": "merge of two Hopf points",
    "bautin": "Bautin",
    "zero_hopf": "zero-Hopf",
    "bogdanov_takens": "Bogdanov-Takens",
    "cusps": "cusp",
    "folds": "fold",
    "doublings": "period doubling",
    "tori": "torus",
    "branch_points": "branch point",
}


class Tabular(Printed):
    """What is kept as columns padded with NaN: made a Dataset, or CSV, by the names of its fields.

    The first field says which rows are there. Fields with as many rows are columns; fields that
    are tuples with `found`, and `fold_drive`, hold special points; single numbers, the `result` and
    the `ends` are said beside them.
    """

    def to_dataset(self) -> Any:
        """An `xarray.Dataset` along `point`, its special points along `special`.

        `special_kind` says what each is. Each variable has `units` and `long_name`. Complex numbers
        are two variables, `_re` and `_im`, so that every format of file takes them.

        **Raises:** `ValueError` for a batch: one branch or curve is wanted.
        """
        import xarray as xr

        columns, special, single, said = _parts(self)
        data = {name: _variable("point", name, *column) for name, column in columns.items()}
        data |= {f"special_{name}": _variable("special", name, *c) for name, c in special.items()}
        data |= {name: _variable(None, name, *column) for name, column in single.items()}
        return xr.Dataset(data, attrs=said)

    def to_csv(self, path: str | os.PathLike) -> None:
        """Its points, then its special points with their kind in the column `special`, as CSV.

        Headers are `name [unit]`; what is not known of a special point is empty.

        **Raises:** `ValueError` as `to_dataset`.
        """
        columns, special, _, _ = _parts(self)
        kinds = special.pop("kind")[0] if special else np.zeros(0, str)
        rows = len(next(iter(columns.values()))[0])
        head, cells = ["special"], [[*[""] * rows, *kinds.tolist()]]
        for name, (values, unit, _) in (special | columns).items():
            shape = values.shape[1:]
            own, other = (
                table[name][0] if name in table else np.full((n, *shape), np.nan)
                for table, n in ((columns, rows), (special, len(kinds)))
            )
            for k in np.ndindex(shape):
                tail = "".join(f"_{i}" for i in k)
                head.append(name + tail + (f" [{unit}]" if unit not in ("", "1") else ""))
                both = [own[(slice(None), *k)], other[(slice(None), *k)]]
                cells.append([_cell(value) for part in both for value in part])
        write_csv(path, head, zip(*cells, strict=True))


def _cell(value):
    """A number of Python; nothing where it is none."""
    value = value.item()
    return None if value != value else value


def _variable(dimension, name, values, unit, meaning):
    dims = [dimension] if dimension else []
    own = name.removesuffix("_re").removesuffix("_im")
    dims += [f"{own}_{k}" for k in range(1, np.ndim(values) - len(dims) + 1)]
    return dims, values, {"units": unit, "long_name": meaning}


def _parts(table):
    """Columns and special points, single numbers, and what is said: dictionaries by name."""
    fields = {name: getattr(table, name) for name in table.__dataclass_fields__}
    arrays = {k: np.asarray(v) for k, v in fields.items() if eqx.is_array(v)}
    first = next(iter(arrays.values()))
    kind = type(table).__name__
    if first.ndim != 1:
        raise ValueError(
            f"{kind}: wants one, got a batch of shape {first.shape[:-1]}; "
            "jax.tree.map(lambda a: a[k], batch) is its number k"
        )
    there = np.isfinite(first)
    of = fields.get("kind")
    letter = {"current": "A", "voltage": "V"}.get(of or "", "(A or V)")
    columns, single, said = {}, {}, {"kind": kind}
    special: dict[str, list] = {}
    for name, value in fields.items():
        if name in arrays and arrays[name].shape[:1] == first.shape:
            columns |= _column(table, name, arrays[name][there], letter)
        elif name == "fold_drive":
            _add(special, "fold", {"drive": arrays[name]})
        elif hasattr(value, "_asdict") and hasattr(value, "found"):
            rows = {k: np.asarray(v) for k, v in value._asdict().items() if k != "found"}
            _add(special, KINDS.get(name, name), rows)
        elif name in arrays and arrays[name].ndim == 0 and arrays[name].dtype.kind == "f":
            single |= _column(table, name, arrays[name], letter)
        elif name in arrays and arrays[name].ndim == 0:
            said[name] = arrays[name].item()
        elif name == "result":
            said[name] = messages(value)[0] or "successful"
        elif name == "ends":
            said["first_end"], said["last_end"] = table.end_names
    if of:
        said["drive"] = of
    return columns, _special(table, special, letter), single, said


def _column(table, name, values, letter):
    """A field's values with unit and meaning; two where they are complex."""
    over = getattr(table, "over", None)
    unit, meaning = COLUMNS.get(name, ("", name))
    if name == "parameter" and over is not None:
        unit, meaning = over.unit, f"{over.name}: {over.meaning}"
    alone = unit == "{drive}"
    unit = unit.replace("{drive}", letter.strip("()") if alone else letter)
    unit = unit.replace("V/V^2", "1/V")
    if np.iscomplexobj(values):
        parts = (("re", values.real), ("im", values.imag))
        return {f"{name}_{k}": (part, unit, meaning) for k, part in parts}
    return {name: (values, unit, meaning)}


def _add(special, kind, rows):
    there = np.isfinite(next(iter(rows.values())))
    special.setdefault("kind", []).append(np.full(there.sum(), kind))
    for name, values in rows.items():
        special.setdefault(name, []).append((len(special["kind"]) - 1, values[there]))


def _special(table, special, letter):
    """The special points of all kinds, one after the other."""
    if not special:
        return {}
    kinds = special.pop("kind")
    found = {"kind": (np.concatenate(kinds).astype(str), "", "what it is")}
    for name, parts in special.items():
        known = dict(parts)
        shape, dtype = parts[0][1].shape[1:], parts[0][1].dtype
        none = lambda k, s=shape, t=dtype: np.full((len(kinds[k]), *s), np.nan).astype(t)
        rows = [known[k] if k in known else none(k) for k in range(len(kinds))]
        found |= _column(table, name, np.concatenate(rows), letter)
    return found
