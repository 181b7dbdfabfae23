"""The share of made devices that are within specification: `yield_of`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax
import numpy as np
from scipy.stats import binomtest

from fitting.designs.goals.goal import DesignGoal
from fitting.yields.corners import Corner, corners_of
from fitting.yields.limits import how_driven, judge, needs_spikes
from fitting.yields.losses import Loss, losses_of
from fitting.yields.many_devices import RESTS, Numbers, begin_at, numbers_of
from fitting.yields.question import Question
from fitting.yields.scatter import Scatter, Spread
from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import LETTER
from jaxmem.devices import AbstractDevice
from jaxmem.devices.device import check_device
from jaxmem.stability.cycles.neighbouring import KnownCycle

# Of so many made devices the first that spikes begins, where the designed one does not.
TRIED = 50
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Yield:
    """How many of n made devices are within specification.

    - `share`, `low`, `high`: the share within, and its interval of 95 % (Clopper and Pearson 1934).
      Devices that could not be computed count as outside for `share` and `low`, and as within for
      `high`.
    - `count` within, of `devices`; `resting`: those with no stable cycle at the drive; `unknown`:
      those that could not be computed.
    - `missed`: for each goal how many are below and above what is allowed, of those that have it.
    - `losses`: for each parameter what its scatter costs. `corners`: the most probable device at
      each limit, the nearest first.
    - `names` of the parameters, `parameters` (n, p) in their units, `values` (n, m) of the goals,
      `within` (n,): all devices, to look at. `standard` (n, p): the scatter in standard deviations.
    - `driven`: how the devices were driven, in words; empty where no goal takes a drive.
    """

    share: float
    low: float
    high: float
    count: int
    devices: int
    resting: int
    unknown: int
    missed: dict[str, tuple[int, int]]
    losses: dict[str, Loss]
    corners: tuple[Corner, ...]
    names: tuple[str, ...]
    parameters: np.ndarray
    values: np.ndarray
    within: np.ndarray
    standard: np.ndarray
    driven: str = ""

    def statements(self) -> list[str]:
        """The yield, where it is lost, and to which parameters, in sentences."""
        n = self.devices
        lines = [
            f"Yield: {100 * self.share:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f} %, "
            f"95 % interval), {self.count} of {n} devices{self.driven and f', {self.driven}'}."
        ]
        if self.unknown:
            lines.append(
                f"{self.unknown} of {n} devices could not be computed; the interval holds whatever "
                "they are."
            )
        lost = [(self.resting, "no spikes")]
        for name, (below, above) in self.missed.items():
            lost += [(below, f"{name} too low"), (above, f"{name} too high")]
        told = [f"{words} {100 * c / n:.1f} %" for c, words in sorted(lost, reverse=True) if c]
        if told:
            lines.append(f"Share of all devices out of specification by: {', '.join(told)}.")
        gains = sorted(self.losses.items(), key=lambda item: -item[1].gain)
        shown = [
            f"{name} {100 * loss.share:.1f} %" for name, loss in gains if loss.gain > loss.error
        ][:3]
        if shown and self.count < n:
            lines.append(f"The yield among devices that have one parameter as designed: "
                         f"{', '.join(shown)}.")  # fmt: skip
        if self.corners:
            lines.append(self.corners[0].sentence())
        return lines


def yield_of(
    device: AbstractDevice,
    specification: Sequence[DesignGoal],
    scatter: Scatter | float,
    *,
    drive: DriveKind = "current",
    at: tuple[str, float] = ("window", 0.5),
    devices: int = 10_000,
    seed: int = 0,
    corners: bool = True,
) -> Yield:
    """The share of devices, made with scatter, that are within specification.

    Each device's Hopf points and its limit cycle are computed, and what is within is counted. A
    device spikes where it has a stable cycle at the drive: the one that continues the designed
    device's, or else what `limit_cycle` finds. One that rests stably beside a cycle counts as
    spiking, since it can be made to; without a window of oscillation there is no drive in its
    middle, and the device rests. Where the drive is given and lies outside of a window with a soft
    onset (l1 < 0) at both ends, and rest is stable there, the device is taken to rest, which is not
    proved: a cycle that comes back from farther away would be missed.

    **Arguments:**

    - `specification`: goals with the tolerances that made devices are held to, as
      `DesignGoal("frequency", 100.0, tolerance=0.15)`. That a device spikes is part of it as soon
      as one goal is about a cycle or a window, and where there is none.
    - `scatter`: of the parameters; a number is `Scatter(number)`.
    - `drive`, `at`: as in `design`. ("window", 0.5) says that each device is driven in the middle
      of its own window; ("I", 2e-4) that all are driven alike.
    - `devices`: how many are drawn; `seed` of the draws. `corners`: whether they are looked for.

    **Raises:** `ValueError` for what cannot be asked, and if neither the device nor one of the
    first 50 that are drawn spikes.
    """
    check_made("yield_of", device, specification, drive, at)
    if devices < 1:
        raise ValueError(f"yield_of: devices is a whole number from 1, got {devices}")
    scatter = scatter if isinstance(scatter, Scatter) else Scatter(scatter)
    spread = Spread(scatter, device)
    question = Question(tuple(specification), device, spread.moved, drive, at)
    x = np.random.default_rng(seed).standard_normal((devices, len(spread.names)))
    rows, _ = spread.leaves(device, x)
    known = start_of("yield_of", question, rows) if needs_spikes(question.goals) else None
    found = counted(question, spread, x, numbers_of(question, rows, known))
    if not corners:
        return found
    return replace(found, corners=corners_of(question, spread, known))


def check_made(
    who: str, device: AbstractDevice, goals: Sequence[DesignGoal], drive: DriveKind,
    at: tuple[str, float],
) -> None:  # fmt: skip
    """Refuse what no device can be asked."""
    check_device(who, device)
    places = ("window", "threshold", LETTER[drive])
    if at[0] not in places:
        raise ValueError(f"{who}: at is one of {', '.join(places)}, with a number; got {at[0]!r}")
    names = [goal.called for goal in goals]
    if len(set(names)) < len(names):
        raise ValueError(f"{who}: two goals have one name in {', '.join(names)}; give name=")
    if any(goal.kind.needs not in ("device", "hopf", "cycle") for goal in goals):
        raise ValueError(f"{who}: goals about a response in time have no yield; leave them out")


def start_of(who: str, question: Question, rows: np.ndarray) -> KnownCycle:
    """The cycle from which those of the others are found: the designed device's, if it has one."""
    leaves = [*jax.tree.leaves(question.device), question.at[1]]
    designed = np.array([float(leaves[k]) for k in question.moved])
    known = begin_at(question, [designed, *rows[:TRIED]])
    if known is None:
        raise ValueError(
            f"{who}: neither this device nor one of {min(TRIED, len(rows))} that were made after "
            f"it spikes at {question.at[0]} = {question.at[1]:g}; design one that does "
            "(fitting.design), or move the drive"
        )
    return known


def counted(question: Question, spread: Spread, x: np.ndarray, found: Numbers) -> Yield:
    """The yield of n devices at x whose numbers are known."""
    verdicts, n = judge(question.goals, found), len(x)
    count, unknown = int(verdicts.within.sum()), int(verdicts.unknown.sum())
    ends = [binomtest(k, n).proportion_ci(CONFIDENCE, "exact") for k in (count, count + unknown)]
    missed = {
        goal.called: (int(verdicts.below[:, j].sum()), int(verdicts.above[:, j].sum()))
        for j, goal in enumerate(question.goals)
    }
    return Yield(
        share=count / n, low=float(ends[0].low), high=float(ends[1].high), count=count, devices=n,
        resting=int(np.sum(found.state == RESTS)), unknown=unknown, missed=missed,
        losses=losses_of(spread, x, verdicts.within), corners=(), names=spread.names,
        parameters=spread.values(question.device, x), values=found.values, within=verdicts.within,
        standard=spread.standard(x), driven=how_driven(question.goals, question.at),
    )  # fmt: skip
