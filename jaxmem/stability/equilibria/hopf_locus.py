"""Hopf points as a second parameter moves: where two of them merge, and where the onset hardens."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.fields import is_concrete
from jaxmem.lens import Lens, get, locate, path
from jaxmem.responses.linear import circuit_matrix
from jaxmem.results import RESULTS
from jaxmem.stability.equilibria.criticality import normal_form
from jaxmem.stability.equilibria.crossing import crossing_omega
from jaxmem.stability.equilibria.hopf import MOST, REACH, hopf_points, scan
from jaxmem.stability.equilibria.map import check_drive
from jaxmem.stability.equilibria.plane_curve import direction, events, follow_zeros
from jaxmem.stability.equilibria.polynomial import margin_of


class Events(NamedTuple):
    """Special points of a curve, in its order; arrays `(8,)` padded with NaN.

    `parameter` in its unit, `u` [V], `drive` I [A] or V [V], `omega` [rad/s]; `found` of them.
    """

    parameter: Float[Array, "8"]
    u: Float[Array, "8"]
    drive: Float[Array, "8"]
    omega: Float[Array, "8"]
    found: Int[Array, ""]


class HopfCurve(eqx.Module):
    """A curve of Hopf points over a parameter; arrays `(401,)`, padded with NaN at both ends.

    - `parameter` in its unit, `u` [V], `drive` I [A] or V [V], `omega` [rad/s], `l1` [1/V^2]
      (as in `hopf_points`; negative where the onset is soft).
    - `merges`: where two Hopf points meet and vanish; the window is closed beyond.
    - `bautin`: where l1 = 0; on the side of l1 > 0 the onset is hard and there is a fold of
      cycles.
    - `count` of points; `result`: `RESULTS.successful` if the curve is `whole`: closed, or each
      end lies just beyond the range of the parameter (or of the voltages), or where omega vanishes.
    """

    parameter: Float[Array, "m"]
    u: Float[Array, "m"]
    drive: Float[Array, "m"]
    omega: Float[Array, "m"]
    l1: Float[Array, "m"]
    merges: Events
    bautin: Events
    count: Int[Array, ""]
    result: RESULTS

    @property
    def whole(self) -> Bool[Array, "..."]:
        """Whether no part of it is missing."""
        return self.result == RESULTS.successful


def hopf_curve(
    device: AbstractDevice,
    parameter: Lens,
    *,
    factor: float = 100.0,
    drive: DriveKind = "current",
    start: int = 0,
    u_range: tuple[float, float] | None = None,
) -> HopfCurve:
    """Follow the Hopf point number `start` of a device while a parameter moves.

        h(u, ln p) = 0    by pseudo-arclength, h the normalised Hurwitz determinant at rest at u

    to both sides, through merge points (dh/du = 0), where a curve over the parameter turns back.
    Works under `jit` and `vmap`.

    **Arguments:**

    - `parameter`: a lens to a positive parameter; tied leaves move by one factor.
    - `factor`: how far it moves, down and up.
    - `start`: which of `hopf_points`; without one the curve is empty (`count` is 0, `result`
      `RESULTS.no_start`).

    **Raises:** `ValueError` for a parameter or factor that is not positive, and as `hopf_points`.
    """
    check_drive("hopf_curve", device, drive)
    value = get(parameter, device)
    if is_concrete(value) and not float(value) > 0:
        raise ValueError(
            f"hopf_curve: {path(parameter, device)} is {float(value):g}; it moves by factors, so "
            "give a parameter that is positive"
        )
    if not factor > 1:
        raise ValueError(f"hopf_curve: factor must be above 1, got {factor}")
    if not 0 <= start < MOST:
        raise ValueError(f"hopf_curve: start must be from 0 to {MOST - 1}, got {start}")
    hopf = hopf_points(device, drive=drive, u_range=u_range)
    device = jax.lax.stop_gradient(device)
    # Which leaves move is data and not structure: one program serves all parameters of a device.
    moved = np.zeros(len(jax.tree.leaves(device)))
    moved[list(locate(parameter, device))] = 1.0
    reach = jnp.log(jnp.asarray(factor))
    return _follow(
        device, value, jnp.asarray(moved), reach, drive, hopf, jnp.asarray(start), u_range
    )


def _near(hopf, u0):
    """The range of the Hopf points and their distance from 0, twice: where no branch says more."""
    reach = jnp.max(jnp.where(jnp.isfinite(hopf.u), jnp.abs(hopf.u - u0), jnp.abs(u0)))
    return u0 + 2 * jnp.where(reach > 0, reach, 1.0) * jnp.array([-1.0, 1.0])


@eqx.filter_jit
def _follow(device, p0, moved, reach, drive, hopf, start, u_range):
    leaves, structure = jax.tree.flatten(device)
    u0 = jnp.where(jnp.isfinite(hopf.u[start]), hopf.u[start], 0.0)
    there = jnp.isfinite(hopf.u[start])
    known = device.in_time().windows() or u_range is not None
    ends = scan(device.in_time(), u_range) if known else _near(hopf, u0)

    def window(device):
        """Where u is measured from, and in what: the steepest branch's window moves with it."""
        found = device.in_time().windows()
        if not found:
            return ends[0], (ends[-1] - ends[0]) / REACH
        centres, widths = jnp.stack([c for c, _ in found]), jnp.stack([w for _, w in found])
        return centres[steepest], widths[steepest]

    found = device.in_time().windows()
    steepest = jnp.argmin(jnp.stack([w for _, w in found])) if found else 0
    centre, width = window(device)
    origin = jnp.stack([(u0 - centre) / width, jnp.zeros(())])

    def at(y):
        changed = [leaf * jnp.exp(m * y[1]) for leaf, m in zip(leaves, moved, strict=True)]
        changed = jax.tree.unflatten(structure, changed)
        centre, width = window(changed)
        return changed, centre + width * y[0]

    def matrix(y):
        changed, u = at(y)
        return circuit_matrix(changed, u, drive)

    def h(y):
        return margin_of(matrix(y))

    def describe(y):
        changed, u = at(y)
        omega = crossing_omega(matrix(y))
        there = jnp.isfinite(omega)
        I = changed.steady_current(u)
        value = u + changed.R_s * I if drive == "voltage" else I
        form = normal_form(changed, u, jnp.where(there, omega, 1.0), drive)
        l1 = jnp.where(there, form.l1, jnp.nan)
        return p0 * jnp.exp(y[1]), u, value, omega, l1

    inside = lambda y: (jnp.abs(y[1]) <= reach) & (jnp.abs(y[0]) <= 2 * REACH)
    real = lambda y: jnp.isfinite(crossing_omega(matrix(y)))
    curve = follow_zeros(h, origin, there, inside, real)
    hide = lambda a: jnp.where(curve.shown, a, jnp.nan)
    shown = jnp.where(curve.shown[:, None], curve.ys, origin)
    value, u, given, omega, l1 = map(hide, jax.vmap(describe)(shown))

    def turning(y, tangent):
        ahead = direction(h, y)
        return ahead[1] * jnp.sign(ahead @ tangent)

    def special(test, marks):
        points, count = events(h, curve, test, marks, MOST)
        there = jnp.isfinite(points[:, 0])
        rows = jax.vmap(describe)(jnp.where(there[:, None], points, origin))
        value, u, given, omega = (jnp.where(there, row, jnp.nan) for row in rows[:4])
        return Events(value, u, given, omega, count)

    merges = special(turning, hide(curve.tangents[:, 1]))
    bautin = special(lambda y, _: describe(y)[4], l1)
    count = jnp.sum(curve.shown)
    return HopfCurve(value, u, given, omega, l1, merges, bautin, count, curve.result)
