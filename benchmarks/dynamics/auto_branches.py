"""What do a thousand branches of limit cycles cost, here and by AUTO-07p?

Draws spiking 3D devices as the mild set of the benchmark `cycles` (G = R_b i_c0/V_m from 40 to
2,000, time constants within two decades). All branches by one call, `jax.lax.map` of `cycle_branch`
under `jit`, against a loop over AUTO-07p (Debian: auto-07p, gfortran), two runs of its program for
each device: equilibria with Hopf points, then cycles from the lower one. Its equation file, scaled
and with the Jacobian written out, is compiled once, outside the timing; letters go in through the
constants. Three settings: AUTO's default constants for all, and two tuned by hand as its manual
advises (mesh, steps, weight of u in the arclength) on 60 devices of seed 1. A branch is complete
that comes within 2 % of the window of the other Hopf point.

Errors: three cycles of some devices, by AUTO at labels (extrema of its polynomials), by
`cycle_branch` in its rows (40 intervals, extrema at 33 places of each), both against `limit_cycle`
on 160 intervals, which in turn is compared with AUTO on 300 intervals of degree 6. Wall time is
that of the program alone, without reading its files; cpu time is of all threads.
"""

from collections import Counter
from functools import cache
from tempfile import TemporaryDirectory

import jax
import jax.numpy as jnp
import numpy as np

import jaxmem as jm
from benchmarks.dynamics.cycles import branches
from benchmarks.harness import Absent, Clock, interleaved
from benchmarks.oracles.auto07p import MISSING, WHY, Auto
from benchmarks.problems.drawn_devices import draw_spiking, stacked
from benchmarks.table import Row

COUNTS = {
    "devices": (1000, "spiking devices"),
    "checked": (50, "devices whose errors are taken"),
    "repeats": (3, "of this package's call"),
}
# AUTO's constants as its manual lists the defaults; NMX, 0 there, has to be given.
DEFAULT = dict(
    NTST=20, NCOL=4, IAD=3, ILP=0, ITMX=9, ITNW=5, NWTN=3, EPSL=1e-7, EPSU=1e-7, EPSS=1e-5,
    DS=0.01, DSMIN=0.005, DSMAX=0.1, THU={}, NMX=1000,
)  # fmt: skip
TUNED = dict(
    NTST=100, NCOL=4, EPSL=1e-6, EPSU=1e-6, EPSS=1e-4, DS=0.05, DSMIN=1e-8, DSMAX=0.5, ITNW=7,
    THU={1: 1e-3}, NMX=1000,
)  # fmt: skip
FAST = TUNED | dict(NTST=50)
FINE = dict(NTST=300, NCOL=6)
# For the equilibria, which cost little, and for the cycles.
SETTINGS = {
    "default constants": (DEFAULT, DEFAULT),
    "tuned to complete": ({}, TUNED),
    "tuned to be fast": ({}, FAST),
}
# Rows of a branch, or drives within the window, at which errors are taken.
PLACES = (0.1, 0.5, 0.9)


def ours(cases, repeats):
    stack = stacked(cases)
    with Clock() as compiling:
        compiled = branches.lower(stack).compile()
    jax.block_until_ready(compiled(stack))
    answers, times = interleaved([("ours", lambda: compiled(stack))], repeats)
    found, seconds = answers["ours"], times["ours"]
    return found, {
        "complete": int(found.complete.sum()), "compile_s": compiling.wall,
        "ms_a_device": 1e3 * seconds.median / len(cases),
        "cpu_ms_a_device": 1e3 * float(np.median(seconds.cpu)) / len(cases),
        "seconds_of_each_repeat": seconds.wall, "median_cycles": float(np.median(found.count)),
    }  # fmt: skip


def theirs(auto, cases, at_rest, setting):
    """One run over all devices, and how far the branches go."""
    ended, steps, complete = Counter(), [], []
    auto.seconds = 0.0
    with Clock() as clock:
        for case in cases:
            points = auto.hopf_points(case, **at_rest)
            if len(points) != 2:
                ended[f"{len(points)} Hopf points"] += 1
                complete.append(False)
                continue
            family = auto.cycles(case, points[0], **setting)
            ended[family.ended] += 1
            steps.append(len(family.drive))
            width = points[1].drive - points[0].drive
            complete.append(bool((np.abs(family.drive - points[1].drive) < 0.02 * width).any()))
    return {
        "complete": sum(complete), "ms_a_device": 1e3 * auto.seconds / len(cases),
        "cpu_ms_a_device": 1e3 * clock.called / len(cases), "ended": dict(ended),
        "median_cycles": float(np.median(steps)), "constants": setting,
    }  # fmt: skip


