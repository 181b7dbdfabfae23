"""How the parameters of made devices scatter round what was designed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from jaxmem.devices import AbstractDevice
from jaxmem.lens import Lens, describe, get, lenses, locate, path

Key = str | Callable[[Any], Any]


@dataclass(frozen=True)
class Scatter:
    """The distribution of parameters over devices that are made after one design.

        p_k = p_k0 exp(w_k y_k)   relative,   or   p_k = p_k0 + w_k y_k   absolute

    with y normal, of mean zero and variance one: a relative width w is the standard deviation of
    ln p, and the median device is the designed one.

        Scatter(0.1)                                        10 % on every parameter
        Scatter({"R_b": 0.05, "C_m": 0.1}, absolute={"V_T": 0.02})
        Scatter(0.1, correlation={("R_b", "i_c0"): -0.8})   a thicker layer

    **Arguments:**

    - `relative`: widths by name (`"R_b"`, `"extra.surface.R_1"`) or lens; a lens that returns a
      tuple ties several to one draw. A single number holds for each number of the device that is
      not zero and has no bounds (an occupation), apart from L_s, which no oscillation feels.
    - `absolute`: widths in the unit of each parameter.
    - `correlation`: of y, for pairs of names or lenses; or the whole matrix, in the order of
      `relative` and then `absolute`.

    **Raises:** `ValueError` for a width that is not positive, and a correlation out of range.
    """

    relative: float | Mapping[Key, float] = 0.1
    absolute: Mapping[Key, float] = field(default_factory=dict)
    correlation: Mapping[tuple[Key, Key], float] | Float[np.ndarray, "p p"] = field(
        default_factory=dict
    )

    def __post_init__(self):
        given = [self.relative] if not isinstance(self.relative, Mapping) else []
        given += list(self.relative.values()) if isinstance(self.relative, Mapping) else []
        for width in (*given, *self.absolute.values()):
            if not np.isfinite(width) or not width > 0:
                raise ValueError(f"scatter: a width is positive and finite, got {width:g}")
        if isinstance(self.correlation, Mapping):
            for rho in self.correlation.values():
                if not -1 <= rho <= 1:
                    raise ValueError(f"scatter: a correlation lies between -1 and 1, got {rho:g}")


class Spread:
    """A scatter as a device has it: p independent standard normal x to the device's numbers.

    - `names` of its p parameters, `positions` of the leaves that each moves, `widths`, whether
      they are `relative`; `root` (p, p): y = root x. `moved`: all leaves that move, in order.
    """

    def __init__(self, scatter: Scatter, device: AbstractDevice):
        known = lenses(device)
        relative = scatter.relative
        if not isinstance(relative, Mapping):
            taken = {k for key in scatter.absolute for k in locate(_lens(key, known), device)}
            width = float(relative)
            relative = {
                n: width for n in _every(device) if locate(known[n], device)[0] not in taken
            }
        self.names, self.positions = (), ()
        widths, kinds, leaves = [], [], jax.tree.leaves(device)
        for table, kind in ((relative, True), (scatter.absolute, False)):
            for key, width in table.items():
                lens = _lens(key, known)
                name, where = path(lens, device), locate(lens, device)
                if any(k in others for others in self.positions for k in where):
                    raise ValueError(f"scatter: {name} is there twice")
                if kind and any(float(leaves[k]) == 0 for k in where):
                    raise ValueError(
                        f"scatter: {name} is 0, which has no relative width; give an absolute one"
                    )
                self.names += (name,)
                self.positions += (where,)
                widths.append(float(width))
                kinds.append(kind)
        if not self.names:
            raise ValueError("scatter: nothing scatters; give at least one width")
        self.widths, self.relative = np.array(widths), np.array(kinds)
        self.moved = tuple(sorted(k for where in self.positions for k in where))
        self.root = _root(self._correlations(scatter, known, device))

    def _correlations(self, scatter, known, device) -> np.ndarray:
        p = len(self.names)
        if not isinstance(scatter.correlation, Mapping):
            C = np.asarray(scatter.correlation, dtype=float)
            right = C.shape == (p, p) and np.allclose(C, C.T) and np.allclose(np.diag(C), 1)
            if not right:
                raise ValueError(
                    f"scatter: the correlation is a symmetric matrix with ones on its diagonal, of "
                    f"{p} rows for {', '.join(self.names)}; got shape {C.shape}"
                )
            return C
        C = np.eye(p)
        for pair, rho in scatter.correlation.items():
            names = [path(_lens(key, known), device) for key in pair]
            for name in names:
                if name not in self.names:
                    raise ValueError(
                        f"scatter: {name} is correlated and does not scatter; there are "
                        f"{', '.join(self.names)}"
                    )
            a, b = (self.names.index(name) for name in names)
            if a == b:
                raise ValueError(f"scatter: {names[0]} is correlated with itself")
            C[a, b] = C[b, a] = rho
        return C

    def standard(self, x: Float[np.ndarray, "n p"]) -> Float[np.ndarray, "n p"]:
        """y: normal with the correlations, variance one each."""
        return x @ self.root.T

    def leaves(
        self, device: AbstractDevice, x: Float[np.ndarray, "n p"]
    ) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "n k p"]]:
        """The moved leaves of n devices, and their derivatives by x."""
        now, y = jax.tree.leaves(device), self.standard(np.asarray(x))
        rows = np.empty((len(y), len(self.moved)))
        slopes = np.empty((*rows.shape, len(self.names)))
        for j, where in enumerate(self.positions):
            step = self.widths[j] * y[:, j]
            for k in where:
                column, value = self.moved.index(k), float(now[k])
                rows[:, column] = value * np.exp(step) if self.relative[j] else value + step
                by = rows[:, column] if self.relative[j] else np.ones(len(y))
                slopes[:, column] = self.widths[j] * by[:, None] * self.root[j]
        return rows, slopes

    def values(self, device: AbstractDevice, x: Float[np.ndarray, "n p"]) -> np.ndarray:
        """The parameters of n devices, the first of those that are tied, shape `(n, p)`."""
        rows = self.leaves(device, x)[0]
        return rows[:, [self.moved.index(where[0]) for where in self.positions]]


def _lens(key: Key, known: dict[str, Lens]) -> Lens:
    if not isinstance(key, str):
        return key
    if key not in known:
        raise ValueError(f"scatter: the device has no parameter {key!r}; it has {', '.join(known)}")
    return known[key]


def _every(device: AbstractDevice) -> list[str]:
    """The numbers that a relative width makes sense for."""
    found = []
    for name, lens in lenses(device).items():
        declared = describe(lens, device)
        if "bounds" in declared or declared.get("where_to_look") or name == "L_s":
            continue
        if float(get(lens, device)) != 0:
            found.append(name)
    return found


def _root(C: np.ndarray) -> np.ndarray:
    """R with R R' = C, triangular where C has full rank."""
    values, vectors = np.linalg.eigh(C)
    if values[0] < -1e-9:
        raise ValueError(
            "scatter: no parameters have these correlations together, the matrix has the "
            f"eigenvalue {values[0]:.3g}"
        )
    if values[0] > 1e-9:
        return np.linalg.cholesky(C)
    return vectors * np.sqrt(np.maximum(values, 0.0))
