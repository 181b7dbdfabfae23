"""Where equilibria and Hopf points are looked for: voltages, dense where a device is steep."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmem.devices.branch import AbstractBranch, Scalar
from jaxmem.devices.device import AbstractDevice
from jaxmem.fields import is_complex, is_concrete, voltages

# Without a range: both signs of 10^-6 to 10^6 V, so many a decade, and a few beyond.
DECADES, A_DECADE, BEYOND = 6, 6, (1e7, 1e8, 1e9, 1e10, 1e12, 1e16, 1e20, 1e30)
# Within a range; and round each voltage among a branch's own fields, to each side.
LINEAR, ROUND = 192, 12
# Intervals are split in so many rounds, so many in each: those that show least of the device.
ROUNDS, SPLIT = 10, 24
# A zero is out of reach of an interval's values if it is farther than so many times their error;
# such intervals come later.
FAR, LATER, ONE_WAY = 100.0, 1e-3, 1e-2
# What a middle may be off the cubic through both ends, as a share of what rises between them.
EXPLAINED = 0.02
# The same where nothing further is looked at.
SMOOTH = 1e-3


class Intervals(NamedTuple):
    """Intervals of u, each with its middle: `u` (N, 3), values `y` and slopes `dy` (N, 3, m)."""

    u: Float[Array, "N 3"]
    y: Float[Array, "N 3 m"]
    dy: Float[Array, "N 3 m"]


def check_range(name: str, u_range: Any) -> tuple[Scalar, Scalar] | None:
    """`u_range=(low, high)` [V] as arrays, or None.

    **Raises:** `ValueError` if it is not two finite numbers that ascend.
    """
    if u_range is None:
        return None
    pair = isinstance(u_range, tuple | list) or np.ndim(u_range) == 1
    ends = tuple(u_range) if pair else ()
    if len(ends) != 2 or any(is_complex(end) or isinstance(end, str) for end in ends):
        raise ValueError(f"{name}: u_range wants (low, high) in V, got {u_range}")
    low, high = (jnp.asarray(end, dtype=jnp.result_type(float)) for end in ends)
    if is_concrete(low, high):
        a, b = float(low), float(high)
        if not (np.isfinite(a) and np.isfinite(b) and a < b):
            raise ValueError(f"{name}: u_range wants low < high in V, both finite, got {u_range}")
    return low, high


def unseen(device: AbstractDevice) -> list[AbstractBranch]:
    """The branches that may be steep where no `window` says so (see `AbstractBranch.plain`)."""
    return [b for b in device.branches.values() if not b.plain]


class Survey(NamedTuple):
    """Places of the curve of equilibria, ascending, with I [A] and u [V] and their slopes there."""

    s: Float[Array, "n"]
    I: Float[Array, "n"]
    u: Float[Array, "n"]
    dI: Float[Array, "n"]
    du: Float[Array, "n"]


def survey(
    device: AbstractDevice,
    u_range: tuple[Scalar, Scalar] | None = None,
    gap: Callable[[Scalar, Scalar], Scalar] | None = None,
) -> Survey:
    """Places that show all of I and x at equilibrium: where to look for what they do.

    Within `u_range`, or at all magnitudes of u and round the voltages among the branches' own
    fields. Then those intervals are split, again and again, in which current and states at the
    middle are least what both ends and their slopes say.

    **Arguments:**

    - `device`: any device. If its equilibria are a curve (`AbstractBranch.rest_curve`) places are
      values of its parameter, else voltages.
    - `gap`: a linear function of (I, u) whose zeros are looked for; intervals that may hide a pair
      of them are split first.
    """
    fixed = jax.lax.stop_gradient(device).walked()
    if fixed.curve is not None:
        low, high = fixed.branches[fixed.curve].rest_range()
        base = low + (high - low) * jnp.linspace(0, 1, LINEAR + 1)
    else:
        base = _everywhere(fixed) if u_range is None else _within(fixed, u_range)
    cells = _resolved(fixed, base, gap)
    flat = lambda a: jnp.concatenate([a[:, 0], a[:, 1], a[-1:, 2]])
    s = flat(cells.u)
    order = jnp.argsort(s)
    s, y, dy = s[order], flat(cells.y[..., :2])[order], flat(cells.dy[..., :2])[order]
    # Where values are finite and slopes are not (exp(800)/exp(900)) the secant serves.
    around = lambda a: jnp.concatenate([a[1:2] - a[:1], a[2:] - a[:-2], a[-1:] - a[-2:-1]])
    width = around(s)
    secant = around(y) / jnp.where(width > 0, width, 1.0)[:, None]
    dy = jnp.where(jnp.isfinite(dy), dy, secant)
    return Survey(s, y[:, 0], y[:, 1], dy[:, 0], dy[:, 1])


def _within(device, u_range):
    low, high = u_range
    even = low + (high - low) * jnp.linspace(0, 1, LINEAR + 1)
    x = jnp.linspace(-12, 12, 49)
    steep = [jnp.clip(part, low, high) for part in _steep(device, x, high)]
    return merged([*_own_voltages(device, low, high), *steep, even])


def _everywhere(device):
    size = np.concatenate(
        [10 ** np.linspace(-DECADES, DECADES, 2 * DECADES * A_DECADE + 1), np.array(BEYOND)]
    )
    grid = jnp.asarray(np.concatenate([-size[::-1], [0.0], size]), jnp.result_type(float))
    far = 10 ** np.linspace(1.1, 3, 9)
    x = np.concatenate([-far[::-1], np.linspace(-12, 12, 49), far])
    steep = _steep(device, x, grid[-1])
    return merged([*_own_voltages(device, grid[0], grid[-1]), *steep, grid])


def _steep(device, x, high):
    """Places in each branch's window, ascending; `high` for those of one that is no number."""
    parts = [centre + jnp.abs(width) * x for centre, width in device.windows()]
    return [jnp.where(jnp.isnan(part), high, part) for part in parts]


