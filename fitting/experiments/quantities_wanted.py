"""What is to be known better: parameters, what follows from the Hopf points and the cycle, or any
function of the device."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import jaxmem as jm
from fitting.designs.goals.behaviour import circuit_at, in_window, without_window
from fitting.designs.goals.oscillating import OSCILLATING as QUANTITIES
from fitting.designs.goals.what_is_asked import Quantity
from fitting.experiments.knowledge import Knowledge
from jaxmem.circuits import DriveKind

# The onset is a sign, not a size.
DERIVED = tuple(name for name in QUANTITIES if name != "onset")
Own = Mapping[str, tuple[str, Callable[[Any], Any]]]


@dataclass(frozen=True)
class Wanted:
    """Quantities at k points: their names, units, `values` at the first point, `(q,)`, and the
    slopes of their logarithms by the search coordinates, `(k, q, p)`.

    - `signed`: which may have either sign; the slope is then that of the value over its size.
    - `points`: which of the points given it holds: all at which the quantities exist.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    values: np.ndarray
    slopes: np.ndarray
    signed: np.ndarray
    points: np.ndarray


class _Asked(NamedTuple):
    name: str
    unit: str
    row: int | None
    kind: Quantity | None


def wanted_of(
    known: Knowledge, z: np.ndarray, names: Sequence[str] | Own | None, drive: DriveKind,
    at: tuple[str, float],
) -> Wanted:  # fmt: skip
    """The quantities that are named, all parameters by default, at search vectors z, `(k, p)`.

    **Arguments:**

    - `names`: parameters, or "frequency", "amplitude", "energy" (of the limit cycle), "threshold",
      "window" (of the Hopf points), as in designs; or a table of name to (unit, function of the
      device), as in `fit(derived=)`.
    - `drive`, `at`: under what, and where on the window, a cycle is meant, as in `design`.

    **Raises:** `ValueError` for what there is not, and for what does not exist at the device.
    """
    c = known.coordinates
    asked = [_asked(name, names, known, drive) for name in (names or c.names)]
    values, slopes = np.zeros((len(z), len(asked))), np.zeros((len(z), len(asked), len(c.names)))
    for n, a in enumerate(asked):
        if a.row is not None:
            values[:, n] = c.to_values(z)[:, a.row]
            slopes[:, n, a.row] = 1.0 if c.log[a.row] else 1 / np.abs(values[0, n] or 1.0)
    derived = [n for n, a in enumerate(asked) if a.kind is not None]
    if derived:
        kinds = tuple(cast(Quantity, asked[n].kind) for n in derived)
        found, by = map(np.asarray, _derived(known.model, c, kinds, drive, at[0], at[1], z))
        values[:, derived] = found
        with np.errstate(all="ignore"):
            slopes[:, derived] = by / np.abs(found)[..., None]
    finite: Any = np.isfinite(np.concatenate([values, slopes.reshape(len(z), -1)], axis=1)).all(
        axis=1
    )
    if not finite[0]:
        lost = [a.name for n, a in enumerate(asked) if not np.isfinite(slopes[0, n]).all()]
        raise ValueError(
            f"{', '.join(lost)}: there is no such quantity at this device (it does not oscillate "
            "there, or the number is 0); choose another, or another place (at)"
        )
    signed = np.array([a.row is not None and not c.log[a.row] for a in asked])
    return Wanted(
        tuple(a.name for a in asked), tuple(a.unit for a in asked), values[0],
        slopes[finite], signed, np.flatnonzero(finite),
    )  # fmt: skip


def _asked(name: str, names, known: Knowledge, drive: DriveKind) -> _Asked:
    c = known.coordinates
    if isinstance(names, Mapping):
        unit, function = names[name]
        return _Asked(name, unit, None, Quantity(unit, name, of_device=function))
    if name in c.names:
        k = c.names.index(name)
        return _Asked(name, c.units[k], k, None)
    if name not in DERIVED:
        raise ValueError(
            f"there is no quantity {name!r} to be known better; there are the parameters "
            f"{', '.join(c.names)}, and {', '.join(DERIVED)}"
        )
    return _Asked(name, QUANTITIES[name].unit_under(drive), None, QUANTITIES[name])


@eqx.filter_jit
def _derived(model, coordinates, kinds, drive, how, where, z):
    needs = frozenset(kind.needs for kind in kinds)

    def numbers(z):
        device = coordinates.unpack(z, model)
        if not needs & {"hopf", "cycle"}:
            found = without_window(device, drive, (how, where))
        else:
            found = in_window(device, drive, (how, where), jm.hopf_points(device, drive=drive))
        if "cycle" in needs:
            # A device without a window has no cycle to look for.
            still = jax.lax.stop_gradient(jnp.nan_to_num(found.level, nan=0.0))
            level = jnp.where(jnp.isfinite(found.low), found.level, still)
            cycle = jm.limit_cycle(circuit_at(device, drive, level), throw=False)
            found = found._replace(cycle=cycle)
        values = jnp.stack([jnp.asarray(kind.value(found), dtype=float) for kind in kinds])
        return values, values

    def one(z):
        slopes, values = jax.jacfwd(numbers, has_aux=True)(z)
        return values, slopes

    return jax.lax.map(one, z)
