"""The next experiment: the set that shrinks chosen uncertainties most within a time."""

from collections.abc import Sequence

import numpy as np

from fitting.estimate.result import Fit
from fitting.experiments.criteria import CRITERIA, Criterion, Objective
from fitting.experiments.expected_signals import information_of
from fitting.experiments.knowledge import Knowledge, from_fit
from fitting.experiments.mixtures import best_mixture, simplified, whole_numbers
from fitting.experiments.offered.experiment import Experiment
from fitting.experiments.offered.instrument import Instrument
from fitting.experiments.offered.possible import possible_experiments
from fitting.experiments.plan import Measure, Plan
from fitting.experiments.quantities_wanted import Own, wanted_of
from jaxmem.circuits import DriveKind
from jaxmem.output.reporter import Reporter, Silent

# Draws from what is known, over which the criterion is averaged beside the point itself.
DRAWS = 4


def next_experiment(
    known: Knowledge | Fit,
    budget: float,
    *,
    wanted: Sequence[str] | Own | None = None,
    criterion: Criterion | None = None,
    experiments: Sequence[Experiment] | None = None,
    instrument: Instrument | None = None,
    drive: DriveKind = "current",
    at: tuple[str, float] = ("window", 0.5),
    draws: int = DRAWS,
    seed: int = 0,
    progress: Reporter | None = None,
) -> Plan:
    """The experiments that shrink the uncertainties most in a given time.

    With S_0 the covariance of what is known and M_c the information of experiment c, the covariance
    after n_c of each is S = (S_0^-1 + sum_c n_c M_c)^-1, by the linear law. First the best shares
    of the time are found, which is a convex problem, then whole numbers n_c within the budget, and
    of those that are as good the fewest different experiments.

    **Arguments:**

    - `known`: what is known of the device: a `Fit`, or `Knowledge` (`from_prior`, `from_fit`).
    - `budget`: the time [s].
    - `wanted`: what is to be known better, by default all parameters (see `wanted_of`).
    - `criterion`: "D" (the volume of their ellipsoid; default), "A" (the mean variance), "c" (the
      variance of one quantity).
    - `experiments`: to choose from; default `possible_experiments(device, instrument)`.
    - `instrument`: ranges, times and noise; where it is not given, the noise that a fit found.
    - `drive`, `at`: of quantities of a cycle, as in `design`.
    - `draws`, `seed`: the criterion is averaged over so many draws from what is known, too, since
      an experiment that is best at one point of a wide prior may tell nothing at another.
    - `progress`: hears a line at each stage.

    **Raises:** `ValueError` for what cannot be asked.
    """
    known = from_fit(known) if isinstance(known, Fit) else known
    names = known.coordinates.names
    if not (np.isfinite(budget) and budget > 0):
        raise ValueError(f"next experiment: the budget is a time in s, got {budget:g}")
    count = len(wanted) if wanted else len(names)
    criterion = criterion or "D"
    if criterion not in CRITERIA or (criterion == "c" and count != 1):
        raise ValueError(
            f"next experiment: the criterion is one of {', '.join(CRITERIA)}, c of one quantity; "
            f"got {criterion!r} of {count}"
        )
    if criterion == "D" and count > len(names):
        raise ValueError(
            f"next experiment: {count} quantities of {len(names)} parameters have no volume; "
            'name fewer, or take the criterion "A"'
        )
    say = (progress or Silent()).say
    told = instrument or instrument_of(known)
    offered = tuple(possible_experiments(known.model, told) if experiments is None else experiments)
    if not offered:
        raise ValueError("next experiment: there is no experiment to choose from")
    z = known.draws(draws, seed)
    say(f"{len(offered)} experiments, {len(names)} parameters, {len(z)} devices")
    asked = wanted_of(known, z, wanted, drive, at)
    each = information_of(offered, known.model, known.space, z[asked.points])
    time = np.array([e.time for e in offered])
    objective = Objective(criterion, known.precision, asked.slopes)
    say("sharing the time")
    mixture = best_mixture(objective, each, time, budget)
    counts = whole_numbers(objective, each, time, budget, mixture.share)
    counts = simplified(objective, each, time, budget, counts)
    M = np.einsum("c,kcij->kij", counts, each)
    value = float(objective.value(M))
    wider = np.expm1(max(value - mixture.value + mixture.gap, 0.0) / objective.per_deviation)
    after = _deviations(objective, M)
    remarks = list(known.remarks)
    lost = len(z) - len(asked.points)
    if lost:
        remarks.append(
            f"At {lost} of {len(z) - 1} draws from what is known the quantities do not exist; "
            "these are left out."
        )
    return Plan(
        wanted=asked, before=_deviations(objective, 0 * M)[0], after=after[0],
        least=after.min(axis=0), most=after.max(axis=0),
        measures=_in_order(objective, each, offered, counts, time), budget=float(budget),
        time=float(counts @ time), criterion=criterion, wider=float(wider), offered=offered,
        remarks=tuple(remarks),
    )  # fmt: skip


def instrument_of(known: Knowledge) -> Instrument:
    """The default instrument with the noise that a fit found."""
    default = Instrument()
    noise = known.relative_noise
    return Instrument(
        impedance=noise.get("spectra", default.impedance),
        current=noise.get("traces", default.current),
    )


def _deviations(objective, M):
    return np.sqrt(np.diagonal(objective.covariances(M), axis1=1, axis2=2))


def _in_order(objective, each, offered, counts, time) -> tuple[Measure, ...]:
    """First what brings most, then what brings most beside it."""
    left, found = list(np.flatnonzero(counts)), []
    M = np.zeros_like(each[:, 0])
    while left:
        after = [float(objective.value(M + counts[c] * each[:, c])) for c in left]
        c = left.pop(int(np.argmin(after)))
        M = M + counts[c] * each[:, c]
        found.append(
            Measure(offered[c], int(counts[c]), float(counts[c] * time[c]),
                    _deviations(objective, M)[0])
        )  # fmt: skip
    return tuple(found)