def merged(parts: list[Array]) -> Float[Array, "n"]:
    """Ascending vectors as one, by a bitonic network.

    Side by side for many devices XLA's sort takes ten times as long, and as long as all else here.
    """
    whole, *others = parts
    for part in others:
        n = whole.size + part.size
        room = jnp.full(((1 << (n - 1).bit_length()) - n,), jnp.inf, part.dtype)
        # Up and down again: then halves are compared number by number, and their halves, ...
        a = jnp.concatenate([whole, room, part[::-1]])
        k = a.size // 2
        while k:
            low, high = jnp.moveaxis(a.reshape(-1, 2, k), 1, 0)
            a = jnp.stack([jnp.minimum(low, high), jnp.maximum(low, high)], axis=1).reshape(-1)
            k //= 2
        whole = a[:n]
    return whole


def _own_voltages(device, low, high):
    """Round each field in V of the branches that do not say where they are steep."""
    around = 10 ** np.linspace(-3, 0.3, ROUND)
    around = jnp.asarray(np.concatenate([-around[::-1], [0.0], around]))
    found = []
    for branch in unseen(device):
        for value in voltages(branch):
            found.append(jnp.clip(value + jnp.abs(value) * around, low, high))
    return found


def seen_to_rise(device: AbstractDevice, of: Callable[[Scalar], Scalar]) -> Array:
    """Whether a first look at a function of u shows that it rises.

    At all places where `survey` begins, and between them, its slope is positive, and what happens
    in between follows from both ends. Then it is taken to have one zero at most, and the rounds in
    which `survey` looks closer are spared, which are dear for many devices side by side. What falls
    by less than a thousandth of what the function rises between two places, narrower than they are
    apart, would be overlooked. (False says nothing.)
    """
    base = _everywhere(jax.lax.stop_gradient(device))
    cells, _ = first_cells(lambda u: of(u)[None], base)
    cells = _with_secants(cells)
    error, one_way = unexplained(cells)
    rise = cells.y[:, 2] - cells.y[:, 0]
    rises = jnp.all(cells.dy > 0, axis=(1, 2)) & jnp.all(jnp.diff(cells.y, axis=1) > 0, axis=(1, 2))
    little = jnp.where(one_way, EXPLAINED, SMOOTH) * rise
    sure = rises & jnp.all(error <= little, axis=1)
    return jnp.all(sure | ~(cells.u[:, 2] > cells.u[:, 0]))


