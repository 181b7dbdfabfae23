"""One start read off the data: arcs of a spectrum, the rise of a steady curve, the width of a loop.

Rough on purpose: each number is what one would read with a ruler, and a search goes on from there.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import expit, log_expit

from fitting.terms.measurement import Sizes

# How finely V_T and V_m are tried.
GRID = 60
# At how many voltages a loop is looked at.
LEVELS = 40
# Fewer samples are no loop.
LEAST_SAMPLES = 10
# A loop is slow whose directions lie this close together, as a share of the rise.
SLOW_LOOP = 0.1
# A rise of less than this share of the current is noise.
LEAST_RISE = 0.05


class Arcs(NamedTuple):
    """The 2D circuit (6) that a Nyquist plot shows, NaN for what it does not show."""

    R_s: float
    L_s: float
    R_b: float
    C_m: float
    apex: float
    g: float
    tau: float


def arcs(seen: Sizes) -> Arcs:
    """Intercepts and extrema of the capacitive arc and of the inductive one below it.

    The capacitive arc begins at R_s and would end at R_s + R_b, where -Im Z changes sign; its apex
    lies at omega = 1/(R_b C_m). The inductive arc goes back to R_s + R_b/(1 + g R_b); its extremum
    lies at omega = (1 + g R_b)/tau, at a height of half of what it goes back by.
    `apex` is the angular frequency of the first [rad/s].
    """
    order = np.argsort(seen.omega)
    omega, Z = seen.omega[order], seen.Z[order]
    up = -Z.imag
    apex = int(np.argmax(up))
    # The lead may make Z inductive above the arc, the memory below it.
    inductive = np.flatnonzero(up < 0)
    above, below = inductive[inductive > apex], inductive[inductive < apex]
    closed = len(above) or up[-1] < 0.2 * up[apex]
    start = Z.real[above[0] if len(above) else -1] if closed else Z.real[apex] - up[apex]
    smallest = float(np.abs(Z).min())
    R_s = float(np.clip(start, 1e-2 * smallest, smallest))
    top = Z.real[below[-1]] if len(below) else Z.real[: apex + 1].max()
    R_b = float(max(top - R_s, up[apex], 1e-3 * np.abs(Z).max()))
    L_s = Z.imag[-1] / omega[-1] if len(above) else np.nan
    first = (R_s, L_s, R_b, 1 / (omega[apex] * R_b), omega[apex])
    if not len(below):
        return Arcs(*first, np.nan, np.nan)
    lowest = below[np.argmin(up[below])]
    # 2 |Im| is what the arc goes back by, if it is seen to its extremum.
    back = min(max(-2 * up[lowest], R_s + R_b - Z.real[0], 1e-3 * R_b), 0.99 * R_b)
    loop = back / (R_b - back)
    return Arcs(*first, float(loop / R_b), float((1 + loop) / omega[lowest]))


class Gate(NamedTuple):
    """Where the slow conduction sets in, and how much of it there is."""

    V_T: float
    V_m: float
    i_c0: float


def gate_of_slopes(
    u: Sequence[float] | np.ndarray,
    g: Sequence[float] | np.ndarray,
    V_T: tuple[float, float],
    V_m: tuple[float, float],
) -> Gate | None:
    """From 1/R_a = (i_c0/V_m) f(1-f) (7) at two biases or more; the best of a grid."""
    u, g = np.asarray(u, dtype=float), np.asarray(g, dtype=float)
    seen = np.isfinite(g) & (g > 0)
    u, g = u[seen], g[seen]
    if len(np.unique(u)) < 2:
        return None
    T, m = _grid(V_T, V_m)
    x = (u - T[..., None]) / m[..., None]
    apart = np.log(g) - log_expit(x) - log_expit(-x)
    size = apart.mean(axis=-1)
    # Of all that explain two biases, the one whose threshold is the least far away.
    misfit = ((apart - size[..., None]) ** 2).mean(axis=-1) + 1e-4 * np.abs(x).mean(axis=-1)
    k = np.unravel_index(np.argmin(misfit), misfit.shape)
    if k[0] in (0, GRID - 1):
        # Nothing within the range explains them.
        return None
    return Gate(float(T[k]), float(m[k]), float(np.exp(size[k]) * m[k]))


class Curve(NamedTuple):
    """A steady curve; of a loop also how fast it was swept [V/s], and the capacitance it shows."""

    V: Float[np.ndarray, "n"]
    current: Float[np.ndarray, "n"]
    rate: float = 0.0
    C_lf: Float[np.ndarray, "n"] | None = None
    slow: bool = True


def curve_of_loop(t, V, current) -> Curve | None:
    """The middle between both directions of a loop, and C_lf from half its width.

    A slow loop, whose directions lie close together, has I = I(u) + C_lf dV/dt, where
    C_lf = C_m - (tau_d + f tau_k)/R_a; it crosses itself where C_lf changes sign. None unless V
    goes up and down over one range, by more than a few values.
    """
    t, first = np.unique(t, return_index=True)
    V, current = V[first], current[first]
    if len(t) < LEAST_SAMPLES:
        return None
    rate = np.gradient(V, t)
    ways = [rate > 0, rate < 0]
    if min(len(np.unique(V[w])) for w in ways) < LEAST_SAMPLES / 2:
        return None
    ends = [(V[w].min(), V[w].max()) for w in ways]
    low, high = max(e[0] for e in ends), min(e[1] for e in ends)
    if not high - low > 0.5 * np.ptp(V):
        return None
    level = np.linspace(low, high, LEVELS)
    at = lambda y, w: np.interp(level, *np.array(sorted(zip(V[w], y[w], strict=True))).T)
    (up, down), (rise, fall) = ([at(y, w) for w in ways] for y in (current, rate))
    middle, width = (up + down) / 2, up - down
    return Curve(
        level, middle, float(np.median(np.abs(rate[rate != 0]))), width / (rise - fall),
        bool(np.sqrt(np.mean(width**2)) < SLOW_LOOP * np.ptp(middle)),
    )  # fmt: skip


def gate_of_curve(
    curve: Curve, V_T: tuple[float, float], V_m: tuple[float, float]
) -> tuple[Gate, float] | None:
    """From I(u) = u/R_b + i_c0 f(u) (5): the gate and R_b; the best of a grid.

    None where there is no rise above a straight line.
    """
    # Whatever a curve has of points, some suffice.
    some = np.unique(np.linspace(0, len(curve.V) - 1, 100).astype(int))
    V, current = curve.V[some], curve.current[some]
    if not np.any(current):
        return None
    T, m = _grid(V_T, V_m)
    f = expit((V - T[..., None]) / m[..., None])
    # Currents span decades: small ones count for more than in a sum of squares.
    weight = 1 / np.sqrt(np.abs(current) + 1e-2 * np.abs(current).max())
    a, b, y = V * weight, f * weight, current * weight
    aa, bb, ab, ay, by = a @ a, (b * b).sum(-1), b @ a, a @ y, b @ y
    size = aa * bb - ab**2
    safe = np.where(size > 0, size, 1.0)
    slope, rise = (ay * bb - ab * by) / safe, (aa * by - ab * ay) / safe
    fine = (size > 0) & (slope > 0) & (rise > 0)
    misfit = np.where(fine, y @ y - slope * ay - rise * by, np.inf)
    k = np.unravel_index(np.argmin(misfit), misfit.shape)
    if not fine[k] or rise[k] < LEAST_RISE * np.ptp(current):
        return None
    return Gate(float(T[k]), float(m[k]), float(rise[k])), float(1 / slope[k])


def lags_of_loop(
    V: Float[np.ndarray, "n"], C_lf: Float[np.ndarray, "n"], gate: Gate
) -> tuple[float, float]:
    """C_m and the sum of the lags from C_lf = C_m - tau/R_a, both positive; zero where not seen."""
    # Here, because scipy.optimize takes longer to import than a spectrum takes to fit.
    from scipy.optimize import nnls

    f = expit((V - gate.V_T) / gate.V_m)
    slope = gate.i_c0 / gate.V_m * f * (1 - f)
    rows = np.stack([np.ones_like(f), -slope], axis=1)
    weight = 1 / (np.abs(C_lf) + 1e-2 * np.abs(C_lf).max() + 1e-300)
    (C_m, tau), _ = nnls(rows * weight[:, None], C_lf * weight)
    return float(C_m), float(tau)


def _grid(V_T: tuple[float, float], V_m: tuple[float, float]):
    return np.meshgrid(np.linspace(*V_T, GRID), np.geomspace(*V_m, GRID), indexing="ij")
