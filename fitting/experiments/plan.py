"""Which experiments to make next, and what they are predicted to bring."""

from dataclasses import dataclass

import numpy as np

from fitting.experiments.offered.experiment import Experiment
from fitting.experiments.quantities_wanted import Wanted
from jaxmem.output.numbers import engineering

# Deviations of a logarithm beyond this are said as factors.
FACTOR = 0.7


@dataclass(frozen=True)
class Measure:
    """One line of a plan: an experiment, how often, how long in all [s], and the standard
    deviations of the quantities after it and all lines above, `(q,)`."""

    experiment: Experiment
    count: int
    time: float
    after: np.ndarray


@dataclass(frozen=True)
class Plan:
    """Experiments within a time, and the uncertainties before and after them.

    - `wanted`: the quantities. `before`, `after`: their standard deviations, `(q,)`, of ln(value),
      or over the size of a value that may have either sign; at the device as it is known now.
    - `least`, `most`: of `after` over the draws about it, `(q,)`.
    - `measures`: what to do, that first which brings most.
    - `budget`, `time`: allowed and used [s]; `criterion`: what was made small.
    - `wider`: standard deviations are at most this fraction wider than those of the best mixture of
      these experiments, counts not being whole.
    - `offered`: all experiments that there were to choose from. `remarks`: what else a reader must
      know.
    """

    wanted: Wanted
    before: np.ndarray
    after: np.ndarray
    least: np.ndarray
    most: np.ndarray
    measures: tuple[Measure, ...]
    budget: float
    time: float
    criterion: str
    wider: float
    offered: tuple[Experiment, ...]
    remarks: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the quantities."""
        return self.wanted.names

    @property
    def typical(self) -> tuple[float, float]:
        """The geometric mean of the standard deviations, before and after."""
        mean = lambda s: float(np.exp(np.mean(np.log(s))))
        return mean(self.before), mean(self.after)

    def spread(self, k: int, deviation: float) -> str:
        """A standard deviation of quantity k in words: "0.6 %", "a factor of 3", "12 mV"."""
        if self.wanted.signed[k]:
            return engineering(deviation * abs(self.wanted.values[k]), self.wanted.units[k], 3)
        if deviation > FACTOR:
            return f"a factor of {np.exp(min(deviation, 500.0)):.2g}"
        return f"{100 * deviation:.2g} %"

    def sentences(self) -> list[str]:
        """What to do and what it brings, in the order in which it brings most."""
        if not self.measures:
            return [
                f"Nothing fits into {duration(self.budget)}: the shortest experiment takes "
                f"{duration(min(e.time for e in self.offered))}."
            ]
        lines, before = [], self.before
        for m in self.measures:
            times = f", {m.count} times" if m.count > 1 else ""
            said = self._changes(before, m.after)
            lines.append(f"Measure {m.experiment.words}{times}, {duration(m.time)}: {said}.")
            before = m.after
        now, then = self.typical
        lines.append(
            f"Together {duration(self.time)} of {duration(self.budget)}: standard deviations "
            f"become smaller by a factor of {now / then:.3g} in the geometric mean; with any other "
            f"choice of these experiments by at most {now / then * (1 + self.wider):.3g}."
        )
        return lines

    def _changes(self, before, after) -> str:
        """The quantities that an experiment helps most."""
        gain = before / after
        order = np.argsort(-gain, kind="stable")
        told = [k for k in order[:3] if gain[k] > 1.05 and gain[k] > gain[order[0]] ** 0.5]
        parts = [
            f"{self.names[k]} from {self.spread(int(k), float(before[k]))} to "
            f"{self.spread(int(k), float(after[k]))}"
            for k in told
        ]
        return ", ".join(parts) or "a little of everything"


def duration(seconds: float) -> str:
    """36 s, 4 min, 2.5 h, 3 d."""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.2g} {unit}"
    return engineering(seconds, "s", 3) if seconds < 1 else f"{seconds:.3g} s"
