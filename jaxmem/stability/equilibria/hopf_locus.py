"""Hopf points as a second parameter moves: where two of them merge, and where the onset hardens."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.lens import Lens, Parameter, get
from jaxmem.lens import parameter as named
from jaxmem.programs import program
from jaxmem.responses.linear import circuit_matrix
from jaxmem.results import RESULTS
from jaxmem.stability.equilibria.criticality import normal_form
from jaxmem.stability.equilibria.crossing import crossing_omega
from jaxmem.stability.equilibria.folds import drive_slope
from jaxmem.stability.equilibria.followed import ENDS, Followed
from jaxmem.stability.equilibria.hopf import MOST, hopf_points
from jaxmem.stability.equilibria.parameter_plane import (
    Events,
    at_points,
    check_curve,
    imposed_at,
    moved_leaves,
    padded,
    plane_through,
    rows_of,
)
from jaxmem.stability.equilibria.plane_curve import direction, events, follow_zeros
from jaxmem.stability.equilibria.polynomial import margin_of


class HopfCurve(Followed):
    """A curve of Hopf points over a parameter; arrays `(401,)`, padded with NaN at both ends.

    - `parameter` in its unit, `u` [V], `drive` I [A] or V [V], `omega` [rad/s], `l1` [1/V^2]
      (as in `hopf_points`; negative where the onset is soft).
    - `merges`: where two Hopf points meet and vanish; the window is closed beyond.
    - `bautin`: where l1 = 0; on the side of l1 > 0 the onset is hard and there is a fold of
      cycles.
    - `zero_hopf`: where it passes a fold of equilibria, at which another eigenvalue vanishes.
    - `bogdanov_takens`: its ends at folds, where omega vanishes: two eigenvalues are zero.
    - `ends` of shape (2,): what its first and its last point are, each one of `ENDS`;
      `end_names` says it in words.
    - `count` of points; `result`: `RESULTS.successful` if the curve is `whole`: closed, or each
      end lies just beyond the range of the parameter (or of the voltages), or is a
      Bogdanov-Takens point.
    - `over`: name, unit and meaning of the parameter; `kind` of the drive.
    """

    parameter: Float[Array, "m"]
    u: Float[Array, "m"]
    drive: Float[Array, "m"]
    omega: Float[Array, "m"]
    l1: Float[Array, "m"]
    merges: Events
    bautin: Events
    zero_hopf: Events
    bogdanov_takens: Events
    ends: ENDS
    count: Int[Array, ""]
    result: RESULTS
    over: Parameter = eqx.field(static=True)
    kind: DriveKind = eqx.field(static=True)


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

    A device may have several curves, and one that does not pass the parameter's present value
    cannot be begun here: `bogdanov_takens` of `fold_curve`, on each of its folds, says where one
    begins. With the parameter just beside one (on the side where `hopf_points` has a point more)
    it is followed from there.

    **Arguments:**

    - `parameter`: a lens to a positive parameter; tied leaves move by one factor.
    - `factor`: how far it moves, down and up.
    - `start`: which of `hopf_points`; without one the curve is empty (`count` is 0, `result`
      `RESULTS.no_start`).

    **Raises:** `ValueError` for a parameter or factor that is not positive, and as `hopf_points`.
    """
    check_curve("hopf_curve", device, parameter, factor, drive, start)
    hopf = hopf_points(device, drive=drive, u_range=u_range)
    over = named(parameter, device)
    device = jax.lax.stop_gradient(device)
    moved = jnp.asarray(moved_leaves(device, parameter))
    p0, reach = get(parameter, device), jnp.asarray(factor, dtype=jnp.result_type(float))
    found = _follow(device, p0, moved, reach, hopf, jnp.asarray(start), u_range, drive)
    return HopfCurve(**found, over=over, kind=drive)


@program
def _follow(device, p0, moved, factor, hopf, start, u_range, kind) -> dict[str, Any]:
    at, origin, reach = plane_through(device, moved, factor, hopf.place, start, u_range)
    matrix = lambda y: circuit_matrix(*at(y), kind)
    h = lambda y: margin_of(matrix(y))
    slope = lambda y: drive_slope(at(y)[0].in_time(), at(y)[1], kind)
    real = lambda y: jnp.isfinite(crossing_omega(matrix(y)))
    there = jnp.isfinite(hopf.place[start])
    # Where eigenvalues leave the imaginary axis for the real one they pass 0: at a fold.
    curve = follow_zeros(h, origin, there, reach, real, slope)

    def crossing(y):
        omega = crossing_omega(matrix(y))
        there = jnp.isfinite(omega)
        form = normal_form(*at(y), jnp.where(there, omega, 1.0), kind)
        return omega, jnp.where(there, form.l1, jnp.nan)

    def describe(y):
        return p0 * jnp.exp(y[1]), *imposed_at(*at(y), kind), *crossing(y), slope(y)

    value, u, given, omega, l1, lean = at_points(describe, curve.ys, curve.shown, origin)
    # At a Bogdanov-Takens point omega is known to vanish, and what is computed is rounding.
    last = jax.vmap(lambda name: name == ENDS.bogdanov_takens)(curve.ends)
    same = jnp.all(curve.ys[:, None] == curve.places[None], axis=-1)
    vanished = jnp.any(same & last[None], axis=1)
    omega = jnp.where(vanished, 0.0, omega)
    l1, lean = (jnp.where(vanished, jnp.nan, a) for a in (l1, lean))

    def tests(y, tangent):
        ahead = direction(h, y)
        return jnp.stack([ahead[1] * jnp.sign(ahead @ tangent), crossing(y)[1], slope(y)])

    turns = jnp.where(curve.shown, curve.tangents[:, 1], jnp.nan)
    points, counts = events(h, curve, tests, jnp.stack([turns, l1, lean], axis=1), MOST)
    points = jnp.concatenate([points, padded(curve.places, last, MOST)[None]])
    rows = [row[:4] for row in rows_of(describe, points, origin)]
    counts = [*counts, jnp.sum(last)]
    kinds = [Events(*row, found=count) for row, count in zip(rows, counts, strict=True)]
    zero = jnp.where(jnp.isfinite(kinds[3].u), 0.0, jnp.nan)
    kinds[3] = kinds[3]._replace(omega=zero)
    merges, bautin, zero_hopf, bogdanov_takens = kinds
    return dict(
        parameter=value, u=u, drive=given, omega=omega, l1=l1, merges=merges, bautin=bautin,
        zero_hopf=zero_hopf, bogdanov_takens=bogdanov_takens, ends=curve.ends,
        count=jnp.sum(curve.shown), result=curve.result,
    )  # fmt: skip
