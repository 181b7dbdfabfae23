"""What must change for a device to spike, or to stop: the nearest boundary of its parameters."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.devices.branch import Scalar
from jaxmem.devices.device import check_device
from jaxmem.fields import is_concrete
from jaxmem.lens import Lens, describe, get, lenses, locate, path
from jaxmem.printed import Printed
from jaxmem.programs import program
from jaxmem.responses.linear import circuit_matrix
from jaxmem.responses.search import check_range, unseen
from jaxmem.results import RESULTS
from jaxmem.stability.equilibria.crossing import crossing_omega
from jaxmem.stability.equilibria.hopf import scan, with_slope
from jaxmem.stability.equilibria.map import check_drive, in_small_branches, margin_at, rate_of

# A parameter alone is moved by at most this factor, in so many steps.
FARTHEST, STEPS = 1e6, 96
# Of the search over all parameters: iterations, the longest step, the shortest part of one, and
# the last one, of which the distance has the square.
ITERATIONS, LONGEST, SHORTEST, CLOSE = 200, 3.0, 0.05, 1e-6
# Voltages that are compared at a time round the least margin, and the digits of a root in ln.
DRAWN, SHARP = 9, 1e-14


class Change(Printed):
    """Where the boundary between rest and oscillation is, seen from a device.

    - `names`, `units` of the p parameters, `values` that they have now.
    - `spikes`: whether the device oscillates now at some bias. If not, the change starts it; if
      so, it stops it.
    - `factors`: what to multiply all parameters by, together, so that the sum of squares of
      their logarithms is least; `distance`: the root of that sum. `u`: the voltage over the
      memristor at which the oscillation begins [V]; `omega`: its angular frequency [rad/s].
    - `alone` (p, 2): the nearest factor below and above 1 that does it with one parameter alone,
      NaN where none within a million does.
    - `result`: `RESULTS.successful`, or why `factors` are NaN.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    units: tuple[str, ...] = eqx.field(static=True)
    values: Float[Array, "p"]
    spikes: Bool[Array, ""]
    factors: Float[Array, "p"]
    distance: Scalar
    u: Scalar
    omega: Scalar
    alone: Float[Array, "p 2"]
    result: RESULTS


def smallest_change(
    device: AbstractDevice,
    *parameters: Lens,
    drive: DriveKind = "current",
    u_range: tuple[float, float] | None = None,
) -> Change:
    """The smallest change of a device that makes it spike, or that stops it if it spikes.

        minimise |z|^2   where   min over u of ln(a/b) = 0,   parameter k times exp(z_k)

    with H_{n-1} = a - b the Hurwitz determinant, a and b the sums of its positive and negative
    terms: c1 c2 and c0 for the 3D device. Each iteration solves it with the constraint linearised
    at the last z (the design point of reliability theory: Hasofer and Lind 1974, Rackwitz and
    Fiessler 1978), u kept at its minimum. It starts from the device and from the nearest change
    of one parameter, and the nearer end counts; it is a local method all the same.
    Works under `jit` and `vmap`; it has no derivatives.

    **Arguments:**

    - `parameters`: lenses to what may change; by default all positive numbers of the device
      that are not zero and have no bounds. Tied leaves change by one factor.
    - `drive`: `"current"`, or `"voltage"` through R_s > 0.
    - `u_range`: voltages to look in [V]; by default as in `hopf_points`.

    **Raises:** `ValueError` for a parameter that is not positive, and as `hopf_points`.
    """
    check_device("smallest_change", device)
    check_drive("smallest_change", device, drive)
    ends = check_range("smallest_change", u_range)
    if not device.windows() and not unseen(device) and device.curve is None and ends is None:
        raise ValueError(
            "smallest_change: no branch is steep at any voltage, so that nothing oscillates; give "
            "u_range=(low, high) to look at all the same"
        )
    chosen = parameters or tuple(scalable(device).values())
    for lens in chosen:
        value = get(lens, device)
        if is_concrete(value) and not float(value) > 0:
            raise ValueError(
                f"smallest_change: {path(lens, device)} is {float(value):g}; a change is a factor, "
                "so give parameters that are positive"
            )
    # Which leaves move is data and not structure: one program serves all parameters of a device.
    leaves, p = len(jax.tree.leaves(device)), len(chosen)
    moved = np.zeros((max(leaves, p), leaves))
    for k, lens in enumerate(chosen):
        moved[k, list(locate(lens, device))] = 1.0
    names = tuple(path(lens, device) for lens in chosen)
    units = tuple(describe(lens, device)["unit"] for lens in chosen)
    values = jnp.stack([get(lens, device) for lens in chosen])
    spikes, factors, distance, u, omega, alone, result = _search(
        jax.lax.stop_gradient(device), jnp.asarray(moved), drive, ends
    )
    return Change(names, units, values, spikes, factors[:p], distance, u, omega, alone[:p], result)