def _resolved(device, base, gap):
    def curve(s):
        u, x = device.equilibrium(s)
        return jnp.concatenate([jnp.stack([device.current(u, x), u]), x])

    def least_seen(cells):
        cells = _with_secants(cells)
        u, x = cells.y[:, 1, 1], cells.y[:, 1, 2:]
        by_state = jnp.abs(jax.vmap(jax.grad(device.current, argnums=1))(u, x))
        width = cells.u[:, 2] - cells.u[:, 0]
        size = jnp.sum(jnp.abs(cells.y), axis=1) + width[:, None] * jnp.sum(
            jnp.abs(cells.dy), axis=1
        )
        error, one_way = unexplained(cells)
        error = jnp.where(one_way | (error == 0), 0.0, error)
        # What each state does to the current, over the sizes of the currents there.
        effect = error[:, 0] + jnp.sum(by_state * error[:, 2:], axis=1)
        over = lambda a, b: a / jnp.where(b > 0, b, 1.0)
        share = over(effect, size[:, 0]) + over(error[:, 1], size[:, 1])
        if gap is not None:
            doubt, far = _doubtful(cells, gap)
            share = jnp.where(far, LATER, 1.0) * (share + doubt)
        # At the end of where the device can be evaluated half of an interval may be lost.
        known = jnp.all(jnp.isfinite(cells.y), axis=(1, 2)) & jnp.isfinite(share)
        edge = jnp.any(jnp.isfinite(cells.y[:, :, 0]), axis=1)
        share = jnp.where(known, share, jnp.where(edge, 0.1, 0.0))
        narrow = width <= 1e-7 * jnp.max(jnp.abs(cells.u), axis=1)
        return jnp.where(narrow, 0.0, share)

    return split(curve, base, least_seen, ROUNDS, SPLIT, 1e-6)


def _with_secants(cells):
    """Secants for slopes that are not finite where the values are."""
    gains = jnp.diff(cells.y, axis=1)
    half = (cells.u[:, 2] - cells.u[:, 0])[:, None, None] / 2
    first, last = jnp.split(gains / jnp.where(half > 0, half, 1.0), 2, axis=1)
    secants = jnp.concatenate([first, (first + last) / 2, last], axis=1)
    return cells._replace(dy=jnp.where(jnp.isfinite(cells.dy), cells.dy, secants))


def _of_gap(cells, gap) -> Intervals:
    """Values and slopes of a linear function of (I, u)."""
    of = jax.vmap(jax.vmap(gap))
    y = of(cells.y[..., 0], cells.y[..., 1])[..., None]
    zero = jnp.zeros(())
    slope = lambda dI, du: gap(dI, du) - gap(zero, zero)
    dy = jax.vmap(jax.vmap(slope))(cells.dy[..., 0], cells.dy[..., 1])[..., None]
    return Intervals(cells.u, y, dy)


def _doubtful(cells, gap):
    """How far the middle's gap is from what both ends say, over how far it is from a zero.

    And whether a zero is out of reach: an exponential far above it needs no more samples.
    """
    u, y, dy = seen = _of_gap(cells, gap)
    del u, dy
    error, one_way = unexplained(seen)
    near, rise = jnp.min(jnp.abs(y), axis=1), jnp.abs(y[:, 2] - y[:, 0])
    # What bends one way may yet turn twice in between: that is looked at when there is room.
    doubt = jnp.where(error > EXPLAINED * rise, jnp.where(one_way, ONE_WAY * error, error), 0.0)
    one_sign = jnp.all(y > 0, axis=1) | jnp.all(y < 0, axis=1)
    far = one_sign & (FAR * error < near)
    share = jnp.minimum(doubt / jnp.where(near > 0, near, jnp.finfo(y.dtype).tiny), 10.0)
    return share[:, 0], far[:, 0]


