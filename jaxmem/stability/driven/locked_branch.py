"""The settled answer to a periodic drive as a parameter moves: branches of entrained states."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Complex, Float, Int, Real

from jaxmem.circuits import Circuit, DriveKind
from jaxmem.devices.branch import Scalar
from jaxmem.fields import check_single, require
from jaxmem.lens import Lens, Parameter, get, locate, put_leaves
from jaxmem.lens import parameter as named
from jaxmem.programs import program
from jaxmem.responses.period_map import PeriodMap, first_edge
from jaxmem.responses.periodic import PeriodicState
from jaxmem.results import RESULTS
from jaxmem.stability.driven.locking import Entrainment, entrainment
from jaxmem.stability.driven.orbit_walk import Seen, follow_orbits
from jaxmem.stability.equilibria.followed import ENDS, Followed


class OrbitEvents(NamedTuple):
    """Special points of a branch of orbits; arrays `(8,)` padded with NaN, `found` of them.

    `parameter` in its unit, `u_max`, `u_min` [V], `multiplier` that is on the unit circle: 1, -1,
    or one of a complex pair.
    """

    parameter: Float[Array, "8"]
    u_max: Float[Array, "8"]
    u_min: Float[Array, "8"]
    multiplier: Complex[Array, "8"]
    found: Int[Array, ""]


class EntrainmentBranch(Followed):
    """Periodic states of a driven circuit over a parameter; arrays `(399,)` padded with NaN.

    - `parameter` in its unit; `u_max`, `u_min` [V] at the samples, `period` of the state [s].
    - `u` [V], `x` (399, k): where it is at the drive's first edge, the start for `solve`.
    - `multipliers` (399, n), complex: Floquet multipliers over `periods` periods of the drive;
      `stable` where all are inside the unit circle.
    - `folds`: where a multiplier is 1 and the branch turns back; `branch_points`: 1, and it does
      not. `doublings`: -1, where a state of twice the period begins, also that which is followed.
      `tori`: a complex pair on the unit circle (Neimark-Sacker): a second frequency begins.
    - `ends` of shape (2,): what its first and its last point are, each one of `ENDS`;
      `end_names` says it in words.
    - `count` of points; `result`: `RESULTS.successful` if it was followed to the ends of the
      range and every special point was located, or why not.
    - `over`: name, unit and meaning of the parameter; `kind` of the drive.
    """

    parameter: Float[Array, "m"]
    u_max: Float[Array, "m"]
    u_min: Float[Array, "m"]
    period: Float[Array, "m"]
    u: Float[Array, "m"]
    x: Float[Array, "m k"]
    multipliers: Complex[Array, "m n"]
    stable: Bool[Array, "m"]
    folds: OrbitEvents
    branch_points: OrbitEvents
    doublings: OrbitEvents
    tori: OrbitEvents
    ends: ENDS
    periods: Int[Array, ""]
    count: Int[Array, ""]
    result: RESULTS
    over: Parameter = eqx.field(static=True)
    kind: DriveKind = eqx.field(static=True)


def entrainment_branch(
    circuit: Circuit,
    lens: Lens,
    span: tuple[Any, Any],
    *,
    period: Real[ArrayLike, ""] | Callable[[Circuit], Scalar] | None = None,
    start: Entrainment | PeriodicState | None = None,
    samples: int = 201,
    largest: float = 0.1,
    rtol: float = 1e-9,
    throw: bool = True,
    **options: Any,
) -> EntrainmentBranch:
    """Follow what a periodically driven circuit settles to while a parameter moves.

        P^n(y; p) = y    by pseudo-arclength, P the map over one period of the drive

    from the circuit's own value of the parameter to both ends of the range, through folds, into
    unstable states too. The map's derivative is made in forward mode; its eigenvalues are the
    Floquet multipliers. Where one passes 1 or -1, or a complex pair the unit circle, the point is
    located as a root along the branch (Kuznetsov, Elements of Applied Bifurcation Theory, section
    5.3).

    **Arguments:**

    - `lens`: a lens to a number of the circuit: `lambda c: c.drive.wave.amplitude`, `lambda c:
      c.device.tau_d`; tied numbers take one value.
    - `span`: its least and its largest value; its own lies between them.
    - `period`: T [s] of the drive, or a function that gives it of a circuit; by default that
      of the waveform (Sine, PulseTrain, Triangle).
    - `start`: a settled state of this circuit that is known, of `entrainment` or of
      `periodic_state` with its own times: it need not be stable. By default `entrainment`
      finds one, with these `options`.
    - `samples`: of each period, at which extremes of u are looked for.
    - `largest`: the longest step, in the range of the parameter and the swings of the states.
    - `rtol`: of the integration.
    - `throw`: raise if there is no settled state to start from; else `count` is 0, and `result`
      says why.

    **Raises:** `ValueError` for a range that does not hold the circuit's own value, or a drive
    whose period is not known; `RuntimeError` as `entrainment`.
    """
    check_single("entrainment_branch", circuit)
    low, high = (jnp.asarray(end, dtype=jnp.result_type(float)) for end in span)
    value = jnp.asarray(get(lens, circuit))
    over = named(lens, circuit)
    require(
        lambda low, value, high: (low < high) & (low <= value) & (value <= high), low, value, high,
        message=f"entrainment_branch: {over.name} is {{1}}, and the range must hold it and ascend; "
        "got {0} to {2}",
    )  # fmt: skip
    if period is None and not hasattr(circuit.drive.wave, "period"):
        raise ValueError(
            f"entrainment_branch: a {type(circuit.drive.wave).__name__} does not say its period; "
            "give period= in s, or a function of the circuit"
        )
    known = None if period is None or callable(period) else jnp.asarray(period, dtype=float)
    length = period if callable(period) else None
    kind = circuit.drive.kind
    if start is None:
        start = entrainment(
            circuit, _length(circuit, length, known), rtol=rtol, throw=throw, **options
        )
    whole = circuit.in_time()
    if isinstance(start, PeriodicState):
        run, n = start.transient, jnp.asarray(1)
        u, x, why = run.u[0], run.x[0], run.result
    else:
        u, x, n, why = start.u[0, 0], start.x[0, 0], start.periods, start.result
    settings = (locate(lens, circuit), length, samples)
    limits = (jnp.stack([low, high]), jnp.asarray(largest), jnp.asarray(rtol), known)
    found = _follow(whole, value, jnp.maximum(n, 1), u, x, why, settings, limits)
    return EntrainmentBranch(**found, over=over, kind=kind)


def _length(circuit, length, known):
    """T [s] of the drive: of a function, a number, or the waveform's own."""
    if length is not None:
        return length(circuit)
    return circuit.drive.wave.period if known is None else known