def scalable(device: AbstractDevice) -> dict[str, Lens]:
    """The parameters that a factor makes sense for: positive, not zero, without bounds.

    The lead inductance is not in a device's dynamics and is left out.
    """
    found = {}
    for name, lens in lenses(device).items():
        field, value = describe(lens, device), get(lens, device)
        if not field["positive"] or "bounds" in field or name == "L_s":
            continue
        if field.get("where_to_look"):
            continue
        if is_concrete(value) and not float(value) > 0:
            continue
        found[name] = lens
    return found


@program
def _search(device, moved, drive, u_range):
    leaves, structure = jax.tree.flatten(device)

    def at(z):
        factors = jnp.exp(z @ moved)
        return jax.tree.unflatten(structure, [a * f for a, f in zip(leaves, factors, strict=True)])

    @jax.jit  # traced once for all who ask
    def lowest(z):
        """ln(a/b) at the voltage where it is least, and that voltage."""
        small = in_small_branches(at(jax.lax.stop_gradient(z)))
        u = jax.lax.stop_gradient(_lowest_u(small, drive, u_range))
        small = in_small_branches(at(z))
        return log_ratio(margin_at(small, u, drive, rate_of(small, u))), u

    p = moved.shape[0]
    nothing = jnp.zeros(p)
    alone = jax.vmap(lambda k: _alone(lambda z: lowest(z)[0], k, p))(jnp.arange(p))
    nearest = jnp.where(jnp.isfinite(alone), jnp.abs(alone), jnp.inf)
    best = jnp.unravel_index(jnp.argmin(nearest), nearest.shape)
    shortcut = jnp.where(jnp.isfinite(alone[best]), alone[best], 0.0)
    starts = jnp.stack([nothing, nothing.at[best[0]].set(shortcut)])
    z, arrived = jax.vmap(lambda z: _design_point(lowest, z))(starts)
    distance = jnp.where(arrived, jnp.linalg.norm(z, axis=1), jnp.inf)
    # One parameter alone is a change of all, too.
    distance = jnp.append(distance, jnp.min(nearest))
    z = jnp.concatenate([z, starts[1:]])[jnp.argmin(distance)]
    distance = jnp.min(distance)
    good = jnp.isfinite(distance)
    z = jnp.where(good, z, 0.0)
    (now, _), (_, u) = jax.vmap(lowest)(jnp.stack([nothing, z]))
    omega = crossing_omega(circuit_matrix(at(z), u, drive))
    u = at(z).equilibrium(u)[0]
    result = RESULTS.where(omega > 0, RESULTS.successful, RESULTS.saddle)
    result = RESULTS.where(good, result, RESULTS.no_change)
    hide = lambda a: jnp.where(result == RESULTS.successful, a, jnp.nan)
    return (
        now < 0, hide(jnp.exp(z)), hide(distance), hide(u), hide(omega),
        jnp.exp(alone), result,
    )  # fmt: skip


def log_ratio(margin: Float[Array, "..."]) -> Float[Array, "..."]:
    """ln(a/b) from the normalised margin (a - b)/(a + b); its end is that of the digits."""
    edge = 1 - 4 * jnp.finfo(margin.dtype).eps
    return 2 * jnp.arctanh(jnp.clip(margin, -edge, edge))


