"""What a periodically driven circuit settles to: locked after n periods of its drive, or not."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Complex, Float, Int, Real

from jaxmem.circuits import Circuit
from jaxmem.circuits.drive import LETTER
from jaxmem.devices.branch import Scalar
from jaxmem.fields import is_concrete, require
from jaxmem.printed import Printed
from jaxmem.programs import program
from jaxmem.responses import operating_point
from jaxmem.responses.period_map import PeriodMap, first_edge
from jaxmem.results import RESULTS

# How near a settled state must come to count as having returned, in the integrator's units
# (V_m, i_c0, logit f), before Newton's method closes it; and how well that must do.
NEAR, CLOSED = 1e-2, 1e-7
# Newton's method ends with a step below this, or after so many.
STILL, ITERATIONS = 1e-9, 20


class Entrainment(Printed):
    """The settled answer to a periodic drive; `w` and `s` are periods kept and samples.

    - `periods`: n, after how many periods of the drive the state returns (2 after a doubling).
    - `spikes`: m, upward crossings of `level` in them: m spikes for n periods of the drive.
    - `t` (s,) over one period of the drive [s]; `u` (w, s) [V] and `x` (w, s, k) in period after
      period, NaN beyond n.
    - `multipliers`: Floquet multipliers over n periods; `stable` if all are inside the unit
      circle. `residual`: how far the state is from closing.
    - `result`: `RESULTS.successful` if locked, or why not: all else is NaN then.
    """

    periods: Int[Array, ""]
    spikes: Int[Array, ""]
    t: Float[Array, "s"]
    u: Float[Array, "w s"]
    x: Float[Array, "w s k"]
    multipliers: Complex[Array, "n"]
    stable: Bool[Array, ""]
    residual: Scalar
    result: RESULTS


def entrainment(
    circuit: Circuit,
    period: Real[ArrayLike, ""],
    *,
    level: Real[ArrayLike, ""] | None = None,
    most: int = 8,
    settle: int = 100,
    samples: int = 201,
    rtol: Real[ArrayLike, ""] | None = None,
    throw: bool = True,
) -> Entrainment:
    """What a circuit settles to under a drive that repeats, from rest.

    The state is followed for `settle` periods; the least n after which it returns is found and
    its orbit closed by Newton's method on the n-fold period map, P^n(y) = y. An orbit of one
    period that has lost its stability (a doubling, a drift) is therefore not returned: what is
    returned is what a measurement would show. Works under `jit` and `vmap`.

    **Arguments:**

    - `period`: T [s]. The drive over [t0, t0 + T], t0 = its first edge, is what repeats: a Sine,
      one cycle of a Triangle, one pulse of a PulseTrain.
    - `level`: voltage that a spike crosses upwards [V]; by default the middle of the swing.
    - `most`: the largest n that is looked for. `samples`: of each period.
    - `throw`: raise if it does not lock; else see `result`.

    **Raises:** `ValueError` for a period that is not positive; `RuntimeError` (with `throw`) if
    it does not lock or an integration fails, saying which.
    """
    period = jnp.asarray(period, dtype=jnp.result_type(float))
    require(lambda T: T > 0, period, message="entrainment: the period must be positive, got {0} s")
    if most < 1 or settle < 2 * most:
        raise ValueError(
            f"entrainment: wants most >= 1 and settle >= 2 most, got {most} and {settle}"
        )
    found = _entrainment(circuit.in_time(), period, level, most, settle, samples, rtol)
    if throw and is_concrete(found.result) and not bool(found.result == RESULTS.successful):
        raise RuntimeError(
            f"entrainment: {RESULTS[found.result]} (settle = {settle}, most = {most}); "
            "throw=False gives NaN and a `result`"
        )
    return found


@program
def _entrainment(circuit, period, level, most, settle, samples, rtol):
    wave = circuit.drive.wave
    t0 = first_edge(wave)
    ends = jnp.stack([t0, t0 + period])
    rest = operating_point(circuit.device, **{LETTER[circuit.drive.kind]: wave.before()})
    once = PeriodMap.near(circuit, rest, {"rtol": rtol, "atol": rtol})
    begin = once.rest(rest)

    def several(y, n):
        return jax.lax.fori_loop(0, n, lambda _, y: once(y, ends), y)

    def follow(y, _):
        y = once(y, ends)
        return y, y

    _, path = jax.lax.scan(follow, begin, length=settle)
    away = jnp.stack([jnp.max(jnp.abs(path[-1] - path[-1 - n])) for n in range(1, most + 1)])
    returned = away < NEAR
    n = jnp.where(jnp.any(returned), jnp.argmax(returned) + 1, 1)

    def newton(state):
        """The slope of P^n at y, how far y is from closing, and the next y."""
        k, _, _, _, y = state
        slope, end = jax.jacfwd(lambda y: (several(y, n),) * 2, has_aux=True)(y)
        gap = end - y
        return k + 1, y, slope, gap, y - jnp.linalg.solve(slope - jnp.eye(y.size), gap)

    def going(state):
        k, y, _, _, new = state
        return (k < ITERATIONS) & ~(jnp.max(jnp.abs(new - y)) < STILL) & jnp.all(jnp.isfinite(new))

    # Each integration in the program is compiled by itself, so the last slope is that of the
    # multipliers: it is taken so near to the orbit that the next step is `STILL`.
    y = path[-1]
    begin = (0, y - 1, jnp.eye(y.size), jnp.full_like(y, jnp.inf), y)
    _, y, slope, gap, _ = jax.lax.while_loop(going, newton, begin)
    residual = jnp.max(jnp.abs(gap))
    mu = jnp.linalg.eigvals(slope)
    # Newton may go to another orbit, one that does not attract.
    kept = (jnp.max(jnp.abs(y - path[-1])) < 10 * NEAR) & (residual < CLOSED)
    locked = jnp.any(returned) & kept & jnp.all(jnp.abs(mu) < 1)

    t = jnp.linspace(t0, t0 + period, samples)

    def period_of(y, _):
        out = once.follow(y, t)
        return once.state(out, -1), (out.u, out.x)

    _, (u, x) = jax.lax.scan(period_of, y, length=most)
    shown = (jnp.arange(most) < n) & locked
    middle = (jnp.max(u) + jnp.min(u)) / 2 if level is None else level
    ups = (u[:, :-1] < middle) & (u[:, 1:] >= middle) & shown[:, None]
    result = RESULTS.where(locked, RESULTS.successful, RESULTS.not_locked)
    result = RESULTS.where(jnp.all(jnp.isfinite(path)), result, RESULTS.integration_failed)
    hide = lambda a, s: jnp.where(s, a, jnp.nan)
    return Entrainment(
        jnp.where(locked, n, 0), jnp.sum(ups), t,
        hide(u, shown[:, None]), hide(x, shown[:, None, None]), hide(mu, locked), locked,
        hide(residual, locked), result,
    )  # fmt: skip