@program
def _follow(circuit, value, n, u, x, why, settings, limits) -> dict[str, Any]:
    positions, length, samples = settings
    span, largest, rtol, known = limits
    u, x, circuit = jax.lax.stop_gradient((u, x, circuit))
    widths = [w for _, w in circuit.device.windows()]
    unit = jnp.min(jnp.stack(widths)) if widths else jnp.maximum(jnp.abs(u), 1.0)

    def at(p):
        moved = put_leaves(circuit, [(positions, p)])
        begin = first_edge(moved.drive.wave)
        ends = jnp.stack([begin, begin + _length(moved, length, known)])
        return PeriodMap(moved, unit, {"rtol": rtol, "atol": rtol}), ends

    def round_map(z):
        once, ends = at(z[-1])
        return jax.lax.fori_loop(0, n, lambda _, y: once(y, ends), z[:-1])

    def observe(z, size):
        once, ends = at(z[-1])
        times = jnp.linspace(ends[0], ends[1], samples)

        def period_of(k, state):
            y, top, bottom, shift, away = state
            shift = jnp.where(2 * k == n, (y - z[:-1]) / size, shift)
            away = jnp.minimum(away, jnp.max(jnp.abs(y - begin[:-1]) / size))
            run = once.follow(y, times)
            ys = jax.vmap(once.pack)(run.u, run.x)
            top, bottom = jnp.maximum(top, jnp.max(ys, 0)), jnp.minimum(bottom, jnp.min(ys, 0))
            return ys[-1], top, bottom, shift, away

        y = z[:-1]
        state = (y, y, y, jnp.zeros_like(y), jnp.asarray(jnp.inf))
        _, top, bottom, shift, away = jax.lax.fori_loop(0, n, period_of, state)
        swing = top - bottom
        swing = jnp.where(swing > 1e-6 * jnp.abs(top), swing, jnp.maximum(jnp.abs(top), 1e-6))
        length = n * (ends[1] - ends[0])
        return Seen(top[0] * unit, bottom[0] * unit, length, swing, shift, away)

    once, _ = at(value)
    begin = jnp.append(once.pack(u, x), value)
    begin = jnp.where(why == RESULTS.successful, begin, jnp.nan)
    # A step of Newton's method this short leaves its square.
    tol = jnp.maximum(1e-8, 10 * rtol)
    walk = lambda sign: follow_orbits(round_map, observe, begin, sign, span, tol, largest)
    both = jax.lax.map(walk, jnp.array([-1.0, 1.0]))
    back, on = (jax.tree.map(lambda a, k=k: a[k], both) for k in (0, 1))
    # A closed branch comes back to its start: one turn is enough. The start itself is in both.
    closed = on.end == ENDS.closed
    join = lambda a, b: jnp.concatenate([a[:0:-1], b])
    rows = jax.tree.map(join, back.rows, on.rows)
    k = jnp.arange(rows.z.shape[0]) - (back.rows.z.shape[0] - 1)
    shown = (k > -jnp.where(closed, 1, back.filled)) & (k < on.filled)
    hide = lambda a: jnp.where(shown.reshape(-1, *[1] * (a.ndim - 1)), a, jnp.nan)

    def state(z):
        return z[0] * unit, at(z[-1])[0].circuit.device.unchart(z[1:-1])

    u, x = jax.vmap(state)(hide(rows.z))
    special = lambda k: _events(back.specials, on.specials, k, closed)
    result = RESULTS.where(back.result == RESULTS.successful, on.result, back.result)
    result = RESULTS.where(closed, on.result, result)
    result = RESULTS.where(why == RESULTS.successful, result, why)
    there = why == RESULTS.successful
    name = lambda end: ENDS.where(there, ENDS.where(closed, on.end, end), ENDS.nowhere)
    names = jax.vmap(name)(both.end)
    return dict(
        parameter=hide(rows.z[:, -1]), u_max=hide(rows.seen.top), u_min=hide(rows.seen.bottom),
        period=hide(rows.seen.period), u=u, x=x, multipliers=hide(rows.mu),
        stable=shown & jnp.all(jnp.abs(rows.mu) < 1, axis=1), folds=special(0),
        branch_points=special(1), doublings=special(2), tori=special(3), ends=names,
        periods=jnp.where(there, n, 0), count=jnp.sum(shown), result=result,
    )  # fmt: skip


def _events(back, on, kind, closed) -> OrbitEvents:
    """Special points of one kind in the order of the branch."""
    MOST = back.parameter.shape[1]
    before = jnp.where(closed, 0, back.found[kind])
    k = jnp.arange(MOST)
    # Those behind the start come first, in turn; then those ahead.
    kept = jnp.minimum(before, MOST)
    pick = lambda a, b: jnp.where(
        k < kept, a[kind][jnp.clip(kept - 1 - k, 0)], b[kind][jnp.clip(k - kept, 0)]
    )
    row = [pick(*pair) for pair in zip(back[:4], on[:4], strict=True)]
    return OrbitEvents(*row, found=before + on.found[kind])
