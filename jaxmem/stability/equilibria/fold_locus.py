"""Folds of equilibria as a second parameter moves: cusps, Bogdanov-Takens points."""

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
from jaxmem.responses.characteristic import EXPANDED, coefficients
from jaxmem.responses.linear import circuit_matrix
from jaxmem.results import RESULTS
from jaxmem.stability.equilibria.folds import drive_slope, folds_of, low_capacitance
from jaxmem.stability.equilibria.followed import ENDS, Followed
from jaxmem.stability.equilibria.hopf import MOST, with_slope
from jaxmem.stability.equilibria.parameter_plane import (
    Events,
    at_points,
    check_curve,
    imposed_at,
    moved_leaves,
    plane_through,
    rows_of,
)
from jaxmem.stability.equilibria.plane_curve import events, follow_zeros
from jaxmem.stability.equilibria.polynomial import (
    crossing_frequency2,
    pair_margin,
    routh_margin,
)


class FoldCurve(Followed):
    """A curve of folds of equilibria over a parameter; arrays `(401,)`, padded with NaN.

    - `parameter` in its unit, `u` [V], `drive` I [A] or V [V]; `bend` [A/V^2] or [1/V] and
      `capacitance` [F] as in `fold_points`.
    - `cusps`: where two folds meet and vanish (`bend` is zero, and the curve turns back).
    - `bogdanov_takens`: where the low-frequency capacitance is zero, and with it a second
      eigenvalue: a curve of Hopf points ends there.
    - `zero_hopf`: where a pair of eigenvalues is on the imaginary axis beside the one that is
      zero; its `omega` is that of the pair.
    - `ends` of shape (2,): what its first and its last point are, each one of `ENDS`;
      `end_names` says it in words.
    - `count` of points; `result`: `RESULTS.successful` if the curve is `whole`: closed, or each
      end lies just beyond the range of the parameter (or of the voltages).
    - `over`: name, unit and meaning of the parameter; `kind` of the drive.
    """

    parameter: Float[Array, "m"]
    u: Float[Array, "m"]
    drive: Float[Array, "m"]
    bend: Float[Array, "m"]
    capacitance: Float[Array, "m"]
    cusps: Events
    bogdanov_takens: Events
    zero_hopf: Events
    ends: ENDS
    count: Int[Array, ""]
    result: RESULTS
    over: Parameter = eqx.field(static=True)
    kind: DriveKind = eqx.field(static=True)


def fold_curve(
    device: AbstractDevice,
    parameter: Lens,
    *,
    factor: float = 100.0,
    drive: DriveKind = "current",
    start: int = 0,
    u_range: tuple[float, float] | None = None,
) -> FoldCurve:
    """Follow the fold of equilibria number `start` of a device while a parameter moves.

        d drive/du (u, ln p) = 0    by pseudo-arclength

    to both sides, through cusps, where a curve over the parameter turns back. Cusps, where the
    second derivative of the drive vanishes, and Bogdanov-Takens points, where dY/ds at s = 0 does
    (Kuznetsov, Elements of Applied Bifurcation Theory, sections 8.2 and 8.4), are roots along it.
    Works under `jit` and `vmap`.

    **Arguments:**

    - `parameter`: a lens to a positive parameter; tied leaves move by one factor.
    - `factor`: how far it moves, down and up.
    - `drive`: `"current"`, or `"voltage"`, under which a device without R_s has no fold.
    - `start`: which of `fold_points`; without one the curve is empty (`count` is 0, `result`
      `RESULTS.no_start`).
    - `u_range`: voltages to look for folds in [V], as in `fold_points`.

    **Raises:** `ValueError` for a parameter or factor that is not positive, and as `fold_points`.
    """
    check_curve("fold_curve", device, parameter, factor, drive, start)
    folds = folds_of("fold_curve", device, drive, u_range)
    over = named(parameter, device)
    device = jax.lax.stop_gradient(device)
    moved = jnp.asarray(moved_leaves(device, parameter))
    p0, reach = get(parameter, device), jnp.asarray(factor, dtype=jnp.result_type(float))
    places = jax.lax.stop_gradient(folds.place)
    found = _follow(device, p0, moved, reach, places, jnp.asarray(start), u_range, drive)
    return FoldCurve(**found, over=over, kind=drive)


@program
def _follow(device, p0, moved, factor, places, start, u_range, kind) -> dict[str, Any]:
    at, origin, reach = plane_through(device, moved, factor, places, start, u_range)

    def of(y):
        device, place = at(y)
        return device.in_time(), place

    def slopes(y):
        """d drive/du, d2 drive/du2 by the place."""
        device, place = of(y)
        return with_slope(lambda s: drive_slope(device, s, kind))(place)

    h = lambda y: slopes(y)[0]
    there = jnp.isfinite(places[start])
    curve = follow_zeros(h, origin, there, reach)

    def describe(y):
        device, place = of(y)
        rise = with_slope(lambda s: device.equilibrium(s)[0])(place)[1]
        margin, omega = without_zero(circuit_matrix(device, place, kind))
        return (
            p0 * jnp.exp(y[1]), *imposed_at(device, place, kind), omega, slopes(y)[1] / rise**2,
            low_capacitance(device, place), margin,
        )  # fmt: skip

    value, u, given, omega, bend, C, margin = at_points(describe, curve.ys, curve.shown, origin)
    margin = jnp.where(jnp.isfinite(omega), margin, jnp.nan)

    def tests(y, tangent):
        del tangent
        *_, bend, C, margin = describe(y)
        return jnp.stack([bend, C, margin])

    points, counts = events(h, curve, tests, jnp.stack([bend, C, margin], axis=1), MOST)
    rows = [row[:4] for row in rows_of(describe, points, origin)]
    kinds = [Events(*row, found=count) for row, count in zip(rows, counts, strict=True)]
    for k in range(2):  # no pair is on the axis
        kinds[k] = kinds[k]._replace(omega=jnp.where(jnp.isfinite(kinds[k].u), 0.0, jnp.nan))
    cusps, bogdanov_takens, zero_hopf = kinds
    return dict(
        parameter=value, u=u, drive=given, bend=bend, capacitance=C, cusps=cusps,
        bogdanov_takens=bogdanov_takens, zero_hopf=zero_hopf, ends=curve.ends,
        count=jnp.sum(curve.shown), result=curve.result,
    )  # fmt: skip


def without_zero(A: Float[Array, "n n"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Of a matrix with one eigenvalue 0: the Hurwitz margin of the others, omega of their pair.

    omega [rad/s] is that of the pair on the axis where the margin is zero; NaN at a saddle, and
    where there is no pair.
    """
    n = A.shape[0]
    if n < 3:
        return jnp.ones(()), jnp.full((), jnp.nan)
    if n > EXPANDED:
        values = jnp.linalg.eigvals(A)
        values = values[jnp.argsort(jnp.abs(values))[1:]]
        lean = jnp.where(values.imag > 0, jnp.abs(values.real) / jnp.abs(values), jnp.inf)
        nearest = values[jnp.argmin(lean)].imag
        return pair_margin(values), jnp.where(nearest > 0, nearest, jnp.nan)
    c, rate = coefficients(A)
    # The last coefficient, the determinant, is zero: what is left has the other eigenvalues.
    others = list(c)[:-1]
    omega2 = crossing_frequency2(others)
    omega = jnp.sqrt(jnp.where(omega2 > 0, omega2, jnp.nan)) * rate
    return routh_margin(others), omega
