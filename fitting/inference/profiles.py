"""Profile likelihood: how much worse the best fit becomes as one quantity is moved."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from fitting.diagnosis.covariance import DECADE
from fitting.diagnosis.derived import slow_elements, value_and_slope
from fitting.estimate.result import Fit
from fitting.inference.intervals import quantile
from fitting.inference.likelihood import Likelihood, open_ends
from fitting.solvers.host_loop import HostLeastSquares
from fitting.solvers.solver import RESULTS
from jaxmem.output.reporter import Reporter, Silent

# Points a side that an increase which is quadratic gets, and how often a step may be shortened.
POINTS, SHORTER = 5, 8
# The longest step: half a decade.
LONGEST = DECADE / 2


@dataclass(frozen=True)
class Profile:
    """The profile likelihood of a parameter or of a derived quantity.

    - `values`: where it was looked at, ascending, in `unit`, shape `(n,)`; `increase`: by how much
      -2 ln L of the best fit there is above the optimum, `(n,)`; `vectors`: the search vectors of
      these fits, `(n, p)`.
    - `low`, `high`: where the increase crosses the quantile of chi2 (one degree of freedom) of
      `level`. `closed`: whether each of the two sides does; the end of one that does not is that of
      the range: the bound, 0 or an infinity.
    - `complete`: False if it was interrupted; a side that was not finished is not closed.
    - `widened`: whether residuals of the fit hang together and `fit.covariance` is widened for it.
      The likelihood takes them as independent, so that this interval is too narrow then.
    """

    name: str
    unit: str
    level: float
    values: Float[np.ndarray, "n"]
    increase: Float[np.ndarray, "n"]
    vectors: Float[np.ndarray, "n p"]
    low: float
    high: float
    closed: tuple[bool, bool]
    complete: bool
    widened: bool = False

    @property
    def identifiable(self) -> bool:
        """Whether the interval is closed on both sides."""
        return all(self.closed)

    def statement(self) -> str:
        """The interval in words; none where the data leave a side open."""
        percent = f"{100 * self.level:.4g} %"
        ends = f"{self.low:.4g} to {self.high:.4g} {self.unit}"
        text = f"{self.name}: {ends} ({percent}, profile likelihood)."
        if not self.complete:
            text = f"{self.name}: the profile was interrupted."
        elif not any(self.closed):
            text = f"{self.name}: the data set no limit on either side."
        elif not all(self.closed):
            side = "above" if self.closed[0] else "below"
            end = self.low if self.closed[0] else self.high
            text = (
                f"{self.name}: {'at least' if self.closed[0] else 'at most'} {end:.4g} {self.unit} "
                f"({percent}); the data set no limit {side}."
            )
        if self.widened and any(self.closed):
            text += (
                " It takes residuals as independent, which these are not, and is too narrow: the "
                "interval of the fit is widened for that."
            )
        if len(self.increase) and self.increase.min() < -0.1:
            text += " A better fit than the optimum was met on the way: search from more starts."
        return text


def profile(
    fit: Fit,
    name: str,
    *,
    of: tuple[str, Callable[[Any], Any]] | None = None,
    level: float = 0.95,
    points: int = POINTS,
    decades: float = 2.0,
    progress: Reporter | None = None,
) -> Profile:
    """Move one quantity away from the optimum, fit all else again, and see where it is too bad.

    The increase of min(-2 ln L) is compared with the quantile of chi2; no linearity is assumed, so
    that intervals are right where those of the covariance are not. Steps adapt to the root of the
    increase. Nothing is compiled but what `fit` has compiled.

    **Arguments:**

    - `name`: a parameter of the fit, or an element (`"R_a"`).
    - `of`: unit and function of the model of another derived quantity, called `name`; it must not
      be zero at the optimum.
    - `level`: of the interval.
    - `points`: about how many to look at on each side.
    - `decades`: how far to go (of a signed parameter, to 10^decades times its size); a side that
      has not closed by then is open.
    - `progress`: hears a line at each point. Ctrl-C returns what was found until then, with
      `complete` False.

    **Raises:** `ValueError` for a fit that did not converge, a level out of range or a quantity
    that is zero; `KeyError` for an unknown name.
    """
    top, say = quantile(level), (progress or Silent()).say
    base = Likelihood.of(fit)
    if not (points >= 2 and decades > 0):
        raise ValueError(f"profile: needs points >= 2 and decades > 0, got {points}, {decades}")
    target = _target(fit, base, name, of, decades)
    walks, complete = [], True
    for side in (-1, 1):
        walk = _Walk(base, target, side, top, top / points)
        try:
            for h, s in walk:
                line = f"{target.value(h):.5g} {target.unit}, -2 ln L + {s * abs(s):.4g}"
                say(f"profile of {name}: {line}")
        except KeyboardInterrupt:
            complete = False
        walks.append(walk)
        if not complete:
            break
    while len(walks) < 2:
        walks.append(_Walk(base, target, 1, top, top / points))
    down, up = walks
    h = np.array([*down.h[:0:-1], *up.h])
    s = np.array([*down.s[:0:-1], *up.s])
    vectors = np.stack([*down.z[:0:-1], *up.z])
    closed = [w.closed for w in (down, up)]
    ends = [target.value(w.crossing) if w.closed else target.edge(w.side) for w in (down, up)]
    values = np.array([target.value(x) for x in h])
    order = slice(None)
    if target.sign < 0:
        # The magnitude of a negative quantity grows downwards.
        order, ends, closed = slice(None, None, -1), ends[::-1], closed[::-1]
    return Profile(
        name, target.unit, level, values[order], (s * np.abs(s))[order], vectors[order], ends[0],
        ends[1], (closed[0], closed[1]), complete, any(t.alike for t in fit.terms),
    )  # fmt: skip


@dataclass(frozen=True)
class _Target:
    """What is moved: a function of the search vector, its error, and how far it may go."""

    unit: str
    log: bool
    sign: float
    look: Callable[[np.ndarray], tuple[float, np.ndarray]]
    error: float
    length: float
    low: float
    high: float
    bounds: tuple[float, float]

    def value(self, h: float) -> float:
        """In the unit."""
        with np.errstate(over="ignore"):
            return float(self.sign * np.exp(h)) if self.log else float(h)

    def edge(self, side: int) -> float:
        """The end of the range on a side, in the unit."""
        bound = self.bounds[0 if side < 0 else 1]
        if math.isfinite(bound):
            return self.value(bound)
        low, high = open_ends(self.log, self.sign)
        return (low if side * self.sign < 0 else high) if self.log else side * math.inf


def _target(fit, base, name, of, decades) -> _Target:
    c = base.problem.coordinates
    if of is None and name in fit.names:
        k = fit.names.index(name)
        axis = np.eye(len(base.z))[k]
        look = lambda z: (float(z[k]), axis)
        unit, log, length = c.units[k], c.log[k], float(base.lengths[k])
        sign = c.signs[k] if log else 1.0
        bounds = c.low[k], c.high[k]
    else:
        known = slow_elements(fit.model) | ({} if of is None else {name: of})
        if name not in known:
            raise KeyError(f"{name}; there are {', '.join((*fit.names, *known))}; or give of=")
        unit, fn = known[name]
        value, _ = value_and_slope(base.problem, fn, base.z)
        if not (np.isfinite(value) and value != 0):
            raise ValueError(f"profile: {name} is {value:g} at the optimum; its logarithm is moved")
        sign = float(np.sign(value))
        log, length, bounds = True, 1.0, (-math.inf, math.inf)

        def look(z):
            value, slope = value_and_slope(base.problem, fn, z)
            size = max(sign * value, 1e-300)
            return math.log(size), sign * slope / size

    h, slope = look(base.z)
    used = slope != 0
    variance = fit.covariance[np.ix_(used, used)]
    error = math.inf
    if np.isfinite(variance).all():
        error = float(np.sqrt(max(slope[used] @ variance @ slope[used], 0.0)))
    reach = decades * DECADE if log else 10**decades * length
    low, high = max(h - reach, bounds[0]), min(h + reach, bounds[1])
    return _Target(unit, log, sign, look, error, length, low, high, bounds)


class _Walk:
    """Points from the optimum outward on one side: `h`, root of the increase `s`, vectors `z`."""

    def __init__(self, base: Likelihood, target: _Target, side: int, top: float, goal: float):
        self.base, self.target, self.side, self.top, self.goal = base, target, side, top, goal
        self.h, self.s, self.z = [target.look(base.z)[0]], [0.0], [base.z]
        self.closed = False
        self.solver = HostLeastSquares(max_steps=40, enough=1e-4)
        self.problem = base.problem

    @property
    def crossing(self) -> float:
        """Where the root of the increase of a closed side reaches that of the quantile."""
        # From the last point that is lower than all after it, so that the curve is monotone.
        s, h = [self.s[-1]], [self.h[-1]]
        for a, b in zip(self.s[-2::-1], self.h[-2::-1], strict=True):
            if a < s[-1] - 1e-9 and abs(b - h[-1]) > 0:
                s.append(a)
                h.append(b)
        # Here, because to import it (and scipy.optimize) takes longer than to fit a spectrum.
        from scipy.interpolate import PchipInterpolator

        return float(PchipInterpolator(s[::-1], h[::-1])(self.top))

    def __iter__(self):
        longest = LONGEST * self.target.length
        step, shortened = min(self.goal * self.target.error, longest), 0
        end = self.target.low if self.side < 0 else self.target.high
        while not self.closed and shortened < SHORTER:
            left = abs(end - self.h[-1])
            if left <= 1e-3 * min(self.target.error, self.target.length):
                return
            last = step >= left
            point = self._at(self.h[-1] + self.side * min(step, left))
            gain = math.inf if point is None else point[1] - self.s[-1]
            if gain > 2.5 * self.goal and shortened < SHORTER - 1:
                step, shortened = min(step, left) * max(0.1, 0.8 * self.goal / gain), shortened + 1
                continue
            if point is None:
                return
            shortened = 0
            self.h.append(point[0])
            self.s.append(point[1])
            self.z.append(point[2])
            self.closed = point[1] > self.top
            yield point[0], point[1]
            if last:
                return
            step = min(step * np.clip(self.goal / max(gain, 1e-300), 0.5, 2.0), longest)

    def _at(self, aim):
        """The best fit near h = aim: where it is, the root of the increase, the vector."""
        # It need not be held firmly: every point is one of the profile.
        width = 0.1 * min(self.target.error, self.target.length)
        start = self.z[-1]
        if len(self.h) > 1 and self.h[-1] != self.h[-2]:
            ahead = (aim - self.h[-1]) / (self.h[-1] - self.h[-2])
            move = ahead * (self.z[-1] - self.z[-2])
            start = start + np.clip(move, -self.base.lengths, self.base.lengths)
        for _ in range(3):
            residual = self.problem.on_host().held(self.target.look, aim, width)
            found = self.solver.search(residual, start, self.base.lengths)
            if found.result == RESULTS.start_not_finite and start is not self.z[-1]:
                found = self.solver.search(residual, self.z[-1], self.base.lengths)
            found.unless_interrupted()
            if not np.isfinite(found.chi2):
                return None
            # In the units of the optimum, whatever the scales are by now.
            r = found.r[:-1] * self.problem.row_scale / self.base.problem.row_scale
            before = self.problem
            self.problem, _ = self.base.reweighted(r)
            start = found.z
            if np.abs(np.log(self.problem.scales / before.scales)).max(initial=0.0) < 0.005:
                break
        rise = self.base.increase(r)
        h = self.target.look(found.z)[0]
        return h, math.copysign(math.sqrt(abs(rise)), rise), found.z
