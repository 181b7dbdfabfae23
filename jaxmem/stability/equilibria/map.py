"""What a map of stability shows of each device: where it comes nearest to oscillating."""

from itertools import combinations
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import check_kind
from jaxmem.devices import (
    AbstractDevice,
    CapacitiveLadder,
    Device,
    Memristor2D,
    Memristor3D,
    Polarisation,
)
from jaxmem.devices.branch import Scalar, state_space
from jaxmem.fields import is_concrete
from jaxmem.responses.characteristic import EXPANDED, expand
from jaxmem.responses.linear import circuit_matrix
from jaxmem.responses.search import check_range, survey, unseen
from jaxmem.stability.equilibria.polynomial import UNROLLED, margin_of, routh_margin

# Voltages are scanned so many widths of a branch's window to both sides: there is no loop gain
# above 8, without which nothing oscillates, beyond 12 widths unless G > 1e6.
REACH = 12.0


class LeastMargin(NamedTuple):
    """The smallest normalised Hurwitz margin over the voltages, in [-1, 1], and the u [V] there.

    Negative: there is a voltage at which the device is oscillation-unstable.
    """

    margin: Float[Array, ""]
    u: Float[Array, ""]


def least_margin(
    device: AbstractDevice,
    drive: DriveKind = "current",
    points: int = 200,
    u_range: tuple[Any, Any] | None = None,
) -> LeastMargin:
    """The smallest Hurwitz margin over the voltages where the branches are steep.

    That of `hopf_margin`; beyond six states with u the Routh array's first column over what it is
    when all of its terms are added, which has the same sign.

    For any device: branches are linearised by automatic differentiation, and their polynomials
    make the circuit's. A window of instability narrower than the distance of the voltages, 24
    widths over `points`, may be missed: `hopf_points` finds those. The margin is negative at a
    saddle too, and positive with two unstable pairs (see `hopf_margin`).
    Works under `jit`, `vmap` and `grad`.

    **Arguments:**

    - `drive`: `"current"`, or `"voltage"` through R_s > 0 (NaN where a traced R_s is 0).
    - `points`: voltages for each branch that is steep, 12 widths to each side of its window.
    - `u_range`: voltages to look in instead [V]. Without it a device that may be steep where no
      `window` says so is looked at where its equilibria bend, as in `hopf_points`.

    **Raises:** `ValueError` if no branch is steep anywhere or one has more than six states, for
    fewer than two points, and for voltage drive with R_s = 0 (u is imposed and cannot oscillate).
    """
    _check("least_margin", device, drive, points)
    u_range = check_range("least_margin", u_range)
    if not device.windows() and not unseen(device) and device.curve is None and u_range is None:
        raise ValueError(
            "least_margin: no branch is steep at any voltage; give u_range=(low, high), or vmap "
            "hopf_margin over voltages of your own"
        )
    return _least_margin(device, drive, points, u_range)


