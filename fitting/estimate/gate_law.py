"""The law (7) of the slow conductance over the bias, fitted to values of 1/R_a."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import expit, log_expit

Column = Float[np.ndarray, "n"]
# How finely V_T and V_m are tried, and of how many of the best a descent starts.
GRID, DESCENTS = 70, 4
# Of two biases, or in a law that is an exponential, any threshold will do: the nearer one is taken.
NEARER = 0.02
# The law must explain so much more chi2 than an exponential that its threshold is seen.
SEEN = 9.0


class Known(NamedTuple):
    """What is known of the biases: `kind` u [V], V [V] or I [A], its values, R_b and R_s [ohm]."""

    kind: str
    value: Column
    R_b: float
    R_s: float

    def voltage(self, V_T: float, V_m: float, i_c0: float) -> Column:
        """Voltages over the memristor [V] of V = R_s I + u and I = u/R_b + i_c0 f(u)."""
        if self.kind == "u" or (self.kind == "V" and self.R_s == 0):
            return self.value
        given = self.value
        if self.kind == "V":
            low, high = np.minimum(given, 0) - self.R_s * i_c0, np.maximum(given, 0)
        else:
            low, high = self.R_b * (given - i_c0), self.R_b * given
        for _ in range(60):
            u = (low + high) / 2
            current = u / self.R_b + i_c0 * expit((u - V_T) / V_m)
            above = (u + self.R_s * current if self.kind == "V" else current) > given
            low, high = np.where(above, low, u), np.where(above, u, high)
        return (low + high) / 2

    def first_voltage(self, g: Column) -> Column:
        """The same before the law is known: u = integral of dI/(1/R_b + g) from no bias on."""
        if self.kind == "u":
            return self.value
        order = np.argsort(self.value)
        x, slope = self.value[order], 1 / (1 / self.R_b + g[order])
        # dV = (R_s + R_dc) dI
        du = slope if self.kind == "I" else slope / (self.R_s + slope)
        inner = np.concatenate([[0.0], np.cumsum(np.diff(x) * (du[1:] + du[:-1]) / 2)])
        nearest = int(np.argmin(np.abs(x)))
        u = np.empty(len(x))
        u[order] = inner - inner[nearest] + x[nearest] * du[nearest]
        return u


class GateFit(NamedTuple):
    """The law (7) through values of g = 1/R_a.

    - `V_T`, `V_m`, `i_c0`; `errors`: standard errors of V_T [V], ln V_m, ln i_c0.
    - `u`: at each bias the voltage over the memristor [V].
    - `open`: why not all three are determined, or nothing; `steep_known`: whether V_m is all the
      same.
    """

    V_T: float
    V_m: float
    i_c0: float
    errors: tuple[float, float, float]
    u: Column
    open: str
    steep_known: bool

    def log_f(self, u: Column) -> Column:
        """ln f(u)."""
        return log_expit((u - self.V_T) / self.V_m)

    def log_g(self, u: Column) -> Column:
        """ln(1/R_a) [ln S]."""
        size = math.log(self.i_c0 / self.V_m)
        return size + self.log_f(u) + log_expit(-(u - self.V_T) / self.V_m)


def fit_gate(known: Known, log_g: Column, error: Column) -> GateFit:
    """Least squares in ln g of g = (i_c0/V_m) f (1 - f).

    **Arguments:**

    - `known`: the biases. `log_g`, `error`: ln(1/R_a) there [ln S], and its standard errors.
    """
    first = known.first_voltage(np.exp(log_g))
    width = max(float(np.ptp(first)), 1e-6)

    def law(p):
        V_T, V_m = p[0], math.exp(p[1])
        u = known.voltage(V_T, V_m, math.exp(p[2] + p[1]))
        x = (u - V_T) / V_m
        return p[2] + log_expit(x) + log_expit(-x), u

    def residual(p):
        # The last number decides only where nothing else does.
        near = NEARER * (p[0] - first.mean()) / width
        return np.append((log_g - law(p)[0]) / error, near)

    # Here, because scipy.optimize takes longer to import than a spectrum takes to fit.
    from scipy.optimize import least_squares

    starts = _starts(first, width, log_g, error)
    low, high = [-np.inf, math.log(width / 1e3), -np.inf], [np.inf, math.log(30 * width), np.inf]
    found = min(
        (least_squares(residual, p, bounds=(low, high), x_scale=[width, 1.0, 1.0])
         for p in starts), key=lambda f: f.cost,
    )  # fmt: skip
    p, n = found.x, len(log_g)
    fitted, u = law(p)
    chi2 = float(np.sum(((log_g - fitted) / error) ** 2))
    scale = max(1.0, chi2 / (n - 3)) if n > 3 else 1.0
    covariance = np.linalg.pinv(found.jac.T @ found.jac) * scale
    # ln i_c0 = ln(i_c0/V_m) + ln V_m
    to = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 1]])
    errors = np.sqrt(np.diag(to @ covariance @ to.T))
    open_, steep, V_m_error = _open(u, log_g, error, chi2, scale)
    if open_:
        # The threshold that is not seen leaves V_m open by more than the slope does.
        error_m = max(V_m_error, float(errors[1]))
        errors = np.array([np.inf, error_m if steep else np.inf, np.inf])
    V_m = math.exp(p[1])
    sizes = tuple(float(e) for e in errors)
    return GateFit(
        float(p[0]), V_m, math.exp(p[2] + p[1]), (sizes[0], sizes[1], sizes[2]), u, open_, steep
    )  # fmt: skip


def _starts(u: Column, width: float, log_g: Column, error: Column) -> list[np.ndarray]:
    """The best places of a grid over V_T and V_m, with the size that fits best."""
    T, m = np.meshgrid(
        np.linspace(u.min() - 2 * width, u.max() + 2 * width, GRID),
        np.geomspace(width / 100, 3 * width, GRID), indexing="ij",
    )  # fmt: skip
    x = (u - T[..., None]) / m[..., None]
    apart = log_g - log_expit(x) - log_expit(-x)
    weight = 1 / error**2
    size = (apart * weight).sum(-1) / weight.sum()
    chi2 = (((apart - size[..., None]) / error) ** 2).sum(-1)
    chi2 = chi2 + (NEARER * (T - u.mean()) / width) ** 2
    # One of each neighbourhood: the least of its column of V_m.
    best = [int(k) for k in np.argsort(chi2.min(axis=1))]
    rows: list[int] = []
    for k in best:
        if all(abs(k - other) > 4 for other in rows):
            rows.append(k)
    picked = [(k, int(np.argmin(chi2[k]))) for k in rows[:DESCENTS]]
    return [np.array([T[at], math.log(m[at]), size[at]]) for at in picked]


def _open(
    u: Column, log_g: Column, error: Column, chi2: float, scale: float
) -> tuple[str, bool, float]:
    """Why V_T and i_c0 are not seen, whether V_m is all the same, and the error of ln V_m."""
    if len(np.unique(u)) < 3:
        return "two biases do not tell its three parameters; a third one would", False, math.inf
    weight = 1 / error**2
    rows = np.stack([np.ones_like(u), u], axis=1)
    cov = np.linalg.pinv(rows.T @ (rows * weight[:, None]))
    line = cov @ (rows.T @ (weight * log_g))
    straight = float(np.sum(weight * (log_g - rows @ line) ** 2))
    # With as many values as parameters the scatter says nothing; their intervals do.
    if straight - chi2 > SEEN * scale:
        return "", True, 0.0
    ways = "rises" if line[1] > 0 else "falls"
    side = "higher" if line[1] > 0 else "lower"
    what = "exp(-V_T/V_m)" if line[1] > 0 else "exp(V_T/V_m)"
    relative = math.sqrt(scale * cov[1, 1]) / max(abs(float(line[1])), 1e-300)
    said = (
        f"1/R_a still {ways} exponentially over these biases, which tells only (i_c0/V_m) {what}; "
        f"measure at {side} ones"
    )
    return said, relative < math.log(2), float(relative)
