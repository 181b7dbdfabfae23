"""Whether a model describes a measurement: how large residuals are beside the noise, and whether
they have a structure."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import chdtrc, fdtrc, ndtr

from fitting.diagnosis.runs_test import runs_probability
from fitting.diagnosis.stretches import Stretch, heaviest, sequence_lines
from fitting.terms.floor import Floor
from fitting.terms.measurement import AbstractMeasurement

# The grades, from the best to the worst.
GRADES = ("yes", "but_for", "roughly", "no")
# Chance that the noise alone has such an excess, or such a structure.
LEVEL = 0.01
# Residuals below the first of these, in standard deviations of the floor, describe the data
# whatever their structure; from the second on they do not describe them.
CLOSE, FAR = 1.2, 2.0
# A stretch of at most a twentieth is excepted where the rest is as near the noise as this. A longer
# one only where the rest has neither excess nor structure, and the whole is not further off than
# the third: a wrong model, too, may gather what it leaves in one place.
REST, SHORT, LONG_FAR = 1.1, 0.05, 3.0
# What a rough description may be off by, as a share of |Z| or of the largest number.
ROUGH = 0.05


class Description(NamedTuple):
    """How well a model describes one measurement.

    - `grade`: `"yes"`, `"but_for"` (a stretch), `"roughly"` or `"no"`.
    - `excess`: the residual, corrected for the parameters, over the noise floor; NaN where
      nothing tells how large the noise is. `excess_p`, `structure_p`: chance of such an excess,
      and of neighbours so alike, if the model were right.
    - `floor`: what the data themselves scatter by, as a share of what `share` is of, and
      `source`, where it is from.
    - `share`: rms of the differences as a share of `scale`: |Z|, or the largest number.
    - `where`: the stretch that holds most of chi2; with `"but_for"` the one that is excepted.
    - `consistent`: False where the data contradict themselves.
    """

    grade: str
    excess: float
    excess_p: float
    structure_p: float
    floor: float
    source: str
    share: float
    scale: str
    where: Stretch | None
    consistent: bool = True

    def record(self) -> dict[str, Any]:
        """As plain data."""
        finite = lambda x: float(x) if math.isfinite(x) else None
        where = self.where
        place = None if where is None else {
            "low": finite(where.low), "high": finite(where.high), "unit": where.unit,
            "share_of_chi2": finite(where.share),
        }  # fmt: skip
        return {
            "describes": self.grade, "excess": finite(self.excess),
            "excess_p": finite(self.excess_p), "structure_p": finite(self.structure_p),
            "noise_floor": finite(self.floor), "noise_from": self.source,
            "residual": finite(self.share), "relative_to": self.scale, "where": place,
            "consistent": bool(self.consistent),
        }  # fmt: skip


class _Residual(NamedTuple):
    """Residuals in the measurement's own standard deviations, what the parameters took of their
    number, and the lines of neighbours."""

    r: np.ndarray
    freedom: float
    lines: list[np.ndarray]
    floor: Floor | None

    def size(self) -> float:
        return float(np.sqrt(np.sum(self.r**2) / max(self.freedom, 1.0)))

    def excess(self) -> float:
        return math.nan if self.floor is None else self.size() / self.floor.size

    def excess_p(self) -> float:
        """chi2, or F of what the model leaves more than the family behind the floor does."""
        if self.floor is None:
            return 1.0
        total, per = float(self.r @ self.r), self.floor.size**2
        known = self.floor.freedom
        if not math.isfinite(known):
            return float(chdtrc(max(self.freedom, 1.0), total / per))
        more = self.freedom - known
        if self.floor.rows is None or more < 1:
            # Of numbers that a filter makes alike only some are independent.
            free = max(self.freedom / self.floor.stride, 1.0)
            return float(fdtrc(free, known, self.excess() ** 2))
        return float(fdtrc(more, known, max(total / per - known, 0.0) / more))

    def structure_p(self) -> float:
        """Of neighbours so alike, beyond what a filter makes alike."""
        step = 1 if self.floor is None else self.floor.stride
        return structure_probability([self.r[line[::step]] for line in self.lines])

    def describes(self, level: float, close: float = CLOSE) -> bool:
        # Of data that contradict themselves the floor holds more than noise: tests decide.
        sound = self.floor is None or self.floor.consistent
        if sound and self.excess() < close:
            return True
        return self.excess_p() > level and self.structure_p() > level

    def without(self, rows: np.ndarray, step: np.ndarray) -> "_Residual":
        """What is left without some rows, of parameters moved so that `r` changes by `step`."""
        keep = np.ones(len(self.r), bool)
        keep[rows] = False
        place = np.cumsum(keep) - 1
        lines = [place[line[keep[line]]] for line in self.lines]
        return _Residual(
            (self.r + step)[keep], self.freedom - float(np.sum(~keep)), lines,
            None if self.floor is None else self.floor.without(keep),
        )  # fmt: skip


def describe(
    m: AbstractMeasurement,
    r: np.ndarray,
    J: np.ndarray,
    freedom: float,
    scale: np.ndarray | float = 1.0,
    whole: np.ndarray | None = None,
    level: float = LEVEL,
) -> Description:
    """The grade of a measurement under a fitted model.

    **Arguments:**

    - `m`: the measurement.
    - `r`, `J`: its residuals as they were fitted, shape `(n,)`, and their derivatives by the free
      parameters, shape `(n, p)`. `scale`: of the noise, so that `r * scale` is (signal - observed)
      times the weight of each number that is fitted.
    - `freedom`: the number of them less the parameters that they determine.
    - `whole`: J^T J of all that is fitted together, default of this measurement.
    - `level`: chance of a false alarm of each of the two tests.
    """
    whole, fitted, r = J.T @ J if whole is None else whole, r, r * scale
    lines = sequence_lines(m, len(r))
    floor = m.floor(r)
    left = _Residual(r, freedom, lines, floor)
    share = m.fraction(r / m.weight[m.fitted])
    per = share / max(float(np.sqrt(np.mean(r**2))), 1e-300)
    where, grade = heaviest(m, r, lines), "yes"
    if not left.describes(level):
        grade = _grade(left, share)
        for stretch in where:
            short = stretch.part <= max(SHORT, 2 / len(r))
            if not short and left.excess() > LONG_FAR:
                break
            step = scale * (J @ _moved(whole, J[stretch.rows], fitted[stretch.rows]))
            rest = left.without(stretch.rows, step)
            # Tests of few independent numbers pass what is plainly too large.
            if not rest.excess() >= CLOSE and rest.describes(level, REST if short else 0.0):
                grade, where = "but_for", [stretch]
                break
    elif floor is None and share > ROUGH:
        grade = "no"
    return Description(
        grade, left.excess(), left.excess_p(), left.structure_p(),
        math.nan if floor is None else floor.size * per, "" if floor is None else floor.source,
        share, m.fraction_of, where[-1] if where else None, floor is None or floor.consistent,
    )  # fmt: skip


def structure_probability(lines: Sequence[np.ndarray]) -> float:
    """Chance that independent residuals have so few runs of one sign, or so alike neighbours.

    **Arguments:**

    - `lines`: the residuals along each line of neighbours; those of fewer than ten say nothing.
    """
    runs = runs_probability(lines)
    long = [line for line in lines if len(line) >= 10]
    square = sum(float(line @ line) for line in long)
    if not square:
        return 1.0
    pairs = sum(float(line[1:] @ line[:-1]) for line in long)
    alike = float(ndtr(-pairs / square * math.sqrt(sum(map(len, long)))))
    return min(1.0, 2 * min(alike, 1.0 if math.isnan(runs) else runs))


def _grade(left: _Residual, share: float) -> str:
    """Of what is not described: far off only where no filter can make such noise."""
    ample = 1.0 if left.floor is None else max(left.floor.ample / left.floor.size, 1.0)
    return "roughly" if not left.excess() >= FAR * ample and share < ROUGH else "no"


def _moved(whole: np.ndarray, J: np.ndarray, r: np.ndarray) -> np.ndarray:
    """How the optimum moves without some rows, in the linear model."""
    size = np.sqrt(np.maximum(np.diag(whole), 1e-300))
    A = (whole - J.T @ J) / np.outer(size, size)
    return np.linalg.lstsq(A, J.T @ r / size, rcond=1e-10)[0] / size


def worst(grades) -> str:
    """The worst of some grades, `"yes"` of none."""
    return max(grades, key=GRADES.index, default="yes")