@eqx.filter_jit
def _least_margin(device, drive, points, u_range):
    device = in_small_branches(device)
    x = jnp.linspace(-REACH, REACH, points)
    if u_range is not None or unseen(device) or device.curve is not None:
        u = survey(device, u_range).s
    else:
        u = jnp.concatenate([centre + width * x for centre, width in device.windows()])
    rate = rate_of(device, u[u.size // 2])
    margin = jax.vmap(lambda u: margin_at(device, u, drive, rate))(u)
    if u_range is not None and device.curve is not None:
        # The equilibria of such a device are surveyed along its curve, whatever their voltages.
        at = jax.vmap(lambda s: device.equilibrium(s)[0])(u)
        margin = jnp.where((at >= u_range[0]) & (at <= u_range[1]), margin, jnp.nan)
    # NaN where the device cannot be evaluated, as at 1e30 V; of NaN alone the first is taken.
    least = jnp.argmin(jnp.where(jnp.isnan(margin), jnp.inf, margin))
    return LeastMargin(margin[least], device.equilibrium(u[least])[0])


def least_margin_3d(
    device: Memristor3D, drive: DriveKind = "current", points: int = 200
) -> LeastMargin:
    """`least_margin` of the paper's 3D device in closed form.

        margin = (q - 1 - g)/(q + 1 + g),   q = (T1 + T2 + T3)(1/T1 + 1/T2 + 1/T3)

    with T = (R C_m, tau_d, f tau_k), g = R i_c0 f (1 - f)/V_m, and R = R_b under current,
    R_b R_s/(R_b + R_s) under voltage drive. It is (c1 c2 - c0)/(c1 c2 + c0) of eqs 21, 22 and the
    corrected 20: three lags in a ring of loop gain g, unstable if and only if g > q - 1.

    **Arguments:** those of `least_margin`. **Raises:** `ValueError` as there, and for a device
    that has further branches.
    """
    _check("least_margin_3d", device, drive, points)
    if not isinstance(device, Memristor3D) or device.extra:
        raise ValueError(
            "least_margin_3d: holds for a Memristor3D without extra branches; use least_margin"
        )
    R = ring_resistance(device, drive)
    T1, T2 = R * device.C_m, device.tau_d
    x = jnp.linspace(-REACH, REACH, points)
    f = sigmoid(x)
    T3 = f * device.tau_k
    g = R * device.i_c0 / device.V_m * (f * sigmoid(-x))
    # (1 + g)/q with one division for each voltage; the margin falls as it grows.
    near = (1 + g) * T3 / ((T1 + T2 + T3) * (1 + (1 / T1 + 1 / T2) * T3))
    k = jnp.argmax(near)
    return LeastMargin((1 - near[k]) / (1 + near[k]), device.V_T + device.V_m * x[k])


def ring_resistance(device: Memristor2D | Memristor3D, drive: DriveKind) -> Scalar:
    """What the ring of lags sees as its resistance: R_b, or R_b beside R_s under voltage [ohm]."""
    if drive == "current":
        return device.R_b
    return device.R_b * device.R_s / (device.R_b + device.R_s)


def in_small_branches(device: AbstractDevice) -> AbstractDevice:
    """The device in time, each rung of a ladder a branch of its own: the same circuit.

    Of devices with many states the ladders stay whole.
    """
    device = device.in_time()
    branches = {}
    for name, branch in device.branches.items():
        if isinstance(branch, CapacitiveLadder):
            if device.size + 1 > UNROLLED:
                branches[name] = branch
                continue
            for k in range(branch.size):
                branches[f"{name}.{k}"] = Polarisation(branch.R[k], branch.C[k])
            continue
        if branch.size > EXPANDED:
            raise ValueError(
                f"least_margin: branch {name} has {branch.size} states, more than the {EXPANDED} "
                "whose determinants are expanded; write it as parallel branches if it is one"
            )
        branches[name] = branch
    return Device(device.C_m, branches, device.R_s, device.L_s)


def margin_at(device: AbstractDevice, u: Scalar, drive: DriveKind, rate: Scalar) -> Scalar:
    """The margin of `least_margin` at u, by way of the branches' polynomials."""
    n = device.size + 1
    if n < 3 or device.curve is not None:  # for two states no product, but the trace
        return margin_of(circuit_matrix(device, u, drive))
    c = polynomial_of(device, u, drive, rate)
    if n <= EXPANDED:
        at = lambda k: c[k] if 0 <= k <= n else jnp.zeros_like(u)
        H = [[at(2 * (j + 1) - (i + 1)) for j in range(n - 1)] for i in range(n - 1)]
        size = expand([[jnp.abs(x) for x in row] for row in H], True)
        return expand(H, False) / jnp.where(size > 0, size, 1.0)
    return routh_margin(c)


def rate_of(device: AbstractDevice, u: Scalar) -> Scalar:
    """A power of two near the geometric mean of the rates of a device [1/s].

    It keeps products of many rates in range, and costs no digit.
    """
    if device.curve is not None:
        return jnp.ones_like(u)
    parts = [state_space(branch, u) for branch in device.branches.values()]
    G = sum((i_u for i_u, *_ in parts), jnp.zeros_like(u))
    rates = jnp.stack([G / device.C_m, *(r for *_, J in parts for r in jnp.diag(J))])
    exponents = jnp.frexp(rates)[1]
    return jnp.ldexp(jnp.ones_like(u), jnp.sum(exponents) // rates.size)


def polynomial_of(
    device: AbstractDevice, u: Scalar, drive: DriveKind, rate: Scalar
) -> list[Scalar]:
    """1, c_{n-1}, ..., c_0 of det(s - A) in units of a rate.

    Branches meet in u alone, so that with the admittance q_b/p_b of each one's states

        det(s - A) = (s + G/C_m) prod p_b + sum over b of q_b/C_m prod of the other p

    where G is all that conducts at once. Polynomials of few states are cheaper than the minors of
    the whole matrix, and keep the digits of any number of branches. As lists of scalars they
    stay in registers, where XLA writes a matrix to memory.
    """
    # What depends on neither u nor the swept parameters is computed once for all of them, by
    # `vmap`: hence the branches that are steep come last.
    branches = sorted(device.branches.values(), key=lambda b: b.window() is not None)
    G = 1 / device.R_s if drive == "voltage" else jnp.zeros_like(rate)
    P, Q = [jnp.ones_like(rate)], []
    for branch in branches:
        if isinstance(branch, CapacitiveLadder):
            G, P, Q = _with_ladder(branch, device.C_m, rate, G, P, Q)
            continue
        i_u, i_x, r_u, J = state_space(branch, u)
        G = G + i_u
        if branch.size:
            p, q = _fraction(i_x / device.C_m / rate, r_u / rate, J / rate)
            P, Q = _times(P, p), _plus(_times(Q, p), _times(P, q))
    return _plus(_times(P, [jnp.ones_like(rate), G / device.C_m / rate]), Q)


def _with_ladder(ladder, C_m, rate, G, P, Q):
    """The conductance and both polynomials with a ladder's rungs, one after another in a loop."""
    rates = 1 / (ladder.R * ladder.C) / rate
    shares = -rates / ladder.R / C_m / rate
    room = len(P) + ladder.size
    pad = lambda c: jnp.stack([*[jnp.zeros_like(P[0])] * (room - len(c)), *c])

    def rung(polynomials, one):
        P, Q = polynomials
        rate, share = one
        times = lambda c: jnp.roll(c, -1).at[-1].set(0.0) + rate * c
        return (times(P), times(Q) + share * P), None

    (P, Q), _ = jax.lax.scan(rung, (pad(P), pad(Q)), (rates, shares))
    return G + jnp.sum(1 / ladder.R), list(P), list(Q)


def _fraction(i_x, r_u, J) -> tuple[list[Scalar], list[Scalar]]:
    """p = det(s - J) and q = i_x adj(s - J) r_u, highest power first, as sums of minors."""
    n = J.shape[0]
    M = [[-J[i, j] for j in range(n)] for i in range(n)]
    zero = jnp.zeros_like(J[0, 0])
    p, q = [jnp.ones_like(zero)], []
    for k in range(1, n + 1):
        chosen = list(combinations(range(n), k))
        inner = lambda s: [[M[i][j] for j in s] for i in s]
        border = lambda s: (
            [[zero, *(i_x[j] for j in s)]] + [[-r_u[i], *(M[i][j] for j in s)] for i in s]
        )
        p.append(sum((expand(inner(s), False) for s in chosen), zero))
        q.append(sum((expand(border(s), False) for s in chosen), zero))
    return p, q


def _times(a: list[Scalar], b: list[Scalar]) -> list[Scalar]:
    """The product of two polynomials."""
    out: list[Any] = [0.0] * (len(a) + len(b) - 1) if a and b else []
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            out[i + j] = out[i + j] + x * y
    return out


def _plus(a: list[Scalar], b: list[Scalar]) -> list[Scalar]:
    """The sum of two polynomials."""
    short, long = sorted((a, b), key=len)
    pad = len(long) - len(short)
    return long[:pad] + [x + y for x, y in zip(long[pad:], short, strict=True)]


def check_drive(name, device, drive):
    """Refuse a drive that there is not, and a voltage that is imposed."""
    check_kind(f"{name}: drive", drive)
    if drive == "voltage" and is_concrete(device.R_s) and not float(device.R_s) > 0:
        raise ValueError(
            f"{name}: under an ideal voltage, R_s = 0, u is imposed and cannot oscillate; "
            'give R_s > 0, or drive="current"'
        )


def _check(name, device, drive, points):
    check_drive(name, device, drive)
    if points < 2:
        raise ValueError(f"{name}: points must be at least 2, got {points}")