def unexplained(cells: Intervals) -> tuple[Float[Array, "N m"], Array]:
    """How far each middle is from the cubic through both ends, and whether it bends one way only.

    Where slopes and secants ascend, or descend, from end to end, a function that turns back
    shows it by the signs of its slopes.
    """
    y, dy = cells.y, cells.dy
    h = (cells.u[:, 2] - cells.u[:, 0])[:, None]
    half = jnp.where(h > 0, h / 2, 1.0)
    cubic = (y[:, 0] + y[:, 2]) / 2 + h / 8 * (dy[:, 0] - dy[:, 2])
    lean = (y[:, 2] - y[:, 0]) * 0.75 / half - (dy[:, 0] + dy[:, 2]) / 4
    chain = [dy[:, 0], (y[:, 1] - y[:, 0]) / half, dy[:, 1], (y[:, 2] - y[:, 1]) / half, dy[:, 2]]
    gains = jnp.diff(jnp.stack(chain), axis=0)
    one_way = jnp.all(gains >= 0, axis=0) | jnp.all(gains <= 0, axis=0)
    error = jnp.maximum(jnp.abs(y[:, 1] - cubic), h / 8 * jnp.abs(dy[:, 1] - lean))
    return error, one_way


def first_cells(fn: Callable, base: Float[Array, "n"]) -> tuple[Intervals, Callable]:
    """The intervals between the places of `base`, and a function that halves others.

    `fn` goes from u to the values (m,) that are looked at.
    """
    both = jax.vmap(lambda u: jax.jvp(fn, (u,), (jnp.ones_like(u),)))

    def halves(u, y, dy):
        """Intervals from the ends (k, 2), (k, 2, m)."""
        middle = (u[:, 0] + u[:, 1]) / 2
        return _joined(u, y, dy, middle, *both(middle))

    pairs = lambda a: jnp.stack([a[:-1], a[1:]], axis=1)
    # Ends and middles at once: `fn` is compiled as often as it is called.
    middle = (base[:-1] + base[1:]) / 2
    value, slope = both(jnp.concatenate([base, middle]))
    n = base.shape[0]
    u, y, dy = (pairs(a[:n]) for a in (base, value, slope))
    return _joined(u, y, dy, middle, value[n:], slope[n:]), halves


def split(
    fn: Callable, base: Float[Array, "n"], least_seen: Callable, rounds: int, many: int, enough
) -> Intervals:
    """Split intervals of u while `least_seen(Intervals)` is above `enough` for one of them.

    **Arguments:**

    - `fn`: from u to the values (m,) that are looked at; `base`: the first ends, ascending.
    - `rounds`, `many`: at most so many times, so many intervals each time.
    """
    first, halves = first_cells(fn, base)
    # Room for those to come: intervals of no width at the upper end.
    spare = rounds * many
    last = jax.tree.map(lambda a: jnp.broadcast_to(a[-1:, 2:], (spare, *a.shape[1:])), first)
    cells = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), first, last)
    seen = jnp.concatenate([least_seen(first), jnp.zeros(spare, base.dtype)])

    def going(state):
        k, _, seen = state
        return (k < rounds) & jnp.any(seen > enough)

    def halve(state):
        k, cells, seen = state
        worst = jax.lax.top_k(seen, many)[1]
        old = jax.tree.map(lambda a: a[worst], cells)
        ends = lambda a: jnp.concatenate([a[:, 0:2], a[:, 1:3]])
        new = halves(*jax.tree.map(ends, tuple(old)))
        to = jnp.concatenate([worst, base.shape[0] - 1 + k * many + jnp.arange(many)])
        cells = jax.tree.map(lambda a, b: a.at[to].set(b), cells, new)
        return k + 1, cells, seen.at[to].set(least_seen(new))

    return jax.lax.while_loop(going, halve, (0, cells, seen))[1]


def _joined(u, y, dy, middle, value, slope):
    """Intervals from their ends (k, 2), (k, 2, m) and what is at their middles."""
    mid = lambda ends, new: jnp.stack([ends[:, 0], new, ends[:, 1]], axis=1)
    return Intervals(mid(u, middle), mid(y, value), mid(dy, slope))
