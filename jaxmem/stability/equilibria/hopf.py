"""Hopf points: where a device at rest begins to oscillate."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.devices.device import check_device
from jaxmem.fields import is_concrete
from jaxmem.output.tabular import Tabular
from jaxmem.programs import program
from jaxmem.responses.characteristic import EXPANDED, coefficients
from jaxmem.responses.linear import circuit_matrix
from jaxmem.responses.search import check_range, split, survey, unexplained, unseen
from jaxmem.responses.steady import check_values
from jaxmem.stability.equilibria.criticality import normal_form
from jaxmem.stability.equilibria.crossing import on_axis
from jaxmem.stability.equilibria.polynomial import (
    crossing_frequency2,
    margin_of,
)

# MOST points are kept. For each branch SCAN intervals of voltage are looked at, over REACH widths
# of its window to both sides.
MOST, SCAN, REACH = 8, 96, 24.0
# Where it bends otherwise than samples show, so many intervals are split, so often.
SPLIT, ROUNDS = 16, 6


class HopfPoints(Tabular):
    """Hopf points in the order of `place`; arrays of shape `(8,)`, padded with NaN.

    - `u`, `x`, `I`, `V`: voltage over the memristor [V], states (8, n) of the device in time,
      current [A], applied voltage [V].
    - `place`: u, or where equilibria are a curve over a parameter of its own, that parameter.
    - `omega`: angular frequency there [rad/s]; `period` = 2 pi/omega [s].
    - `l1`: Re c1/omega with q_u = 1 [1/V^2], negative where the onset is soft (supercritical);
      `l1_kuznetsov`: in raw states, for comparison only.
    - `amplitude2_slope`, `period_slope`: derivatives of the cycle's squared amplitude of u [V^2]
      and period [s] by the drive, I or V, at the onset.
    - `found`: how many there are; more than 8 are counted, but not kept. -1 where a value of the
      device is not allowed.
    """

    u: Float[Array, "8"]
    x: Float[Array, "8 n"]
    I: Float[Array, "8"]
    V: Float[Array, "8"]
    omega: Float[Array, "8"]
    l1: Float[Array, "8"]
    l1_kuznetsov: Float[Array, "8"]
    amplitude2_slope: Float[Array, "8"]
    period_slope: Float[Array, "8"]
    place: Float[Array, "8"]
    found: Int[Array, ""]

    @property
    def period(self) -> Float[Array, "8"]:
        """2 pi/omega [s]."""
        return 2 * jnp.pi / self.omega

    def imposed(self, kind: DriveKind) -> Float[Array, "8"]:
        """What a drive of that kind imposes at them: I [A] or V [V]."""
        return self.V if kind == "voltage" else self.I


def hopf_points(
    device: AbstractDevice,
    *,
    drive: DriveKind = "current",
    u_range: tuple[float, float] | None = None,
) -> HopfPoints:
    """All Hopf points of a device under a constant drive, with criticality and derivatives.

    The normalised Hurwitz margin is sampled in u with its derivative; extrema between samples of
    one sign are found too, so that a narrow window is not lost. Points with omega^2 <= 0 are
    neutral saddles and are left out. Beyond six states with u (a constant-phase element's ladder)
    the margin comes from eigenvalues and the point from the admittance. Derivatives follow from
    the implicit function theorem. Works under `jit`, `vmap` and `grad`.

    **Arguments:**

    - `drive`: `"current"`, or `"voltage"` through R_s > 0.
    - `u_range`: voltages to look in [V]. By default 24 widths to each side of where the branches
      are steep; if one may be steep where no `window` says so, all magnitudes of u, with samples
      added where current, states and margin bend. A window of instability far narrower than all
      that the equilibria show may then be overlooked: `u_range` says where to look.

    **Raises:** `ValueError` for voltage drive with R_s = 0 (the voltage is then imposed and cannot
    oscillate), and for values of the device that are not allowed (under `jit` or `vmap` `found` is
    -1 then and all is NaN).
    """
    check_device("hopf_points", device)
    if drive == "voltage" and is_concrete(device.R_s) and not float(device.R_s) > 0:
        raise ValueError(
            "hopf_points: under an ideal voltage, R_s = 0, u is imposed and cannot oscillate; "
            'give R_s > 0, or drive="current"'
        )
    found = _hopf_points(device.walked(), drive, check_range("hopf_points", u_range))
    check_values("hopf_points", device, found.found)
    return found


@program
def _hopf_points(device, drive, u_range):
    device = device.in_time()
    if device.size == 0:
        nan = jnp.full((MOST,), jnp.nan)
        none = jnp.where(device.allowed(), 0, -1)
        return HopfPoints(nan, nan[:, None][:, :0], nan, nan, nan, nan, nan, nan, nan, nan, none)
    fixed = jax.lax.stop_gradient(device)
    margin = lambda u: margin_of(circuit_matrix(fixed, u, drive))
    grid = scan(fixed, u_range, margin)
    roots = roots_on(margin, grid)
    spacing = jnp.max(jnp.diff(grid)) / 10

    def inform(u):
        if device.size + 1 > EXPANDED:
            return on_axis(device, u, drive, spacing)

        def crossing(u):
            A = circuit_matrix(device, u, drive)
            c, rate = coefficients(A)
            return margin_of(A), crossing_frequency2(c), jnp.log(rate)

        # One Newton step from the root carries the derivative and changes nothing else.
        (value, omega2, rate), slopes = with_slope(crossing)(u)
        steep, lean, drift = jax.lax.stop_gradient(slopes)
        move = -value / steep
        omega2, rate = omega2 + lean * move, jnp.exp(rate + drift * move)
        u = u + move
        good = (omega2 > 0) & jnp.isfinite(u)
        omega = jnp.sqrt(jnp.where(good, omega2, 1.0)) * rate
        return u, omega, good

    safe = jnp.where(jnp.isfinite(roots), roots, roots[0])
    safe = jnp.where(jnp.isfinite(safe), safe, grid[0])
    u, omega, good = jax.vmap(inform)(safe)
    there = device.allowed()
    good = good & jnp.isfinite(roots) & there
    if u_range is not None and device.curve is not None:
        volt = jax.vmap(lambda s: fixed.equilibrium(s)[0])(u)
        good = good & (volt >= u_range[0]) & (volt <= u_range[1])
    order = jnp.argsort(jnp.where(good, jax.lax.stop_gradient(u), jnp.inf))
    u, omega, good = u[order], omega[order], good[order]

    def describe(u, omega):
        form = normal_form(device, u, omega, drive)
        I, slope = with_slope(device.steady_current)(u)
        (volt, x), (rise, _) = with_slope(device.equilibrium)(u)
        V = device.R_s * I + volt
        by_drive = slope if drive == "current" else rise + device.R_s * slope
        lean = form.slope_lambda / by_drive
        size2 = -lean.real / form.c1.real
        turn = lean.imag + form.c1.imag * size2
        return (
            volt, I, V, form.l1, form.l1_kuznetsov, 4 * size2, -2 * jnp.pi / omega**2 * turn,
        ), x  # fmt: skip

    rows, x = jax.vmap(describe)(u, omega)
    hide = lambda x: jnp.where(good, x, jnp.nan)
    volt, I, V, l1, l1_kuznetsov, amplitude2, period = map(hide, rows)
    found = jnp.where(there, jnp.sum(good), -1)
    x = jnp.where(good[:, None], x, jnp.nan)
    return HopfPoints(
        volt, x, I, V, hide(omega), l1, l1_kuznetsov, amplitude2, period, hide(u), found
    )


def with_slope(fn):
    """A function of one number, with its derivative."""
    return lambda u: jax.jvp(fn, (u,), (jnp.ones_like(u),))


def scan(device, u_range, margin=None):
    """Where Hopf points are looked for, ascending; denser where the `margin` bends, if given."""
    u_range = check_range("u_range", u_range)
    known = device.curve is None and not unseen(device)
    if u_range is None and known:
        return near_windows(device)
    if u_range is not None and known:
        low, high = u_range
        return low + (high - low) * jnp.linspace(0, 1, 2 * SCAN + 1)
    grid = survey(device, u_range).s
    if margin is None:
        return grid

    def bends(cells):
        error, one_way = unexplained(cells)
        share = jnp.where(one_way, 0.0, error)[:, 0]
        return jnp.where(jnp.isfinite(share), share, 0.0)

    cells = split(lambda s: margin(s)[None], grid, bends, ROUNDS, SPLIT, 1e-3)
    return jnp.sort(jnp.concatenate([cells.u[:, 0], cells.u[:, 1], grid[-1:]]))


def near_windows(device):
    """Voltages round those where the branches say that they are steep."""
    x = jnp.linspace(-REACH, REACH, SCAN + 1)
    windows = device.windows()
    if not windows:  # nothing is steep: any two voltages show the same
        return x / REACH
    return jnp.sort(jnp.concatenate([centre + width * x for centre, width in windows]))


def roots_on(margin, grid):
    """Zeros of a function between the first and the last value of a grid, padded with NaN."""
    both = jax.vmap(with_slope(margin))

    def turning(h, slope):
        # Between two values of one sign there may be two zeros where the function turns back.
        return (h[:-1] * h[1:] > 0) & (h[:-1] * slope[:-1] < 0) & (h[1:] * slope[1:] > 0)

    # First the grid, then the middles, which are moved to where it turns: one function to compile.
    def look(state):
        k, u, _, low, high, h, slope, _ = state
        value, lean = both(u)
        h, slope = jnp.where(k == 0, value, h), jnp.where(k == 0, lean, slope)
        halve = (k > 0) & turning(h, slope)
        falling = lean[:-1] * h[:-1] < 0
        low = jnp.where(halve & falling, u[:-1], low)
        high = jnp.where(halve & ~falling, u[:-1], high)
        middles = jnp.append((low + high) / 2, grid[-1])
        return k + 1, middles, u, low, high, h, slope, value

    def going(state):
        k, h, slope = state[0], state[5], state[6]
        return (k < 2) | (k < 42) & jnp.any(turning(h, slope))

    nothing = jnp.zeros_like(grid)
    begin = (0, grid, grid, grid[:-1], grid[1:], nothing, nothing, nothing)
    _, _, inner, _, _, h, _, between = jax.lax.while_loop(going, look, begin)
    inner, between, low = inner[:-1], between[:-1], grid[:-1]
    woven = lambda first, between, last: jnp.append(
        jnp.stack([first, between], axis=1).ravel(), last
    )
    u = woven(low, inner, grid[-1])
    sign = jnp.sign(woven(h[:-1], between, h[-1]))
    at = jnp.nonzero(sign[:-1] * sign[1:] < 0, size=MOST, fill_value=-1)[0]
    # Where there is none the bracket is empty, and its search ends at once.
    up, low = sign[at + 1], u[at]
    high = jnp.where(at >= 0, u[at + 1], low)
    roots = jax.vmap(lambda low, high, up: _bracketed(margin, low, high, up))(low, high, up)
    return jnp.where(at >= 0, roots, jnp.nan)


def _bracketed(margin, low, high, sign):
    """Newton's method kept between two values of opposite sign; `sign` is that at the upper end."""

    def step(state):
        k, low, high, u, _ = state
        h, slope = with_slope(margin)(u)
        up = h * sign > 0
        low, high = jnp.where(up, low, u), jnp.where(up, u, high)
        new = u - h / slope
        inside = (new > low) & (new < high)
        return k + 1, low, high, jnp.where(inside, new, (low + high) / 2), u

    def going(state):
        k, _, _, u, last = state
        return (k < 80) & (u != last)

    start = (0, low, high, (low + high) / 2, jnp.full_like(low, jnp.inf))
    return jax.lax.while_loop(going, step, start)[3]