@jax.jit
def references(stack, drives):
    """`limit_cycle` on 160 intervals: period, u_max and u_min; NaN where none is found."""

    def one(v, I):
        circuit = jm.Circuit(jm.Memristor3D(**v), jm.CurrentDrive(jm.Constant(I)))
        cycle = jm.limit_cycle(circuit, intervals=160, throw=False)
        return jnp.stack([cycle.period, cycle.u_max, cycle.u_min])

    return jax.lax.map(lambda a: one(*a), (stack, drives))


def against(cases, rows):
    """Relative error of the period, and of the extrema in units of the swing, of given cycles.

    `rows`: for each device its cycles as (drive, period, u_max, u_min).
    """
    flat = [(case, row) for case, own in zip(cases, rows, strict=True) for row in own]
    if not flat:
        return {"cycles": 0, "without_reference": 0}
    stack = stacked([case for case, _ in flat])
    got = np.array([row for _, row in flat])
    want = np.asarray(references(stack, jnp.asarray(got[:, 0])))
    swing = want[:, 1] - want[:, 2]
    period = np.abs(got[:, 1] / want[:, 0] - 1)
    extrema = np.max(np.abs(got[:, 2:] - want[:, 1:]), axis=1) / swing
    known = np.isfinite(period)
    show = lambda e: {
        "median": float(np.median(e[known])), "90_percent": float(np.quantile(e[known], 0.9)),
        "worst": float(np.max(e[known])),
    }  # fmt: skip
    return {
        "cycles": len(flat), "without_reference": int((~known).sum()),
        "period": show(period), "extrema": show(extrema),
    }  # fmt: skip


def labelled(auto, cases, setting):
    """Stable cycles at three drives in each window, as rows for `against`."""
    rows = []
    for case in cases:
        points = auto.hopf_points(case)
        ends = points[0].drive, points[-1].drive
        at = [ends[0] + s * (ends[1] - ends[0]) for s in PLACES]
        orbits = auto.cycles(case, points[0], at=at, **setting).orbits
        rows.append([orbit[:4] for orbit in orbits[: len(PLACES)] if orbit.stable])
    return rows


def own_rows(found, count):
    """Stable rows of the branches, a tenth, a half and nine tenths along."""
    columns = [np.asarray(a) for a in (found.drive, found.period, found.u_max, found.u_min)]
    rows = []
    for k in range(count):
        at = [int(s * int(found.count[k])) for s in PLACES]
        rows.append([[float(c[k, j]) for c in columns] for j in at if found.stable[k, j]])
    return rows


def compared(auto, cases, name, report):
    """AUTO with one of its settings, beside this package."""
    row = theirs(auto, cases, *SETTINGS[name])
    row["times_ours"] = row["ms_a_device"] / report["ms_a_device"]
    row["cpu_times_ours"] = row["cpu_ms_a_device"] / report["cpu_ms_a_device"]
    gain = (row["ms_a_device"] - report["ms_a_device"]) / 1e3
    # Below so many devices AUTO is done while this package still compiles.
    row["devices_that_pay_for_compiling"] = report["compile_s"] / gain if gain > 0 else None
    return row


def errors(auto, some, found):
    """What is wrong with the cycles of all, by the same references."""
    settings = SETTINGS | {"300 intervals of degree 6": ({}, FINE)}
    return {"cycle_branch": against(some, own_rows(found, len(some)))} | {
        f"AUTO, {name}": against(some, labelled(auto, some, setting))
        for name, (_, setting) in settings.items()
    }


def run(options):
    if MISSING:
        raise Absent(WHY)
    cases = draw_spiking(
        np.random.default_rng(options.seed), options.devices, gain=(40, 2000), spread=2.0
    )
    mine = cache(lambda: ours(cases, options.repeats))
    folder = TemporaryDirectory()
    auto = cache(lambda: Auto(folder.name))
    return {
        "cycle_branch": lambda: mine()[1],
        **{
            f"AUTO, {name}": lambda name=name: compared(auto(), cases, name, mine()[1])
            for name in SETTINGS
        },
        "errors": lambda: errors(auto(), cases[: options.checked], mine()[0]),
    }


def _of_auto(key, form):
    """What AUTO has, by its settings."""
    return lambda r: ", ".join(
        f"{name} {form.format(r[f'AUTO, {name}'][key])}" for name in SETTINGS
    )


ROW = Row(
    counted=lambda r: (
        f"{r['cycle_branch']['complete']} branches complete; AUTO: " + _of_auto("complete", "{}")(r)
    ),
    error=lambda r: (
        "period {period[median]:.0e}, extrema {extrema[median]:.0e} of the swing".format(
            **r["errors"]["cycle_branch"]
        )
    ),
    time=lambda r: f"{r['cycle_branch']['ms_a_device']:.1f} ms a branch",
    peer=lambda r: f"AUTO: {_of_auto('times_ours', '{:.1f}')(r)} times as long",
)
