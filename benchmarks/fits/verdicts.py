"""Is a right model said to describe the data, and a wrong one not?

Spectra of random circuits and loops and steps of random devices are fitted with the model that made
them, the noise 0.1 to 2 % and in time also filtered or rounded by the instrument; and with models
that lack an arc or a lag, or of data with a drift or an offset, the noise such that they leave
twice, four times as much. Designed for 2 % of false alarms; good: at most 5 % of all right ones are
called anything but "yes", at least 95 % of the wrong ones anything but "yes" at twice the noise,
and "no" at four times.

`filtered`: straight lines in noise that a filter has made alike over 1 to 25 samples, 200 to 1,000
samples long. A filter of up to a 25th of the record is no reason to say "no".

A gain that drifts in a spectrum is measured by the noise without it; by what a steady response
leaves, it is less.
"""

from collections import Counter

import numpy as np

from benchmarks.harness import Clock
from benchmarks.problems import described
from benchmarks.table import Row
from fitting.diagnosis.description import GRADES

COUNTS = {"draws": (200, "of each kind")}
RUNS = {"loop, 2D": ("loop", False), "loop, 3D": ("loop", True),
        "step, 2D": ("step", False), "step, 3D": ("step", True)}  # fmt: skip


def counted(found):
    """How many have each grade, and how large their residuals are beside the floor."""
    grades = Counter(d.grade for d in found)
    excess = np.quantile([d.excess for d in found], [0, 0.05, 0.5, 0.95, 1])
    return {g: grades[g] for g in GRADES} | {"excess_quantiles_0_5_50_95_100": excess.tolist()}


def right(draws, seed):
    """Of models that are right, by kind."""
    kinds = {f"spectrum, {kind}": lambda kind=kind: described.right_spectra(kind, draws, seed)
             for kind in described.RIGHT}  # fmt: skip
    kinds |= {name: lambda run=run: described.right_runs(run[0], draws, seed, run[1])
              for name, run in RUNS.items()}  # fmt: skip
    return {name: _timed(run) for name, run in kinds.items()}


def wrong(draws, seed, times):
    """Of models that are wrong and leave `times` the noise, by kind."""
    kinds = {
        f"spectrum, {kind}": lambda kind=kind: described.wrong_spectra(kind, draws, seed, times)
        for kind in described.WRONG
    }
    kinds |= {
        f"{run}, {kind}": lambda run=run, kind=kind: described.wrong_runs(
            run, kind, draws, seed, times
        )
        for run in ("loop", "step")
        for kind in described.SPOILT
    }
    return {name: _timed(run) for name, run in kinds.items()}


def filtered(draws, seed):
    """Of a right model in noise that a filter has passed, by filter and length."""
    lines = described.filtered_lines
    return {
        f"{name}, {samples} samples": _timed(
            lambda kernel=kernel, samples=samples: lines(kernel, samples, draws, seed)
        )
        for name, kernel in described.FILTERS.items()
        for samples in (200, 400, 1000)
    }


def _timed(run):
    with Clock() as clock:
        found = run()
    return counted(found) | {"cpu_seconds": round(clock.cpu, 1)}


def run(options):
    draws, seed = options.draws, options.seed
    return {
        "right": lambda: right(draws, seed),
        "filtered": lambda: filtered(draws, seed),
        "wrong_twice": lambda: wrong(draws, seed, 2),
        "wrong_four_times": lambda: wrong(draws, seed, 4),
    }


def share(part, grade):
    """The share of all draws of a part that have a grade."""
    total = sum(row[g] for row in part.values() for g in GRADES)
    return sum(row[grade] for row in part.values()) / total


def good(result):
    asked = {
        "right": lambda part: share(part, "yes") >= 0.95,
        "filtered": lambda part: share(part, "no") <= 0.01,
        "wrong_twice": lambda part: share(part, "yes") <= 0.05,
        "wrong_four_times": lambda part: share(part, "no") >= 0.95,
    }
    return all(fine(result[name]) for name, fine in asked.items() if name in result)


ROW = Row(
    counted=lambda r: f"right models called yes: {100 * share(r['right'], 'yes'):.1f} %",
    error=lambda r: f"wrong ones called yes at twice the noise: "
    f"{100 * share(r['wrong_twice'], 'yes'):.1f} %, no at four times: "
    f"{100 * share(r['wrong_four_times'], 'no'):.1f} %",
    time=lambda r: "{:.2f} s a draw".format(
        sum(row["cpu_seconds"] for row in r["right"].values())
        / sum(row[g] for row in r["right"].values() for g in GRADES)
    ),
)  # fmt: skip
