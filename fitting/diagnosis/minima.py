"""Which minima there are, which of them explain the data equally well, and what follows."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from fitting.diagnosis.covariance import DECADE, WIDEST, Uncertainty, uncertainty
from fitting.problem.problem import Problem
from fitting.problem.space import Coordinates
from fitting.solvers.solver import RESULTS, Search
from fitting.terms.spectrum_batch import bias_voltage
from jaxmem.devices import AbstractDevice
from jaxmem.lens import lenses

# Two optima explain data equally well if their sums of squares differ by less than this, in
# squared standard deviations of the noise.
EQUAL = 1.0
# How many distinct minima are kept, the best first.
MOST = 12

# Its multiples fall evenly between 0 and 1, none twice.
GOLDEN = (np.sqrt(5) - 1) / 2


class Minimum(NamedTuple):
    """A distinct local minimum: search vector, values, sum of squares, starts that reached it."""

    z: np.ndarray
    values: np.ndarray
    chi2: float
    starts: int


class Alternative(NamedTuple):
    """A point that explains the data as well as the optimum, and why it exists."""

    z: np.ndarray
    why: str


def distinct(problem: Problem, found: Search, x_scale: np.ndarray, noise: float):
    """The converged searches grouped into minima, the best first, as a tuple of `Minimum`.

    Ends with the same residuals are one minimum if they are one point, or if the data leave a
    direction free there, along which they ran apart. Well-determined points with the same
    residuals are two: mirror images under an exchange of parameters. The best end is always
    listed, converged or not.
    """
    c = problem.coordinates
    decade = np.where(c.log, DECADE, x_scale)
    usable = np.isfinite(found.chi2) & np.asarray(found.result != RESULTS.start_not_finite)
    order = np.argsort(np.where(usable, found.chi2, np.inf), kind="stable")
    ended = np.asarray(found.result == RESULTS.successful)
    order = [k for n, k in enumerate(order) if usable[k] and (n == 0 or ended[k])]
    groups: list[_Group] = []
    for k in order:
        z, chi2 = found.z[k], float(found.chi2[k])
        home = next((g for g in groups if g.holds(z, chi2, x_scale)), None)
        if home is None and len(groups) < MOST:
            r, J = problem.inspect(z[None])
            free = uncertainty(J[0], noise, decade).singular_values[-1] < 1
            new = _Group(z, chi2, r[0], bool(free), max(noise, 1e-300))
            home = next((g for g in groups if g.shadows(new)), None)
            if home is None:
                groups.append(new)
        if home is not None:
            home.starts += 1
    return tuple(Minimum(g.z, c.to_values(g.z), g.chi2, g.starts) for g in groups)


@dataclass
class _Group:
    z: np.ndarray
    chi2: float
    residual: np.ndarray
    free: bool
    noise: float
    starts: int = 1

    def holds(self, z, chi2, x_scale):
        """Whether an end is this point."""
        level = abs(chi2 - self.chi2) <= 1e-4 * self.chi2 + 1e-300
        return level and np.abs((z - self.z) / x_scale).max() < 1e-2

    def shadows(self, other):
        """Whether another end is this minimum, elsewhere along a direction that is free."""
        apart = float(np.sum((other.residual - self.residual) ** 2))
        return (self.free or other.free) and apart <= 0.1 * self.noise**2


def exchanges(problem: Problem) -> tuple[tuple[str, str], ...]:
    """Pairs of one unit whose exchange leaves the residuals as they are, whatever the data."""
    c = problem.coordinates
    like = lambda a, b: all(row[a] == row[b] for row in (c.units, c.log, c.signs, c.low, c.high))
    pairs = [(a, b) for b in range(len(c.names)) for a in range(b) if like(a, b)]
    if not pairs:
        return ()
    # Tried where the model stands, not at the optimum: there a parameter may have run off to
    # where nothing depends on it, and any exchange would seem to leave the residuals alone.
    here = c.pack(problem.model)
    # A little off, each parameter by another amount: where two resistances are equal, exchanging
    # the capacitances beside them would change nothing either.
    step = 0.2 * np.where(c.log, 1.0, np.abs(here) + 1e-3)
    here = np.clip(here + step * (np.arange(len(here)) * GOLDEN % 1), c.low, c.high)
    rows = [here]
    for a, b in pairs:
        apart = here.copy()
        apart[a] += 0.7 if c.log[a] else 0.7 * abs(here[a]) + 1e-3
        mirror = apart.copy()
        mirror[[a, b]] = apart[[b, a]]
        rows += [apart, mirror]
    chi2 = problem.chi2(np.stack(rows))
    one, two = chi2[1::2], chi2[2::2]
    same = np.abs(one - two) <= 1e-9 * np.maximum(one, two)
    moves = np.abs(one - chi2[0]) > 1e-7 * chi2[0]
    return tuple(
        (c.names[a], c.names[b]) for (a, b), s in zip(pairs, same & moves, strict=True) if s
    )


def alternatives(
    c: Coordinates,
    z: np.ndarray,
    minima: tuple[Minimum, ...],
    pairs: tuple[tuple[str, str], ...],
    noise: float,
) -> list[Alternative]:
    """The optimum with a pair exchanged, and equally good minima."""
    found = []
    for one, two in pairs:
        a, b = c.names.index(one), c.names.index(two)
        mirror = np.array(z)
        mirror[[a, b]] = z[[b, a]]
        found.append(Alternative(mirror, f"the optimum with {one} and {two} exchanged is as good"))
    found += [
        Alternative(m.z, "an equally good minimum has it elsewhere")
        for m in minima[1:]
        if m.chi2 - minima[0].chi2 < EQUAL * noise**2
    ]
    return found


def verdicts(
    c: Coordinates,
    z: np.ndarray,
    u: Uncertainty,
    x_scale: np.ndarray,
    others: list[Alternative],
    curved: dict[int, str],
) -> tuple[np.ndarray, tuple[tuple[str, ...], ...]]:
    """For each parameter whether it is identifiable, and if not, the reasons in words.

    `curved`: why the linear law does not hold for a parameter (see `find_nonlinearity`).
    """
    error = np.sqrt(np.diag(u.covariance))
    reasons: list[tuple[str, ...]] = []
    share = np.abs(u.weak_directions)
    share = share / np.maximum(share.max(axis=1, keepdims=True), 1e-300)
    for k in range(len(z)):
        why = []
        if not math.isfinite(error[k]):
            why.append("the data do not feel it")
        elif c.log[k] and error[k] > WIDEST:
            why.append("its 68 % interval spans more than a factor of two each way")
        elif not c.log[k] and error[k] > 9 * max(abs(z[k]), x_scale[k]):
            why.append("its 68 % interval spans more than ten times its size each way")
        elif (share[:, k] > 0.3).any():
            why.append("it can change by a factor of ten together with others, below the noise")
        if not why and k in curved:
            why.append(curved[k])
        for other in others:
            if abs(other.z[k] - z[k]) > max(error[k], 1e-3 * x_scale[k]):
                value = c.to_values(other.z)[k]
                why.append(f"{other.why}, at {value:.4g} {c.units[k]}")
                break
        reasons.append(tuple(why))
    return np.array([not why for why in reasons]), tuple(reasons)


def exchanged_lags(problem: Problem, z: np.ndarray) -> list[np.ndarray]:
    """Search vectors with tau_d and f tau_k exchanged, for each device that has both free.

    At one bias the impedance stays the same exactly (eqs 13, 14). At several, f changes from one
    to the other, and the exchanged point is near a minimum of its own, if there is one: refit from
    it. f is taken in the middle of the biases.
    """
    c = problem.coordinates
    model = c.unpack(jnp.asarray(z), problem.model)
    found = []
    for k, path in enumerate(c.paths):
        head = path.removesuffix("tau_d")
        if "=" in path or not path.endswith("tau_d") or f"{head}tau_k" not in c.paths:
            continue
        j = c.paths.index(f"{head}tau_k")
        if not (c.log[k] and c.log[j]):
            continue
        at = lenses(model)
        letters = [float(at[f"{head}{name}"](model)) for name in ("V_T", "V_m")]
        u = biases(problem, model)
        x = (np.median(u) - letters[0]) / letters[1] if len(u) else 0.0
        f = 0.5 * (1 + np.tanh(np.clip(x, -30, 30) / 2))
        other = np.array(z)
        other[k], other[j] = z[j] + np.log(f), z[k] - np.log(f)
        found.append(np.clip(other, c.low, c.high))
    return found


def biases(problem: Problem, model: Any) -> np.ndarray:
    """The voltages over the memristor at which small signals were measured [V]."""
    device = model if isinstance(model, AbstractDevice) else None
    found = []
    for kind, value in problem.biases:
        if kind == "u":
            found.append(value)
        elif device is not None:
            found.append(float(bias_voltage(device, kind, jnp.asarray(value, dtype=float))))
    return np.array([u for u in found if np.isfinite(u)])