def _lowest_u(device, drive, u_range):
    """The voltage where the margin is least: the grid is drawn in round its least value.

    Values tell it to half the digits, which is enough for all digits of the least value.
    """
    grid = scan(device, u_range)
    rate = rate_of(device, grid[grid.size // 2])
    margin = jax.vmap(lambda u: margin_at(device, u, drive, rate))

    def draw_in(grid):
        values = margin(grid)  # NaN where the device cannot be evaluated
        k = jnp.argmin(jnp.where(jnp.isnan(values), jnp.inf, values))
        low, high = grid[jnp.maximum(k - 1, 0)], grid[jnp.minimum(k + 1, grid.size - 1)]
        return jnp.linspace(low, high, DRAWN)

    # The interval is a quarter of the last one each time.
    grid = jax.lax.fori_loop(0, 11, lambda _, grid: draw_in(grid), draw_in(grid))
    return grid[DRAWN // 2]


def _alone(lowest, k, p):
    """The nearest roots below and above zero in the logarithm of parameter k, or NaN."""
    far = math.log(FARTHEST)
    along = with_slope(lambda z: lowest(jnp.zeros(p).at[k].set(z)))
    # From zero outwards, on the side above and on that below.
    return jax.vmap(lambda side: _nearest(along, side * jnp.linspace(0, far, STEPS // 2 + 1)))(
        jnp.array([-1.0, 1.0])
    )


def _nearest(along, grid):
    """The root nearest to the first value of a grid, or NaN; `along` gives value and slope."""
    h, slope = jax.vmap(along)(grid)
    slope = slope * jnp.sign(grid[-1] - grid[0])
    # Between two values of one sign there may be two roots where the function turns back. One
    # such place is looked at, the nearest that does not lie behind a change of sign.
    changes = h[:-1] * h[1:] <= 0
    turns = (h[:-1] * h[1:] > 0) & (h[:-1] * slope[:-1] < 0) & (h[1:] * slope[1:] > 0)
    change, turn = jnp.argmax(changes), jnp.argmax(turns)
    turning = jnp.any(turns) & ((turn < change) | ~jnp.any(changes))
    toward = jnp.sign(grid[-1] - grid[0])

    def halve(_, ends):
        low, high = ends
        middle = (low + high) / 2
        falling = along(middle)[1] * toward * h[turn] < 0
        return jnp.where(falling, middle, low), jnp.where(falling, high, middle)

    bottom = sum(jax.lax.fori_loop(0, 40, halve, (grid[turn], grid[turn + 1]))) / 2
    dips = turning & (along(bottom)[0] * h[turn] <= 0)
    start = jnp.where(dips, grid[turn], grid[change])
    end = jnp.where(dips, bottom, grid[change + 1])
    first = jnp.where(dips, h[turn], h[change])

    def newton(state):
        k, low, high, z, _ = state
        value, slope = along(z)
        before = value * first > 0
        low, high = jnp.where(before, z, low), jnp.where(before, high, z)
        new = z - value / slope
        inside = (new > jnp.minimum(low, high)) & (new < jnp.maximum(low, high))
        return k + 1, low, high, jnp.where(inside, new, (low + high) / 2), z

    def going(state):
        k, _, _, z, last = state
        return (k < 80) & ~(jnp.abs(z - last) <= SHARP) & found

    found = dips | jnp.any(changes)
    begin = (0, start, end, (start + end) / 2, jnp.full_like(start, jnp.inf))
    z = jax.lax.while_loop(going, newton, begin)[3]
    return jnp.where(found, z, jnp.nan)


def _design_point(lowest, z):
    """The point of lowest(z) = 0 that is nearest to the origin, and whether it was reached."""

    def step(state):
        k, z, part, last = state
        slope, value = jax.jacfwd(lambda z: (lowest(z)[0],) * 2, has_aux=True)(z)
        steep = slope @ slope
        move = (slope @ z - value) / jnp.where(steep > 0, steep, jnp.nan) * slope - z
        length = jnp.linalg.norm(move)
        # Where the boundary is more curved than the distance is long, whole steps go to and fro.
        part = jnp.where(move @ last < 0, part / 2, jnp.minimum(1.0, 1.2 * part))
        part = jnp.maximum(part, SHORTEST)
        return k + 1, z + move * jnp.minimum(part, LONGEST / length), part, move

    def going(state):
        k, _, _, last = state
        return (k < ITERATIONS) & ~(jnp.linalg.norm(last) <= CLOSE)

    far = jnp.full_like(z, jnp.inf)
    _, z, _, last = jax.lax.while_loop(going, step, (0, z, jnp.asarray(1.0), far))
    return z, jnp.linalg.norm(last) <= CLOSE
